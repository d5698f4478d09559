"""Presence on tickets, as other programs read it."""

from __future__ import annotations

from ticketlog.documents.base import At, Document, Id


class PresentAgent(Document):
    """An agent who has a ticket open."""

    agent: Id
    types: bool
    """Whether they write."""
    since: At


class TicketPresence(Document):
    """The agents who have a ticket open now; nobody: the list is empty."""

    ticket: Id
    agents: list[PresentAgent]


class Presence(Document):
    """The tickets that agents have open now, with these agents."""

    tickets: list[TicketPresence]
