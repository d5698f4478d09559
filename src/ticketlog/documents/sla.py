"""Promises: how clocks stand, what is due next, and in whose hands one was broken."""

from __future__ import annotations

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
)
from ticketlog.documents.tickets import Listed


class Edition(Document):
    """A thing of the settings in one of its versions."""

    id: Id
    version: Number


class Told(Document):
    """What a clock is, and what it had used."""

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
    """How a clock stands."""

    phase: Word
    because: Word
    activated_at: At
    left_seconds: Seconds | None
    """Of the target, in the target's own time; negative behind it."""
    breached_at: At | None


class Lasted(Document):
    """How long a clock ran."""

    seconds: Seconds
    business_seconds: Seconds | None


class InHands(Lasted):
    """While somebody held the ticket."""

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


class Cause(Document):
    """Who held the ticket while the clock ran, in which status: sums, the most first."""

    by_holder: list[InHands]
    by_status: list[InStatus]


class Breach(Cause):
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
    cause: Cause | None = None
    """With `--breached`."""


class ClockPage(Document):
    """Clocks of tickets, the next due first."""

    clocks: list[ClockAtRisk]
    next: Text | None
    """What `--after` takes for the page behind; null at the end."""


class TicketClocks(Document):
    """How the clocks of a ticket stand."""

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
    """What a ticket was promised, how its clocks stand, and their story."""

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
