"""The lifecycle of a ticket: commands that move its status, the workflow's arrows and who may take
them, spam, verification. Zendesk's meaning of the categories."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ticketlog.domain import rights
from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    IllegalTransition,
    Instant,
    Invalid,
    Key,
    Line,
    MissingFields,
    Recorded,
    Text,
)
from ticketlog.domain.rights import WORKERS, listed
from ticketlog.domain.settings.model import (
    CategoryOfStatus,
    Status,
    Transition,
    Workflow,
)
from ticketlog.domain.ticket.assignment import AssigneeChanged
from ticketlog.domain.ticket.evolution import after
from ticketlog.domain.ticket.lookups import (
    is_requester,
    roles_of,
    settings_of,
    status_named,
    workflow_for,
)
from ticketlog.domain.ticket.reopening import check_reopenable
from ticketlog.domain.ticket.required_fields import missing, required_for
from ticketlog.domain.ticket.state import Decisions, Evolutions, Ticket
from ticketlog.domain.ticket.status_events import (
    NOTHING,
    PutOnHold,
    StatusCause,
    TransitionDetails,
    moved,
)
from ticketlog.domain.ticket.work import stopped

STATUS = frozenset({"status"})


class ResolutionCoded(Event):
    """Its resolution code is another now, or was told before it is solved."""

    NAME: ClassVar[str] = "ticket.resolution-coded.v1"
    ASPECT: ClassVar[str] = "resolution"
    old: Key | None = None
    new: Key | None = None


class Verified(Event):
    """The solution was confirmed to hold."""

    NAME: ClassVar[str] = "ticket.verified.v1"
    ASPECT: ClassVar[str] = "verification"
    by: Literal["requester", "agent", "automatic"]


class MarkedSpam(Event):
    """It was recognised as spam: nobody works on it."""

    NAME: ClassVar[str] = "ticket.marked-spam.v1"
    ASPECT: ClassVar[str] = "spam"
    reason: Line | None = None


class Restored(Event):
    """It was no spam after all."""

    NAME: ClassVar[str] = "ticket.restored.v1"
    ASPECT: ClassVar[str] = "spam"
    reason: Line | None = None


class SetStatus(Command):
    """Moves it to open, pending or a status of the desk's own."""

    NAME: ClassVar[str] = "ticket.set-status"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Move it to open, pending or a status of your own.",
        examples=("ticketlog ticket set-status 4F7K2M9QABCD pending",),
        positional=("status",),
    )
    status: Key


class Hold(Command):
    NAME: ClassVar[str] = "ticket.hold"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Put it on hold: it waits for somebody else.",
        examples=(
            (
                'ticketlog ticket hold 4F7K2M9QABCD --reason "Part ordered" '
                "--until 2026-02-15T09:00:00Z"
            ),
        ),
    )
    reason: Line
    until: Instant | None = None
    status: Key | None = None


class Solve(Command):
    NAME: ClassVar[str] = "ticket.solve"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Solve it; without an assignee, the solver becomes it.",
        examples=(
            'ticketlog ticket solve 4F7K2M9QABCD --code fixed --resolution "Replaced the cable"',
        ),
    )
    code: Key | None = None
    resolution: Text | None = None
    status: Key | None = None


class Verify(Command):
    NAME: ClassVar[str] = "ticket.verify"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS | {"requester"},
        help="Confirm that the solution holds.",
        examples=("ticketlog ticket verify 4F7K2M9QABCD --as person:ANNA",),
    )


class Reopen(Command):
    NAME: ClassVar[str] = "ticket.reopen"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS | {"requester"},
        help="Work on a solved ticket again; on a closed one, open a follow-up.",
        examples=('ticketlog ticket reopen 4F7K2M9QABCD --reason "It is back"',),
    )
    reason: Line | None = None


class Close(Command):
    NAME: ClassVar[str] = "ticket.close"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Close it for good.",
        examples=("ticketlog ticket close 4F7K2M9QABCD --as agent:ann/supervisor",),
    )


class Cancel(Command):
    NAME: ClassVar[str] = "ticket.cancel"
    TOUCHES: ClassVar[frozenset[str]] = STATUS
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS | {"requester"},
        help="End it without a solution.",
        examples=('ticketlog ticket cancel 4F7K2M9QABCD --reason "Withdrawn by the requester"',),
    )
    reason: Line


class MarkSpam(Command):
    NAME: ClassVar[str] = "ticket.mark-spam"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"spam"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("spam",),
        help="Take it out of queues and reports as spam.",
        examples=("ticketlog ticket mark-spam 4F7K2M9QABCD",),
    )
    reason: Line | None = None


class Restore(Command):
    NAME: ClassVar[str] = "ticket.restore"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"spam"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("spam",),
        help="It was no spam after all.",
        examples=("ticketlog ticket restore 4F7K2M9QABCD",),
    )
    reason: Line | None = None


def _coded(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, ResolutionCoded)
    return {"resolution_code": recorded.event.new}


def _verified(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, Verified)
    return {"verified_by": recorded.event.by}


def _marked_spam(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"spam": True}


def _restored(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"spam": False, "back_at": recorded.meta.occurred_at}


EVOLVE: Evolutions = {
    ResolutionCoded: _coded,
    Verified: _verified,
    MarkedSpam: _marked_spam,
    Restored: _restored,
}


def change_status(
    ticket: Ticket,
    target: Status,
    context: Context,
    because: StatusCause,
    say: TransitionDetails = NOTHING,
) -> list[Event]:
    """The move to a status, where the workflow lets the actor make it.

    Raises IllegalTransition, Forbidden, MissingFields, and Closed where the time is over in which
    a solved ticket may be reopened.
    """
    if target.id == ticket.status:
        return []
    workflow = workflow_for(ticket.type, context)
    arrow = arrow_to(workflow, ticket, target)
    if arrow is None:
        raise no_arrow(workflow, ticket, target, context)
    check_roles(arrow, ticket, target, context)
    if ticket.status_category == "solved" and target.category not in ("solved", "closed"):
        check_reopenable(workflow, ticket, context.now)
    events = _by_solver(ticket, context) if target.category == "solved" else []
    then = after(ticket, events, context)
    names = missing(required_for(arrow, target), then, say)
    if names:
        raise MissingFields(
            f"ticket {ticket.id} needs {listed(names)} to become {target.id}; set them first",
            ticket=ticket.id,
            fields=names,
        )
    if target.category in ("solved", "closed"):
        events += stopped(then, context.now, then.working)
    cancelled = ends_unsolved(ticket, workflow)
    return [*events, *moved(then, target, because, say, cancelled=cancelled)]


def _by_solver(ticket: Ticket, context: Context) -> list[Event]:
    """The solver of a ticket that nobody has becomes its assignee, where they may be (Zendesk)."""
    actor = context.actor
    agent = settings_of(context).agents.get(actor.id) if actor.kind == "agent" else None
    if ticket.assignee is not None or agent is None:
        return []
    if ticket.team is not None and ticket.team not in agent.teams:
        return []
    return [AssigneeChanged(new=actor.id, method="solve")]


def ends_unsolved(ticket: Ticket, workflow: Workflow) -> bool:
    """Whether to close the ticket now is to cancel it. Where a workflow has no solved tickets,
    to be closed is all there is."""
    return ticket.status_category != "solved" and workflow.first_of("solved") is not None


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


def may_take(arrow: Transition, ticket: Ticket, target: Status, roles: frozenset[str]) -> bool:
    takers = _takers(arrow, ticket, target)
    return "*" in takers or not roles.isdisjoint(takers)


def _takers(arrow: Transition, ticket: Ticket, target: Status) -> frozenset[str]:
    closes = ticket.status_category == "solved" and target.category == "closed"
    return rights.takers(arrow.roles, closes=closes)


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


def status_in(
    category: CategoryOfStatus, named: str | None, ticket: Ticket, context: Context
) -> Status:
    """The named status of a category. Without a name the one that the ticket has, or else the
    first one that the actor can move it to. Raises Invalid where there is none."""
    workflow = workflow_for(ticket.type, context)
    there = [
        status
        for status in workflow.statuses
        if status.category == category and (not status.retired or status.id == ticket.status)
    ]
    wanted = named or (ticket.status if ticket.status_category == category else None)
    found = [status for status in there if status.id == wanted]
    if not found and named is None:
        found = sorted(there, key=lambda status: -_ease(workflow, ticket, status, context))
    if found:
        return found[0]
    raise Invalid(
        f"workflow {workflow.id} has no {category} status {named or ''}; "
        f"its {category} statuses are: {listed([status.id for status in there])}",
        what="status",
        name=named,
        known=tuple(status.id for status in there),
    )


def _ease(workflow: Workflow, ticket: Ticket, target: Status, context: Context) -> int:
    """2: the actor can move it there; 1: another role can; 0: nobody."""
    arrow = arrow_to(workflow, ticket, target)
    if arrow is None:
        return 0
    return 1 + may_take(arrow, ticket, target, roles_of(ticket, context))


def _set_status(command: SetStatus, ticket: Ticket, context: Context) -> list[Event]:
    if command.status == ticket.status:
        return []
    target = status_named(command.status, workflow_for(ticket.type, context))
    return change_status(ticket, target, context, "command")


def _hold(command: Hold, ticket: Ticket, context: Context) -> list[Event]:
    target = status_in("on-hold", command.status, ticket, context)
    say = TransitionDetails(reason=command.reason, until=command.until)
    if target.id == ticket.status:
        if (command.reason, command.until) == (ticket.hold_reason, ticket.hold_until):
            return []
        return moved(ticket, target, "command", say)
    events = change_status(ticket, target, context, "command", say)
    if isinstance(events[-1], PutOnHold):
        return events
    # It was solved: that it goes on is one fact, what it waits for is another.
    held = ticket.but({"status": target.id, "status_category": target.category})
    return [*events, *moved(held, target, "command", say)]


def _solve(command: Solve, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.status_category == "solved":
        if command.resolution is not None or command.code not in (None, ticket.resolution_code):
            raise _not_from(ticket, "solved already; to solve it in another way, reopen it first")
        if command.status is None:
            return []
    target = status_in("solved", command.status, ticket, context)
    say = TransitionDetails(resolution_code=command.code, resolution=command.resolution)
    return change_status(ticket, target, context, "command", say)


def _verify(command: Verify, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.status_category != "solved":
        raise _not_from(ticket, f"{ticket.status}; only a solved ticket can be verified")
    if ticket.verified_by is not None:
        return []
    actor = context.actor
    if any(is_requester(id, ticket, context) for id in (actor.id, actor.on_behalf_of)):
        return [Verified(by="requester")]
    return [Verified(by="agent" if actor.kind == "agent" else "automatic")]


def _reopen(command: Reopen, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.status_category == "open":
        return []
    if ticket.status_category != "solved":
        raise _not_from(ticket, f"{ticket.status}; only a solved ticket can be reopened")
    target = status_in("open", None, ticket, context)
    return change_status(
        ticket, target, context, "command", TransitionDetails(reason=command.reason)
    )


def _close(command: Close, ticket: Ticket, context: Context) -> list[Event]:
    if ends_unsolved(ticket, workflow_for(ticket.type, context)):
        raise _not_from(ticket, f"{ticket.status}; only a solved ticket is closed, or cancel it")
    return change_status(ticket, status_in("closed", None, ticket, context), context, "command")


def _cancel(command: Cancel, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.status_category == "solved":
        raise _not_from(ticket, "solved; close it, or reopen it first")
    target = status_in("closed", None, ticket, context)
    return change_status(
        ticket, target, context, "command", TransitionDetails(reason=command.reason)
    )


def _mark_spam(command: MarkSpam, ticket: Ticket, context: Context) -> list[Event]:
    return [] if ticket.spam else [MarkedSpam(reason=command.reason)]


def _restore(command: Restore, ticket: Ticket, context: Context) -> list[Event]:
    return [Restored(reason=command.reason)] if ticket.spam else []


def _not_from(ticket: Ticket, why: str) -> IllegalTransition:
    return IllegalTransition(f"ticket {ticket.id} is {why}", ticket=ticket.id, status=ticket.status)


DECIDE: Decisions = {
    SetStatus: _set_status,
    Hold: _hold,
    Solve: _solve,
    Verify: _verify,
    Reopen: _reopen,
    Close: _close,
    Cancel: _cancel,
    MarkSpam: _mark_spam,
    Restore: _restore,
}
