"""Helpers that know nothing of tickets or logs."""
