"""Streams of the log of access: accounts, and the records of who was refused and who read what.

Each kind stands in `domain/aggregates.py: ACCOUNT_AGGREGATES`. What an event tells of is found by
the strings KIND/ID in its fields, such as 'agent/ann' or 'ticket/4F7K2M9QABCD'.
"""
