"""The events of a commit as its readers see them: each at its version, with the envelope."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from ticketlog.domain.base import Context, Event, Meta, Recorded, bare


def recorded_events(
    stream: str,
    first_version: int,
    events: Iterable[Event],
    meta: Meta,
    indexes: Iterable[int] | None = None,
) -> list[Recorded]:
    """The events of one commit. `first_version`: that of the first of them in the stream.
    `indexes`: their places in the commit, where they aren't all of it."""
    return [
        bare(Recorded, (stream, version, event, meta, index))
        for version, event, index in zip(
            count(first_version), events, count() if indexes is None else indexes, strict=False
        )
    ]


def decided_meta(context: Context, partition: int = 0, offset: int = 0) -> Meta:
    """The envelope of a decision that isn't recorded: received when it happens."""
    now, position = context.now, context.settings.position
    values = (context.command_id, now, now, context.actor, context.channel)
    return bare(Meta, (*values, None, None, None, None, position, partition, offset, None))


def decided_events(context: Context, first_version: int, events: Iterable[Event]) -> list[Recorded]:
    """The events of a decision as they will be recorded, for the rest of the decision to see."""
    return recorded_events(context.stream, first_version, events, decided_meta(context))
