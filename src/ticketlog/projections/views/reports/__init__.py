"""Counts and times of what happened to tickets, of surveys and of rules."""
