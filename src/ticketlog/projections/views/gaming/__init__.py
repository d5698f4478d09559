"""Acts that look as if they were done for the figures."""
