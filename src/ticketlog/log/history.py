"""Histories: a log as typed events, of one stream or of all in order.

Redacted texts are never returned, to no reader and for no moment; that they were redacted is.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import (
    AttachmentAdded,
    CommentEvent,
    Described,
    Redacted,
)
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.errors import Unreachable, Usage
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Verdict
from ticketlog.log.port import Log, Record

HIDDEN = "[redacted]"
NO_HASH = "0" * 64
"""Stands for the SHA-256 of a redacted attachment: its bytes can't be asked for."""
PAGE = 500
"""Records read at once."""
STOP_CHECK_S = 0.5
"""Seconds that `follow` waits for records before it checks whether it shall stop."""
_REDACTED = Redacted.NAME.encode()
_HIDEABLE = (CommentEvent, AttachmentAdded, Described, TicketCreated)


def events_of(records: Iterable[Record], codec: RecordCodec) -> Iterator[Recorded]:
    """The typed events of accepted records. Raises Unreadable."""
    for record in records:
        if record.verdict is Verdict.ACCEPTED:
            yield from codec.decode(record.data, record.partition, record.offset)


def history(log: Log, stream: str) -> list[Recorded]:
    """A stream's events in order, without redacted texts. Raises Unreadable."""
    records = log.stream(stream)
    hidden = _redacted(records, log.codec)
    return [_without(each, hidden) for each in events_of(records, log.codec)]


def follow(
    log: Log, start: Sequence[int] | None, *, live: bool, stopped: Callable[[], bool]
) -> Iterator[Recorded]:
    """Accepted events from the given offset of each partition, in the log's order per partition
    and by the time of recording between them; with `live` it waits for more until `stopped`.

    Raises Usage for a start that the log hasn't, Unreadable for an event that this release can't
    read: to go on, follow again from behind it.
    """
    at = list(start) if start is not None else [0] * log.partitions
    if len(at) != log.partitions or any(each < 0 for each in at):
        raise Usage(f"{at} is no position: the log has {log.partitions} partitions")
    while True:
        ends = log.ends()
        parts = [between(log, p, at[p], ends[p]) for p in range(log.partitions)]
        yield from heapq.merge(*parts, key=lambda recorded: recorded.meta.recorded_at)
        at = [max(reached, end) for reached, end in zip(at, ends, strict=True)]
        if not live or not _wait_for_growth(log, at, stopped):
            return


def _wait_for_growth(log: Log, ends: Sequence[int], stopped: Callable[[], bool]) -> bool:
    """Waits until the log goes beyond the ends; False where it is stopped, or closed to stop it.

    Raises Damaged and NewerFormat where no record can come any more."""
    try:
        while not stopped():
            if log.wait(ends, STOP_CHECK_S):
                return True
    except Unreachable:
        if not stopped():
            raise
    return False


def between(log: Log, partition: int, start: int, end: int, page: int = PAGE) -> Iterator[Recorded]:
    """A partition's accepted events from one offset to another. `page`: records read at once.
    Raises Unreadable where it comes to one that this release can't read."""
    while start < end:
        records = log.records(partition, start, min(page, end - start))
        hidden: dict[str, frozenset[str]] = {}
        for each in events_of(records, log.codec):
            if isinstance(each.event, _HIDEABLE):
                stream = each.originator_id
                if stream not in hidden:
                    following = log.stream(stream, each.originator_version + 1)
                    hidden[stream] = _redacted(following, log.codec)
                each = _without(each, hidden[stream])
            yield each
        start = records[-1].offset + 1


def from_version(log: Log, stream: str, start: int) -> Iterator[Recorded]:
    """A stream's events from a version on, without redacted texts. Raises Unreadable where it comes
    to one that this release can't read."""
    records = log.stream(stream, start)
    hidden = _redacted(records, log.codec)
    for each in events_of(records, log.codec):
        if each.originator_version >= start:
            yield _without(each, hidden)


def _redacted(records: Sequence[Record], codec: RecordCodec) -> frozenset[str]:
    """The ids of the events whose texts were redacted. Most streams have none, so that the bytes
    are searched before they are read."""
    found = events_of((each for each in records if _REDACTED in each.data), codec)
    return frozenset(each.event.target for each in found if isinstance(each.event, Redacted))


def _without(recorded: Recorded, hidden: frozenset[str]) -> Recorded:
    if recorded.id not in hidden:
        return recorded
    match recorded.event:
        case CommentEvent():
            gone = {"body": HIDDEN, "message_id": None, "in_reply_to": None}
        case AttachmentAdded():
            gone = {"name": HIDDEN, "sha256": NO_HASH}
        case TicketCreated() | Described():
            gone = {"description": HIDDEN}
        case _:
            return recorded
    return recorded._replace(event=recorded.event.model_copy(update=gone))
