"""Changes since a place in the log: of tickets, persons, organisations; ratings; tags in use."""

from __future__ import annotations

from ticketlog.documents.base import At, Count, Cut, Document, Id, Number, Position, Text, Word


class ChangedStream(Document):
    """A ticket, person or organisation, and its last change."""

    id: Id
    created_at: At
    """When it began, in business time."""
    changed_at: At
    """When its last change was recorded."""
    position: Position
    """Of the record of its last change."""
    withdrawn: bool
    """It was taken back with its import: nothing but this is told of it."""


class ChangedStreams(Document):
    """Tickets, persons or organisations in the order of their last changes, each once."""

    changes: list[ChangedStream]
    cut: Cut
    """Behind the last of these: what `after` takes for the next ones, now or any time later."""
    more: bool
    """More have changed already."""


class LastChanges(Document):
    """Tickets, persons or organisations in the order of the instants of their last changes."""

    changes: list[ChangedStream]


class StreamId(Document):
    """The id of a ticket, person or organisation."""

    id: Id | None
    """null: none has that number"""


class TicketRating(Document):
    """A requester's answer to how satisfied they are."""

    ticket: Id
    version: Number
    """The ticket's, of the answer."""
    at: At
    score: Number
    """From 1 to 5."""


class TicketRatings(Document):
    """Answers to how satisfied requesters are, in their order."""

    ratings: list[TicketRating]
    next: Text | None
    """What `after` takes for the page behind; null at the end."""


class TagCount(Document):
    """A tag and how many tickets have it."""

    tag: Word
    tickets: Count


class TagCounts(Document):
    """Tags with the number of tickets that have them, in alphabetical order."""

    tags: list[TagCount]
    next: Text | None
    """What `after` takes for the page behind; null at the end."""
