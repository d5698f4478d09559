"""Promises: what is due, what was kept, what was broken and why."""
