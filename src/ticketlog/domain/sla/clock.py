"""Clocks: how long a promise has been running, how much of it is used, and when it will be due.

A clock counts all time. Open time (business) it tells as far as a calendar measured it: the spans
that ran without one are kept until there is one. All times are microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from ticketlog.domain.base import LAST, Key, Seconds, Value, bare
from ticketlog.domain.settings.sla_policy import Metric, Switch
from ticketlog.domain.time.business_hours import SECOND, BusinessHours

Phase = Literal["running", "paused", "fulfilled", "withdrawn"]
LIVE: tuple[Phase, ...] = ("running", "paused")
Because = Literal[
    "created",
    "reply",
    "note",
    "status",
    "reopened",
    "solved",
    "closed",
    "cancelled",
    "team",
    "spam",
    "duplicate",
    "restored",
    "policy",
    "priority",
    "calendar",
    "reapplied",
]
"""Why a clock changed: what happened to the ticket, or what applies to it now."""


class Edition(Value):
    """A thing in the settings in one of its versions."""

    id: Key
    version: int

    def __str__(self) -> str:
        return f"{self.id}, version {self.version}"


class Applied(Value):
    """The promise to a ticket: its policy and its calendar."""

    policy: Edition
    calendar: Edition | None = None
    switches: tuple[Switch, ...] = ()


class Promise(NamedTuple):
    """A target of so many seconds, in a calendar's open time or in all time."""

    seconds: Seconds
    business: bool = False


class UpcomingWarning(NamedTuple):
    """A warning to come: when, and how much of the target's time is used by then."""

    at: int
    used: int


class Clock(NamedTuple):
    """One run of a metric's clock; repeated ones are counted by `instance`, from 1."""

    instance: int
    phase: Phase
    because: Because
    activated_at: int
    since: int
    """Up to here `used` counts; a clock that runs has run on since."""
    used: int = 0
    business: int | None = None
    """What calendars measured of the time used; None: no calendar has yet."""
    unmeasured: tuple[tuple[int, int], ...] = ()
    """The spans up to `since` that no calendar has measured."""
    target: Promise | None = None
    due: int | None = None
    """When the target is used up if nothing happens; None: not running, breached, or never."""
    warnings: tuple[UpcomingWarning, ...] = ()
    warned: int = 0
    """How much of the target was used at the last warning."""
    breached_at: int | None = None

    @property
    def live(self) -> bool:
        """It runs, or will again when the pause is over."""
        return self.phase in LIVE

    @property
    def taken_out(self) -> bool:
        """It was withdrawn with its whole ticket, and goes on where the ticket comes back."""
        return self.phase == "withdrawn" and self.because in ("spam", "duplicate")


Clocks: TypeAlias = Mapping[Metric, Clock]


class DueItem(NamedTuple):
    """An item that has become due: a breach, or a warning."""

    at: int
    metric: Metric
    clock: Clock
    warning: UpcomingWarning | None = None


def settled(clock: Clock, at: int) -> Clock:
    """The clock with the time up to an instant counted as used."""
    if clock.phase != "running" or at <= clock.since:
        return clock
    return clock._replace(
        used=clock.used + at - clock.since, unmeasured=_spans(clock, at), since=at
    )


def _spans(clock: Clock, at: int) -> tuple[tuple[int, int], ...]:
    spans = clock.unmeasured
    if spans and spans[-1][1] == clock.since:
        return (*spans[:-1], (spans[-1][0], at))
    return (*spans, (clock.since, at))


def turned(clock: Clock, phase: Phase, because: Because, at: int) -> Clock:
    """The clock in another phase from an instant on. When it will be due is to be decided."""
    instance, before, _, activated, since, used, business, spans, target, *_ = clock
    if before == "running" and at > since:
        used, spans = used + at - since, _spans(clock, at)
    head = (instance, phase, because, activated, at, used, business, spans, target)
    return bare(Clock, (*head, None, (), clock.warned, clock.breached_at))


def started(instance: int, phase: Phase, because: Because, at: int) -> Clock:
    """A clock that begins."""
    head = (instance, phase, because, at, at, 0, None, (), None)
    return bare(Clock, (*head, None, (), 0, None))


def measured(clock: Clock, at: int, calendar: BusinessHours | None) -> Clock:
    """The clock settled, with its open time told where there is a calendar."""
    clock = settled(clock, at)
    if calendar is None or (not clock.unmeasured and clock.business is not None):
        return clock
    business = sum(calendar.between(start, end) for start, end in clock.unmeasured)
    return clock._replace(business=(clock.business or 0) + business, unmeasured=())


def opened(clock: Clock, at: int, calendar: BusinessHours | None) -> int | None:
    """The open time that a clock has used up to an instant; None where part of the time ran without
    a calendar."""
    clock = measured(clock, at, calendar)
    return None if clock.unmeasured else clock.business


def spent(clock: Clock, target: Promise) -> int:
    """The time that a settled clock has used, in the target's time."""
    return (clock.business or 0) if target.business else clock.used


def reaches(
    clock: Clock, target: Promise, used: int, at: int, calendar: BusinessHours | None
) -> int | None:
    """When a clock that runs from an instant on will have used so much of the target's time; the
    instant itself where it has already. None: never, or not before the year 10000."""
    left = max(used - spent(clock, target), 0)
    if target.business:
        return calendar.add(at, left) if calendar else None
    return at + left if at + left <= LAST else None


def late(clocks: Clocks, now: int) -> list[DueItem]:
    """The breaches and warnings that were due before an instant, in the order of time. What ends
    at the very instant at which it is due was in time."""
    found = [each for each in _to_come(clocks) if each.at < now]
    return sorted(found, key=lambda each: (each.at, each.metric, each.warning is None))


def next_due(clocks: Clocks) -> int | None:
    """The earliest instant at which something will be due if nothing happens; None: nothing."""
    return min((each.at for each in _to_come(clocks)), default=None)


def _to_come(clocks: Clocks) -> Iterator[DueItem]:
    for metric, clock in clocks.items():
        for warning in clock.warnings:
            yield DueItem(warning.at, metric, clock, warning)
        if clock.due is not None:
            yield DueItem(clock.due, metric, clock)


def exceeded(clock: Clock) -> bool:
    """Whether a settled clock has used more than its target."""
    return clock.target is not None and spent(clock, clock.target) > clock.target.seconds * SECOND
