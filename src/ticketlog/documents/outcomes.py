"""What commands did, and why they were refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketlog.documents.base import Document, Id, Number, Offset, Word

if TYPE_CHECKING:
    from ticketlog.execution import Outcome as Done


class EventMade(Document):
    """An event that a command recorded."""

    id: Id
    type: Word
    version: Number


class Outcome(Document):
    """What a command that writes has done."""

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
    def made(cls, done: Done) -> Outcome:
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
