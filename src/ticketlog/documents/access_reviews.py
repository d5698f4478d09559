"""Documents of rights: those of one actor, and those of a whole desk."""

from __future__ import annotations

from ticketlog.documents.base import At, Digest, Document, Id, Offset, Text, Word


class RoleGrant(Document):
    """A role of the actor, and whether it has the right."""

    role: Word
    grants: bool
    scope: Word | None
    because: Text


class AccessExplained(Document):
    """Whether an actor has a right, and why or why not."""

    actor: Id
    right: Word
    ticket: Id | None
    may: bool
    why: Text
    sees: Text
    """The tickets that the actor sees by it."""
    roles: list[RoleGrant]


class RoleRights(Document):
    """The rights of a role."""

    role: Word
    like: Word | None
    commands: list[Word]
    queries: list[Word]
    reports: list[Word]
    scope: Word | None
    queues: list[Id]
    organisations: list[Id]
    hides: list[Word]
    writes: list[Word] | None
    """null: every field that its commands write."""


class ActorRights(Document):
    """An agent or a service, with the roles that they act in."""

    actor: Id
    active: bool
    roles: list[Word]
    teams: list[Id]


class RestrictedTeam(Document):
    """A team whose tickets only some see."""

    team: Id
    members: list[Id]
    services: list[Id]
    auditors: list[Id]


class FieldRights(Document):
    """A custom field that isn't for every role."""

    field: Id
    readers: list[Word]
    writers: list[Word]


class AccessReview(Document):
    """The rights of everybody at a moment, as the settings of then say."""

    settings: Offset
    """The position of the settings; 0: there were none."""
    roles: list[RoleRights]
    actors: list[ActorRights]
    restricted: list[RestrictedTeam]
    fields: list[FieldRights]
    sha256: Digest
    """Of the canonical bytes of all the rest: what a reviewer signs."""


class SignedOff(Document):
    """The sign-off of a review."""

    settings: Offset
    sha256: Digest
    by: Id
    at: At
    comment: Text | None
