"""Numbers of events and commits: their places in the log, so that later ones of a ticket are
greater."""

from __future__ import annotations

from ticketlog.domain.base import Meta, Recorded

_PARTITION, _INDEX, _PART = 10, 10, 9
"""Bits of a partition's number, of an event's number in its commit, and of a part of an event; 34
are left for the offset."""
MOST_PARTS = (1 << _PART) - 1


def audit_number(meta: Meta) -> int:
    """The number of a commit."""
    return (meta.offset << _PARTITION | meta.partition) << _INDEX + _PART


def event_number(recorded: Recorded, part: int = 0) -> int:
    """The number of an event, or of a part of it."""
    return audit_number(recorded.meta) | recorded.index + 1 << _PART | min(part, MOST_PARTS)
