"""A desk with policies and calendars, whose settings change while tickets live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.domain.clocks import calendar
from tests.given import SETTINGS
from ticketlog.domain.base import Value
from ticketlog.domain.settings.conditions import Condition, Conditions
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.sla_policy import Metric, SlaPolicy, SlaWarning, Target
from ticketlog.domain.time.calendar import Calendar

PRIORITIES = ("critical", "high", "medium", "low")
MINUTES = 60


def when(**tests: str) -> Conditions:
    return Conditions(
        all=tuple(Condition(field=f, operator="is", values=(v,)) for f, v in tests.items())
    )


def target(
    metric: Metric,
    seconds: int,
    *priorities: str,
    business: bool = False,
    warnings: tuple[SlaWarning, ...] = (),
) -> tuple[Target, ...]:
    """The same promise for some priorities; default: all."""
    return tuple(
        Target(metric=metric, priority=each, seconds=seconds, business=business, warnings=warnings)
        for each in priorities or PRIORITIES
    )


def policy(*targets: tuple[Target, ...], **more: Any) -> SlaPolicy:
    values: dict[str, Any] = {"id": "standard", "position": 1, "when": Conditions()} | more
    return SlaPolicy(targets=tuple(each for some in targets for each in some), **values)


def named(id: str, made: Calendar | None = None, **more: Any) -> Calendar:
    values = (made or calendar()).model_dump() | {"id": id} | more
    return Calendar(**values)


def settings(*things: SlaPolicy | Calendar, after: Settings | None = None) -> Settings:
    """The settings with these policies and calendars; what was in force `after` others are others'
    next versions. A kind that is named is complete."""
    before = after or replace(SETTINGS, position=1)
    versions, editions = dict(before.versions), dict(before.editions)
    tables: dict[type, dict[str, Any]] = {SlaPolicy: {}, Calendar: {}}
    for thing in things:
        tables[type(thing)][thing.id] = thing
    policies = tables[SlaPolicy] or dict(before.sla_policies)
    calendars = tables[Calendar] or dict(before.calendars)
    for kind, new, old in (
        ("sla-policy", policies, before.sla_policies),
        ("calendar", calendars, before.calendars),
    ):
        _number(kind, new, old, versions, editions)
    return replace(
        before,
        position=before.position + 1,
        sla_policies=policies,
        calendars=calendars,
        versions=versions,
        editions=editions,
    )


def _number(
    kind: str,
    new: Mapping[str, Value],
    old: Mapping[str, Value],
    versions: dict[str, int],
    editions: dict[str, Value],
) -> None:
    for id, value in new.items():
        if old.get(id) != value:
            stream = f"{kind}/{id}"
            versions[stream] = versions.get(stream, 0) + 1
            editions[f"{stream}@{versions[stream]}"] = value
