"""What is said on a ticket: public replies, internal notes, attachments, what is hidden again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Event,
    Key,
    Line,
    Personal,
    Recorded,
    Text,
    bare,
)
from ticketlog.domain.rights import LEADS, PERSONS, WORKERS
from ticketlog.domain.ticket.state import (
    AttachmentRef,
    AuthorKind,
    CommentRef,
    Evolutions,
    FieldValue,
    Pages,
    Ticket,
    paged,
)

RedactedKind = Literal["comment", "attachment", "description"]


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


class Described(Event):
    """What it is about was told after it was opened, where nothing had been told before."""

    NAME: ClassVar[str] = "ticket.described.v1"
    ASPECT: ClassVar[str] = "conversation"
    data_subject: Key
    description: Annotated[Text, Personal()]
    description_public: bool = False
    author: Key
    author_kind: AuthorKind


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
    kind: RedactedKind
    reason: Line


class Reply(Command):
    """Says something publicly; may set status, assignee and fields in the same commit."""

    NAME: ClassVar[str] = "ticket.reply"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=PERSONS | WORKERS,
        help="Say something publicly; may set status, team, assignee and fields with it.",
        more="On a closed ticket it opens a follow-up ticket instead. A BODY of - reads standard "
        "input.",
        examples=(
            'ticketlog ticket reply 4F7K2M9QABCD "Please try again now" --status pending',
            "ticketlog ticket reply 4F7K2M9QABCD - < answer.txt",
        ),
        positional=("body",),
    )
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
    fields: Annotated[Mapping[Key, FieldValue], Field(max_length=500)] = Field(default_factory=dict)
    resolution_code: Key | None = None

    def touched(self) -> frozenset[str]:
        """What it sets beside its text."""
        return frozenset(name for name in _SET_BY_REPLIES if getattr(self, name))


_SET_BY_REPLIES = ("status", "team", "assignee", "fields")


class Note(Command):
    """Says something to agents alone. Beside `mentions` it calls whom its text names: `@agent`, or
    `@team` for everybody in it."""

    NAME: ClassVar[str] = "ticket.note"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        also_on=("spam",),
        help="Write an internal note, seen by agents only.",
        more="@agent in its text calls that agent, @team everybody in a team: they find it in "
        "their inbox. Names that nobody has are told.",
        examples=(
            'ticketlog ticket note 4F7K2M9QABCD "@bob: same router as last week?"',
            'ticketlog ticket note 4F7K2M9QABCD "Same router as last week" --mentions bob',
        ),
        positional=("body",),
    )
    body: Text
    mentions: Annotated[tuple[Key, ...], Field(max_length=100)] = ()
    automated: bool = False
    macro: Key | None = None
    template: Key | None = None
    article: Key | None = None
    status: Key | None = None
    resolution_code: Key | None = None

    def touched(self) -> frozenset[str]:
        """What it sets beside its text."""
        return frozenset({"status"} if self.status else ())


class Attach(Command):
    NAME: ClassVar[str] = "ticket.attach"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=PERSONS | WORKERS)
    name: Line
    media_type: Line
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    comment: Key | None = None


class Redact(Command):
    NAME: ClassVar[str] = "ticket.redact"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS | {"agent"},
        also_on=("closed", "spam", "withdrawn"),
        help="Hide a comment, an attachment or the description from every reader.",
        examples=(
            (
                "ticketlog ticket redact 4F7K2M9QABCD 019a0000-0000-7000-8000-000000000000.0 "
                '--reason "Holds a password"'
            ),
        ),
        positional=("target",),
    )
    target: Key
    reason: Line


def _replied(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    _, _, event, meta, _ = recorded
    assert isinstance(event, CommentEvent)
    kind = event.author_kind
    changes: dict[str, Any] = {"comment_pages": _with_comment(ticket, recorded, public=True)}
    if event.automated:
        return changes
    changes["quiet_since"] = meta.occurred_at
    changes["reminders"] = 0
    if kind == "agent":
        changes["agent_replies"] = ticket.agent_replies + 1
        changes["waiting_since"] = None
        if ticket.first_reply_at is None:
            changes["first_reply_at"] = meta.occurred_at
    elif kind == "requester" or kind == "end-user":
        changes["requester_replies"] = ticket.requester_replies + 1
        changes["asked_at"] = meta.occurred_at
        if ticket.waiting_since is None:
            changes["waiting_since"] = meta.occurred_at
    return changes


def _noted(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {"comment_pages": _with_comment(ticket, recorded, public=False)}


def _with_comment(ticket: Ticket, recorded: Recorded, *, public: bool) -> Pages[CommentRef]:
    _, version, event, meta, index = recorded
    assert isinstance(event, CommentEvent)
    id = f"{meta.commit}.{index}"
    author, kind = event.author, event.author_kind
    values = (id, author, kind, public, event.message_id, False, event.automated, version)
    return paged(ticket.comment_pages, bare(CommentRef, values))


def _described(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Described)
    said = CommentRef(recorded.id, event.author, event.author_kind, event.description_public)
    return {"description": said}


def _attachment_added(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, AttachmentAdded)
    ref = AttachmentRef(recorded.id, event.sha256, event.comment)
    return {"attachments": (*ticket.attachments, ref)}


def _redacted(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Redacted)
    if event.kind == "description":
        return {"description": ticket.description and ticket.description._replace(redacted=True)}
    if event.kind == "attachment":
        return {"attachments": _hidden(ticket.attachments, event.target)}
    return {"comment_pages": tuple(_hidden(page, event.target) for page in ticket.comment_pages)}


R = TypeVar("R", CommentRef, AttachmentRef)


def _hidden(refs: tuple[R, ...], target: str) -> tuple[R, ...]:
    return tuple(ref._replace(redacted=True) if ref.id == target else ref for ref in refs)


EVOLVE: Evolutions = {
    Replied: _replied,
    Noted: _noted,
    Described: _described,
    AttachmentAdded: _attachment_added,
    Redacted: _redacted,
}
