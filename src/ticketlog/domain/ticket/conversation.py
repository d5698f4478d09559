"""What is said on a ticket: public replies, internal notes, attachments, what is hidden again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import Command, Event, Key, Line, Personal, Recorded, Text
from ticketlog.domain.ticket.creation import FieldValue
from ticketlog.domain.ticket.state import AttachmentRef, AuthorKind, CommentRef, Ticket

COMMENTS = frozenset({"conversation"})


class CommentEvent(Event):
    """What public replies and internal notes have in common."""

    ASPECT: ClassVar[str] = "conversation"

    data_subject: Key
    author: Key
    author_kind: AuthorKind
    body: Annotated[Text, Personal()]
    direction: Literal["inbound", "outbound", "internal"]
    automated: bool = False
    message_id: Annotated[Line | None, Personal()] = None
    in_reply_to: Annotated[Line | None, Personal()] = None
    macro: Key | None = None
    template: Key | None = None
    article: Key | None = None
    """The version of the macro, template or article that was used: 'vpn-reset@3'."""


class Replied(CommentEvent):
    """A public comment, by the requester, another end user, or an agent."""

    NAME: ClassVar[str] = "ticket.replied.v1"


class Noted(CommentEvent):
    """An internal note; `mentions` are the agents it calls."""

    NAME: ClassVar[str] = "ticket.noted.v1"
    mentions: tuple[Key, ...] = ()


class AttachmentAdded(Event):
    """A file was attached; its bytes lie in the desk's folder under their SHA-256."""

    NAME: ClassVar[str] = "ticket.attachment-added.v1"
    ASPECT: ClassVar[str] = "conversation"
    data_subject: Key
    name: Annotated[Line, Personal()]
    media_type: Line
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    comment: Key | None = None
    """The id of the comment that it came with."""


class Redacted(Event):
    """A comment or attachment is hidden from every reader; that it was hidden stays."""

    NAME: ClassVar[str] = "ticket.redacted.v1"
    ASPECT: ClassVar[str] = "conversation"
    target: Key
    """The event id of the comment or attachment."""
    kind: Literal["comment", "attachment", "description"]
    reason: Line


class Reply(Command):
    """Says something publicly; may set status, assignee and fields in the same commit."""

    NAME: ClassVar[str] = "ticket.reply"
    body: Text
    author: Key | None = None
    """A person the comment is by, where the actor sends it for them; default: the actor."""
    automated: bool = False
    message_id: Line | None = None
    in_reply_to: Line | None = None
    macro: Key | None = None
    template: Key | None = None
    article: Key | None = None
    status: Key | None = None
    team: Key | None = None
    assignee: Key | None = None
    fields: Mapping[Key, FieldValue] = Field(default_factory=dict)
    resolution_code: Key | None = None


class Note(Command):
    NAME: ClassVar[str] = "ticket.note"
    body: Text
    mentions: tuple[Key, ...] = ()
    automated: bool = False
    macro: Key | None = None
    template: Key | None = None
    article: Key | None = None


class Attach(Command):
    NAME: ClassVar[str] = "ticket.attach"
    name: Line
    media_type: Line
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    comment: Key | None = None


class Redact(Command):
    NAME: ClassVar[str] = "ticket.redact"
    target: Key
    reason: Line


def _and(values: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    # Twice as fast as unpacking, and a long conversation is made of it.
    return values + (value,)  # noqa: RUF005


def _replied(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, CommentEvent)
    at = recorded.meta.occurred_at
    ref = CommentRef(recorded.id, event.author, event.author_kind, True)
    changes: dict[str, Any] = {"comments": _and(ticket.comments, ref)}
    if event.message_id:
        changes["message_ids"] = _and(ticket.message_ids, event.message_id)
    if event.automated:
        return changes
    if event.author_kind == "agent":
        changes["agent_replies"] = ticket.agent_replies + 1
        changes["waiting_since"] = None
        if ticket.first_reply_at is None:
            changes["first_reply_at"] = at
    elif event.author_kind in ("requester", "end-user"):
        changes["requester_replies"] = ticket.requester_replies + 1
        if ticket.waiting_since is None:
            changes["waiting_since"] = at
    return changes


def _noted(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, CommentEvent)
    ref = CommentRef(recorded.id, event.author, event.author_kind, False)
    return {"comments": _and(ticket.comments, ref)}


def _attachment_added(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, AttachmentAdded)
    return {"attachments": _and(ticket.attachments, AttachmentRef(recorded.id, event.sha256))}


def _redacted(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Redacted)
    if event.kind == "description":
        return {"description": ticket.description and ticket.description._replace(redacted=True)}
    kept = ticket.attachments if event.kind == "attachment" else ticket.comments
    return {
        f"{event.kind}s": tuple(
            ref._replace(redacted=True) if ref.id == event.target else ref for ref in kept
        )
    }


EVOLVE = {
    Replied: _replied,
    Noted: _noted,
    AttachmentAdded: _attachment_added,
    Redacted: _redacted,
}
