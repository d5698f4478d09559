"""The view of agents' working time."""
