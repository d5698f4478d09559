"""The conversation on a ticket: public replies, internal notes, attachments, what is hidden
again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    Invalid,
    Key,
    Line,
    Personal,
    Recorded,
    Refused,
    Text,
    bare,
)
from ticketlog.domain.rights import LEADS, PERSONS, WORKERS
from ticketlog.domain.ticket.assignment import AssigneeChanged, hand_over
from ticketlog.domain.ticket.custom_fields import fields_changed
from ticketlog.domain.ticket.evolution import after
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
from ticketlog.domain.ticket.reopening import opened_by_reply
from ticketlog.domain.ticket.state import (
    AttachmentRef,
    AuthorKind,
    CommentRef,
    Decisions,
    Evolutions,
    FieldValue,
    Pages,
    Ticket,
    paged,
)
from ticketlog.domain.ticket.status_events import TransitionDetails, opened

RedactedKind = Literal["comment", "attachment", "description"]


class CommentEvent(Event):
    """The fields that public replies and internal notes have in common."""

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
    """Its description was told after it was opened, where nothing had been told before."""

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
        """The aspects that it sets beside its text."""
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
        """The aspects that it sets beside its text."""
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


def _reply(command: Reply, ticket: Ticket, context: Context) -> list[Event]:
    if command.message_id and ticket.has_message(command.message_id):
        return []
    if context.actor.kind == "person":
        _check_says_only(command, ticket, context)
    author = author_of(command.author, ticket, context)
    events: list[Event] = [
        _reply_event(command, author, ticket),
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


def _reply_event(command: Reply, author: Author, ticket: Ticket) -> Replied:
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
    """The moves of the status that the reply, seen as said on `ticket`, makes.

    An automated comment neither answers nor reopens.
    """
    if command.status is not None and command.status != ticket.status:
        say = TransitionDetails(resolution_code=command.resolution_code)
        target = status_named(command.status, workflow_for(ticket.type, context))
        if moves := change_status(ticket, target, context, "reply", say):
            return moves
    elif author.asks and not command.automated:
        return opened_by_reply(ticket, context)
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
