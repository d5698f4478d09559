"""The ticket: `initial`, `decide`, `evolve` over its facets.

A facet is one file, from its events, what they change and its commands to what is decided about it.
Each asks only those above it:

    status_events, work, custom_fields, priority, relations, feedback, withdrawal
    assignment        asks status_events
    lifecycle         asks assignment, work, status_events
    classification    asks priority, status_events
    creation          asks assignment, classification, custom_fields, priority, relations
    conversation      asks assignment, custom_fields, lifecycle, status_events
    automation        asks assignment, classification, priority, status_events
    imported          asks most of them

`required_fields` and `reopening` say what a move of the status requires, and until when a solved
ticket opens again, to all who make such a move.

`sla_events` and `time_correction` hold events that `evolution` and the clocks read. What is decided
about them needs the clocks, and stands in `sla.recording`, which adds to every commit what it did
to the promises of the ticket. `sla.clock_facts` says inside `evolve` what its clocks are told.
"""

from __future__ import annotations

from ticketlog.domain.base import Aggregate, Command, Context, Event
from ticketlog.domain.sla.clock import next_due
from ticketlog.domain.ticket import (
    assignment,
    automation,
    classification,
    conversation,
    creation,
    custom_fields,
    feedback,
    imported,
    lifecycle,
    priority,
    relations,
    sla_events,
    status_events,
    time_correction,
    withdrawal,
    work,
)
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.domain.ticket.evolution import after, evolve, fold, initial, learn
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import Restored
from ticketlog.domain.ticket.preconditions import admit
from ticketlog.domain.ticket.read_streams import reads
from ticketlog.domain.ticket.sla import recording
from ticketlog.domain.ticket.sla.clock_facts import FACTS
from ticketlog.domain.ticket.state import Decisions, Evolutions, Ticket
from ticketlog.domain.ticket.status_events import Reopened

__all__ = [
    "AGGREGATE",
    "COMMANDS",
    "EVENTS",
    "KIND",
    "decide",
    "due",
    "evolve",
    "fold",
    "initial",
    "reads",
]

KIND = "ticket"
_EVOLVE: Evolutions = {
    **creation.EVOLVE,
    **status_events.EVOLVE,
    **lifecycle.EVOLVE,
    **conversation.EVOLVE,
    **assignment.EVOLVE,
    **work.EVOLVE,
    **automation.EVOLVE,
    **classification.EVOLVE,
    **priority.EVOLVE,
    **custom_fields.EVOLVE,
    **relations.EVOLVE,
    **feedback.EVOLVE,
    **imported.EVOLVE,
    **sla_events.EVOLVE,
    **time_correction.EVOLVE,
    **withdrawal.EVOLVE,
}
learn(_EVOLVE, FACTS, tell=sla_events.EVOLVE)
EVENTS: tuple[type[Event], ...] = tuple(_EVOLVE)
"""In the order of docs/EVENTS.md."""
_DECIDE: Decisions = {
    **creation.DECIDE,
    **conversation.DECIDE,
    **assignment.DECIDE,
    **work.DECIDE,
    **lifecycle.DECIDE,
    **classification.DECIDE,
    **priority.DECIDE,
    **custom_fields.DECIDE,
    **relations.DECIDE,
    **recording.DECIDE,
    **feedback.DECIDE,
    **imported.DECIDE,
    **automation.DECIDE,
    **withdrawal.DECIDE,
}
COMMANDS: tuple[type[Command], ...] = tuple(_DECIDE)
"""In the order in which the command line lists them."""


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
        events = [*events, *assignment.left_by_gone(after(ticket, events, context), context)]
    return recording.accounted(events, command, ticket, context)


def _comes_back(event: Event) -> bool:
    """Whether the ticket is to be worked on again: the agent who had it may be gone."""
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


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `ticket/ID` of the ticket log.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    quick_fold=fold,
    commands=COMMANDS,
    events=EVENTS,
    reads=reads,
    in_any_case=True,
    numbered=True,
)
