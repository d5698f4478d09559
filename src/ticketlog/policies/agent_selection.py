"""Who of a team gets a ticket: who may have it at all, then who goes before, then the balance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeAlias

from ticketlog.domain.parties.agent import AgentAtWork, on_shift, room
from ticketlog.domain.settings.automation_rules import AssignmentRule, Balance, in_order
from ticketlog.domain.settings.conditions import matches
from ticketlog.domain.settings.model import Agent, Settings
from ticketlog.domain.ticket.automation import WhyChosen
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.workload import Workload


class Able(NamedTuple):
    """Somebody who may have a ticket; `room`: for how many more, None: for any number."""

    known: Agent
    work: AgentAtWork
    room: int | None

    @property
    def load(self) -> int:
        return len(self.work.held)


class Picked(NamedTuple):
    agent: Able
    why: WhyChosen
    able: tuple[Able, ...]


def rule_for(ticket: Ticket, settings: Settings) -> AssignmentRule | None:
    """The first rule that matches the ticket; None: it is assigned by people."""
    if not settings.assignment:
        return None
    facts = facts_of(ticket, settings)
    rules = in_order(settings.assignment.values())
    return next((rule for rule in rules if matches(rule.when, facts)), None)


def pick(
    ticket: Ticket,
    rule: AssignmentRule,
    settings: Settings,
    floor: Workload,
    now: int,
    without: Collection[str] = (),
) -> Picked | None:
    """Who gets it; None: nobody who may have it has room."""
    able = tuple(each for each in _able(ticket, rule, settings, floor, now, without))
    if not able:
        return None
    why, first = _before(ticket, rule, floor, able)
    key = _KEYS[rule.balance]
    return Picked(min(first, key=lambda each: (*key(each), each.known.id)), why, able)


def _able(
    ticket: Ticket,
    rule: AssignmentRule,
    settings: Settings,
    floor: Workload,
    now: int,
    without: Collection[str],
) -> list[Able]:
    found = []
    for known in settings.agents.values():
        if known.id in without or not _may(known, ticket, rule):
            continue
        work = floor.agent(known.id)
        if work.availability != "online" or (rule.shifts and not on_shift(work, now)):
            continue
        left = room(work, known, ticket.channel, rule.capacity)
        if left is None or left > 0:
            found.append(Able(known, work, left))
    return found


def _may(known: Agent, ticket: Ticket, rule: AssignmentRule) -> bool:
    if not known.active or ticket.team not in known.teams:
        return False
    if any(known.skills.get(skill, 0) < level for skill, level in rule.skills.items()):
        return False
    return not rule.language or ticket.language is None or speaks(known, ticket.language)


def speaks(known: Agent, language: str) -> bool:
    """Who speaks 'pt' understands 'pt-BR'."""
    return any(f"{language}-".startswith(f"{each}-") for each in known.languages)


def _before(
    ticket: Ticket, rule: AssignmentRule, floor: Workload, able: Sequence[Able]
) -> tuple[WhyChosen, Sequence[Able]]:
    """Those who go before the others. Affinity never makes anybody able (ServiceNow)."""
    for affinity in rule.affinity:
        if affinity == "requester" and ticket.requester is not None:
            last = floor.last_agent(ticket.requester)
            found = [each for each in able if each.known.id == last]
            if found:
                return "requester", found
        if affinity == "account" and ticket.organisation is not None:
            found = [each for each in able if ticket.organisation in each.known.accounts]
            if found:
                return "account", found
    return "balance", able


_Key: TypeAlias = Callable[[Able], tuple[Any, ...]]
_KEYS: dict[Balance, _Key] = {
    "round-robin": lambda able: (able.work.reserved_at, able.load),
    "least-loaded": lambda able: (able.load, able.work.reserved_at),
    "most-capacity": lambda able: (-_room(able), able.load, able.work.reserved_at),
    "weighted": lambda able: ((able.load + 1) / (able.known.weight or 1), able.work.reserved_at),
    "longest-idle": lambda able: (able.load > 0, _idle_since(able.work), able.load),
}
"""The least of these gets it; of equals, who got something the longest time ago."""


def _room(able: Able) -> float:
    return float("inf") if able.room is None else able.room


def _idle_since(work: AgentAtWork) -> int:
    return max(work.since, work.reserved_at, work.released_at)
