"""What the desk does to a ticket by itself, beyond what people could do as well."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import Command, CommandSpec, Event, Key, Line, Recorded, Unseen, Value
from ticketlog.domain.rights import LEADS
from ticketlog.domain.ticket.state import Candidate, Choice, Evolutions, Ticket

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
    """Who shall work on it, if they have room: `candidates` are those who could."""

    NAME: ClassVar[str] = "ticket.agent-chosen.v1"
    ASPECT: ClassVar[str] = "choice"
    agent: Key
    rule: Key
    why: WhyChosen
    candidates: tuple[Candidate, ...]


class ChoiceDropped(Event):
    """Who was chosen doesn't get it: they had no room, or it had an agent or was done by then."""

    NAME: ClassVar[str] = "ticket.choice-dropped.v1"
    ASPECT: ClassVar[str] = "choice"
    choice: Key
    agent: Key
    why: WhyDropped


class NotificationDecided(Event):
    """Somebody is to be told of an event; an outbox sends it, at least once, under this event's
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
    """What one rule makes of a ticket."""

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
    """Decides that somebody is told of an event."""

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
