"""SLA policies: which tickets get which promises, and on whose calendar.

The words are Zendesk's (SLA policies: filter, policy metrics, metrics settings); what it doesn't
have are warnings, the calendar of an organisation or a team, and versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from ticketlog.domain.base import Key, Seconds, Value
from ticketlog.domain.settings.notation import DURATION, SeveralValues, Written, in_lines, seconds
from ticketlog.domain.settings.rule import Rule

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
"""The metrics: Zendesk's. `group_ownership_time` is the team's own (an OLA)."""

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
_MICROSECONDS = 1_000_000


class SlaWarning(Value):
    """The time of a warning: at a share of the target in percent, or so many seconds before it."""

    percent: Annotated[int, Field(ge=1, le=99)] | None = None
    seconds_before: Annotated[Seconds, Field(ge=1)] | None = None

    def used_us(self, target_s: Seconds) -> int:
        """Microseconds of the target's time that are used when the warning is due."""
        if self.percent is not None:
            return target_s * _MICROSECONDS * self.percent // 100
        return (target_s - (self.seconds_before or 0)) * _MICROSECONDS


class Target(Value):
    """The promise for one metric and the tickets of one priority."""

    metric: Metric
    priority: Key
    seconds: Annotated[Seconds, TARGET]
    business: bool = False
    """In the calendar's open time; else in all time."""
    warnings: tuple[SlaWarning, ...] = ()


def _warning(text: object) -> SlaWarning:
    if isinstance(text, str) and re.fullmatch("[1-9][0-9]?%", text):
        return SlaWarning(percent=int(text[:-1]))
    try:
        return SlaWarning(seconds_before=seconds(text))
    except ValueError:
        raise ValueError("should be a share like '80%' or a time before like '30m'") from None


class MetricTargets(SeveralValues):
    """The targets of one metric, by priority: a line of a settings file."""

    metric: Metric
    within: Annotated[Mapping[Key, Annotated[Seconds, TARGET, DURATION]], Field(min_length=1)]
    business: bool = False
    warnings: tuple[Annotated[SlaWarning, Written(_warning)], ...] = ()

    def values(self) -> Iterator[Target]:
        for priority, target in self.within.items():
            yield Target(
                metric=self.metric,
                priority=priority,
                seconds=target,
                business=self.business,
                warnings=self.warnings,
            )


class SlaPolicy(Rule):
    """The promises to the tickets that its conditions match; the first that matches applies
    (Zendesk)."""

    targets: Annotated[tuple[Target, ...], Field(min_length=1), in_lines(MetricTargets)]
    calendar: Key | None = None
    calendar_by: tuple[CalendarSource, ...] = ()
    """Owners whose calendar goes before the policy's own, in this order, where they have one."""
    switches: tuple[Switch, ...] = ()

    def target(self, metric: Metric, priority: str) -> Target | None:
        """The target of a metric for tickets of a priority; None: the policy promises none."""
        return self._targets.get((metric, priority))

    @cached_property
    def _targets(self) -> dict[tuple[str, str], Target]:
        return {(each.metric, each.priority): each for each in reversed(self.targets)}
