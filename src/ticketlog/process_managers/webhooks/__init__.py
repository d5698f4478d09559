"""Events to programs outside by HTTP POST: signed, in order for each ticket, at least once."""
