"""A ticket as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ticketlog.documents.base import (
    Anything,
    At,
    Bytes,
    Count,
    Digest,
    Document,
    Id,
    Number,
    Text,
    WholeSeconds,
    Word,
)
from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket import conversation as events
from ticketlog.domain.ticket.conversation import AttachmentAdded, CommentEvent
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.state import Ticket as State


class Standing(Document):
    """The standing of a ticket, in lists and alone."""

    status_category: Word
    assignee: Id | None
    requester: Id | None
    organisation: Id | None
    created_at: At
    due_at: At | None
    waiting_since: At | None
    """When the oldest word of an end user came in that no agent has answered publicly."""
    hold_until: At | None


class TicketDetails(Document):
    """The description of a ticket and its outcome, in lists and alone."""

    tier: Word | None
    product: Id | None
    category: Id | None
    language: Word | None
    resolution_code: Id | None
    solved_at: At | None
    closed_at: At | None
    first_reply_at: At | None
    reopens: Count
    touches: Count
    """Commits by agents."""
    rating: Number | None
    """From 1 to 5."""
    spam: bool
    cancelled: bool
    tags: list[Word]
    external: list[Text]
    """Numbers that it has elsewhere."""
    version: Number
    """Of its stream."""


class LinkedTo(Document):
    """A ticket's link to another one."""

    kind: Word
    target: Id


class LinkedBy(Document):
    """Another ticket's link to this one."""

    kind: Word
    ticket: Id


class Comment(Document):
    """A comment."""

    id: Id
    at: At
    author: Id
    author_kind: Word
    public: bool
    """The requester sees it."""
    automated: bool
    body: Text | None

    @classmethod
    def made(cls, recorded: Recorded, event: CommentEvent) -> Comment:
        return cls.filled(
            id=recorded.id,
            at=recorded.meta.occurred_at,
            author=event.author,
            author_kind=event.author_kind,
            public=event.direction != "internal",
            automated=event.automated,
            body=event.body,
        )


class Attachment(Document):
    """An attachment."""

    id: Id
    name: Text | None
    media_type: Word
    size: Bytes
    sha256: Digest | None

    @classmethod
    def made(cls, recorded: Recorded, event: AttachmentAdded) -> Attachment:
        said = event.model_dump(include={"name", "media_type", "size", "sha256"})
        return cls.filled(said, id=recorded.id)


class Ticket(Standing, TicketDetails):
    """A ticket as it is, or was."""

    id: Id
    subject: Text
    status: Word
    priority: Word
    priority_source: Word
    type: Word
    team: Id | None
    contract: Id | None
    asset: Id | None
    site: Id | None
    impact: Word | None
    urgency: Word | None
    fields: dict[Id, Anything]
    """The desk's own."""
    channel: Word
    created_by: Id
    hold_reason: Text | None
    verified_by: Id | None
    solves: Count
    withdrawn: bool
    """With the import that it came from."""
    seconds_spent: WholeSeconds
    """Work that agents recorded."""
    tier_level: Number
    followers: list[Id]
    ccs: list[Id]
    legal_holds: list[Id]
    clock: At
    """The latest instant at which something happened to it."""
    links: list[LinkedTo]
    working: dict[Id, At]
    """Agents who work on it now, and since when."""
    description: Text | None
    comments: list[Comment]
    """The oldest first."""
    attachments: list[Attachment]
    linked_by: list[LinkedBy] | None
    """null: the views can't be read."""

    @classmethod
    def made(
        cls,
        ticket: State,
        history: Sequence[Recorded],
        linked_by: Sequence[Mapping[str, str]] | None,
    ) -> Ticket:
        """Of a ticket's state and its events."""
        values: dict[str, Any] = {
            name: getattr(ticket, name) for name in cls.model_fields if name not in _OF_EVENTS
        }
        values |= {name: values[name] or None for name in TIMES}
        values["links"] = [{"kind": link.kind, "target": link.target} for link in ticket.links]
        values["working"] = dict(ticket.working)
        values["description"] = next(
            (
                text
                for e in history
                if isinstance(e.event, TicketCreated | events.Described)
                and (text := e.event.description)
            ),
            None,
        )
        return cls.filled(
            values,
            comments=[
                Comment.made(e, e.event) for e in history if isinstance(e.event, CommentEvent)
            ],
            attachments=[
                Attachment.made(e, e.event) for e in history if isinstance(e.event, AttachmentAdded)
            ],
            linked_by=linked_by,
        )


TIMES = (
    *("created_at", "due_at", "hold_until", "waiting_since", "first_reply_at", "solved_at"),
    *("closed_at", "clock"),
)
"""The instants of a ticket; its state has 0 for one that never came."""
_OF_EVENTS = frozenset({"description", "comments", "attachments", "linked_by"})
"""Fields that a ticket's state doesn't hold."""
