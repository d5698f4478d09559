"""Absence: tickets are taken from agents who are gone, and wait for another agent.

An agent is gone who is retired, not in the team any more, or removed from the settings: their
tickets are taken when settings are applied and when the runner starts. Tickets of an absent agent
are taken by a timer, where a rule of the settings says so, and when. A ticket that comes back to
such an agent (it is reopened, its requester replies) is taken by that commit itself, where it is to
be taken at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.settings.automation_rules import AbsenceRule
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.ticket.absence import Leaving, leaving
from ticketlog.domain.ticket.assignment import AssigneeChanged, Unassign
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.protocol import AtWork, Reaction, RuleAct, RulePolicy, Situation, named

NAME = "absence"
ON: frozenset[type[Event]] = frozenset()


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """No reactions: no event makes an agent gone."""
    return ()


def reevaluate(teams: Iterable[str], situation: Situation) -> Iterable[Reaction]:
    """Takes the first tickets of each agent who is gone from them."""
    workload, settings = situation.workload, situation.settings
    for agent, team in workload.holders():
        if why_gone(agent, team, settings) is None:
            continue
        for stream in workload.held_by(agent, team):
            version = situation.load(stream).version
            yield Reaction(Unassign(gone=True), stream, NAME, f"gone {stream}", seen=version)


def due(ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
    """The instant at which the ticket is taken from its agent because they are absent."""
    found = _leaving(ticket, settings, at_work)
    return found and found.at


def act(ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
    """Takes the ticket from its agent, by the absence rule."""
    found = _leaving(ticket, settings, at_work)
    if found is not None:
        rule = cited("absence-rule", found.rule.id, settings)
        yield Reaction(Unassign(gone=True), f"ticket/{ticket.id}", rule, seen=ticket.version)


def _leaving(ticket: Ticket, settings: Settings, at_work: AtWork) -> Leaving | None:
    if not settings.rules_of(AbsenceRule) or ticket.assignee is None:
        return None
    return leaving(ticket, at_work(ticket.assignee).absent_since, settings)


def _left(recorded: Recorded, before: Ticket) -> RuleAct | None:
    event = recorded.event
    assert isinstance(event, AssigneeChanged)
    return named(recorded, before) if event.new is None else None


RULES = RulePolicy(
    AbsenceRule,
    acts={AssigneeChanged: _left},
    commands=frozenset({Unassign.NAME}),
)
