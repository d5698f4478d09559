"""Tickets: one whole, and the rows of lists, exports, queues, inboxes and searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from ticketlog.documents.base import (
    Anything,
    At,
    Bytes,
    Count,
    Digest,
    Document,
    Id,
    Number,
    Offset,
    Text,
    WholeSeconds,
    Word,
)
from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket import conversation as events
from ticketlog.domain.ticket.conversation import AttachmentAdded, CommentEvent
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.state import Ticket as State


class Listed(Document):
    """What every list of tickets says of one."""

    ticket: Id
    subject: Text | None
    status: Word
    priority: Word | None
    team: Id | None


class Standing(Document):
    """How a ticket stands, in lists and alone."""

    status_category: Word
    assignee: Id | None
    requester: Id | None
    organisation: Id | None
    created_at: At
    due_at: At | None
    waiting_since: At | None
    """When the oldest word of an end user came in that no agent has answered publicly."""
    hold_until: At | None


class Described(Document):
    """What a ticket is about and what became of it, in lists and alone."""

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


class QueueRow(Listed, Standing):
    """A ticket in the queue."""

    type: Word | None
    updated_at: At


class TicketRow(QueueRow, Described):
    """A ticket in lists and exports."""

    channel: Word | None
    comments: Count
    original_status: Text | None
    """In the words of the imported file."""
    original_substatus: Text | None
    outcome: Word | None
    """How it last left the backlog: solved, cancelled, spam, duplicate; null: it is in it."""
    ended_at: At | None
    """When it did."""


class Queue(Document):
    """What waits, the most urgent first."""

    tickets: list[QueueRow]
    next: Text | None
    """What `--after` takes for the page behind; null at the end."""


class QueueCount(Document):
    """How many tickets wait that have these in common, which were asked for; null: those that have
    none."""

    team: Id | None = None
    assignee: Id | None = None
    status: Word | None = None
    status_category: Word | None = None
    priority: Word | None = None
    tickets: Count


class QueueCounts(Document):
    """What waits, counted: with `--count-by`."""

    counts: list[QueueCount]


class TicketRows(Document):
    """Tickets, the newest first."""

    tickets: list[TicketRow]
    next: Text | None
    """What `--after` takes for the page behind; null at the end."""


class TicketIds(Document):
    """Tickets by their ids."""

    tickets: list[Id]


class UnassignedRow(Listed):
    """A ticket of a team that no agent has."""

    since: At


class InboxRow(Listed):
    """Why a ticket waits for an agent."""

    why: Word
    since: At
    """Of a held ticket: until when it is held."""
    agent: Id
    version: Number
    """The ticket's, at which it began to wait so, or more was told: what `inbox seen` takes."""


class Snoozed(Document):
    """A ticket that an agent wants to see later."""

    ticket: Id
    until: At


class InboxRows(Document):
    """Why tickets wait for an agent, the longest wait first."""

    waiting: list[InboxRow]


class UnassignedRows(Document):
    """Tickets of teams that no agent has, the longest wait first."""

    tickets: list[UnassignedRow]


class SnoozedTickets(Document):
    """Tickets that an agent wants to see later, the next one first."""

    tickets: list[Snoozed]


class UnseenTickets(Document):
    """Tickets that an agent has something new on."""

    tickets: dict[Id, Number]
    """Ticket -> the version up to which there is."""


class Inbox(Document):
    """What waits for an agent, the longest wait first."""

    agent: Id
    waiting: list[InboxRow]
    unassigned: list[UnassignedRow]
    """Tickets of the agent's teams."""
    snoozed: list[Snoozed]


class FoundText(Document):
    """A text that a search found."""

    ticket: Id
    version: Number
    """Of its event; -1: a subject or a number."""
    kind: Word
    public: bool
    author_kind: Word | None
    at: At
    snippet: Text


class Found(Document):
    """Texts that were found, the best match first."""

    found: list[FoundText]


class LinkTo(Document):
    """A ticket's link to another one."""

    kind: Word
    target: Id


class LinkedBy(Document):
    """Another ticket's link to this one."""

    kind: Word
    ticket: Id


class TicketLinks(Document):
    """What a ticket is linked to, and what is linked to it."""

    links: list[LinkTo]
    linked_by: list[LinkedBy]


class LinkedTicket(TicketRow, TicketLinks):
    """A ticket as lists have it, with its links."""


class TicketInterval(Document):
    """A time in which nothing changed of what a ticket is counted by."""

    ticket: Id
    version: Number
    """The ticket's, with which it began."""
    from_at: At
    partition: Number
    from_offset: Offset
    to_at: At | None
    """null: it goes on"""
    to_offset: Offset | None
    status: Word
    status_category: Word
    team: Id | None
    assignee: Id | None
    priority: Word | None
    category: Id | None
    spam: bool


class TicketIntervals(Document):
    """What a ticket was counted by, in order."""

    intervals: list[TicketInterval]


class TicketCount(Document):
    """How many tickets have these in common, which were asked for; null: those that have none."""

    status: Word | None = None
    status_category: Word | None = None
    team: Id | None = None
    assignee: Id | None = None
    priority: Word | None = None
    category: Id | None = None
    spam: bool | None = None
    tickets: Count


class TicketCounts(Document):
    """Tickets, counted."""

    counts: list[TicketCount]


class CorrectedSince(Document):
    """Whether something of before was corrected."""

    corrected: bool


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


class Ticket(Standing, Described):
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
    links: list[LinkTo]
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


class AgentRow(Document):
    """An agent and how many tickets they have, by category of status."""

    agent: Id
    availability: Word
    since: At | None
    new: Count
    open: Count
    pending: Count
    on_hold: Annotated[Count, Field(alias="on-hold")]
    active: Count
    """Their sum."""


class Agents(Document):
    """Agents and their load."""

    agents: list[AgentRow]
