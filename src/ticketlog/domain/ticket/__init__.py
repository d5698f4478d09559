"""The ticket: `initial`, `decide`, `evolve` over its facets.

A facet's events, commands and their `evolve` stand in one file. What is decided stands in the same
file where it needs no other facet, and otherwise in a file of its own:

    creation        -> opening      lifecycle      -> moves, transitions
    conversation    -> replies      assignment     -> handover
    classification  -> triage, priorities, fieldvalues
    relations, feedback             activity       -> rows
    automation      -> acts
    service, clocks -> promises, changes

`clocks` runs the ticket's clocks inside `evolve`; `promises` adds to every commit what it did to
those that have a target.
"""

from __future__ import annotations

from ticketlog.domain.base import Command, Context, Event
from ticketlog.domain.sla.clock import next_due
from ticketlog.domain.ticket import (
    acts,
    feedback,
    fieldvalues,
    handover,
    opening,
    priorities,
    promises,
    relations,
    replies,
    rows,
    transitions,
    triage,
    withdrawal,
)
from ticketlog.domain.ticket.activity import RecordActivity
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.domain.ticket.evolution import EVENTS, after, evolve, fold, initial
from ticketlog.domain.ticket.gate import admit
from ticketlog.domain.ticket.lifecycle import Reopened, Restored
from ticketlog.domain.ticket.reading import reads
from ticketlog.domain.ticket.state import Decisions, Ticket

__all__ = ["COMMANDS", "EVENTS", "KIND", "decide", "due", "evolve", "fold", "initial", "reads"]

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
    **promises.DECIDE,
    **acts.DECIDE,
    **withdrawal.DECIDE,
}
COMMANDS: tuple[type[Command], ...] = tuple(_DECIDE)


def decide(command: Command, ticket: Ticket, context: Context) -> list[Event]:
    """The events that the command makes of the ticket; none where it would change nothing.

    Raises a Refused: NotFound, Forbidden, Stale, Closed, IllegalTransition, MissingFields,
    Invalid. KeyError for a command that is no ticket's.
    """
    decision = _DECIDE[type(command)]
    if not admit(command, ticket, context):
        return []
    events = decision(command, ticket, context)
    if not isinstance(command, RecordActivity) and any(map(_comes_back, events)):
        events = [*events, *handover.left_by_gone(after(ticket, events, context), context)]
    return promises.accounted(events, command, ticket, context)


def _comes_back(event: Event) -> bool:
    """Whether somebody is to work on the ticket again: whoever had it may be gone."""
    match event:
        case Reopened() | Restored():
            return True
        case Replied(author_kind="requester" | "end-user", automated=False):
            return True
    return False


def due(ticket: Ticket) -> int | None:
    """The earliest instant at which a breach or a warning will be due if nothing happens until
    then; None: none will. `RecordDue`, sent after that instant, records it."""
    return None if ticket.withdrawn else next_due(ticket.clocks)
