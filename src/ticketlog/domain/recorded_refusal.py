"""A refusal that is recorded, where an earlier attempt under its id may still be on its way."""

from __future__ import annotations

from typing import ClassVar

from ticketlog.domain.base import Event, Key, Line, Refused


class CommandRefused(Event):
    """A command was refused for good: no attempt under its id can be accepted any more."""

    NAME: ClassVar[str] = "command.refused.v1"
    command: Key
    code: Key
    message: Line


EVENTS: tuple[type[Event], ...] = (CommandRefused,)


def recorded(command: str, refusal: Refused) -> CommandRefused:
    message = " ".join(str(refusal).split())[:500]
    return CommandRefused(command=command, code=refusal.code, message=message)


def refused_again(event: CommandRefused) -> Refused:
    """The same refusal, for a sender who sends the command again."""
    kinds: dict[str, type[Refused]] = {kind.code: kind for kind in Refused.__subclasses__()}
    return kinds.get(event.code, Refused)(event.message)
