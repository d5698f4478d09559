"""Events of the status, and the one that a move between two categories makes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from ticketlog.domain.base import (
    Context,
    Event,
    Instant,
    Key,
    Line,
    Personal,
    Recorded,
    Text,
)
from ticketlog.domain.settings.model import (
    CategoryOfStatus,
    Status,
)
from ticketlog.domain.ticket.lookups import (
    data_subject,
    workflow_for,
)
from ticketlog.domain.ticket.state import Evolutions, Ticket

StatusCause = Literal["command", "reply", "assignment", "rule", "import"]


class StatusEvent(Event):
    """The fields that all changes of status have in common."""

    ASPECT: ClassVar[str] = "status"

    old: Key
    new: Key
    old_category: CategoryOfStatus
    new_category: CategoryOfStatus
    because: StatusCause


class StatusChanged(StatusEvent):
    """It moved to new, open, pending or a status of the desk's own."""

    NAME: ClassVar[str] = "ticket.status-changed.v1"


class PutOnHold(StatusEvent):
    """It waits for a third party, neither the requester nor the agent."""

    NAME: ClassVar[str] = "ticket.put-on-hold.v1"
    reason: Line | None = None
    until: Instant | None = None


class Solved(StatusEvent):
    """The agent considers it done; `assignee` and `team` are those of this instant."""

    NAME: ClassVar[str] = "ticket.solved.v1"
    data_subject: Key
    code: Key | None = None
    resolution: Annotated[Text | None, Personal()] = None
    team: Key | None = None
    assignee: Key | None = None


class Reopened(StatusEvent):
    """It was solved, and is worked on again."""

    NAME: ClassVar[str] = "ticket.reopened.v1"
    reason: Line | None = None


class TicketClosed(StatusEvent):
    """It is final: what comes now becomes a follow-up ticket."""

    NAME: ClassVar[str] = "ticket.closed.v1"


class Cancelled(StatusEvent):
    """It ended without being solved: not a resolution."""

    NAME: ClassVar[str] = "ticket.cancelled.v1"
    reason: Line | None = None


def _moved(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, StatusEvent)
    return {
        "quiet_since": recorded.meta.occurred_at,
        "reminders": 0,
        "status": event.new,
        "status_category": event.new_category,
        "hold_reason": None,
        "hold_until": None,
    }


def _status_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return _moved(recorded)


def _put_on_hold(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, PutOnHold)
    return _moved(recorded) | {"hold_reason": event.reason, "hold_until": event.until}


def _solved(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Solved)
    return _moved(recorded) | {
        "solved_at": recorded.meta.occurred_at,
        "closed_at": None,
        "cancelled": False,
        "solves": ticket.solves + 1,
        "resolution_code": event.code,
        "verified_by": None,
    }


def _reopened(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return _moved(recorded) | {
        "reopens": ticket.reopens + 1,
        "back_at": recorded.meta.occurred_at,
        "solved_at": None,
        "closed_at": None,
        "resolution_code": None,
        "verified_by": None,
        "cancelled": False,
    }


def _closed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    closed = {"closed_at": recorded.meta.occurred_at, "cancelled": False}
    return _moved(recorded) | closed


def _cancelled(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return _closed(ticket, recorded) | {"cancelled": True}


EVOLVE: Evolutions = {
    StatusChanged: _status_changed,
    PutOnHold: _put_on_hold,
    Solved: _solved,
    Reopened: _reopened,
    TicketClosed: _closed,
    Cancelled: _cancelled,
}


class TransitionDetails(NamedTuple):
    """The details that a command gives of the move that it asks for."""

    resolution_code: str | None = None
    resolution: str | None = None
    reason: str | None = None
    until: int | None = None


NOTHING = TransitionDetails()


def moved(
    ticket: Ticket,
    target: Status,
    because: StatusCause,
    say: TransitionDetails = NOTHING,
    *,
    cancelled: bool = False,
) -> list[Event]:
    """The event that the two categories make of a move, without a judgement on it."""
    was, becomes = ticket.status_category, target.category
    how: dict[str, Any] = {
        "old": ticket.status,
        "new": target.id,
        "old_category": was,
        "new_category": becomes,
        "because": because,
    }
    if becomes == "closed" and cancelled:
        return [Cancelled(**how, reason=say.reason)]
    if becomes == "closed" and (was != "closed" or ticket.cancelled):
        return [TicketClosed(**how)]
    if becomes == "solved" and was != "solved":
        return [_solving(ticket, how, say)]
    if was in ("solved", "closed") and becomes not in ("solved", "closed"):
        return [Reopened(**how, reason=say.reason)]
    if becomes == "on-hold":
        return [PutOnHold(**how, reason=say.reason, until=say.until)]
    return [StatusChanged(**how)]


def _solving(ticket: Ticket, how: dict[str, Any], say: TransitionDetails) -> Solved:
    return Solved(
        **how,
        data_subject=data_subject(ticket),
        code=say.resolution_code,
        resolution=say.resolution,
        team=ticket.team,
        assignee=ticket.assignee,
    )


def opened(ticket: Ticket, context: Context, because: StatusCause) -> list[Event]:
    """A new ticket opens when it is first assigned to an agent or answered by one (Zendesk)."""
    if ticket.status_category != "new":
        return []
    target = workflow_for(ticket.type, context).first_of("open")
    return moved(ticket, target, because) if target else []
