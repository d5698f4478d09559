"""What a row of an imported history changes. Imported facts happened: no workflow refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ticketlog.domain.base import Context, Event, Forbidden
from ticketlog.domain.settings import Status, Workflow
from ticketlog.domain.ticket.activity import ActivityRecorded, RecordActivity
from ticketlog.domain.ticket.assignment import AssigneeChanged, TeamChanged
from ticketlog.domain.ticket.classification import (
    AttributeChanged,
    CategoryChanged,
    OrganisationChanged,
    RequesterChanged,
    SubjectChanged,
    TypeChanged,
)
from ticketlog.domain.ticket.conversation import Noted, Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.evolution import after
from ticketlog.domain.ticket.fieldvalues import changed, sorted_out
from ticketlog.domain.ticket.moves import (
    arrow_to,
    missing,
    moved,
    reopens_too_late,
    required_for,
)
from ticketlog.domain.ticket.opening import first_status
from ticketlog.domain.ticket.priorities import (
    Priority,
    automatic,
    prioritised,
    recalculated,
    rescaled,
)
from ticketlog.domain.ticket.rules import (
    data_subject,
    priorities_in,
    status_named,
    workflow_for,
)
from ticketlog.domain.ticket.state import AuthorKind, Decisions, Ticket

AT_FIRST = frozenset({"new", "open", "pending", "on-hold"})
"""What a ticket may begin as. Solved or closed is something that happens to it, and is counted."""
_OTHERS = ("category", "product", "requester", "organisation")


def _record(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    if context.actor.kind not in ("import", "service"):
        raise Forbidden(
            f"{context.actor.id} acts as {context.actor.kind}; only an import records the rows "
            "of a history"
        )
    workflow = workflow_for(command.type or ticket.type, context)
    target = status_named(command.status, workflow) if command.status else None
    facts = (
        _changes(command, ticket, context)
        if ticket.exists
        else [_created(command, ticket, context, workflow, target)]
    )
    then = after(ticket, facts, context) if facts else ticket
    facts += _said(command, then, context)
    broke: tuple[str, ...] = ()
    if target is not None and _moves(command, then, target):
        broke = _broken(workflow, then, target, context)
        facts += moved(then, target, "import", cancelled=command.cancelled)
    elif facts and ticket.status_category == "closed":
        broke = ("changed after it was closed",)
    return [_row(command, ticket, context, broke), *facts]


def _moves(command: RecordActivity, ticket: Ticket, target: Status) -> bool:
    cancels = target.category == "closed" and command.cancelled and not ticket.cancelled
    return target.id != ticket.status or cancels


def _row(
    command: RecordActivity, ticket: Ticket, context: Context, broke: tuple[str, ...]
) -> ActivityRecorded:
    return ActivityRecorded(
        source=command.source,
        case=command.case,
        row=command.row,
        activity=command.activity,
        actor=command.actor,
        status=command.original_status,
        substatus=command.original_substatus,
        broke=broke,
        skew=ticket.clock - context.now if context.now < ticket.clock else None,
    )


def _created(
    command: RecordActivity,
    ticket: Ticket,
    context: Context,
    workflow: Workflow,
    target: Status | None,
) -> TicketCreated:
    values = {name: value for name, value in command.fields.items() if value is not None}
    fields = sorted_out(values, context)
    status = target
    if status is None or status.category not in AT_FIRST:
        status = first_status(workflow, command.assignee)
    if command.priority is not None:
        priority = Priority(command.priority, "import")
    else:
        priority = automatic(priorities_in(context), command.impact, command.urgency, None)
    return TicketCreated(
        data_subject=command.requester or f"ticket/{ticket.id}",
        subject=command.subject or f"{command.source} {command.case}",
        author_kind="import",
        type=command.type or ticket.type,
        requester=command.requester,
        organisation=command.organisation,
        category=command.category,
        product=command.product,
        impact=command.impact,
        urgency=command.urgency,
        priority=priority.name,
        priority_source=priority.source,
        status=status.id,
        status_category=status.category,
        team=command.team,
        assignee=command.assignee,
        fields=fields.plain,
        personal_fields=fields.personal or None,
        workflow=workflow.id,
    )


def _changes(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    events: list[Event] = []
    if command.type not in (None, ticket.type):
        events.append(TypeChanged(old=ticket.type, new=command.type))
    if command.subject not in (None, ticket.subject):
        subject = data_subject(ticket)
        events.append(SubjectChanged(data_subject=subject, old=ticket.subject, new=command.subject))
    for name in _OTHERS:
        old, new = getattr(ticket, name), _value(command, ticket, name)
        if new != old:
            events.append(_CHANGED[name](ticket, new))
    events += _priority_changes(command, ticket, context)
    if command.fields:
        events += changed(command.fields, ticket, context)
    team = _value(command, ticket, "team")
    if team != ticket.team:
        events.append(TeamChanged(old=ticket.team, new=team, method="import"))
    assignee = _value(command, ticket, "assignee")
    if assignee != ticket.assignee:
        events.append(AssigneeChanged(old=ticket.assignee, new=assignee, method="import"))
    return events


def _value(command: RecordActivity, ticket: Ticket, name: str) -> Any:
    """The row's value; the ticket's where the row says nothing about it."""
    if name in command.cleared:
        return None
    value = getattr(command, name)
    return getattr(ticket, name) if value is None else value


def _elsewhere(ticket: Ticket, new: str | None) -> OrganisationChanged:
    # A row says nothing of an organisation's tier and contract.
    return OrganisationChanged(
        old=ticket.organisation, new=new, old_tier=ticket.tier, old_contract=ticket.contract
    )


_CHANGED: dict[str, Callable[[Ticket, str | None], Event]] = {
    "category": lambda ticket, new: CategoryChanged(old=ticket.category, new=new),
    "product": lambda ticket, new: AttributeChanged(
        attribute="product", old=ticket.product, new=new
    ),
    "requester": lambda ticket, new: RequesterChanged(old=ticket.requester, new=new),
    "organisation": _elsewhere,
}


def _priority_changes(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    impact, urgency = _value(command, ticket, "impact"), _value(command, ticket, "urgency")
    events = rescaled(ticket, impact, urgency)
    if command.priority is not None:
        if command.priority == ticket.priority:
            return events
        return [*events, *prioritised(ticket, Priority(command.priority, "import"))]
    if events:
        contract = ticket.contract
        events += recalculated(ticket, context, impact=impact, urgency=urgency, contract=contract)
    return events


def _said(command: RecordActivity, ticket: Ticket, context: Context) -> list[Event]:
    if command.comment is None:
        return []
    asks = command.comment_by_requester
    author = (ticket.requester or command.actor) if asks else (command.actor or ticket.assignee)
    kind: AuthorKind = "requester" if asks else "agent" if author else "import"
    said: dict[str, Any] = {
        "data_subject": data_subject(ticket),
        "author": author or context.actor.id,
        "author_kind": kind,
        "body": command.comment,
    }
    if command.comment_public:
        return [Replied(**said, direction="inbound" if asks else "outbound")]
    return [Noted(**said, direction="internal")]


def _broken(
    workflow: Workflow, ticket: Ticket, target: Status, context: Context
) -> tuple[str, ...]:
    """The rules of the workflow that the row's move to another status breaks."""
    arrow = arrow_to(workflow, ticket, target)
    if arrow is None:
        return (f"no arrow from {ticket.status} to {target.id}",)
    broken = [
        f"{target.id} requires {name}" for name in missing(required_for(arrow, target), ticket)
    ]
    leaves = ticket.status_category == "solved" and target.category not in ("solved", "closed")
    if leaves and reopens_too_late(workflow, ticket, context.now):
        broken.append("reopened too late")
    return tuple(broken)


DECIDE: Decisions = {RecordActivity: _record}
