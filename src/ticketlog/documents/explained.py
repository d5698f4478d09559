"""The rules that match a ticket, and the reasons for which the rest don't."""

from __future__ import annotations

from typing import Any

from pydantic import create_model

from ticketlog.documents.base import (
    Anything,
    At,
    Count,
    Document,
    Id,
    Number,
    Offset,
    Text,
    WholeSeconds,
    Word,
)
from ticketlog.documents.sla import Edition
from ticketlog.domain.settings.automation_rules import RULE_KINDS
from ticketlog.domain.settings.conditions import Condition, FailedCondition


class Failed(Document):
    """A condition that doesn't hold."""

    group: Word
    """all or any"""
    field: Word
    operator: Word
    values: list[Anything]
    found: Anything
    """What the ticket has."""

    def __str__(self) -> str:
        """As a sentence: 'team is network: it is billing'."""
        operator: Any = self.operator
        values = tuple(self.values)
        found = tuple(self.found) if isinstance(self.found, list) else self.found
        condition = Condition.model_construct(field=self.field, operator=operator, values=values)
        return str(FailedCondition("all", condition, found))


class Judged(Document):
    """The verdict of a rule's conditions."""

    version: Number
    matches: bool
    failed: list[Failed]


class PolicyTried(Judged):
    """An SLA policy."""

    policy: Id


class RuleTried(Judged):
    """A rule."""

    rule: Id


class Target(Document):
    """The target of a policy."""

    metric: Word
    seconds: WholeSeconds
    business: bool
    """Open time."""


class Planned(Document):
    """An act of a lifecycle rule to come."""

    rule: Id
    version: Number
    action: Word
    at: At | None


class AgentWeighed(Document):
    """Whether an agent may have the ticket."""

    agent: Id
    load: Count
    room: Count | None
    """null: any number"""
    why_not: list[Text]
    gave_back: bool
    """Had it and gave it away."""


class Candidate(Document):
    """An agent who could have been chosen."""

    agent: Id
    load: Count


class Chosen(Document):
    """A choice, as it was recorded."""

    at: At
    event: Id
    agent: Id
    rule: Id
    why: Word
    candidates: list[Candidate]
    came_of_it: Text | None
    """made, or why it was dropped; null: nothing yet"""


class Assignment(Document):
    """The assignment of the ticket by rules."""

    waits: bool
    """For an agent, now."""
    tried: list[RuleTried]
    """Up to the rule that matches."""
    agents: list[AgentWeighed]
    """The team's members by that rule."""
    chosen: list[Chosen]


class EscalationPlanned(RuleTried):
    """An escalation by a rule to come."""

    tier: Number
    on: list[Word]
    words: list[Text]
    why_not: Text | None
    at: At | None
    """When it acts if nothing changes."""


class EscalationDone(Document):
    """An escalation, as it was recorded."""

    at: At
    old: Number
    new: Number
    by: Id
    rule: Id | None
    reason: Text | None


class Escalation(Document):
    """The escalation of the ticket by rules."""

    rules: list[EscalationPlanned]
    done: list[EscalationDone]


class Absence(Document):
    """When the ticket leaves its agent because they are absent."""

    rule: Id | None
    """The first that matches; null: none."""
    version: Number | None
    agent: Id | None
    absent_since: At | None
    """Null: they are there, or never said whether."""
    at: At | None
    """If nothing changes."""


class Explained(Document):
    """Which rules match a ticket."""

    ticket: Id
    position: Offset
    """Of the settings."""
    policy: Id | None
    """The SLA policy that matches."""
    version: Number | None
    calendar: Edition | None
    """For targets in open time."""
    targets: list[Target]
    """For the ticket's priority."""
    tried: list[PolicyTried]
    """Up to the one that matches."""
    routing: list[RuleTried]
    """As if it came now."""
    lifecycle: list[Planned]
    assignment: Assignment
    absence: Absence
    escalation: Escalation


_MORE: dict[str, Any] = {
    kind.table: (list[RuleTried], ...)
    for kind in RULE_KINDS
    if kind.table not in {*Explained.model_fields, "notifications"}
}
EXPLAINED: type[Explained] = (
    create_model("Explained", __base__=Explained, __doc__=Explained.__doc__, **_MORE)
    if _MORE
    else Explained
)
"""The model of explanations: of kinds of rules that have no part of their own, which match and why
not. Notifications are about an event, and not explained of a ticket."""
