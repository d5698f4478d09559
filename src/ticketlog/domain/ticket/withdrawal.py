"""A ticket that a wrong import made, and that was withdrawn: it counts for nothing from then on.

Its history stays and says so. Views and reports leave it out; as of before it they show it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ticketlog.domain.base import Command, CommandSpec, Context, Event, Key, Line, Recorded, Refused
from ticketlog.domain.rights import LEADS
from ticketlog.domain.ticket.state import Decisions, Evolutions, Ticket


class Withdrawn(Event):
    """It was withdrawn with the import that made it."""

    NAME: ClassVar[str] = "ticket.withdrawn.v1"
    ASPECT: ClassVar[str] = "existence"
    source: Key
    withdrawal: Key
    """The number of the withdrawal in the source: `import/SOURCE` tells of it."""
    reason: Line


class Withdraw(Command):
    """Withdraws a ticket with the import that made it."""

    NAME: ClassVar[str] = "ticket.withdraw"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS,
        also_on=("closed", "spam"),
    )
    source: Key
    withdrawal: Key
    reason: Line


def _withdrawn(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"withdrawn": True, "choice": None}


EVOLVE: Evolutions = {Withdrawn: _withdrawn}


def _withdraw(command: Withdraw, ticket: Ticket, context: Context) -> list[Event]:
    return [Withdrawn(**command.model_dump())]


DECIDE: Decisions = {Withdraw: _withdraw}


def refusal(ticket: Ticket) -> Refused:
    """The refusal of every command that is sent to it."""
    return Refused(
        f"ticket {ticket.id} was withdrawn with its import; `ticketlog ticket history {ticket.id}` "
        "tells when and why. Import its file again to have it anew",
        ticket=ticket.id,
    )
