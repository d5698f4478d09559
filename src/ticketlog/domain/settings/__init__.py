"""What a desk decides about itself: values, events, conditions, and what must hold of them."""
