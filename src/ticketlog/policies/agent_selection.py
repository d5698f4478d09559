"""Agent selection: eligibility first, then affinity, then the balance between those who are
left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeAlias

from ticketlog.domain.parties.agent import AgentAtWork, on_shift, room
from ticketlog.domain.settings.automation_rules import AssignmentRule, Balance
from ticketlog.domain.settings.model import Agent, Settings
from ticketlog.domain.settings.rule import first_match, in_order
from ticketlog.domain.ticket.automation import WhyChosen
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.workload import Workload


class Eligible(NamedTuple):
    """An agent who may have a ticket; `room`: for how many more, None: for any number."""

    known: Agent
    work: AgentAtWork
    room: int | None

    @property
    def load(self) -> int:
        return len(self.work.held)


class Picked(NamedTuple):
    """The agent who gets a ticket, why, and all who were eligible."""

    agent: Eligible
    why: WhyChosen
    eligible: tuple[Eligible, ...]


def rule_for(ticket: Ticket, settings: Settings) -> AssignmentRule | None:
    """The first rule that matches the ticket; None: it is assigned by people."""
    rules = settings.rules_of(AssignmentRule)
    return first_match(in_order(rules.values()), facts_of(ticket, settings)) if rules else None


def pick(
    ticket: Ticket,
    rule: AssignmentRule,
    settings: Settings,
    workload: Workload,
    now: int,
    without: Collection[str] = (),
) -> Picked | None:
    """The agent who gets the ticket; None: no eligible agent has room."""
    eligible = tuple(each for each in _eligible(ticket, rule, settings, workload, now, without))
    if not eligible:
        return None
    why, first = _preferred(ticket, rule, workload, eligible)
    key = _KEYS[rule.balance]
    return Picked(min(first, key=lambda each: (*key(each), each.known.id)), why, eligible)


def _eligible(
    ticket: Ticket,
    rule: AssignmentRule,
    settings: Settings,
    workload: Workload,
    now: int,
    without: Collection[str],
) -> list[Eligible]:
    found = []
    for known in settings.agents.values():
        if known.id in without or not _may(known, ticket, rule):
            continue
        work = workload.agent(known.id)
        if work.availability != "online" or (rule.shifts and not on_shift(work, now)):
            continue
        left = room(work, known, ticket.channel, rule.capacity)
        if left is None or left > 0:
            found.append(Eligible(known, work, left))
    return found


def _may(known: Agent, ticket: Ticket, rule: AssignmentRule) -> bool:
    if not known.active or ticket.team not in known.teams:
        return False
    if any(known.skills.get(skill, 0) < level for skill, level in rule.skills.items()):
        return False
    return not rule.language or ticket.language is None or speaks(known, ticket.language)


def speaks(known: Agent, language: str) -> bool:
    """Whether an agent speaks a language: 'pt' covers 'pt-BR'."""
    return any(f"{language}-".startswith(f"{each}-") for each in known.languages)


def _preferred(
    ticket: Ticket, rule: AssignmentRule, workload: Workload, eligible: Sequence[Eligible]
) -> tuple[WhyChosen, Sequence[Eligible]]:
    """The agents that affinity prefers. It never makes an agent eligible (ServiceNow)."""
    for affinity in rule.affinity:
        if affinity == "requester" and ticket.requester is not None:
            last = workload.last_agent(ticket.requester)
            found = [each for each in eligible if each.known.id == last]
            if found:
                return "requester", found
        if affinity == "account" and ticket.organisation is not None:
            found = [each for each in eligible if ticket.organisation in each.known.accounts]
            if found:
                return "account", found
    return "balance", eligible


_Key: TypeAlias = Callable[[Eligible], tuple[Any, ...]]
_KEYS: dict[Balance, _Key] = {
    "round-robin": lambda agent: (agent.work.reserved_at, agent.load),
    "least-loaded": lambda agent: (agent.load, agent.work.reserved_at),
    "most-capacity": lambda agent: (-_room(agent), agent.load, agent.work.reserved_at),
    "weighted": lambda agent: (
        (agent.load + 1) / (agent.known.weight or 1),
        agent.work.reserved_at,
    ),
    "longest-idle": lambda agent: (agent.load > 0, _idle_since(agent.work), agent.load),
}
"""The agent with the least key gets the ticket; of equals, the one whose last one is oldest."""


def _room(eligible: Eligible) -> float:
    return float("inf") if eligible.room is None else eligible.room


def _idle_since(work: AgentAtWork) -> int:
    return max(work.since, work.reserved_at, work.released_at)
