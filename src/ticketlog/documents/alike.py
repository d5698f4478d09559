"""Tickets that are alike."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from ticketlog.documents.base import At, Count, Document, Id, Percent, Text, Word

AskedBy: TypeAlias = Literal["requester", "organisation", "desk"]
ASKED_BY: tuple[AskedBy, ...] = get_args(AskedBy)
"""Whose tickets come first."""


class AlikeTicket(Document):
    """A ticket that a new one may repeat."""

    ticket: Id
    similarity_percent: Percent
    asked_by: Word
    """Who asked for it: requester, the same person; organisation, somebody else in their
    organisation; desk, anybody else."""
    subject: Text | None
    status: Word
    status_category: Word
    requester: Id | None
    organisation: Id | None
    team: Id | None
    created_at: At
    ended_at: At | None
    """When it was solved or closed; null: it is open."""


class AlikeTickets(Document):
    """Tickets that a new one may repeat, the likeliest first."""

    tickets: list[AlikeTicket]


class Surge(Document):
    """Tickets that are alike and came at once."""

    ticket: Id
    """The first of them."""
    subject: Text | None
    since: At
    """When that one was created."""
    count: Count
    """How many there are."""
    words: Text
    """Words that most of them hold, the rarest first."""
    tickets: list[Id]
    """All of them, the oldest first."""


class Surges(Document):
    """Groups of tickets each of which may have one cause, the largest first."""

    surges: list[Surge]
