"""Tickets routed by the rules in force, as if they came now: what a rule that came later than they
did leaves alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, get_args

from ticketlog.application.executor import Outcome, derived_id, new_id
from ticketlog.application.settings_removal import DeskInUse, listed_tickets
from ticketlog.documents.outcomes import Rerouting
from ticketlog.domain.base import Actor, Refused
from ticketlog.domain.settings.conditions import Condition, Conditions, Operator, matches
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.validate_conditions import FIELDS, broken_conditions
from ticketlog.domain.ticket.automation import Route, RuleFired, Step
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.errors import Usage
from ticketlog.policies.routing import reroute

_OPERATORS = {name.replace("-", " "): name for name in get_args(Operator)} | {
    name: name for name in get_args(Operator)
}
_SEVERAL = frozenset({"in", "not-in", "contains", "lacks"})
_DONE = ("solved", "closed")
_NAMES = ("team", "assignee", "priority", "category", "product")


class RoutedDesk(DeskInUse, Protocol):
    """The part of a desk that is needed here."""

    def check_right(self, actor: Actor, right: str) -> None: ...


class PlannedRoute(NamedTuple):
    """A ticket ('ticket/ID'), and the steps by which the rules make of it what it isn't yet."""

    ticket: str
    steps: tuple[Step, ...]
    version: int


class ReroutingPlan(NamedTuple):
    """The number of tickets that match, and those that rules route elsewhere."""

    asked: int
    changes: tuple[PlannedRoute, ...]


def rerouted(
    desk: RoutedDesk,
    where: Sequence[str],
    actor: Actor,
    *,
    check: bool = False,
    id: str | None = None,
    reason: str | None = None,
) -> Rerouting:
    """Routes the active tickets for which all of 'FIELD OPERATOR VALUE' hold, as `send` does; with
    `check` it only says what would go where. Raises Usage and Forbidden as `conditions` and `plan`.
    """
    planned = plan(desk, conditions(where, desk.settings), actor)
    done = {} if check else send(desk, planned, actor, id=id, reason=reason)
    return Rerouting.filled(
        asked=planned.asked,
        tickets=[_document(each, done.get(each.ticket)) for each in planned.changes],
        done=sum(refused is None for refused in done.values()),
    )


def _document(change: PlannedRoute, refused: str | None) -> dict[str, Any]:
    made: dict[str, Any] = dict.fromkeys(_NAMES)
    tags: dict[str, list[str]] = {"add_tags": [], "remove_tags": []}
    for step in change.steps:
        made |= {n: getattr(step, n) for n in _NAMES if getattr(step, n) is not None}
        for name in tags:
            tags[name] += getattr(step, name)
    return {
        "ticket": change.ticket.removeprefix("ticket/"),
        "rules": [step.rule for step in change.steps],
        **made,
        **tags,
        "refused": refused,
    }


def conditions(texts: Sequence[str], settings: Settings) -> Conditions:
    """Conditions from texts as 'FIELD OPERATOR VALUE'; all must hold. Raises Usage, naming what is
    wrong with one."""
    found = Conditions(all=tuple(_condition(text, settings) for text in texts))
    for problem in broken_conditions(found, settings):
        raise Usage(f"--where: {problem}")
    return found


def _condition(text: str, settings: Settings) -> Condition:
    names = sorted(_OPERATORS, key=len, reverse=True)
    pattern = rf"\s*(\S+)\s+({'|'.join(map(re.escape, names))})(?:\s+(.*?))?\s*"
    match = re.fullmatch(pattern, text, re.DOTALL)
    if match is None:
        raise Usage(
            f"--where {text!r} is no condition: write FIELD OPERATOR VALUE, as in 'team is "
            f"network'; operators are {', '.join(get_args(Operator))}"
        )
    field, operator, said = match[1], _OPERATORS[match[2]], match[3]
    several = re.split(r"\s*,\s*|\s+or\s+", said or "") if operator in _SEVERAL else [said]
    values = tuple(_scalar(each, field, settings) for each in several if each)
    return Condition(field=field, operator=operator, values=values)


def _scalar(text: str, field: str, settings: Settings) -> str | int | bool:
    """A value as the field has it: numbers and yes or no where it holds such."""
    custom = settings.fields.get(field.removeprefix("fields."))
    shape = FIELDS.get(field) or (custom.kind if custom else None)
    if shape == "integer" and re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    if shape == "boolean" and text in ("true", "false", "yes", "no"):
        return text in ("true", "yes")
    return text


def plan(desk: RoutedDesk, wanted: Conditions, actor: Actor) -> ReroutingPlan:
    """The plan of a rerouting. Raises Forbidden for an actor who is neither supervisor nor
    admin."""
    settings = desk.settings
    desk.check_right(actor, "settings.reroute")
    asked, changes = 0, []
    rows = (row for row in listed_tickets(desk) if row["status_category"] not in _DONE)
    for stream in [f"ticket/{row['ticket']}" for row in rows]:
        ticket = desk.load(stream)
        if not ticket.active or not matches(wanted, facts_of(ticket, settings)):
            continue
        asked += 1
        route = reroute(ticket, settings)
        if route is not None and any(_changes(step, ticket) for step in route.steps):
            changes.append(PlannedRoute(stream, route.steps, ticket.version))
    return ReroutingPlan(asked, tuple(changes))


def send(
    desk: RoutedDesk,
    planned: ReroutingPlan,
    actor: Actor,
    *,
    id: str | None = None,
    reason: str | None = None,
) -> dict[str, str | None]:
    """Routes the tickets, each by a commit of its own under an id that follows from `id`. Returns
    by ticket the reason for which it stays as it is, None where it was routed. A ticket is left
    alone where another command has meanwhile touched what a rule would."""
    run = id or new_id()
    done: dict[str, str | None] = {}
    for each in planned.changes:
        try:
            outcome = desk.execute(
                Route(steps=each.steps),
                on=each.ticket,
                actor=actor,
                id=derived_id(run, "reroute", each.ticket),
                seen=each.version,
                reason=reason,
                channel="cli",
            )
            done[each.ticket] = _why_not(outcome)
        except Refused as refusal:
            done[each.ticket] = str(refusal)
    return done


def _why_not(outcome: Outcome) -> str | None:
    fired = [each.event for each in outcome.events if isinstance(each.event, RuleFired)]
    refused = [each.refused for each in fired if each.refused]
    return "; ".join(refused) if refused and len(refused) == len(fired) else None


def _changes(step: Step, ticket: Any) -> bool:
    """Whether a ticket isn't yet what a rule makes of it. The assignee may be another than the
    rule's: who has it keeps it."""
    if any(getattr(step, n) not in (None, getattr(ticket, n)) for n in _NAMES):
        return True
    tags = set(ticket.tags)
    return not set(step.add_tags) <= tags or bool(tags & set(step.remove_tags))
