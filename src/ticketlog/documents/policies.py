"""Policies: who reacts by itself."""

from __future__ import annotations

from ticketlog.documents.base import (
    At,
    Count,
    Document,
    Id,
    Offset,
    Position,
    Text,
    Word,
)


class ParkedEvent(Document):
    """An event that a policy couldn't react to."""

    event: Id
    stream: Id
    position: Position
    error: Text


class PolicyPosition(Document):
    """The position of a policy."""

    policy: Word
    positions: list[Offset | None]
    """The next record of each partition; null: it never ran, or is a timer."""
    behind: Count
    parked: list[ParkedEvent]


class Policies(Document):
    """All of them."""

    policies: list[PolicyPosition]


class PoliciesRan(Document):
    """The result of a run."""

    until: At
    done: Count
    """Commands that changed something."""
    refused: Count
    """Commands that a rule refused."""
    notifications: dict[Id, Count]
    """How many were decided for each outbox; a run sends none."""
    policies: list[PolicyPosition]


class PolicyRetried(Document):
    """The events of a policy that are still parked."""

    policy: Word
    parked: list[ParkedEvent]
