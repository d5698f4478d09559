"""Acts of the desk on a ticket, beyond what people could do as well: reminders, routes, choices,
notifications."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    IllegalTransition,
    Invalid,
    Key,
    Line,
    Recorded,
    Refused,
    Unseen,
    Value,
)
from ticketlog.domain.rights import LEADS
from ticketlog.domain.ticket import assignment, classification, priority
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, check_owner
from ticketlog.domain.ticket.classification import Classify, Tag
from ticketlog.domain.ticket.evolution import after
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.state import Candidate, Choice, Decisions, Evolutions, Ticket
from ticketlog.domain.ticket.status_events import opened

WhyChosen = Literal["balance", "requester", "account"]


WhyDropped = Literal["no-room", "overtaken"]


class RequesterReminded(Event):
    """The requester of a pending ticket said nothing, and is reminded: for the `number`-th time in
    this silence."""

    NAME: ClassVar[str] = "ticket.requester-reminded.v1"
    ASPECT: ClassVar[str] = "reminders"
    number: Annotated[int, Field(ge=1)]
    rule: Key


class RuleFired(Event):
    """A routing rule matched; what it did stands behind it, or why it couldn't."""

    NAME: ClassVar[str] = "ticket.rule-fired.v1"
    ASPECT: ClassVar[str] = "routing"
    rule: Key
    refused: Line | None = None


class AgentChosen(Event):
    """An agent was chosen to work on it, if they have room: `candidates` are those who could."""

    NAME: ClassVar[str] = "ticket.agent-chosen.v1"
    ASPECT: ClassVar[str] = "choice"
    agent: Key
    rule: Key
    why: WhyChosen
    candidates: tuple[Candidate, ...]


class ChoiceDropped(Event):
    """The agent who was chosen doesn't get it: they had no room, or it had an agent or was done by
    then."""

    NAME: ClassVar[str] = "ticket.choice-dropped.v1"
    ASPECT: ClassVar[str] = "choice"
    choice: Key
    agent: Key
    why: WhyDropped


class NotificationDecided(Event):
    """A message about an event is to be sent; an outbox sends it, at least once, under this event's
    id."""

    NAME: ClassVar[str] = "ticket.notification-decided.v1"
    ASPECT: ClassVar[str] = "notification"
    rule: Key
    occasion: Key
    of: Key
    """The id of the event."""
    outbox: Key
    template: Key
    to: tuple[Key, ...]
    """Persons and agents: 'person/4F7K2M9Q', 'agent/ann'."""
    occasions: tuple[Key, ...] = ()
    """All that its commit did of which they are told, `occasion` first; none: that alone."""


class Remind(Command):
    """Reminds the requester for the `number`-th time."""

    NAME: ClassVar[str] = "ticket.remind"
    UNSEEN: ClassVar[Unseen] = "kept"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"status"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"rule"}))
    number: Annotated[int, Field(ge=1)]
    rule: Key


class Step(Value):
    """The part of a route that one rule makes of a ticket."""

    rule: Key
    team: Key | None = None
    assignee: Key | None = None
    priority: Key | None = None
    category: Key | None = None
    product: Key | None = None
    add_tags: tuple[Key, ...] = ()
    remove_tags: tuple[Key, ...] = ()


class Route(Command):
    """Does what routing rules say, one after the other, at once."""

    NAME: ClassVar[str] = "ticket.route"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=LEADS | {"rule", "service"})
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=1_000)]

    def touched(self) -> frozenset[str]:
        return frozenset(
            aspect
            for step in self.steps
            for field, aspects in _ASPECTS.items()
            if getattr(step, field)
            for aspect in aspects
        )


_ASPECTS = {
    "team": ("team", "assignee"),
    "assignee": ("team", "assignee"),
    "priority": ("priority",),
    "category": ("category",),
    "product": ("attributes",),
}


class Notify(Command):
    """Decides that a message about an event is to be sent."""

    NAME: ClassVar[str] = "ticket.notify"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({"rule"}),
        also_on=("closed",),
    )
    rule: Key
    occasion: Key
    of: Key
    outbox: Key
    template: Key
    to: Annotated[tuple[Key, ...], Field(min_length=1, max_length=1_000)]
    occasions: tuple[Key, ...] = ()


class Choose(Command):
    """Records who shall work on it, before they are asked for room."""

    NAME: ClassVar[str] = "ticket.choose"
    UNSEEN: ClassVar[Unseen] = "kept"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"team", "assignee"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"rule"}))
    agent: Key
    rule: Key
    why: WhyChosen
    candidates: Annotated[tuple[Candidate, ...], Field(max_length=1_000)]


class Settle(Command):
    """Ends a choice: the agent has made room, or has none."""

    NAME: ClassVar[str] = "ticket.settle"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({"rule"}),
        also_on=("closed", "spam"),
    )
    choice: Key
    room: bool


def _reminded(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, RequesterReminded)
    return {"reminders": recorded.event.number}


def _nothing(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {}


def _chosen(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, AgentChosen)
    return {"choice": Choice(recorded.id, event.agent, event.rule, event.candidates)}


def _dropped(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"choice": None}


EVOLVE: Evolutions = {
    RequesterReminded: _reminded,
    RuleFired: _nothing,
    NotificationDecided: _nothing,
    AgentChosen: _chosen,
    ChoiceDropped: _dropped,
}


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
    """The events of one rule, all or none; a rule that can't be followed is no reason not to try
    the next one."""
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
        return [_drop(choice, "no-room")]
    try:
        check_owner(ticket.team, choice.agent, context)
    except Invalid:
        return [_drop(choice, "overtaken")]
    if not ticket.waits_for_agent:
        return [_drop(choice, "overtaken")]
    made = AssigneeChanged(
        new=choice.agent,
        method="rule",
        rule=choice.rule,
        candidates=choice.candidates,
        choice=choice.id,
    )
    return [made, *opened(ticket, context, "assignment")]


def _drop(choice: Choice, why: WhyDropped) -> ChoiceDropped:
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
