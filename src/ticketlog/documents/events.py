"""Events with what stands around them, in histories and in the log."""

from __future__ import annotations

from collections.abc import Sequence

from ticketlog.documents.base import (
    Anything,
    At,
    Document,
    Id,
    Number,
    Offset,
    Text,
    Word,
)
from ticketlog.domain.base import Recorded


class Who(Document):
    """The actor; parts that are missing are unknown or don't apply."""

    id: Id
    kind: Word
    role: Word | None = None
    on_behalf_of: Id | None = None
    authenticated: Word | None = None
    """How."""


class Event(Document):
    """An event with its envelope."""

    id: Id
    stream: Id
    version: Number
    type: Word
    data: dict[Word, Anything]
    """As it is recorded: docs/EVENTS.md has the fields of each type."""
    occurred_at: At
    recorded_at: At
    claimed_at: At | None
    """What its sender said, where that can't be true."""
    actor: Who
    channel: Word
    source: Text | None
    reason: Text | None
    cause: Id | None
    correlation: Id | None
    settings: Offset
    """The position of the settings that it was decided under."""
    partition: Number
    offset: Offset

    @classmethod
    def made(cls, recorded: Recorded) -> Event:
        meta = recorded.meta
        return cls.filled(
            id=recorded.id,
            stream=recorded.originator_id,
            version=recorded.originator_version,
            type=recorded.event.NAME,
            data=recorded.event.model_dump(mode="json", exclude_defaults=True),
            occurred_at=meta.occurred_at,
            recorded_at=meta.recorded_at,
            claimed_at=meta.claimed_at,
            actor={name: value for name, value in meta.actor._asdict().items() if value},
            channel=meta.channel,
            source=meta.source,
            reason=meta.reason,
            cause=meta.cause,
            correlation=meta.correlation,
            settings=meta.settings,
            partition=meta.partition,
            offset=meta.offset,
        )


class History(Document):
    """The events of a ticket, a person, an organisation or an agent, in order."""

    stream: Id
    events: list[Event]

    @classmethod
    def made(cls, stream: str, events: Sequence[Recorded]) -> History:
        return cls(stream=stream, events=[Event.made(each) for each in events])
