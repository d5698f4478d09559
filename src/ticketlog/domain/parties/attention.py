"""Marks of an agent's inbox: what they have seen, and what they want to see later.

They are facts about the agent, on the agent's stream. They change nothing on the tickets, and
nobody else's inbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Instant,
    Invalid,
    Key,
    NotFound,
)
from ticketlog.domain.rights import SELF
from ticketlog.domain.ticket.relations import ticket_stream
from ticketlog.domain.ticket.state import Ticket

Version = Annotated[int, Field(ge=0)]
Marked = Annotated[Mapping[Key, Version | None], Field(min_length=1, max_length=100)]


class TicketsSeen(Event):
    """They have seen these tickets up to a version of each."""

    NAME: ClassVar[str] = "agent.tickets-seen.v1"
    ASPECT: ClassVar[str] = "inbox"
    tickets: Mapping[Key, Version]
    """By the ticket's stream."""


class TicketsSnoozed(Event):
    """Their inbox shows these tickets again at an instant (None: at once), or when more happens
    than up to a version of each."""

    NAME: ClassVar[str] = "agent.tickets-snoozed.v1"
    ASPECT: ClassVar[str] = "inbox"
    tickets: Mapping[Key, Version]
    """By the ticket's stream."""
    until: Instant | None = None


class MarkSeen(Command):
    """Says that an agent has seen tickets up to a version of each; None: as they are."""

    NAME: ClassVar[str] = "agent.mark-seen"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({SELF}))
    tickets: Marked


class Snooze(Command):
    """Takes tickets out of an agent's inbox until an instant, or until more happens on them; with
    None they are back."""

    NAME: ClassVar[str] = "agent.snooze"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({SELF}))
    tickets: Annotated[tuple[Key, ...], Field(min_length=1, max_length=100)]
    until: Instant | None = None


EVENTS: tuple[type[Event], ...] = (TicketsSeen, TicketsSnoozed)
COMMANDS: tuple[type[Command], ...] = (MarkSeen, Snooze)


def reads(command: MarkSeen | Snooze) -> tuple[str, ...]:
    """The tickets."""
    return tuple(dict.fromkeys(map(ticket_stream, command.tickets)))


def decide(command: MarkSeen | Snooze, context: Context) -> list[Event]:
    """Raises NotFound, Invalid."""
    asked = command.tickets if isinstance(command, MarkSeen) else dict.fromkeys(command.tickets)
    found = {ticket_stream(id): _version(id, version, context) for id, version in asked.items()}
    if isinstance(command, MarkSeen):
        return [TicketsSeen(tickets=found)]
    if command.until is not None and command.until <= context.now:
        raise Invalid("a ticket is snoozed until a time to come; name a later one")
    return [TicketsSnoozed(tickets=found, until=command.until)]


def _version(id: str, version: int | None, context: Context) -> int:
    ticket = context.states.get(ticket_stream(id))
    if not isinstance(ticket, Ticket) or not ticket.exists:
        name = id.removeprefix("ticket/")
        raise NotFound(f"ticket {name} doesn't exist; `ticketlog inbox` shows the ids")
    if version is not None and version > ticket.version:
        raise Invalid(
            f"ticket {ticket.id} is at version {ticket.version}, and nobody has seen version "
            f"{version} of it: name the version that you see"
        )
    return ticket.version if version is None else version
