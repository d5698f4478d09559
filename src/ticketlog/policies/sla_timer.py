"""The SLA timer: records breaches and warnings of tickets without activity. Every other commit of a
ticket records its own."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain import ticket as tickets
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.sla_events import RecordDue
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.protocol import AtWork, Reaction

NAME = "sla"
_AFTER_DUE_US = 1
"""Microseconds: a clock that ends exactly at its due time is met."""


def due(ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
    at = tickets.due(ticket)
    return None if at is None else at + _AFTER_DUE_US


def act(ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
    promised = ticket.sla
    if promised is not None:
        policy = promised.policy
        yield Reaction(RecordDue(), f"ticket/{ticket.id}", f"{policy.id}@{policy.version}")
