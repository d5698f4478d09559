"""A message that a program outside has sent: first the fact that it came, then what became of it.
Streams `hook-message/ID`; its bytes lie with the attachments, by their SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Key,
    Line,
    Recorded,
    Unseen,
    Value,
)
from ticketlog.domain.parties.party import Party, after

KIND = "hook-message"
_SERVICE = frozenset({"service"})
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Number = Annotated[int, Field(ge=0)]
ResultOutcome = Literal["done", "refused", "unfit"]


class HookResult(Value):
    """The result of one command that the settings make of a message.

    `refused`: a rule said no; `unfit`: the message doesn't fill the command. `stream`: what it
    changed, or was sent to.
    """

    command: Key
    outcome: ResultOutcome
    stream: Key | None = None
    said: Line | None = None
    """The reason, where it wasn't done."""


class HookReceived(Event):
    """A genuine message came in, and its bytes are kept."""

    NAME: ClassVar[str] = "hook-message.received.v1"
    ASPECT: ClassVar[str] = "message"
    source: Key
    message: Line
    """Its id, as its sender has it."""
    sha256: _Digest
    size: _Number
    media_type: Line | None = None


class HookHandled(Event):
    """The commands that the settings make of the message were sent; none: they make nothing of
    it."""

    NAME: ClassVar[str] = "hook-message.handled.v1"
    ASPECT: ClassVar[str] = "results"
    results: tuple[HookResult, ...] = ()


EVENTS: tuple[type[Event], ...] = (HookReceived, HookHandled)


@dataclass(frozen=True)
class HookMessage(Party):
    """A message after event number `version` of its stream."""

    received: HookReceived | None = None
    received_at: int | None = None
    results: tuple[HookResult, ...] | None = None
    """None: it isn't handled yet."""
    handled: int = 0
    """How often it was."""


def initial(id: str) -> HookMessage:
    """A message that hasn't come; `id` is the part after 'hook-message/'."""
    return HookMessage(id=id)


def evolve(message: HookMessage, recorded: Recorded) -> HookMessage:
    """The message after one more event. Never fails; foreign events change nothing."""
    changes: dict[str, Any] = {}
    match recorded.event:
        case HookReceived() as event:
            changes = {"received": event, "received_at": recorded.meta.recorded_at}
        case HookHandled(results=results):
            changes = {"results": results, "handled": message.handled + 1}
    return message.but(after(message, recorded, changes))


class ReceiveMessage(Command):
    """Keeps the fact that a message came."""

    NAME: ClassVar[str] = "hook-message.receive"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_SERVICE)
    source: Key
    message: Line
    sha256: _Digest
    size: _Number
    media_type: Line | None = None


class HandleMessage(Command):
    """Says what became of a message."""

    NAME: ClassVar[str] = "hook-message.handle"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=_SERVICE)
    results: tuple[HookResult, ...] = ()


COMMANDS: tuple[type[Command], ...] = (ReceiveMessage, HandleMessage)


def decide(command: Command, message: HookMessage, context: Context) -> list[Event]:
    """The events of what the command changes. Refuses nothing: a message that came has come."""
    match command:
        case ReceiveMessage():
            return [] if message.exists else [HookReceived(**command.model_dump())]
        case HandleMessage(results=results):
            same = message.results == results
            return [] if same or not message.exists else [HookHandled(results=results)]
    return []


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `hook-message/ID` of the ticket log: messages of programs outside.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    public=False,
    internal=True,
    in_any_case=True,
)
