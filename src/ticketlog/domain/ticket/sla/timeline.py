"""The story of a ticket's clocks, from its history: what changed, when, and what made it change.

What was promised and what became of it stands in events; clocks without a target follow from the
other events, and their changes are told like the rest (ServiceNow's SLA timeline).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from ticketlog.domain.base import Recorded
from ticketlog.domain.settings.sla_policy import Metric
from ticketlog.domain.sla.clock import Applied, Edition, Promise, opened
from ticketlog.domain.ticket.evolution import evolve, initial
from ticketlog.domain.ticket.rectification import rectified_history
from ticketlog.domain.ticket.sla.clock_changes import METRICS, turns_of
from ticketlog.domain.ticket.sla_events import (
    Change,
    ClockChange,
    ClocksChanged,
    DueEvent,
    SlaApplied,
    SlaBreached,
)
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.time.calendar import Calendar

Calendars: TypeAlias = Callable[[Edition | None], Calendar | None]
"""A calendar in one of its versions; None: there is none."""


class TimelineEntry(NamedTuple):
    """A change of a clock, or of what is promised (`metric` None)."""

    at: int
    """In the ticket's clock time; a breach or warning: when it was due."""
    change: Change | Literal["warned", "breached", "promised"]
    cause: Recorded
    """The event that made it change; of a breach or a warning, the one that records it."""
    because: str
    metric: Metric | None = None
    instance: int = 0
    used: int | None = None
    business_used: int | None = None
    """None: part of the time ran without a calendar."""
    target: Promise | None = None
    due: int | None = None
    applied: Applied | None = None


def timeline(
    id: str, history: Iterable[Recorded], calendars: Calendars
) -> tuple[Ticket, list[TimelineEntry]]:
    """The ticket, and every change of its clocks in the order of the log. `calendars` measure the
    open time of clocks without a target, which stands in no event."""
    ticket = initial(id)
    lines: list[TimelineEntry] = []
    history = rectified_history(id, history)
    for _, commit in groupby(history, key=lambda each: each.meta.commit):
        found: list[TimelineEntry] = []
        for recorded in commit:
            before, ticket = ticket, evolve(ticket, recorded)
            found = _with(found, before, ticket, recorded, calendars)
        lines += found
    return ticket, lines


def _with(
    found: list[TimelineEntry],
    before: Ticket,
    ticket: Ticket,
    recorded: Recorded,
    calendars: Calendars,
) -> list[TimelineEntry]:
    match recorded.event:
        case ClocksChanged(changes=changes):
            return _with_changes(found, changes, ticket.clock, recorded)
        case SlaApplied(new=new, because=because):
            promised = TimelineEntry(ticket.clock, "promised", recorded, because, applied=new)
            return [promised, *found]
        case DueEvent() as event:
            return [*found, _due(event, before, recorded)]
    return [*found, *_turned(before, ticket, recorded, calendars)]


def _turned(
    before: Ticket, ticket: Ticket, recorded: Recorded, calendars: Calendars
) -> Iterator[TimelineEntry]:
    calendar = calendars(before.sla.calendar) if before.sla else None
    timetable = calendar.timetable if calendar else None
    for metric in METRICS:
        for clock, change in turns_of(metric, (before, ticket), ticket.clock):
            yield TimelineEntry(
                ticket.clock,
                change,
                recorded,
                clock.because,
                metric,
                clock.instance,
                clock.used,
                opened(clock, ticket.clock, timetable),
                clock.target,
            )


def _with_changes(
    found: list[TimelineEntry], changes: tuple[ClockChange, ...], at: int, recorded: Recorded
) -> list[TimelineEntry]:
    """A recorded change takes the place of what the events before it let one expect."""
    lines = {(line.metric, line.instance, line.change): line for line in found}
    for change in changes:
        key = (change.metric, change.instance, change.change)
        target = None if change.target is None else Promise(change.target, change.business)
        lines[key] = TimelineEntry(
            at,
            change.change,
            lines[key].cause if key in lines else recorded,
            change.because,
            change.metric,
            change.instance,
            change.used,
            change.business_used,
            target,
            change.due,
        )
    return list(lines.values())


def _due(event: DueEvent, before: Ticket, recorded: Recorded) -> TimelineEntry:
    breached = isinstance(event, SlaBreached)
    business = event.used if event.business else None
    clock = before.clocks.get(event.metric)
    used = event.used
    if event.business and clock is not None:
        running = max(event.at - clock.since, 0) if clock.phase == "running" else 0
        used = clock.used + running
    return TimelineEntry(
        event.at,
        "breached" if breached else "warned",
        recorded,
        event.because if isinstance(event, SlaBreached) else "time",
        event.metric,
        event.instance,
        used,
        business,
        Promise(event.target, event.business),
        None if breached else getattr(event, "due", None),
    )
