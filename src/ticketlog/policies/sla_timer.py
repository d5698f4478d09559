"""Breaches and warnings of tickets on which nothing happens: whatever happens records its own."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain import ticket as tickets
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.sla_events import RecordDue
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.protocol import AtWork, Reaction

NAME = "sla"
_JUST_AFTER = 1
"""Microseconds: what ends exactly when it is due is met."""


def due(ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
    at = tickets.due(ticket)
    return None if at is None else at + _JUST_AFTER


def act(ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
    promised = ticket.sla
    if promised is not None:
        policy = promised.policy
        yield Reaction(RecordDue(), f"ticket/{ticket.id}", f"{policy.id}@{policy.version}")
