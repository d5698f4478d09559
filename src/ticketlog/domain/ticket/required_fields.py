"""Required fields: what must be filled in before a ticket moves to a status, as to solved."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.settings.model import REQUIRABLE, Status, Transition
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import NOTHING, TransitionDetails


def required_for(arrow: Transition, target: Status) -> tuple[str, ...]:
    """The names that must be filled in: what the arrow requires, and for solving an assignee
    (Zendesk)."""
    return (*arrow.requires, "assignee") if target.category == "solved" else arrow.requires


def missing(
    names: Iterable[str], ticket: Ticket, say: TransitionDetails = NOTHING
) -> tuple[str, ...]:
    """The names that have no value on the ticket or in the command."""
    return tuple(
        dict.fromkeys(name for name in names if _value(name, ticket, say) in (None, "", ()))
    )


def _value(name: str, ticket: Ticket, say: TransitionDetails) -> object:
    said: object = getattr(say, name, None) if name in TransitionDetails._fields else None
    if said is None and name in REQUIRABLE:
        said = getattr(ticket, name, None)
    return ticket.fields.get(name) if said is None else said
