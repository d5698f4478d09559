"""How a ticket evolves: one table of all events that change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ticketlog.domain.base import Context, Event, Meta, Recorded
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

WATCHED = frozenset(
    (
        *("status", "spam", "team", "assignee", "tier", "type", "category", "attributes"),
        *("priority", "subject", "requester", "organisation", "due", "fields"),
    )
)
"""The aspects that commands touch. Only their last change is kept: a state is copied with every
event, and what nobody asks for costs as much as what is needed."""


class _Change(NamedTuple):
    apply: Callable[[Ticket, Recorded], dict[str, Any]]
    aspect: str | None


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
_BY_EVENT: dict[type[Event], _Change] = {
    cls: _Change(apply, cls.ASPECT if cls.ASPECT in WATCHED else None)
    for facet in _FACETS
    for cls, apply in facet.EVOLVE.items()
}
_FOREIGN = _Change(lambda ticket, recorded: {}, aspect=None)
EVENTS: tuple[type[Event], ...] = tuple(_BY_EVENT)


def initial(id: str) -> Ticket:
    """A ticket that doesn't exist yet; `id` is the part after 'ticket/'."""
    return Ticket(id=id)


def evolve(ticket: Ticket, recorded: Recorded) -> Ticket:
    """The ticket after one more event. Never fails; events of other aggregates change nothing."""
    return ticket.but(_changes(ticket, recorded))


def fold(ticket: Ticket, history: Iterable[Recorded]) -> Ticket:
    """The same as to evolve by one event after the other, but copies the ticket only once."""
    ticket = ticket.but({})
    values = ticket.__dict__
    for recorded in history:
        values.update(_changes(ticket, recorded))
    return ticket


def _changes(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    _, version, event, meta, _ = recorded
    change = _BY_EVENT.get(type(event), _FOREIGN)
    changes = change.apply(ticket, recorded)
    changes["version"] = version
    if change.aspect is not None:
        changes["changed"] = {**ticket.changed, change.aspect: version}
    if meta.occurred_at > ticket.clock:
        changes["clock"] = meta.occurred_at
    if meta.commit != ticket.last_commit:
        changes["last_commit"] = meta.commit
        if meta.actor.kind == "agent":
            changes["touches"] = ticket.touches + 1
    return changes


def after(ticket: Ticket, events: Iterable[Event], context: Context) -> Ticket:
    """The ticket as it will be when the events are recorded: what the rest of a decision sees."""
    meta = Meta(context.command_id, context.now, context.now, context.actor, context.channel)
    for index, event in enumerate(events):
        recorded = Recorded(context.stream, ticket.version + 1, event, meta, index)
        ticket = evolve(ticket, recorded)
    return ticket
