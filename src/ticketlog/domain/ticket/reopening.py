"""Reopening: a solved ticket opens again on an end user's reply, within the time to reopen it."""

from __future__ import annotations

from ticketlog.domain.base import Closed, Context, Event
from ticketlog.domain.settings.model import Workflow
from ticketlog.domain.ticket.lookups import workflow_for
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import moved

_SECOND = 1_000_000


def opened_by_reply(ticket: Ticket, context: Context) -> list[Event]:
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
