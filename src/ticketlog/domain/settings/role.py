"""A role of a desk's settings: the rights that an actor has in it, and over which tickets."""

from __future__ import annotations

from typing import Literal

from ticketlog.domain.base import Key, Line, Value

TicketScope = Literal["own", "organisation", "team", "queue", "all"]
"""own: the requester, in copy, or the assignee; organisation: besides, those of one's own
organisations; team: besides, those in one's own teams; queue: those in the teams that the role
names; all: every ticket, but those in restricted teams of others."""
FieldClass = Literal["public", "internal", "personal", "audit"]
"""Who a field is for. public: whoever sees the ticket; internal: who works on it; personal: data of
a person; audit: how something came to be recorded."""


class Role(Value):
    """The rights of a role. What a built-in role doesn't name it has as ever; what a role of the
    desk's own doesn't name it has as the role that it is `like`, or not at all."""

    id: Key
    title: Line | None = None
    like: Key | None = None
    """The role whose rights it has where it names none of its own."""
    commands: tuple[Key, ...] | None = None
    """The commands and acts that it may send: names, 'ticket.*' or '*'."""
    queries: tuple[Key, ...] | None = None
    """The questions that it may ask: names, beginnings with '*', or '*'."""
    reports: tuple[Key, ...] | None = None
    scope: TicketScope | None = None
    queues: tuple[Key, ...] = ()
    """The teams whose tickets the scope 'queue' holds."""
    organisations: tuple[Key, ...] = ()
    """Of persons: the organisations whose members see each other's tickets."""
    hides: tuple[Key, ...] = ()
    """Classes of fields, or single fields, that it doesn't read."""
    writes: tuple[Key, ...] | None = None
    """The fields of tickets that it may write; None: all that its commands write."""
