"""The ticket: `initial`, `decide`, `evolve` over its facets.

A facet's events, commands and their `evolve` stand in one file. What is decided stands in the same
file where it needs no other facet, and otherwise in a file of its own:

    creation        -> opening      lifecycle      -> moves, transitions
    conversation    -> replies      assignment     -> handover
    classification  -> triage, priorities, fieldvalues
    relations, feedback             activity       -> rows
"""

from __future__ import annotations

from ticketlog.domain.base import Command, Context, Event
from ticketlog.domain.ticket import (
    feedback,
    fieldvalues,
    handover,
    opening,
    priorities,
    relations,
    replies,
    rows,
    transitions,
    triage,
)
from ticketlog.domain.ticket.evolution import EVENTS, evolve, fold, initial
from ticketlog.domain.ticket.gate import admit
from ticketlog.domain.ticket.reading import reads
from ticketlog.domain.ticket.state import Decisions, Ticket

__all__ = ["COMMANDS", "EVENTS", "KIND", "decide", "evolve", "fold", "initial", "reads"]

KIND = "ticket"
_DECIDE: Decisions = {
    **opening.DECIDE,
    **replies.DECIDE,
    **transitions.DECIDE,
    **handover.DECIDE,
    **triage.DECIDE,
    **priorities.DECIDE,
    **fieldvalues.DECIDE,
    **relations.DECIDE,
    **feedback.DECIDE,
    **rows.DECIDE,
}
COMMANDS: tuple[type[Command], ...] = tuple(_DECIDE)


def decide(command: Command, ticket: Ticket, context: Context) -> list[Event]:
    """The events that the command makes of the ticket; none where it would change nothing.

    Raises a Refused: NotFound, Forbidden, Stale, Closed, IllegalTransition, MissingFields,
    Invalid. KeyError for a command that is no ticket's.
    """
    decision = _DECIDE[type(command)]
    return decision(command, ticket, context) if admit(command, ticket, context) else []
