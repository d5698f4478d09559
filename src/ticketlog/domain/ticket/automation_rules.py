"""What is decided about the desk's own acts: reminders, routes, choices."""

from __future__ import annotations

from typing import Any

from ticketlog.domain.base import Command, Context, Event, IllegalTransition, Invalid, Refused
from ticketlog.domain.ticket import assignment, classification, priority
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, check_owner
from ticketlog.domain.ticket.automation import (
    AgentChosen,
    ChoiceDropped,
    Choose,
    NotificationDecided,
    Notify,
    Remind,
    RequesterReminded,
    Route,
    RuleFired,
    Settle,
    Step,
    WhyDropped,
)
from ticketlog.domain.ticket.classification import Classify, Tag
from ticketlog.domain.ticket.evolution import after
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.state import Choice, Decisions, Ticket
from ticketlog.domain.ticket.workflow import opened

_DECIDE: Decisions = {
    **assignment.DECIDE,
    **classification.DECIDE,
    **priority.DECIDE,
}


def _remind(command: Remind, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.status_category != "pending":
        raise IllegalTransition(
            f"ticket {ticket.id} is {ticket.status}; its requester is reminded while it is pending",
            ticket=ticket.id,
            status=ticket.status,
        )
    if command.number <= ticket.reminders:
        return []
    return [RequesterReminded(number=command.number, rule=command.rule)]


def _route(command: Route, ticket: Ticket, context: Context) -> list[Event]:
    events: list[Event] = []
    for step in command.steps:
        made = _stepped(step, after(ticket, events, context), context)
        events += made
    return events


def _stepped(step: Step, ticket: Ticket, context: Context) -> list[Event]:
    """What a rule does stands whole or not at all; what it can't do is no reason not to try the
    next one."""
    made: list[Event] = []
    try:
        for command in _parts(step, ticket):
            made += _DECIDE[type(command)](command, after(ticket, made, context), context)
    except Refused as refusal:
        why = " ".join(str(refusal).split())[:500]
        return [RuleFired(rule=step.rule, refused=why)]
    return [RuleFired(rule=step.rule), *made] if made else []


def _parts(step: Step, ticket: Ticket) -> list[Command]:
    parts: list[Command] = []
    if step.team is not None or step.assignee is not None:
        owner: dict[str, Any] = {"team": step.team, "assignee": step.assignee}
        parts.append(Assign.of_records(**owner, method="rule", rule=step.rule))
    if step.priority not in (None, ticket.priority):
        parts.append(Prioritise.of_records(priority=step.priority, reason=f"rule {step.rule}"))
    if step.category is not None or step.product is not None:
        parts.append(Classify.of_records(category=step.category, product=step.product))
    if step.add_tags or step.remove_tags:
        parts.append(Tag.of_records(add=step.add_tags, remove=step.remove_tags))
    return parts


def _choose(command: Choose, ticket: Ticket, context: Context) -> list[Event]:
    if not ticket.waits_for_agent:
        raise Refused(
            f"ticket {ticket.id} waits for no agent: it is {ticket.status}, "
            f"assigned to {ticket.assignee or 'nobody'}",
            ticket=ticket.id,
        )
    if ticket.choice is not None:
        raise Refused(
            f"agent {ticket.choice.agent} is chosen for ticket {ticket.id} already",
            ticket=ticket.id,
        )
    check_owner(ticket.team, command.agent, context)
    return [
        AgentChosen(
            agent=command.agent,
            rule=command.rule,
            why=command.why,
            candidates=command.candidates,
        )
    ]


def _settle(command: Settle, ticket: Ticket, context: Context) -> list[Event]:
    choice = ticket.choice
    if choice is None or choice.id != command.choice:
        return []
    if not command.room:
        return [_dropped(choice, "no-room")]
    try:
        check_owner(ticket.team, choice.agent, context)
    except Invalid:
        return [_dropped(choice, "overtaken")]
    if not ticket.waits_for_agent:
        return [_dropped(choice, "overtaken")]
    made = AssigneeChanged(
        new=choice.agent,
        method="rule",
        rule=choice.rule,
        candidates=choice.candidates,
        choice=choice.id,
    )
    return [made, *opened(ticket, context, "assignment")]


def _dropped(choice: Choice, why: WhyDropped) -> ChoiceDropped:
    return ChoiceDropped(choice=choice.id, agent=choice.agent, why=why)


def _notify(command: Notify, ticket: Ticket, context: Context) -> list[Event]:
    return [NotificationDecided(**command.model_dump())]


DECIDE: Decisions = {
    Remind: _remind,
    Route: _route,
    Choose: _choose,
    Settle: _settle,
    Notify: _notify,
}
