"""The settings of a desk: values, events, conditions, and their validation."""
