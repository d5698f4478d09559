"""What is decided about what is said: replies, notes, attachments, redactions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ticketlog.domain.base import Context, Event, Forbidden, Invalid, Refused
from ticketlog.domain.ticket.assignment import AssigneeChanged, hand_over
from ticketlog.domain.ticket.conversation import (
    Attach,
    AttachmentAdded,
    Note,
    Noted,
    Redact,
    Redacted,
    RedactedKind,
    Replied,
    Reply,
)
from ticketlog.domain.ticket.evolution import after
from ticketlog.domain.ticket.fields import fields_changed
from ticketlog.domain.ticket.lifecycle import change_status
from ticketlog.domain.ticket.lookups import (
    Author,
    author_of,
    data_subject,
    require_known,
    settings_of,
    status_named,
    workflow_for,
)
from ticketlog.domain.ticket.mentions import called
from ticketlog.domain.ticket.state import AttachmentRef, CommentRef, Decisions, Ticket
from ticketlog.domain.ticket.workflow import TransitionDetails, awakened, opened


def _reply(command: Reply, ticket: Ticket, context: Context) -> list[Event]:
    if command.message_id and ticket.has_message(command.message_id):
        return []
    if context.actor.kind == "person":
        _check_says_only(command, ticket, context)
    author = author_of(command.author, ticket, context)
    events: list[Event] = [
        _replied(command, author, ticket),
        *fields_changed(command.fields, ticket, context),
        *hand_over(ticket, context, team=command.team, assignee=command.assignee, method="reply"),
    ]
    return [*events, *_moves(command, author, events, after(ticket, events, context), context)]


def _check_says_only(command: Reply, ticket: Ticket, context: Context) -> None:
    changes = (command.status, command.team, command.assignee, command.resolution_code)
    if command.fields or any(change is not None for change in changes):
        raise Forbidden(
            f"{context.actor.id} is a person and may only say something on ticket {ticket.id}; "
            "status, team, assignee and fields are the agents'",
            ticket=ticket.id,
        )


def _replied(command: Reply, author: Author, ticket: Ticket) -> Replied:
    return Replied(
        data_subject=author.id if author.asks else data_subject(ticket),
        author=author.id,
        author_kind=author.kind,
        body=command.body,
        direction="inbound" if author.asks else "outbound",
        automated=command.automated,
        message_id=command.message_id,
        in_reply_to=command.in_reply_to,
        macro=command.macro,
        template=command.template,
        article=command.article,
    )


def _moves(
    command: Reply, author: Author, events: list[Event], ticket: Ticket, context: Context
) -> list[Event]:
    """What the reply, seen as said on `ticket`, does to the status.

    An automated comment neither answers nor reopens.
    """
    if command.status is not None and command.status != ticket.status:
        say = TransitionDetails(resolution_code=command.resolution_code)
        target = status_named(command.status, workflow_for(ticket.type, context))
        if moves := change_status(ticket, target, context, "reply", say):
            return moves
    elif author.asks and not command.automated:
        return awakened(ticket, context)
    if author.kind == "agent" and not command.automated:
        return opened(ticket, context, "reply")
    if any(isinstance(event, AssigneeChanged) and event.new for event in events):
        return opened(ticket, context, "assignment")
    return []


def _note(command: Note, ticket: Ticket, context: Context) -> list[Event]:
    settings = settings_of(context)
    for agent in command.mentions:
        require_known("agent", agent, settings.agents)
    mentions = (*command.mentions, *called(command.body, settings).agents)
    author = author_of(None, ticket, context)
    events: list[Event] = [
        Noted(
            data_subject=data_subject(ticket),
            author=author.id,
            author_kind=author.kind,
            body=command.body,
            direction="internal",
            automated=command.automated,
            macro=command.macro,
            template=command.template,
            article=command.article,
            mentions=tuple(dict.fromkeys(mentions)),
        )
    ]
    if command.status is None or command.status == ticket.status:
        return events
    if ticket.spam:
        raise Refused(f"ticket {ticket.id} is marked as spam; restore it first", ticket=ticket.id)
    target = status_named(command.status, workflow_for(ticket.type, context))
    say = TransitionDetails(resolution_code=command.resolution_code)
    then = after(ticket, events, context)
    return [*events, *change_status(then, target, context, "command", say)]


def _attach(command: Attach, ticket: Ticket, context: Context) -> list[Event]:
    if command.comment is not None:
        _require_comment(command.comment, ticket)
    same = (command.sha256, command.comment, False)
    if any((ref.sha256, ref.comment, ref.redacted) == same for ref in ticket.attachments):
        return []
    author = author_of(None, ticket, context)
    return [
        AttachmentAdded(
            data_subject=author.id if author.asks else data_subject(ticket),
            name=command.name,
            media_type=command.media_type,
            size=command.size,
            sha256=command.sha256,
            comment=command.comment,
        )
    ]


def _require_comment(id: str, ticket: Ticket) -> None:
    if ticket.description and ticket.description.id == id:
        return
    if all(ref.id != id for ref in ticket.comments):
        raise Invalid(f"ticket {ticket.id} has no comment {id}; its history shows the ids", name=id)


def _redact(command: Redact, ticket: Ticket, context: Context) -> list[Event]:
    target, reason = command.target, command.reason
    for kind, refs in _redactable(ticket):
        for ref in refs:
            if ref.id == target:
                return [] if ref.redacted else [Redacted(target=target, kind=kind, reason=reason)]
    raise Invalid(
        f"ticket {ticket.id} has no comment or attachment {target}; its history shows the ids",
        name=target,
    )


def _redactable(
    ticket: Ticket,
) -> Iterator[tuple[RedactedKind, Iterable[CommentRef | AttachmentRef]]]:
    yield "description", [ticket.description] if ticket.description else []
    yield "comment", ticket.comments
    yield "attachment", ticket.attachments


DECIDE: Decisions = {
    Reply: _reply,
    Note: _note,
    Attach: _attach,
    Redact: _redact,
}
