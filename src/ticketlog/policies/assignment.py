"""Assignment: chosen on the ticket, reserved on the agent's own stream, then made.

All choices of an agent meet on the agent's stream, which keeps their capacity. Each step follows
from the record of the step before it, so that any runner may take it, any number of times.

    ticket              agent
    agent-chosen   ->   ticket-reserved   ->   assignee-changed
                   ->   ticket-declined   ->   choice-dropped   ->   chosen again, or it waits
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

from ticketlog.domain.base import Event, Recorded, kind_and_id
from ticketlog.domain.parties.agent import (
    AvailabilityChanged,
    Release,
    Reserve,
    ShiftsChanged,
    TicketDeclined,
    TicketReleased,
    TicketReserved,
)
from ticketlog.domain.settings.automation_rules import AssignmentRule
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.settings.rule import TriedRule, tried
from ticketlog.domain.ticket.assignment import AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.automation import AgentChosen, ChoiceDropped, Choose, Settle
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.lifecycle import MarkedSpam, Restored
from ticketlog.domain.ticket.state import Candidate, Ticket
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    Reopened,
    Solved,
    StatusChanged,
    TicketClosed,
)
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.policies.agent_selection import pick, rule_for
from ticketlog.policies.protocol import Reaction, RuleAct, RulePolicy, Situation, named

NAME = "assignment"
_ENDS = (Solved, TicketClosed, Cancelled, MarkedSpam, Withdrawn)
_WAITS = (TicketCreated, TeamChanged, AssigneeChanged, Reopened, Restored, StatusChanged)
_FREES = (AvailabilityChanged, ShiftsChanged, TicketReleased)
ON: frozenset[type[Event]] = frozenset(
    {*_ENDS, *_WAITS, *_FREES, AgentChosen, ChoiceDropped, TicketReserved, TicketDeclined}
)
_Reactions: TypeAlias = Iterable[Reaction]


def react(recorded: Recorded, situation: Situation) -> _Reactions:
    """The next step of an assignment: the reservation of the agent whom a rule chose; once it is
    recorded, the assignment; where the agent declined, the next choice."""
    if not situation.settings.rules_of(AssignmentRule):
        return
    stream = recorded.originator_id
    match recorded.event:
        case AgentChosen() as chosen:
            yield _reserve(stream, chosen.agent, recorded, situation, choice=recorded.id)
        case TicketReserved(ticket=ticket, choice=str(choice)):
            yield Reaction(Settle(choice=choice, room=True), ticket, NAME, "settle")
        case TicketDeclined(ticket=ticket, choice=choice):
            yield Reaction(Settle(choice=choice, room=False), ticket, NAME, "settle")
        case ChoiceDropped() as dropped:
            if situation.after().assignee != dropped.agent:
                yield _release(stream, dropped.agent, recorded)
            yield from _choose(stream, situation.after(), situation)
        case AvailabilityChanged(new="online") | ShiftsChanged() | TicketReleased():
            yield from _take(stream, situation)
        case _:
            yield from _owned(recorded, situation)


def _owned(recorded: Recorded, situation: Situation) -> _Reactions:
    """Makes the agent's load follow the ticket, also where a person has assigned it."""
    stream, event = recorded.originator_id, recorded.event
    match event:
        case AssigneeChanged(old=old, new=new, choice=choice):
            if old is not None:
                yield _release(stream, old, recorded)
            if new is not None and choice is None and situation.after().active:
                yield from _held(stream, new, recorded, situation)
            without = () if old is None else (old,)
            if new is None:
                yield from _choose(stream, situation.after(), situation, without)
        case Solved() | TicketClosed() | Cancelled() | MarkedSpam() | Withdrawn():
            assignee = situation.after().assignee
            if assignee is not None:
                yield _release(stream, assignee, recorded)
        case Reopened() | Restored() | TicketCreated() | TeamChanged() | StatusChanged():
            assignee = situation.after().assignee
            if assignee is None:
                yield from _choose(stream, situation.after(), situation)
            elif not isinstance(event, TeamChanged | StatusChanged):
                yield from _held(stream, assignee, recorded, situation)


def _held(stream: str, agent: str, recorded: Recorded, situation: Situation) -> _Reactions:
    """Reserves room for an assigned ticket, where the agent still holds it: a ticket that is over
    or another agent's by now doesn't count."""
    ticket: Ticket = situation.load(stream)
    if ticket.assignee == agent and ticket.active:
        yield _reserve(stream, agent, recorded, situation)


def _choose(
    stream: str, ticket: Ticket, situation: Situation, without: Collection[str] = (), slot: str = ""
) -> _Reactions:
    """Chooses an agent for a ticket that waits; where none is eligible, it waits on."""
    settings = situation.settings
    if not ticket.waits_for_agent or situation.workload.is_chosen(stream):
        return
    rule = rule_for(ticket, settings)
    if rule is None:
        return
    picked = pick(ticket, rule, settings, situation.workload, situation.now, without)
    if picked is None:
        return
    named = cited("assignment-rule", rule.id, settings)
    command = Choose(
        agent=picked.agent.known.id,
        rule=named,
        why=picked.why,
        candidates=tuple(Candidate(agent=a.known.id, load=a.load) for a in picked.eligible[:1_000]),
    )
    yield Reaction(command, stream, named, f"choose{slot}", seen=ticket.version)


def _take(stream: str, situation: Situation) -> _Reactions:
    """Chooses anew for the first tickets that wait for the teams of an agent who has room."""
    id = kind_and_id(stream)[1]
    known = situation.settings.agents.get(id)
    if known is None:
        return
    for ticket in situation.workload.waiting(known.teams):
        yield from _choose(ticket, situation.load(ticket), situation, slot=f" {ticket}")


def reevaluate(teams: Iterable[str], situation: Situation) -> _Reactions:
    """Chooses for the first tickets that wait for these teams."""
    if situation.settings.rules_of(AssignmentRule):
        for ticket in situation.workload.waiting(teams):
            yield from _choose(ticket, situation.load(ticket), situation)


def _reserve(
    stream: str, agent: str, cause: Recorded, situation: Situation, choice: str | None = None
) -> Reaction:
    ticket: Ticket = situation.after()
    rule = rule_for(ticket, situation.settings) if choice else None
    command = Reserve(
        ticket=stream,
        channel=ticket.channel or "none",
        version=cause.originator_version,
        choice=choice,
        capacity=rule.capacity if rule else None,
    )
    return Reaction(command, f"agent/{agent}", NAME, "reserve")


def _release(stream: str, agent: str, cause: Recorded) -> Reaction:
    command = Release(ticket=stream, version=cause.originator_version)
    return Reaction(command, f"agent/{agent}", NAME, "release")


def _made(recorded: Recorded, before: Ticket) -> RuleAct | None:
    """An assignment of a choice, which came of a rule."""
    event = recorded.event
    assert isinstance(event, AssigneeChanged)
    return None if event.new is None or event.choice is None else named(recorded, before)


def _dropped(recorded: Recorded, before: Ticket) -> RuleAct | None:
    return None if before.choice is None else RuleAct(before.choice.rule, refused=True)


def _tried(ticket: Ticket, settings: Settings) -> Iterable[TriedRule[AssignmentRule]]:
    return tried(settings.rules_of(AssignmentRule).values(), facts_of(ticket, settings))


RULES = RulePolicy(
    AssignmentRule,
    acts={AssigneeChanged: _made, ChoiceDropped: _dropped},
    commands=frozenset({Choose.NAME, Settle.NAME}),
    tried=_tried,
)
