"""The rules by which a desk acts by itself, as its settings hold them (docs/POLICIES.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from ticketlog.domain.base import Key, Line, Seconds, Value
from ticketlog.domain.settings.conditions import Conditions
from ticketlog.domain.settings.sla_policy import POSITION, Metric

LifecycleAction = Literal["remind", "solve", "close", "wake", "survey"]
Balance = Literal["round-robin", "least-loaded", "most-capacity", "weighted", "longest-idle"]
Occasion = Literal[
    "created",
    "replied",
    "noted",
    "assigned",
    "escalated",
    "reminded",
    "solved",
    "reopened",
    "closed",
    "survey-offered",
    "warned",
    "breached",
]
EscalationOccasion = Literal["warned", "breached"]
Recipient = Literal["requester", "ccs", "assignee", "followers", "mentioned"]
INTERNAL: frozenset[Occasion] = frozenset({"noted", "escalated", "warned", "breached"})
"""What end users are never told of."""
END_USERS: frozenset[Recipient] = frozenset({"requester", "ccs"})
Affinity = Literal["requester", "account"]
_Level = Annotated[int, Field(ge=1, le=100)]


class Rule(Value):
    """What all rules have in common: which tickets they are for, and when they are tried."""

    id: Key
    title: Line | None = None
    position: Annotated[int, POSITION]
    when: Conditions


class LifecycleRule(Rule):
    """What time alone does to a ticket.

    `after` seconds of silence a pending ticket's requester is reminded (again each time, `times`
    in all), or it is solved; so long after it was solved it is closed, or a survey is offered
    (None: at once). One on hold wakes at the time until which it was held.
    """

    action: LifecycleAction
    after: Annotated[Seconds, Field(ge=1, le=10 * 366 * 86_400)] | None = None
    times: Annotated[int, Field(ge=1, le=100)] | None = None
    calendar: Key | None = None
    """Whose open time `after` counts; None: all time."""
    code: Key | None = None
    """The resolution code of what it solves."""
    survey: Key | None = None


class RoutingRule(Rule):
    """Where a ticket goes, and what it is made, when it is created (or `changed` by people).

    All rules are tried once, in order, each on what the ones before it have made of the ticket;
    behind one that is the `last` none is tried.
    """

    changed: bool = False
    last: bool = False
    team: Key | None = None
    assignee: Key | None = None
    priority: Key | None = None
    category: Key | None = None
    product: Key | None = None
    add_tags: tuple[Key, ...] = ()
    remove_tags: tuple[Key, ...] = ()


class AssignmentRule(Rule):
    """Who in a team gets a ticket that nobody has."""

    balance: Balance
    skills: Mapping[Key, _Level] = Field(default_factory=dict)
    """Skill -> the least level that is needed."""
    language: bool = False
    """They must speak the ticket's language, where it has one."""
    affinity: tuple[Affinity, ...] = ()
    """Who goes before the others among those who may have it."""
    shifts: bool = False
    """Only who is on shift, beside being online."""
    capacity: Annotated[int, Field(ge=1)] | None = None
    """Of agents who have none of their own; None: they take any number."""


class EscalationRule(Rule):
    """When an active ticket goes up to a support tier (0 is the first), and to which team.

    It does so as soon as the conditions hold, or `after` so much age; with `words`, when an end
    user says one of them; with `on`, when an SLA target is missed or comes near, of these
    `metrics` (none: of any). A ticket never comes down by a rule, so that each acts once.
    """

    tier: Annotated[int, Field(ge=1, le=9)]
    after: Annotated[Seconds, Field(ge=1, le=10 * 366 * 86_400)] | None = None
    words: tuple[Line, ...] = ()
    on: tuple[EscalationOccasion, ...] = ()
    metrics: tuple[Metric, ...] = ()
    team: Key | None = None


class NotificationRule(Rule):
    """Who is told of what has happened to a ticket, by which outbox."""

    on: Annotated[tuple[Occasion, ...], Field(min_length=1)]
    to: Annotated[tuple[Recipient, ...], Field(min_length=1)]
    outbox: Key
    template: Key | None = None
    """Which text the outbox makes of it; None: one of the rule's name."""


_Delay = Annotated[Seconds, Field(ge=0, le=10 * 366 * 86_400)]


class AbsenceRule(Rule):
    """When an active ticket, whose agent has said that they are away or offline, waits for an agent
    again; the first rule that matches it counts.

    Each key is so many seconds after its occasion, 0 at once, None never. `begins`: the absence
    began, for what they had then. `reopened`: the ticket came back meanwhile. `replied`: an end
    user has said something meanwhile, and waits for an answer; counted from when they began to wait
    or the absence began.
    """

    begins: _Delay | None = None
    reopened: _Delay | None = None
    replied: _Delay | None = None


R = TypeVar("R", bound=Rule)


def in_order(rules: Iterable[R]) -> list[R]:
    """The rules as they are tried."""
    return sorted(rules, key=lambda rule: (rule.position, rule.id))
