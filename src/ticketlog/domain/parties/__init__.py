"""Persons, organisations and agents."""
