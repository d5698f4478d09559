"""The rules by which a desk acts by itself (docs/POLICIES.md): of each kind its value, what must
hold of it, the event of its change, and its entry in `RULE_KINDS`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import Key, Line, Seconds
from ticketlog.domain.settings.kind import RuleKind, SettingChanged
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.notation import DELAY, DURATION, SEVERAL
from ticketlog.domain.settings.rule import Rule
from ticketlog.domain.settings.sla_policy import Metric

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
"""Occasions of which end users are never notified."""
END_USERS: frozenset[Recipient] = frozenset({"requester", "ccs"})
Affinity = Literal["requester", "account"]
_Level = Annotated[int, Field(ge=1, le=100)]
_LONGEST_S = 10 * 366 * 86_400
_Delay = Annotated[Annotated[Seconds, Field(ge=0, le=_LONGEST_S)] | None, DELAY]


class LifecycleRule(Rule):
    """A rule by which time alone changes a ticket.

    `after` seconds of silence a pending ticket's requester is reminded (again each time, `times`
    in all), or it is solved; so long after it was solved it is closed, or a survey is offered
    (None: at once). One on hold wakes at the time until which it was held.
    """

    action: LifecycleAction
    after: Annotated[Seconds, Field(ge=1, le=_LONGEST_S), DURATION] | None = None
    times: Annotated[int, Field(ge=1, le=100)] | None = None
    calendar: Key | None = None
    """The calendar whose open time `after` counts; None: all time."""
    code: Key | None = None
    """The resolution code of what it solves."""
    survey: Key | None = None

    def broken(self, settings: Settings) -> Iterator[str]:
        if self.after is None and self.action in ("remind", "solve", "close"):
            yield f"action {self.action!r} needs `after`"
        if self.after is not None and self.action == "wake":
            yield "action 'wake' has no `after`: a ticket wakes when its hold is over"
        for key, action in (("times", "remind"), ("code", "solve"), ("survey", "survey")):
            if getattr(self, key) is not None and self.action != action:
                yield f"`{key}` is for the action {action!r}"
        if self.calendar is not None:
            yield from _unknown("calendar", self.calendar, settings.calendars)


class LifecycleRuleSet(SettingChanged):
    """A rule of what time does to tickets is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.lifecycle-rule-set.v1"
    old: LifecycleRule | None = None
    new: LifecycleRule | None = None


class RoutingRule(Rule):
    """A rule that sets team and fields of a ticket when it is created (or `changed` by people).

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

    def broken(self, settings: Settings) -> Iterator[str]:
        priorities = settings.priorities.names if settings.priorities else ()
        for what, name, known in (
            ("team", self.team, settings.teams),
            ("agent", self.assignee, settings.agents),
            ("priority", self.priority, priorities),
            ("category", self.category, settings.categories or None),
            ("product", self.product, settings.products or None),
        ):
            if name is not None and known is not None:
                yield from _unknown(what, name, known)
        names = ("team", "assignee", "priority", "category", "product", "add_tags", "remove_tags")
        if not any(getattr(self, name) for name in names):
            yield f"it does nothing: give it one of {', '.join(names)}"


class RoutingRuleSet(SettingChanged):
    """A rule of where tickets go is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.routing-rule-set.v1"
    old: RoutingRule | None = None
    new: RoutingRule | None = None


class AssignmentRule(Rule):
    """A rule that assigns a team's tickets to its agents."""

    balance: Balance
    skills: Mapping[Key, _Level] = Field(default_factory=dict)
    """Skill -> the least level that is needed."""
    language: bool = False
    """Agents must speak the ticket's language, where it has one."""
    affinity: tuple[Affinity, ...] = ()
    """The agents who are preferred among those who may have it."""
    shifts: bool = False
    """Only who is on shift, beside being online."""
    capacity: Annotated[int, Field(ge=1)] | None = None
    """Of agents who have none of their own; None: they take any number."""

    def broken(self, settings: Settings) -> Iterator[str]:
        if self.balance == "weighted" and not any(a.weight for a in settings.agents.values()):
            yield "balance 'weighted' needs agents with a `weight`"


class AssignmentRuleSet(SettingChanged):
    """A rule of who gets a ticket is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.assignment-rule-set.v1"
    old: AssignmentRule | None = None
    new: AssignmentRule | None = None


class EscalationRule(Rule):
    """A rule of when an active ticket goes up to a support tier (0 is the first), and to which
    team.

    It does so as soon as the conditions hold, or `after` so much age; with `words`, when an end
    user says one of them; with `on`, when an SLA target is missed or comes near, of these
    `metrics` (none: of any). A ticket never comes down by a rule, so that each acts once.
    """

    tier: Annotated[int, Field(ge=1, le=9)]
    after: Annotated[Seconds, Field(ge=1, le=_LONGEST_S), DURATION] | None = None
    words: tuple[Line, ...] = ()
    on: Annotated[tuple[EscalationOccasion, ...], SEVERAL] = ()
    metrics: tuple[Metric, ...] = ()
    team: Key | None = None

    def broken(self, settings: Settings) -> Iterator[str]:
        if self.team is not None:
            yield from _unknown("team", self.team, settings.teams)
        if self.words and self.after is not None:
            yield "`words` act when they are said; leave `after` out"
        for key in ("words", "after"):
            if self.on and getattr(self, key):
                yield f"`on` acts when a target is missed or comes near; leave `{key}` out"
        if self.metrics and not self.on:
            yield "`metrics` are those of `on`; say on what: 'warned', 'breached'"
        if not (self.words or self.after or self.on or self.when.all or self.when.any):
            yield "every ticket would go there at once: give it `when`, `after`, `words` or `on`"


class EscalationRuleSet(SettingChanged):
    """A rule of when tickets go to a support tier is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.escalation-rule-set.v1"
    old: EscalationRule | None = None
    new: EscalationRule | None = None


class NotificationRule(Rule):
    """A rule that notifies recipients of events of a ticket, by an outbox."""

    on: Annotated[tuple[Occasion, ...], Field(min_length=1)]
    to: Annotated[tuple[Recipient, ...], Field(min_length=1)]
    outbox: Key
    template: Key | None = None
    """The text that the outbox makes of it; None: one of the rule's name."""

    def broken_when_said(self) -> Iterator[str]:
        """Occasions that are internal, of which end users are never notified."""
        to = sorted(END_USERS.intersection(self.to))
        on = sorted(INTERNAL.intersection(self.on))
        if to and on:
            yield (
                f"{', '.join(on)}: internal, never told to {' and '.join(to)}; tell them to "
                "assignee or followers by a rule of its own"
            )


class NotificationRuleSet(SettingChanged):
    """A rule of who is told of what is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.notification-rule-set.v1"
    old: NotificationRule | None = None
    new: NotificationRule | None = None


class AbsenceRule(Rule):
    """A rule of when an active ticket, whose agent has said that they are away or offline, waits
    for an agent again; the first rule that matches it counts.

    Each key is so many seconds after its occasion, 0 at once, None never. `begins`: the absence
    began, for what they had then. `reopened`: the ticket came back meanwhile. `replied`: an end
    user has said something meanwhile, and waits for an answer; counted from when they began to wait
    or the absence began.
    """

    begins: _Delay = None
    reopened: _Delay = None
    replied: _Delay = None

    def broken(self, settings: Settings) -> Iterator[str]:
        if self.begins is self.reopened is self.replied is None:
            yield "it does nothing: say one of begins, reopened, replied: 'at once', '2d'"


class AbsenceRuleSet(SettingChanged):
    """A rule of what becomes of an absent agent's tickets is there, is another, or is gone."""

    NAME: ClassVar[str] = "settings.absence-rule-set.v1"
    old: AbsenceRule | None = None
    new: AbsenceRule | None = None


def _unknown(what: str, name: str, known: Collection[str]) -> Iterator[str]:
    if name not in known:
        yield f"{what} {name!r} is unknown; known are {', '.join(sorted(known)) or 'none'}"


RULE_KINDS: tuple[RuleKind, ...] = (
    RuleKind("lifecycle-rule", "lifecycle", LifecycleRule, LifecycleRuleSet),
    RuleKind("routing-rule", "routing", RoutingRule, RoutingRuleSet),
    RuleKind("assignment-rule", "assignment", AssignmentRule, AssignmentRuleSet),
    RuleKind("escalation-rule", "escalation", EscalationRule, EscalationRuleSet),
    RuleKind("notification-rule", "notifications", NotificationRule, NotificationRuleSet),
    RuleKind("absence-rule", "absence", AbsenceRule, AbsenceRuleSet),
)
"""The kinds of rules. What each does stands in `policies.RULES`."""
