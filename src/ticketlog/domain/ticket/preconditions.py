"""Preconditions of every command, before its own rules: existence, stale screens, spam, closed.

Each command says in its `SPEC` (`also_on`) whether closed tickets or spam take it;
docs/LIFECYCLE.md has the table.
"""

from __future__ import annotations

from ticketlog.domain.base import Closed, Command, Context, NotFound, Refused, Stale
from ticketlog.domain.ticket.automation import Settle
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import (
    Cancel,
    Close,
    SetStatus,
)
from ticketlog.domain.ticket.sla_events import ReapplySla, RecordDue
from ticketlog.domain.ticket.state import CommentRef, Ticket
from ticketlog.domain.ticket.withdrawal import Withdraw, refusal


def admit(command: Command, ticket: Ticket, context: Context) -> bool:
    """Whether the command's own rules come next; False: it is a repetition and changes nothing.

    Raises NotFound, Stale, Refused (spam), Closed.
    """
    if ticket.withdrawn:
        return _admit_withdrawn(command, ticket)
    if isinstance(command, CreateTicket | RecordActivity):
        return True
    if not ticket.exists:
        raise NotFound(
            f"ticket {ticket.id} doesn't exist; check the id, or create a ticket", ticket=ticket.id
        )
    _check_seen(command, ticket, context)
    if ticket.spam and "spam" not in command.SPEC.also_on:
        raise Refused(f"ticket {ticket.id} is marked as spam; restore it first", ticket=ticket.id)
    if ticket.status_category != "closed" or "closed" in command.SPEC.also_on:
        return True
    if _repeats(command, ticket):
        return False
    raise Closed(
        f"ticket {ticket.id} is closed and takes no {command.NAME.removeprefix('ticket.')} "
        "any more; a follow-up ticket takes it",
        ticket=ticket.id,
    )


def _admit_withdrawn(command: Command, ticket: Ticket) -> bool:
    """Whether a ticket that was withdrawn takes the command; timers that are late change
    nothing."""
    if "withdrawn" in command.SPEC.also_on:
        return True
    if isinstance(command, Withdraw | Settle | RecordDue | ReapplySla):
        return False
    raise refusal(ticket)


def _check_seen(command: Command, ticket: Ticket, context: Context) -> None:
    """Raises Stale where something that the sender should know has come after the version that they
    saw: public comments of other authors, for a reply or a change of the status, and changes of
    what the command touches."""
    if context.seen is None or context.anyway:
        return
    seen, aspects = context.seen, command.touched()
    late = sorted(aspect for aspect in aspects if ticket.changed.get(aspect, -1) > seen)
    said: list[CommentRef] = []
    if isinstance(command, Reply) or "status" in aspects:
        own = _senders(command, context)
        said = [ref for ref in ticket.said_since(seen) if ref.author not in own]
    if not (late or said):
        return
    what = ", ".join([*late, *(["what was said"] if said else [])])
    raise Stale(
        f"{what} of ticket {ticket.id} changed after version {seen} that you saw "
        f"(it is at {ticket.version}); look at it again, then repeat the command",
        ticket=ticket.id,
        aspects=tuple(late),
        comments=tuple(ref.id for ref in said),
        version=ticket.version,
    )


def _senders(command: Command, context: Context) -> set[str | None]:
    """The ids under which the sender's own words stand."""
    author = command.author if isinstance(command, Reply) else None
    return {context.actor.id, context.actor.on_behalf_of, author}


def _repeats(command: Command, ticket: Ticket) -> bool:
    """Whether a closed ticket is already as the command wants it."""
    match command:
        case Close():
            return True
        case Cancel():
            return ticket.cancelled
        case SetStatus(status=status):
            return status == ticket.status
        case Reply(message_id=str(id)):
            return ticket.has_message(id)
        case _:
            return False
