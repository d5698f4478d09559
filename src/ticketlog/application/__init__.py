"""What a desk can do: execute, ask, report, look back. No screen, and no way in of its own."""
