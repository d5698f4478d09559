"""The outcomes of commands, and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import ConfigDict

from ticketlog.documents.base import Count, Document, Id, Number, Offset, Text, Word
from ticketlog.domain import base
from ticketlog.domain.base import Recorded


class CommandOutcome(Protocol):
    """The part of `Desk.execute`'s result that the document has."""

    @property
    def stream(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def repeated(self) -> bool: ...
    @property
    def follow_up_of(self) -> str | None: ...
    @property
    def unknown(self) -> Sequence[str]: ...
    @property
    def partition(self) -> int | None: ...
    @property
    def offset(self) -> int | None: ...
    @property
    def events(self) -> Sequence[Recorded]: ...


class EventMade(Document):
    """An event that a command recorded."""

    id: Id
    type: Word
    version: Number


class Outcome(Document):
    """The outcome of a command that writes."""

    stream: Id
    """What it was done to; the new one where it creates."""
    version: Number
    """Of the stream, after it: what a later `--seen` may say."""
    repeated: bool
    """The id was known, and this is its first answer."""
    follow_up_of: Id | None
    """The closed ticket that it was sent to, if it opened a follow-up."""
    unknown: list[Id]
    """Names that a note calls, and nobody has."""
    partition: Number | None
    offset: Offset | None
    """Of its commit; null where there was nothing to do."""
    events: list[EventMade]

    @classmethod
    def made(cls, done: CommandOutcome) -> Outcome:
        """Of what `Desk.execute` answers."""
        return cls.filled(
            stream=done.stream,
            version=done.version,
            repeated=done.repeated,
            follow_up_of=done.follow_up_of,
            unknown=list(done.unknown),
            partition=done.partition,
            offset=done.offset,
            events=[
                {"id": each.id, "type": each.event.NAME, "version": each.originator_version}
                for each in done.events
            ],
        )


class Done(Document):
    """The outcomes of commands on several tickets."""

    done: list[Outcome]
    refused: dict[Id, Text]
    """Ticket -> why."""


class Reapplied(Document):
    """The changes by SLA policies that were applied anew."""

    tickets: Count
    """How many were asked about."""
    changed: list[Id]


class Rerouted(Document):
    """The changes of a ticket by routing rules."""

    ticket: Id
    rules: list[Id]
    team: Id | None
    assignee: Id | None
    priority: Word | None
    category: Id | None
    product: Id | None
    add_tags: list[Word]
    remove_tags: list[Word]
    refused: Text | None
    """Why it stays as it is."""


class Rerouting(Document):
    """Tickets that rules want elsewhere."""

    asked: Count
    """Active tickets that the conditions match."""
    tickets: list[Rerouted]
    done: Count
    """How many were changed; 0 with `--check`."""


class Refused(Document):
    """Why a command did nothing. Further fields are what the message names: a ticket, a version."""

    model_config = ConfigDict(extra="allow")

    code: Word
    message: Text


class Refusal(Document):
    """The refusal by a rule, which is printed in the place of a document (exit code 1)."""

    error: Refused

    @classmethod
    def made(cls, refusal: base.Refused) -> Refusal:
        known = {"code": refusal.code, "message": str(refusal)}
        return cls.filled(error={**refusal.facts, **known})
