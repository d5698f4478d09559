"""The application layer of a desk: execute, ask, report, look back. No screen, no channel."""
