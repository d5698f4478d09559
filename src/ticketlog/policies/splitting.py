"""Splitting: the new ticket of a split is opened, where the desk was stopped before it did."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.ticket.splitting import NAME, OpenSplitOff, Split
from ticketlog.policies.protocol import Reaction, Situation

__all__ = ["NAME", "ON", "react"]

ON: frozenset[type[Event]] = frozenset({Split})


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """The opening of the ticket that the split names, under the id by which the desk does it."""
    event = recorded.event
    assert isinstance(event, Split)
    command = OpenSplitOff(
        origin=recorded.originator_id, subject=event.subject, requester=event.requester
    )
    yield Reaction(command, event.into, NAME)
