"""Promises: how clocks stand, what is due next, and in whose hands one was broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ticketlog.documents.base import (
    At,
    Document,
    Id,
    Number,
    Offset,
    Seconds,
    Text,
    WholeSeconds,
    Word,
    in_seconds,
)
from ticketlog.documents.event_text import phrase, who
from ticketlog.documents.ticket_rows import Listed
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.sla import clock as clocks
from ticketlog.domain.sla.clock import Applied, Promise, measured, opened, spent
from ticketlog.domain.ticket.sla.clock_changes import METRICS
from ticketlog.domain.ticket.sla.timeline import TimelineEntry
from ticketlog.domain.ticket.state import Ticket


class Edition(Document):
    """A thing of the settings in one of its versions."""

    id: Id
    version: Number


class Told(Document):
    """A clock, and the time that it had used."""

    metric: Word
    instance: Number
    used_seconds: Seconds
    business_used_seconds: Seconds | None
    """Open time, where a calendar has measured it."""
    target_seconds: WholeSeconds | None
    business: bool | None
    """The target counts open time."""
    due: At | None


class Clock(Told):
    """The state of a clock."""

    phase: Word
    because: Word
    activated_at: At
    left_seconds: Seconds | None
    """Of the target, in the target's own time; negative behind it."""
    breached_at: At | None


class Lasted(Document):
    """The time for which a clock ran."""

    seconds: Seconds
    business_seconds: Seconds | None


class InHands(Lasted):
    """The time while one agent or team held the ticket."""

    team: Id | None
    agent: Id | None


class InStatus(Lasted):
    """While the ticket was in a status."""

    status: Word


class Span(InHands):
    """A time in which a clock ran."""

    started: At
    ended: At
    status: Word
    calendar: Edition | None
    """That measures it."""


class BreachCause(Document):
    """The holders of the ticket while the clock ran, by status: sums, the most first."""

    by_holder: list[InHands]
    by_status: list[InStatus]


class Breach(BreachCause):
    """A promise that was broken."""

    metric: Word
    instance: Number
    at: At
    because: Word
    used_seconds: Seconds
    target_seconds: WholeSeconds
    business: bool
    policy: Edition | None
    recorded_at: At
    recorded_by: Id
    spans: list[Span]


class ClockAtRisk(Clock, Listed):
    """A clock of a ticket that is due, or broken."""

    assignee: Id | None
    organisation: Id | None
    until_due_seconds: Seconds | None
    policy: Edition | None
    calendar: Edition | None
    cause: BreachCause | None = None
    """With `--breached`."""


class ClockPage(Document):
    """Clocks of tickets, the next due first."""

    clocks: list[ClockAtRisk]
    next: Text | None
    """What `--after` takes for the page behind; null at the end."""


class TicketClocks(Document):
    """The states of a ticket's clocks."""

    clocks: list[Clock]


class TicketBreach(Breach):
    """A promise of a ticket that was broken."""

    ticket: Id


class TicketBreaches(Document):
    """Promises that were broken, in the order in which they were due."""

    breaches: list[TicketBreach]


class AtRisk(Document):
    """Which promises are due next, or which are broken and go on."""

    at: At
    """Up to when clocks are read."""
    clocks: list[ClockAtRisk]
    next: Text | None
    """What `--after` takes for the page behind; null at the end."""
    recomputed: Offset | None
    """On another `--basis`: the position of its settings."""


class StoryEvent(Document):
    """The event that changed a clock."""

    id: Id | None
    """null: it is none of those that were recorded."""
    type: Word
    says: Text


class StoryLine(Document):
    """A change of a clock; or, without `metric`, of what is promised."""

    at: At
    change: Word
    because: Word | None
    policy: Edition | None = None
    calendar: Edition | None = None
    metric: Word | None = None
    instance: Number | None = None
    used_seconds: Seconds | None = None
    business_used_seconds: Seconds | None = None
    target_seconds: WholeSeconds | None = None
    business: bool | None = None
    due: At | None = None
    event: StoryEvent
    actor: Id
    recorded_at: At


class TicketSla(Document):
    """The promises to a ticket, the states of its clocks, and their story."""

    ticket: Id
    at: At
    """Up to when clocks are read."""
    recomputed: Offset | None
    """On another `--basis`: the position of its settings."""
    policy: Edition | None
    calendar: Edition | None
    clocks: list[Clock]
    story: list[StoryLine]
    breaches: list[Breach]

    @classmethod
    def made(
        cls,
        ticket: Ticket,
        story: Sequence[TimelineEntry],
        breaches: Sequence[Breach],
        settings: Settings,
        now: int,
        recomputed: int | None,
    ) -> TicketSla:
        """Of a ticket's state and the story of its clocks, as they stand at an instant."""
        return cls.filled(
            ticket=ticket.id,
            at=now,
            recomputed=recomputed,
            **_applied(ticket.sla),
            clocks=[
                {"metric": metric, **_clock(ticket.clocks[metric], ticket.sla, settings, now)}
                for metric in METRICS
                if metric in ticket.clocks
            ],
            story=[_line(entry) for entry in story],
            breaches=breaches,
        )


def _applied(applied: Applied | None) -> dict[str, Any]:
    calendar = applied.calendar if applied else None
    return {
        "policy": applied.policy.model_dump() if applied else None,
        "calendar": calendar.model_dump() if calendar else None,
    }


def _clock(
    clock: clocks.Clock, applied: Applied | None, settings: Settings, now: int
) -> dict[str, Any]:
    calendar = settings.calendar(applied.calendar) if applied else None
    timetable = calendar.timetable if calendar else None
    clock = measured(clock, now, timetable)
    target = clock.target
    left = target.seconds * 1_000_000 - spent(clock, target) if target and clock.live else None
    return {
        "instance": clock.instance,
        "phase": clock.phase,
        "because": clock.because,
        "activated_at": clock.activated_at,
        "used_seconds": in_seconds(clock.used),
        "business_used_seconds": in_seconds(opened(clock, now, timetable)),
        **_target(target),
        "left_seconds": in_seconds(left),
        "due": clock.due,
        "breached_at": clock.breached_at,
    }


def _line(entry: TimelineEntry) -> dict[str, Any]:
    said: dict[str, Any] = {"at": entry.at, "change": entry.change, "because": entry.because}
    if entry.metric is None:
        said |= _applied(entry.applied)
    else:
        said |= {
            "metric": entry.metric,
            "instance": entry.instance,
            "used_seconds": in_seconds(entry.used),
            "business_used_seconds": in_seconds(entry.business_used),
            **_target(entry.target),
            "due": entry.due,
        }
    cause = entry.cause
    return said | {
        "event": {
            "id": cause.id if cause.index >= 0 else None,
            "type": cause.event.NAME,
            "says": phrase(cause.event),
        },
        "actor": who(cause.meta.actor),
        "recorded_at": cause.meta.recorded_at,
    }


def _target(target: Promise | None) -> dict[str, Any]:
    return {
        "target_seconds": target.seconds if target else None,
        "business": target.business if target else None,
    }
