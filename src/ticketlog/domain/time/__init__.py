"""Calendars, business hours, shifts, and when something happened."""
