"""The ticket: `initial`, `decide`, `evolve` over its facets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.ticket import (
    activity,
    assignment,
    classification,
    conversation,
    creation,
    feedback,
    lifecycle,
    relations,
)
from ticketlog.domain.ticket.state import Ticket

_FACETS = (
    creation,
    lifecycle,
    conversation,
    assignment,
    classification,
    relations,
    feedback,
    activity,
)
_EVOLVE: dict[type[Event], Callable[[Ticket, Recorded], dict[str, Any]]] = {
    cls: change for facet in _FACETS for cls, change in facet.EVOLVE.items()
}
EVENTS: tuple[type[Event], ...] = tuple(_EVOLVE)


def initial(id: str) -> Ticket:
    """A ticket that doesn't exist yet; `id` is the part after 'ticket/'."""
    return Ticket(id=id)


def evolve(ticket: Ticket, recorded: Recorded) -> Ticket:
    """The ticket after one more event. Never fails; events of other aggregates change nothing."""
    event = recorded.event
    change = _EVOLVE.get(type(event))
    changes = change(ticket, recorded) if change else {}
    meta = recorded.meta
    version = recorded.originator_version
    changes["version"] = version
    if meta.occurred_at > ticket.clock:
        changes["clock"] = meta.occurred_at
    changes["changed"] = {**ticket.changed, event.ASPECT: version}
    if meta.commit != ticket.last_commit:
        changes["last_commit"] = meta.commit
        if meta.actor.kind == "agent":
            changes["touches"] = ticket.touches + 1
    return ticket.but(changes)
