"""What rules of automation must be to make sense. Each check yields what breaks it, in a file's
words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ticketlog.domain.settings.automation_rules import (
    END_USERS,
    INTERNAL,
    AbsenceRule,
    AssignmentRule,
    EscalationRule,
    LifecycleRule,
    RoutingRule,
    Rule,
)
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.validate_conditions import broken_conditions


def broken_automation(settings: Settings) -> Iterator[str]:
    """What is wrong with the rules in themselves and beside the rest of the settings."""
    tables: dict[str, Mapping[str, Rule]] = {
        "lifecycle": settings.lifecycle,
        "routing": settings.routing,
        "assignment": settings.assignment,
        "escalation": settings.escalation,
        "notifications": settings.notifications,
        "absence": settings.absence,
    }
    for table, rules in tables.items():
        for rule in rules.values():
            own = _own(rule, settings)
            for problem in (*own, *broken_conditions(rule.when, settings)):
                yield f"[{table}.{rule.id}] {problem}"
    for agent in settings.agents.values():
        for channel, number in agent.capacity.items():
            if number < 0:
                yield f"[agents.{agent.id}] capacity {channel}: {number} is less than none"


def broken_notifications(settings: Settings) -> Iterator[str]:
    """Rules that would tell end users of what is internal. Asked where a file says what they are:
    one that an older release took stays as it is, and tells them nothing of it."""
    for rule in settings.notifications.values():
        to = sorted(END_USERS.intersection(rule.to))
        on = sorted(INTERNAL.intersection(rule.on))
        if to and on:
            yield (
                f"[notifications.{rule.id}] {', '.join(on)}: internal, never told to "
                f"{' and '.join(to)}; tell them to assignee or followers by a rule of its own"
            )


def _own(rule: Rule, settings: Settings) -> Iterator[str]:
    match rule:
        case LifecycleRule():
            yield from _lifecycle(rule, settings)
        case RoutingRule():
            yield from _routing(rule, settings)
        case EscalationRule():
            yield from _escalation(rule, settings)
        case AbsenceRule():
            if rule.begins is rule.reopened is rule.replied is None:
                yield "it does nothing: say one of begins, reopened, replied: 'at once', '2d'"
        case AssignmentRule() if rule.balance == "weighted":
            if not any(agent.weight for agent in settings.agents.values()):
                yield "balance 'weighted' needs agents with a `weight`"


def _lifecycle(rule: LifecycleRule, settings: Settings) -> Iterator[str]:
    if rule.after is None and rule.action in ("remind", "solve", "close"):
        yield f"action {rule.action!r} needs `after`"
    if rule.after is not None and rule.action == "wake":
        yield "action 'wake' has no `after`: a ticket wakes when its hold is over"
    for key, action in (("times", "remind"), ("code", "solve"), ("survey", "survey")):
        if getattr(rule, key) is not None and rule.action != action:
            yield f"`{key}` is for the action {action!r}"
    if rule.calendar is not None:
        yield from _unknown("calendar", rule.calendar, settings.calendars)


def _routing(rule: RoutingRule, settings: Settings) -> Iterator[str]:
    priorities = settings.priorities.names if settings.priorities else ()
    for what, name, known in (
        ("team", rule.team, settings.teams),
        ("agent", rule.assignee, settings.agents),
        ("priority", rule.priority, priorities),
        ("category", rule.category, settings.categories or None),
        ("product", rule.product, settings.products or None),
    ):
        if name is not None and known is not None:
            yield from _unknown(what, name, known)
    names = ("team", "assignee", "priority", "category", "product", "add_tags", "remove_tags")
    if not any(getattr(rule, name) for name in names):
        yield f"it does nothing: give it one of {', '.join(names)}"


def _escalation(rule: EscalationRule, settings: Settings) -> Iterator[str]:
    if rule.team is not None:
        yield from _unknown("team", rule.team, settings.teams)
    if rule.words and rule.after is not None:
        yield "`words` act when they are said; leave `after` out"
    for key in ("words", "after"):
        if rule.on and getattr(rule, key):
            yield f"`on` acts when a target is missed or comes near; leave `{key}` out"
    if rule.metrics and not rule.on:
        yield "`metrics` are those of `on`; say on what: 'warned', 'breached'"
    if not (rule.words or rule.after or rule.on or rule.when.all or rule.when.any):
        yield "every ticket would go there at once: give it `when`, `after`, `words` or `on`"


def _unknown(what: str, name: str, known: Collection[str]) -> Iterator[str]:
    if name not in known:
        yield f"{what} {name!r} is unknown; known are {', '.join(sorted(known)) or 'none'}"
