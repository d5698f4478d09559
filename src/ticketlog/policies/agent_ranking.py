"""The explanation of an assignment: the rules that were tried on a ticket, and for each agent of
its team the reasons against them. `agent_selection.py` decides; this says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ticketlog.domain.parties.agent import AgentAtWork, on_shift, room
from ticketlog.domain.settings.automation_rules import AssignmentRule
from ticketlog.domain.settings.model import Agent, Settings
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.agent_selection import speaks


class Weighed(NamedTuple):
    """An agent and their claim to a ticket. `load`: the tickets that they hold; `room`: for how
    many more they have room, None: any number; `why_not`: reasons against them, none: eligible."""

    agent: str
    load: int
    room: int | None
    why_not: tuple[str, ...]


def weighed(
    ticket: Ticket,
    rule: AssignmentRule,
    settings: Settings,
    at_work: Callable[[str], AgentAtWork],
    now: int,
) -> list[Weighed]:
    """The active members of the ticket's team. `at_work`: an agent by id."""
    found = []
    for known in settings.agents.values():
        if known.active and ticket.team in known.teams:
            work = at_work(known.id)
            left = room(work, known, ticket.channel, rule.capacity)
            reasons = tuple(_reasons(ticket, rule, known, work, now))
            if left is not None and left <= 0:
                reasons += (f"no room: they have {len(work.held)}",)
            found.append(Weighed(known.id, len(work.held), left, reasons))
    return found


def _reasons(
    ticket: Ticket, rule: AssignmentRule, known: Agent, work: AgentAtWork, now: int
) -> Iterator[str]:
    if work.availability != "online":
        yield work.availability
    if rule.shifts and not on_shift(work, now):
        yield "off shift"
    for skill, level in rule.skills.items():
        has = known.skills.get(skill, 0)
        if has < level:
            yield f"skill {skill}: {has} of {level}"
    if rule.language and ticket.language is not None and not speaks(known, ticket.language):
        yield f"doesn't speak {ticket.language}"
