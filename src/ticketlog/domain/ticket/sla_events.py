"""Events of what was promised for a ticket and what became of it: what its clocks can't know by
themselves.

A clock follows from the ticket's own events (`sla/clock_facts.py`). Policy, target, calendar,
open time and due time depend on settings, so they stand in events. These name every clock that has
a target: what changed, why, how much of it is used, and when it will be due from then on.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import Command, CommandSpec, Event, Instant, Recorded, Seconds, Value
from ticketlog.domain.rights import LEADS
from ticketlog.domain.settings.sla_policy import Metric
from ticketlog.domain.sla.clock import (
    Applied,
    Because,
    Clock,
    Clocks,
    Edition,
    Phase,
    Promise,
    UpcomingWarning,
    settled,
)
from ticketlog.domain.ticket.state import Evolutions, Ticket

Microseconds = Annotated[int, Field(ge=0)]
Change = Literal["activated", "paused", "resumed", "fulfilled", "withdrawn", "applied"]
"""'applied': it goes on as before, with another target or another calendar."""


class ComingWarning(Value):
    """A warning to come: when, and the microseconds of the target that are used by then."""

    at: Instant
    used: Microseconds


class ClockChange(Value):
    """The change of a clock, and how it stands after it."""

    metric: Metric
    instance: Annotated[int, Field(ge=1)]
    """Which run of the metric's clock it is, from 1."""
    change: Change
    phase: Phase
    because: Because
    used: Microseconds
    """All time that it has run, in microseconds."""
    business_used: Microseconds | None = None
    """The open time of it, in microseconds, each span by the calendar that it ran in; absent: no
    calendar has measured it yet."""
    target: Seconds | None = None
    business: bool = False
    """The target counts in open time; else in all time."""
    due: Instant | None = None
    """When the target will be used up if nothing happens; absent where it doesn't run, is breached
    already, or never will be."""
    warnings: tuple[ComingWarning, ...] = ()
    breached: bool = False
    """Its target was breached before this."""


class SlaApplied(Event):
    """Another policy or calendar applies to it from here on, or another version of them."""

    NAME: ClassVar[str] = "ticket.sla-applied.v1"
    ASPECT: ClassVar[str] = "sla"
    old: Applied | None = None
    new: Applied | None = None
    because: Literal["policy", "calendar", "reapplied"]
    """Another policy matched, another calendar is the ticket's, or somebody asked for it."""


class ClocksChanged(Event):
    """Clocks that have a target were changed by the commit."""

    NAME: ClassVar[str] = "ticket.clocks-changed.v1"
    ASPECT: ClassVar[str] = "sla"
    changes: Annotated[tuple[ClockChange, ...], Field(min_length=1)]


class DueEvent(Event):
    """The fields that breaches and warnings have in common."""

    ASPECT: ClassVar[str] = "sla"
    metric: Metric
    instance: Annotated[int, Field(ge=1)]
    at: Instant
    """When it was due, whenever it was recorded."""
    used: Microseconds
    """How much of the target's time was used by then, in microseconds."""
    target: Seconds
    business: bool = False
    policy: Edition | None = None


class SlaBreached(DueEvent):
    """A target was used up while its clock ran on, or was exceeded when it came to apply."""

    NAME: ClassVar[str] = "ticket.sla-breached.v1"
    because: Literal["time", "target"]


class SlaWarned(DueEvent):
    """A clock has come as near to its target as the policy warns of."""

    NAME: ClassVar[str] = "ticket.sla-warned.v1"
    due: Instant | None = None


class RecordDue(Command):
    """Records the breaches and warnings that were due by now; nothing where there are none, or
    where they stand recorded. For timers: every other command does it first, too."""

    NAME: ClassVar[str] = "ticket.record-due"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS | {"rule", "service"},
        also_on=("closed", "spam"),
        help="Record the breaches and warnings that were due by now.",
        more="Timers do; every other command does it first, too.",
        examples=("ticketlog ticket record-due 4F7K2M9QABCD --as service:timer",),
    )


class ReapplySla(Command):
    """Applies the policies and calendars in force, instead of the versions promised before."""

    NAME: ClassVar[str] = "ticket.reapply-sla"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS | {"rule", "service"},
        also_on=("closed", "spam"),
        help="Apply the SLA policies and calendars in force, not those promised before.",
        examples=(
            (
                'ticketlog ticket reapply-sla 4F7K2M9QABCD --reason "New contract" '
                "--as agent:ann/supervisor"
            ),
        ),
    )


def _applied(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, SlaApplied)
    return {"sla": recorded.event.new, **told(ticket.clocks)}


def told(clocks: Clocks) -> dict[str, Any]:
    """The ticket's clocks as they are told."""
    return {"told_clocks": clocks, "facts": (), "clocks": clocks}


def _clocks_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, ClocksChanged)
    at = max(ticket.clock, recorded.meta.occurred_at)
    clocks = dict(ticket.clocks)
    for change in event.changes:
        before = clocks.get(change.metric)
        if before is None or before.instance <= change.instance:
            clocks[change.metric] = clock_after(before, change, at)
    return told(clocks)


def clock_after(before: Clock | None, change: ClockChange, at: int) -> Clock:
    """The clock as a change leaves it: what is recorded counts, not what the rules say today."""
    if before is None or before.instance != change.instance:
        before = Clock(change.instance, change.phase, change.because, at, at)
    clock = settled(before, at)
    target = None if change.target is None else Promise(change.target, change.business)
    measured = change.business_used is not None
    goes_on = change.change == "applied"
    return clock._replace(
        phase=change.phase,
        because=clock.because if goes_on else change.because,
        since=clock.since if goes_on else at,
        used=change.used,
        business=change.business_used if measured else clock.business,
        unmeasured=() if measured else clock.unmeasured,
        target=target,
        due=change.due,
        warnings=tuple(UpcomingWarning(each.at, each.used) for each in change.warnings),
        warned=clock.warned if target == clock.target else 0,
        breached_at=clock.breached_at if change.breached else None,
    )


def _breached(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, SlaBreached)
    return _with(ticket, event, {"breached_at": event.at, "due": None, "warnings": ()})


def _warned(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, SlaWarned)
    clock = ticket.clocks.get(event.metric)
    coming = clock.warnings if clock else ()
    left = tuple(each for each in coming if each.used > event.used)
    return _with(ticket, event, {"warned": event.used, "warnings": left})


def _with(ticket: Ticket, event: DueEvent, changes: dict[str, Any]) -> dict[str, Any]:
    clock = ticket.clocks.get(event.metric)
    if clock is None or clock.instance != event.instance:
        return {}
    return told({**ticket.clocks, event.metric: clock._replace(**changes)})


EVOLVE: Evolutions = {
    SlaApplied: _applied,
    ClocksChanged: _clocks_changed,
    SlaBreached: _breached,
    SlaWarned: _warned,
}
