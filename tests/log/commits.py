"""Commits and records for tests of the log, whose events mean nothing to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import orjson

from ticketlog.domain.base import Actor, Event
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, ForeignEvent, digest
from ticketlog.log.partitioner import partition_of

NOON = 1_767_268_800_000_000
"""2026-01-01T12:00:00Z"""
ALICE = Actor("alice", "agent", "agent")
_numbers = count()


encode = RecordCodec().encode


def a_commit(
    stream: str = "ticket/A",
    expects: int = 0,
    events: int | Sequence[Event | ForeignEvent] = 1,
    **changes: Any,
) -> Commit:
    """A commit under an id of its own. `content` distinguishes commands under the same id."""
    content = changes.pop("content", "same")
    if isinstance(events, int):
        events = [ForeignEvent("thing.done", b"%d" % number) for number in range(events)]
    return Commit(
        **{
            "id": f"command-{next(_numbers)}",
            "command": "thing.do",
            "digest": digest("thing.do", {"content": content}),
            "stream": stream,
            "expects": expects,
            "events": events,
            "occurred_at": NOON,
            "recorded_at": NOON,
            "actor": ALICE,
            "channel": "api",
            **changes,
        }
    )


def an_envelope(**changes: Any) -> dict[str, Any]:
    """The envelope of a well-formed record; None as a change leaves the field out."""
    envelope = {**orjson.loads(encode(a_commit())), **changes}
    return {name: value for name, value in envelope.items() if value is not None}


def streams_in(partition: int, partitions: int, number: int) -> list[str]:
    """Streams that live in one partition."""
    names = (f"ticket/{n}" for n in count())
    found = (name for name in names if partition_of(name, partitions) == partition)
    return [next(found) for _ in range(number)]
