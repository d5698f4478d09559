"""The events of a ticket that concern its clocks, and the trigger that each is.
What follows from a trigger, `domain/sla/clock_rules.py` says; what depends on settings stands in
events of its own (`domain/ticket/sla_events.py`)."""

from __future__ import annotations

from collections.abc import Mapping

from ticketlog.domain.base import Event, Recorded, bare
from ticketlog.domain.settings.sla_policy import Switch
from ticketlog.domain.sla.clock import Because
from ticketlog.domain.sla.clock_rules import ClockTrigger, Kind
from ticketlog.domain.ticket.assignment import TeamChanged
from ticketlog.domain.ticket.conversation import CommentEvent, Noted, Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.evolution import FactOf
from ticketlog.domain.ticket.lifecycle import MarkedSpam, Restored
from ticketlog.domain.ticket.relations import Linked, Unlinked
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    PutOnHold,
    Reopened,
    Solved,
    StatusChanged,
    TicketClosed,
)

LIGHT_AGENT = "light-agent"
"""The role of agents who may write internal notes alone (Zendesk)."""
_AGENT_REQUESTED: Switch = (
    "next_reply_time.activate_on_agent_requested_ticket_with_public_comment_or_internal_note"
)


def _fact(
    kind: Kind,
    ticket: Ticket,
    recorded: Recorded,
    because: Because,
    switches: tuple[Switch, ...] = (),
) -> ClockTrigger:
    """The fact, from the ticket after the event; its `clock` is still that before."""
    at, clock = recorded.meta.occurred_at, ticket.clock
    out = ticket.spam or ticket.is_duplicate
    team = ticket.team is not None
    at = at if at > clock else clock
    return bare(ClockTrigger, (kind, at, because, ticket.status_category, team, out, switches))


def _created(ticket: Ticket, recorded: Recorded) -> ClockTrigger:
    return _fact("created", ticket, recorded, "created", _needed_to_await_a_reply(recorded))


def _needed_to_await_a_reply(recorded: Recorded) -> tuple[Switch, ...]:
    """The switches that a ticket needs to await a first reply: one that an agent creates waits for
    none, unless a switch says so."""
    event, actor = recorded.event, recorded.meta.actor
    assert isinstance(event, TicketCreated)
    asks = event.author_kind == "requester"
    if actor.kind != "agent" or (asks and actor.on_behalf_of):
        return ()
    if asks or event.requester is None:
        return ("first_reply_time.activate_on_agent_created_ticket_for_self",)
    needed: list[Switch] = ["first_reply_time.activate_on_ticket_created_for_end_user"]
    if event.description is not None and not event.description_public:
        needed.append(
            "first_reply_time.activate_on_agent_ticket_created_for_end_user_with_internal_note"
        )
    if actor.role == LIGHT_AGENT and recorded.meta.channel == "email":
        needed.append(
            "first_reply_time.activate_on_light_agent_on_email_forward_ticket_from_end_user"
        )
    return tuple(needed)


def _moved(ticket: Ticket, recorded: Recorded) -> ClockTrigger:
    because: Because = "status"
    if ticket.status_category == "closed":
        because = "cancelled" if ticket.cancelled else "closed"
    elif ticket.status_category == "solved":
        because = "solved"
    elif type(recorded.event) is Reopened:
        because = "reopened"
    return _fact("moved", ticket, recorded, because)


def _replied(ticket: Ticket, recorded: Recorded) -> ClockTrigger | None:
    event = recorded.event
    assert isinstance(event, CommentEvent)
    if event.automated:
        return None
    if event.author_kind == "agent":
        return _fact("answered", ticket, recorded, "reply")
    if event.author_kind in ("requester", "end-user"):
        needed = (_AGENT_REQUESTED,) if _own(event, recorded) else ()
        return _fact("asked", ticket, recorded, "reply", needed)
    return None


def _own(event: CommentEvent, recorded: Recorded) -> bool:
    """Whether an agent says it on the ticket that they are the requester of."""
    actor = recorded.meta.actor
    return (actor.kind, actor.id, event.author_kind) == ("agent", event.author, "requester")


def _noted(ticket: Ticket, recorded: Recorded) -> ClockTrigger | None:
    """A note counts by switches alone."""
    event = recorded.event
    if ticket.sla is None or not ticket.sla.switches:
        return None
    assert isinstance(event, CommentEvent)
    if event.automated:
        return None
    if event.author_kind == "agent":
        light = recorded.meta.actor.role == LIGHT_AGENT
        asks: tuple[Switch, ...] = ("next_reply_time.activate_on_light_agent_internal_note",)
        return _fact("noted", ticket, recorded, "note", asks if light else ())
    if event.author_kind in ("requester", "end-user"):
        needed: Switch = "next_reply_time.activate_on_end_user_added_internal_note"
        own = _own(event, recorded)
        return _fact("asked", ticket, recorded, "note", (_AGENT_REQUESTED if own else needed,))
    return None


def _team(ticket: Ticket, recorded: Recorded) -> ClockTrigger:
    return _fact("team", ticket, recorded, "team")


def _spam(ticket: Ticket, recorded: Recorded) -> ClockTrigger:
    return _fact("out", ticket, recorded, "spam")


def _linked(ticket: Ticket, recorded: Recorded) -> ClockTrigger | None:
    assert isinstance(recorded.event, Linked)
    duplicate = recorded.event.kind == "duplicate-of"
    return _fact("out", ticket, recorded, "duplicate") if duplicate else None


def _unlinked(ticket: Ticket, recorded: Recorded) -> ClockTrigger | None:
    assert isinstance(recorded.event, Unlinked)
    duplicate = recorded.event.kind == "duplicate-of"
    return _restored(ticket, recorded) if duplicate else None


def _restored(ticket: Ticket, recorded: Recorded) -> ClockTrigger:
    return _fact("back", ticket, recorded, "restored")


FACTS: Mapping[type[Event], FactOf] = {
    TicketCreated: _created,
    **dict.fromkeys((StatusChanged, PutOnHold, Solved, Reopened, TicketClosed, Cancelled), _moved),
    Replied: _replied,
    Noted: _noted,
    TeamChanged: _team,
    MarkedSpam: _spam,
    Restored: _restored,
    Linked: _linked,
    Unlinked: _unlinked,
}
