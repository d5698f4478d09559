"""Rows of tickets: lists, exports, queues, inboxes, searches, counts; and agents with their load.

Apart from whole tickets, so that one is shown without them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ticketlog.documents.base import (
    At,
    Count,
    Document,
    Id,
    Number,
    Offset,
    Text,
    Word,
)
from ticketlog.documents.tickets import LinkedBy, LinkedTo, Standing, TicketDetails


class Listed(Document):
    """A ticket in every list of tickets."""

    ticket: Id
    subject: Text | None
    status: Word
    priority: Word | None
    team: Id | None


class QueueRow(Listed, Standing):
    """A ticket in the queue."""

    type: Word | None
    updated_at: At


class TicketRow(QueueRow, TicketDetails):
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
    """The tickets that wait, the most urgent first."""

    tickets: list[QueueRow]
    next: Text | None
    """What `--after` takes for the page behind; null at the end."""


class QueueCount(Document):
    """The number of tickets that wait and have these in common, which were asked for; null: those
    that have none."""

    team: Id | None = None
    assignee: Id | None = None
    status: Word | None = None
    status_category: Word | None = None
    priority: Word | None = None
    tickets: Count


class QueueCounts(Document):
    """The tickets that wait, counted: with `--count-by`."""

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
    """The tickets that wait for an agent, the longest wait first."""

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


class TicketLinks(Document):
    """The links of a ticket, and the links to it."""

    links: list[LinkedTo]
    linked_by: list[LinkedBy]


class IncomingLink(LinkedBy):
    """A link to a ticket."""

    target: Id


class IncomingLinks(Document):
    """Links to some tickets."""

    links: list[IncomingLink]


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
    """The intervals of a ticket, with the values that it was counted by, in order."""

    intervals: list[TicketInterval]


class TicketCount(Document):
    """The number of tickets that have these in common, which were asked for; null: those that have
    none."""

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
