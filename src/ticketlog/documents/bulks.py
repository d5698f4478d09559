"""Bulks: what one would do and has done; and the lines that many commands in one request are
answered with."""

from __future__ import annotations

from typing import Any

from ticketlog.documents.base import (
    Anything,
    At,
    Count,
    Cut,
    Digest,
    Document,
    Id,
    Number,
    Text,
    Word,
)
from ticketlog.documents.outcomes import Outcome
from ticketlog.documents.problems import ProblemDetails


class BulkLine(Document):
    """The answer to a line; the last one has the position alone."""

    line: Number | None = None
    """Which line of the request, from 1; blank ones aren't counted."""
    status: Count | None = None
    """As HTTP has it for one command."""
    outcome: Outcome | None = None
    problem: ProblemDetails | None = None
    position: Cut | None = None
    """Everything that was done is at or before it."""


class BulkReason(Document):
    """A reason for which tickets aren't changed."""

    why: Word
    """changed: by somebody since the cut; or the code of a refusal"""
    said: Text | None
    """The refusal, with ID for the ticket."""
    tickets: Count


class BulkStays(Document):
    """An event that the bulk would record and that can't be taken back."""

    event: Word
    why: Text
    tickets: Count


class BulkSample(Document):
    """A ticket that would change."""

    ticket: Id
    events: list[Word]
    """The names of the events that would be recorded."""


class BulkPreview(Document):
    """The outcome that a bulk would have for its tickets, as they were at the cut."""

    changed: Count
    """Tickets that would change."""
    unchanged: Count
    """Tickets that are as it wants them."""
    refused: list[BulkReason]
    """The most frequent reasons first."""
    overtaken: Count
    """Tickets that somebody has changed since the cut: they are skipped, unless told otherwise."""
    irreversible: list[BulkStays]
    samples: list[BulkSample]
    """Twenty of those that would change."""


class SkippedTickets(Document):
    """Tickets that were skipped for one reason."""

    why: Word
    tickets: Count


class BulkRow(Document):
    """A bulk."""

    bulk: Id
    state: Word
    """listing, planned, running, paused, done"""
    by: Id
    planned_at: At
    command: Word
    tickets: Count
    reached: Count
    """Tickets that it has come to."""
    undoes: Id | None
    """The bulk that it takes back."""


class BulkRows(Document):
    """Bulks, the latest first."""

    bulks: list[BulkRow]


class BulkStatus(BulkRow):
    """A bulk, what it would do, and what it has done."""

    cut: Cut
    values: Anything
    """The arguments of the command."""
    conditions: list[Text] | None
    """By which its tickets were chosen; null: they were named."""
    sha256: Digest | None
    """Of the ids of its tickets, a line each."""
    notices: bool
    """Recipients are told of each ticket, instead of all in one digest."""
    even_if_changed: bool
    changed: Count
    unchanged: Count
    skipped: list[SkippedTickets]
    reason: Text | None
    preview: BulkPreview | None = None
    """Before it is run."""
    unknown: list[Id] | None = None
    """Ids that were given and aren't those of tickets, as it was planned."""


class BulkTicket(Document):
    """A ticket of a bulk: a line of its CSV."""

    ticket: Id
    outcome: Word
    """Before the run: would-change, unchanged, refused, changed-since. After it: changed,
    unchanged, skipped; waiting: not yet."""
    why: Word | None
    said: Text | None
    events: Text | None
    """The names of the events, with a space between them."""
    irreversible: Text | None
    """The names of those that can't be taken back."""


def bulk_ticket(ticket: str, outcome: str, **more: Any) -> BulkTicket:
    blank = dict.fromkeys(("why", "said", "events", "irreversible"))
    return BulkTicket.filled({**blank, "ticket": ticket, "outcome": outcome, **more})
