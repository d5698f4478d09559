"""From status to status: the workflow's arrows, and Zendesk's meaning of the six categories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from ticketlog.domain.base import (
    Closed,
    Context,
    Event,
    Forbidden,
    IllegalTransition,
    Instant,
    Key,
    Line,
    Personal,
    Recorded,
    Text,
)
from ticketlog.domain.rights import listed
from ticketlog.domain.settings.model import (
    REQUIRABLE,
    CategoryOfStatus,
    Status,
    Transition,
    Workflow,
)
from ticketlog.domain.ticket.lookups import (
    data_subject,
    roles_of,
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


CLOSERS = frozenset({"supervisor", "admin", "rule", "service"})
"""Who takes an arrow from solved to closed that is open to every role (Zendesk: a rule does)."""


_SECOND = 1_000_000


class TransitionDetails(NamedTuple):
    """The details that a command gives of the move that it asks for."""

    resolution_code: str | None = None
    resolution: str | None = None
    reason: str | None = None
    until: int | None = None


NOTHING = TransitionDetails()


def ends_unsolved(ticket: Ticket, workflow: Workflow) -> bool:
    """Whether to close the ticket now is to cancel it. Where a workflow has no solved tickets,
    to be closed is all there is."""
    return ticket.status_category != "solved" and workflow.first_of("solved") is not None


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


def awakened(ticket: Ticket, context: Context) -> list[Event]:
    """An end user's public comment opens what is pending, on hold or solved again (Zendesk).

    It needs no arrow: a comment can't be refused by a workflow.
    """
    if ticket.status_category not in ("pending", "on-hold", "solved"):
        return []
    workflow = workflow_for(ticket.type, context)
    if ticket.status_category == "solved":
        check_reopenable(workflow, ticket, context.now)
    target = workflow.first_of("open")
    return moved(ticket, target, "reply") if target else []


def arrow_to(workflow: Workflow, ticket: Ticket, target: Status) -> Transition | None:
    """The arrow from the ticket's status; none leads to new (Zendesk) nor out of closed.

    A status that the workflow has lost counts as the first one of its category.
    """
    if ticket.status_category == "closed":
        return None
    if target.category == "new" and ticket.status_category != "new":
        return None
    source = ticket.status
    if workflow.status(source) is None:
        stand_in = workflow.first_of(ticket.status_category)
        source = stand_in.id if stand_in else source
    return workflow.arrow(source, target.id)


def required_for(arrow: Transition, target: Status) -> tuple[str, ...]:
    """The names that must be filled in: what the arrow requires, and for solving an assignee
    (Zendesk)."""
    return (*arrow.requires, "assignee") if target.category == "solved" else arrow.requires


def missing(
    names: Iterable[str], ticket: Ticket, say: TransitionDetails = NOTHING
) -> tuple[str, ...]:
    """The names that have no value on the ticket or in the command."""
    return tuple(
        dict.fromkeys(name for name in names if _value(name, ticket, say) in (None, "", ()))
    )


def _value(name: str, ticket: Ticket, say: TransitionDetails) -> object:
    said: object = getattr(say, name, None) if name in TransitionDetails._fields else None
    if said is None and name in REQUIRABLE:
        said = getattr(ticket, name, None)
    return ticket.fields.get(name) if said is None else said


def check_reopenable(workflow: Workflow, ticket: Ticket, now: int) -> None:
    """Raises Closed where the workflow's time to reopen a solved ticket is over."""
    if reopens_too_late(workflow, ticket, now):
        raise Closed(
            f"ticket {ticket.id} was solved more than {workflow.reopen_within} seconds ago and "
            "can't be reopened; a follow-up ticket takes it",
            ticket=ticket.id,
        )


def reopens_too_late(workflow: Workflow, ticket: Ticket, now: int) -> bool:
    if workflow.reopen_within is None or ticket.solved_at is None:
        return False
    return now > ticket.solved_at + workflow.reopen_within * _SECOND


def may_take(arrow: Transition, ticket: Ticket, target: Status, roles: frozenset[str]) -> bool:
    takers = _takers(arrow, ticket, target)
    return "*" in takers or not roles.isdisjoint(takers)


def _takers(arrow: Transition, ticket: Ticket, target: Status) -> frozenset[str]:
    closes = ticket.status_category == "solved" and target.category == "closed"
    return CLOSERS if closes and "*" in arrow.roles else frozenset(arrow.roles)


def check_roles(arrow: Transition, ticket: Ticket, target: Status, context: Context) -> None:
    """Raises Forbidden where the actor may not take the arrow."""
    if not may_take(arrow, ticket, target, roles_of(ticket, context)):
        may = _takers(arrow, ticket, target)
        raise Forbidden(
            f"{context.actor.id} may not make ticket {ticket.id} {target.id}; "
            f"these roles may: {listed(may)}",
            ticket=ticket.id,
            roles=tuple(sorted(may)),
        )


def no_arrow(
    workflow: Workflow, ticket: Ticket, target: Status, context: Context
) -> IllegalTransition:
    """The refusal of a move that no arrow leads to, with those that the actor can make."""
    roles = roles_of(ticket, context)
    allowed = [
        status.id
        for status in workflow.statuses
        if status.id != ticket.status
        and (arrow := arrow_to(workflow, ticket, status))
        and may_take(arrow, ticket, status, roles)
    ]
    return IllegalTransition(
        f"ticket {ticket.id} is {ticket.status} and can't become {target.id}; "
        f"{context.actor.id} can make it: {listed(allowed)}",
        ticket=ticket.id,
        status=ticket.status,
        allowed=tuple(allowed),
    )
