"""Rules that react to events by sending commands: one reaction is one file, listed here.

A policy is a module with NAME and `react`, a pure function. It only asks for commands; the desk
sends them, each under an id that is a hash of the causing event, the policy and the slot, so a
policy may see an event twice and nothing happens twice. A policy never reacts to imported
commits, and a replay never runs one.

This release has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ticketlog.domain.base import Command, Context, Recorded


class Reaction(NamedTuple):
    """A command to send. `slot` tells a policy's answers to one event from each other."""

    command: Command
    on: str | None
    slot: str = ""


class Policy(Protocol):
    NAME: str

    def react(self, recorded: Recorded, context: Context) -> Sequence[Reaction]:
        """What to send because of an event; the same for the same arguments, always."""


POLICIES: tuple[Policy, ...] = ()
