"""The fold of a ticket: the table of all events that change it, which its facets fill."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from ticketlog.domain.base import Context, Event, Meta, Recorded
from ticketlog.domain.recording import decided_events
from ticketlog.domain.sla.clock_rules import ClockTrigger, run
from ticketlog.domain.ticket import time_correction
from ticketlog.domain.ticket.state import Apply, Evolutions, Ticket
from ticketlog.domain.time.receipt import AHEAD

WATCHED = frozenset(
    (
        *("status", "spam", "team", "assignee", "tier", "type", "category", "attributes"),
        *("priority", "subject", "requester", "organisation", "due", "fields"),
    )
)
"""The aspects that commands touch. Only their last change is kept: a state is copied with every
event, and what nobody asks for costs as much as what is needed."""


FactOf: TypeAlias = Callable[[Ticket, Recorded], ClockTrigger | None]
"""The trigger that an event is for clocks: (the ticket after it, the event) -> the trigger; None:
no clock is concerned."""


class _Change(NamedTuple):
    apply: Apply
    aspect: str | None
    fact: FactOf | None = None
    tells: bool = False
    """Whether it is an event of SLA clocks, whose change reads the clocks as they were."""


_BY_EVENT: dict[type[Event], _Change] = {}
_FOREIGN = _Change(lambda ticket, recorded: {}, aspect=None)


def learn(
    evolve: Evolutions,
    facts: Mapping[type[Event], FactOf],
    tell: Collection[type[Event]],
) -> None:
    """Takes the ticket's events in: what each changes, what some are to clocks, and those that tell
    how clocks stand. The package hands them over when it is imported: its facets ask this module
    what a ticket is after their events, so that it can't import them."""
    for event, apply in evolve.items():
        aspect = event.ASPECT if event.ASPECT in WATCHED else None
        _BY_EVENT[event] = _Change(apply, aspect, facts.get(event), event in tell)


def initial(id: str) -> Ticket:
    """A ticket that doesn't exist yet; `id` is the part after 'ticket/'."""
    return Ticket(id=id)


def evolve(ticket: Ticket, recorded: Recorded) -> Ticket:
    """The ticket after one more event. Never fails; events of other aggregates change nothing."""
    return fold(ticket, (recorded,))


def fold(ticket: Ticket, history: Iterable[Recorded]) -> Ticket:
    """The same as to evolve by one event after the other, but copies the ticket only once."""
    if ticket.sound is not None:
        return _twofold(ticket, history)
    ticket = ticket.but({})
    values = ticket.__dict__
    changed: dict[str, int] | None = None
    facts: list[ClockTrigger] = []
    last_meta: Meta | None = None
    left = iter(history)
    for recorded in left:
        _, version, event, meta, _ = recorded
        if meta is not last_meta and meta.occurred_at - meta.recorded_at > AHEAD:
            _remember(ticket, facts)
            return _twofold(ticket.but({"sound": ticket}), chain((recorded,), left))
        change = _BY_EVENT.get(type(event), _FOREIGN)
        apply, aspect, fact_of, tells = change
        if tells:
            _remember(ticket, facts)
            facts.clear()
        values.update(apply(ticket, recorded))
        values["version"] = version
        if fact_of is not None and (fact := fact_of(ticket, recorded)) is not None:
            facts.append(fact)
        if aspect is not None:
            if changed is None:
                changed = values["changed"] = dict(values["changed"])
            changed[aspect] = version
        if meta is not last_meta:
            _commit_begun(values, meta)
            last_meta = meta
    _remember(ticket, facts)
    return ticket


def _twofold(ticket: Ticket, history: Iterable[Recorded]) -> Ticket:
    """The ticket after events of which some are stamped ahead of their receipt. Beside it, in
    `sound`, is the ticket as it would be without those stamps; a correction leaves that alone."""
    for recorded in history:
        beside = ticket.sound
        if beside is None:
            ticket = evolve(ticket, recorded)
            continue
        if type(recorded.event) is time_correction.TimeCorrected:
            ticket = fold(beside, (recorded,))
            continue
        counted = time_correction.sound(recorded, beside)
        if counted is not None:
            beside = fold(beside, (counted,))
        ticket = fold(ticket.but({"sound": None}), (_believed(recorded),))
        ticket = ticket.but({"sound": beside})
    return ticket


def _believed(recorded: Recorded) -> Recorded:
    """The event with its stamp taken as it is, as the ticket's own clock takes it."""
    meta = recorded.meta
    return recorded._replace(meta=meta._replace(recorded_at=meta.occurred_at))


def _commit_begun(values: dict[str, Any], meta: Meta) -> None:
    """The changes of a commit, whatever its events are: made with its first one."""
    if meta.occurred_at > values["clock"]:
        values["clock"] = meta.occurred_at
    if meta.commit != values["last_commit"]:
        values["last_commit"] = meta.commit
        if meta.actor.kind == "agent":
            values["touches"] += 1


def _remember(ticket: Ticket, facts: list[ClockTrigger]) -> None:
    if not facts:
        return
    values = ticket.__dict__
    values["facts"] += tuple(facts)
    if "clocks" in values:
        values["clocks"] = run(values["clocks"], facts, ticket.switches)


def after(ticket: Ticket, events: Iterable[Event], context: Context) -> Ticket:
    """The ticket as it will be when the events are recorded: what the rest of a decision sees."""
    return fold(ticket, decided_events(context, ticket.version + 1, events))


def afters(ticket: Ticket, events: Iterable[Event], context: Context) -> Iterator[Ticket]:
    """The ticket as it will be after each of the events."""
    for recorded in decided_events(context, ticket.version + 1, events):
        ticket = evolve(ticket, recorded)
        yield ticket
