"""The validation of SLA policies. Each rule yields its problems, in a file's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.sla_policy import SlaPolicy, Target
from ticketlog.domain.settings.validate_conditions import broken_conditions


def broken_sla_policies(settings: Settings) -> Iterator[str]:
    """The problems of the policies, in themselves and beside the rest of the settings."""
    places = Counter(policy.position for policy in settings.sla_policies.values())
    for policy in settings.sla_policies.values():
        if places[policy.position] > 1:
            yield (
                f"[sla_policies.{policy.id}] position {policy.position} is that of another one, "
                "too: which is tried first?"
            )
        for problem in (*_policy(policy, settings), *broken_conditions(policy.when, settings)):
            yield f"[sla_policies.{policy.id}] {problem}"


def _policy(policy: SlaPolicy, settings: Settings) -> Iterator[str]:
    if policy.calendar is not None and policy.calendar not in settings.calendars:
        known = ", ".join(sorted(settings.calendars)) or "none"
        yield f"calendar {policy.calendar!r} is unknown; known are {known}"
    if policy.calendar is None and any(target.business for target in policy.targets):
        yield "targets in business time need a `calendar`, at least for those who have none"
    if len({*policy.calendar_by}) < len(policy.calendar_by):
        yield "calendar_by names the same twice"
    times = Counter((target.metric, target.priority) for target in policy.targets)
    for (metric, priority), number in times.items():
        if number > 1:
            yield f"{metric} of priority {priority!r} has {number} targets"
    names = settings.priorities.names if settings.priorities else ()
    for target in policy.targets:
        if target.priority not in names:
            known = ", ".join(names)
            yield f"{target.metric}: {target.priority!r} is no priority; known are {known}"
        yield from _warnings(target)


def _warnings(target: Target) -> Iterator[str]:
    for warning in target.warnings:
        if (warning.percent is None) == (warning.seconds_before is None):
            yield f"{target.metric}: a warning has either a share or a time before the target"
        elif warning.used_us(target.seconds) <= 0:
            yield (
                f"{target.metric} of priority {target.priority!r}: a warning "
                f"{warning.seconds_before} seconds before a target of {target.seconds} seconds "
                "comes before the clock starts"
            )
