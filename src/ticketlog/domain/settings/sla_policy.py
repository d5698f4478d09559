"""SLA policies: which tickets get which promises, and on whose calendar.

The words are Zendesk's (SLA policies: filter, policy metrics, metrics settings); what it doesn't
have are warnings, the calendar of an organisation or a team, and versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from ticketlog.domain.base import Key, Line, Seconds, Value
from ticketlog.domain.settings.conditions import Conditions, ConditionVerdict, Facts, judge, matches

Metric = Literal[
    "first_reply_time",
    "next_reply_time",
    "periodic_update_time",
    "pausable_update_time",
    "requester_wait_time",
    "agent_work_time",
    "total_resolution_time",
    "group_ownership_time",
]
"""What is measured: Zendesk's metrics. `group_ownership_time` is the team's own (an OLA)."""

Switch = Literal[
    "first_reply_time.activate_on_ticket_created_for_end_user",
    "first_reply_time.activate_on_agent_ticket_created_for_end_user_with_internal_note",
    "first_reply_time.activate_on_light_agent_on_email_forward_ticket_from_end_user",
    "first_reply_time.activate_on_agent_created_ticket_for_self",
    "first_reply_time.fulfill_on_agent_internal_note",
    "next_reply_time.activate_on_end_user_added_internal_note",
    "next_reply_time.activate_on_agent_requested_ticket_with_public_comment_or_internal_note",
    "next_reply_time.activate_on_light_agent_internal_note",
    "next_reply_time.fulfill_on_non_requesting_agent_internal_note_after_activation",
    "periodic_update_time.activate_on_agent_internal_note",
]
"""Zendesk's advanced settings, by metric; each is off unless a policy names it."""

CalendarSource = Literal["organisation", "team"]
TARGET = Field(ge=15, le=10 * 366 * 86_400)
"""Seconds: from Zendesk's least target to ten years."""
POSITION = Field(ge=0, le=1_000_000)
_MICROSECONDS = 1_000_000


class SlaWarning(Value):
    """When to warn: at a share of the target in percent, or so many seconds before it."""

    percent: Annotated[int, Field(ge=1, le=99)] | None = None
    seconds_before: Annotated[Seconds, Field(ge=1)] | None = None

    def after(self, target: Seconds) -> int:
        """The microseconds of the target's time that have been used by then."""
        if self.percent is not None:
            return target * _MICROSECONDS * self.percent // 100
        return (target - (self.seconds_before or 0)) * _MICROSECONDS


class Target(Value):
    """The promise for one metric and the tickets of one priority."""

    metric: Metric
    priority: Key
    seconds: Annotated[Seconds, TARGET]
    business: bool = False
    """In the calendar's open time; else in all time."""
    warnings: tuple[SlaWarning, ...] = ()


class SlaPolicy(Value):
    """The promises to the tickets that its conditions match."""

    id: Key
    title: Line | None = None
    position: Annotated[int, POSITION]
    """The policies are tried by their positions, and the first that matches applies (Zendesk)."""
    when: Conditions
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    calendar: Key | None = None
    calendar_by: tuple[CalendarSource, ...] = ()
    """Whose calendar goes before the policy's own, in this order, where they have one."""
    switches: tuple[Switch, ...] = ()

    def target(self, metric: Metric, priority: str) -> Target | None:
        """What it promises; None: nothing for such tickets."""
        return self._targets.get((metric, priority))

    @cached_property
    def _targets(self) -> dict[tuple[str, str], Target]:
        return {(each.metric, each.priority): each for each in reversed(self.targets)}


class TriedPolicy(NamedTuple):
    """A policy that was asked, and what its conditions said."""

    policy: SlaPolicy
    verdict: ConditionVerdict


def tried(policies: Iterable[SlaPolicy], facts: Facts) -> tuple[TriedPolicy, ...]:
    """The policies by position, each with its verdict, up to the first that matches."""
    asked: list[TriedPolicy] = []
    for policy in in_order(policies):
        asked.append(TriedPolicy(policy, judge(policy.when, facts)))
        if asked[-1].verdict.matches:
            break
    return tuple(asked)


def first_match(ordered: Iterable[SlaPolicy], facts: Facts) -> SlaPolicy | None:
    """The first of the policies, as they are tried, that matches; None: no promise is made."""
    return next((each for each in ordered if matches(each.when, facts)), None)


def in_order(policies: Iterable[SlaPolicy]) -> list[SlaPolicy]:
    """The policies as they are tried."""
    return sorted(policies, key=lambda policy: (policy.position, policy.id))
