"""Routing: rules of the settings, tried in order when a ticket comes or people change it.

Zendesk begins anew with its triggers after each that fires, which is why they can loop. Here a
commit is reacted to once, every rule is tried once on the ticket as the rules before it made it,
and changes that rules have made are no reason to try them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.settings.automation_rules import RoutingRule
from ticketlog.domain.settings.conditions import judge
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.settings.rule import TriedRule, in_order
from ticketlog.domain.ticket import EVENTS
from ticketlog.domain.ticket.automation import Route, RuleFired, Step
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.protocol import Reaction, RuleAct, RulePolicy, Situation

NAME = "routing"
ON: frozenset[type[Event]] = frozenset(EVENTS)


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """The steps of all rules that match, as one command. A commit of a rule sets off none,
    and of any other commit only the first event does."""
    if recorded.meta.actor.kind == "rule" or not situation.settings.rules_of(RoutingRule):
        return
    if recorded.index != 0:
        return
    settings = situation.settings
    created = isinstance(recorded.event, TicketCreated)
    if not created and not any(rule.changed for rule in settings.rules_of(RoutingRule).values()):
        return
    ticket: Ticket = situation.after()
    steps = tuple(
        _step(each.rule, settings)
        for each in tried(ticket, settings, created=created, under=recorded.meta.settings)
        if each.verdict.matches
    )
    if steps and ticket.status_category != "closed" and not ticket.spam:
        yield Reaction(Route(steps=steps), recorded.originator_id, NAME, seen=ticket.version)


def reroute(ticket: Ticket, settings: Settings) -> Route | None:
    """The command that routes a ticket as if it came now; None: no rule matches."""
    steps = tuple(
        _step(each.rule, settings)
        for each in tried(ticket, settings, created=True)
        if each.verdict.matches
    )
    return Route(steps=steps) if steps and ticket.active else None


def tried(
    ticket: Ticket, settings: Settings, *, created: bool, under: int | None = None
) -> Iterator[TriedRule[RoutingRule]]:
    """The rules in the order in which they are tried, each on the ticket as the rules before it
    made it, up to one that matches and is the last. `under`: only rules that existed at that
    position of the settings."""
    for rule in in_order(settings.rules_of(RoutingRule).values()):
        if not created and not rule.changed:
            continue
        if under is not None and not settings.held("routing-rule", rule.id, under):
            continue
        verdict = judge(rule.when, facts_of(ticket, settings))
        yield TriedRule(rule, verdict)
        if verdict.matches:
            ticket = ticket.but(_made(rule, ticket))
            if rule.last:
                return


def _made(rule: RoutingRule, ticket: Ticket) -> dict[str, Any]:
    names = ("team", "assignee", "priority", "category", "product")
    tags = (*(t for t in ticket.tags if t not in rule.remove_tags), *rule.add_tags)
    changes = {name: getattr(rule, name) for name in names if getattr(rule, name) is not None}
    return changes | {"tags": tuple(dict.fromkeys(tags))}


def _step(rule: RoutingRule, settings: Settings) -> Step:
    return Step(
        rule=cited("routing-rule", rule.id, settings),
        team=rule.team,
        assignee=rule.assignee,
        priority=rule.priority,
        category=rule.category,
        product=rule.product,
        add_tags=rule.add_tags,
        remove_tags=rule.remove_tags,
    )


def _fired(recorded: Recorded, before: Ticket) -> RuleAct | None:
    event = recorded.event
    assert isinstance(event, RuleFired)
    return RuleAct(event.rule, refused=event.refused is not None)


RULES = RulePolicy(
    RoutingRule,
    acts={RuleFired: _fired},
    commands=frozenset({Route.NAME}),
    tried=partial(tried, created=True),
)
