"""The acceptance rule, the same for every reader (docs/ARCHITECTURE.md, invariant 2).

It reads the envelope, never the data of events, so that an old and a new release agree on every
version. `EnvelopeFields` is all that it reads of a record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

import msgspec
import orjson

from ticketlog.domain.base import instant
from ticketlog.log.commit import FORMAT, Head, Verdict, is_genesis, is_time, newer, parse
from ticketlog.log.partitioner import partition_of

Name = Annotated[str, msgspec.Meta(min_length=1)]
Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""The upper bound is that of integers in an SQLite index."""
_FLAT_BRACKETS = 400
"""A record with fewer brackets, or fewer bytes than two for each, nests less deeply than any
parser's stack allows."""


class _Object(msgspec.Struct, gc=False):
    pass


class _Event(msgspec.Struct, gc=False):
    type: str


class EnvelopeFields(msgspec.Struct, gc=False):
    """The fields of a commit's record that the rule reads; it skips all further ones."""

    format: Annotated[int, msgspec.Meta(ge=1)]
    id: Name
    stream: Name
    expects: Number
    settings: Number
    events: Annotated[list[_Event], msgspec.Meta(min_length=1)]
    occurred_at: str
    recorded_at: str
    actor: _Object
    via: _Object
    command: _Object


class Judgement(NamedTuple):
    """A verdict and the envelope that it is about. `recorded_at`: microseconds since 1970 UTC; a
    malformed record has 0 and no envelope."""

    verdict: Verdict
    envelope: EnvelopeFields | None = None
    recorded_at: int = 0


_MALFORMED = Judgement(Verdict.MALFORMED)
_decode = msgspec.json.Decoder(EnvelopeFields).decode


def accept(
    record: bytes,
    *,
    partition: int,
    partitions: int,
    offset: int,
    head: Callable[[str], Head],
    known: Callable[[str, str], bool],
) -> Judgement:
    """The rule's verdict on a record at its place in the log.

    `head(stream)`: the head of a stream before this record; `known(stream, id)`: whether an
    accepted commit before it has that id. Raises NewerFormat.
    """
    if offset == 0:
        document = parse(record)
        if document is not None and is_genesis(document):
            return Judgement(Verdict.GENESIS, None, instant(document["recorded_at"]))
    envelope = _envelope(record)
    if envelope is None:
        return _MALFORMED
    stream = envelope.stream
    if partition_of(stream, partitions) != partition:
        return _MALFORMED
    verdict = judge(
        envelope.expects, envelope.settings, head(stream), known=known(stream, envelope.id)
    )
    return Judgement(verdict, envelope, instant(envelope.recorded_at))


def judge(expects: int, settings: int, head: Head, *, known: bool) -> Verdict:
    """The heart of the rule, for a well-formed commit in its partition."""
    if known:
        return Verdict.DUPLICATE
    if expects != head.version or settings < head.settings:
        return Verdict.STALE
    return Verdict.ACCEPTED


def _envelope(record: bytes) -> EnvelopeFields | None:
    try:
        if (
            len(record) < 2 * _FLAT_BRACKETS
            or record.count(b"{") + record.count(b"[") < _FLAT_BRACKETS
        ):
            envelope = _decode(record)
        else:
            envelope = msgspec.convert(orjson.loads(record), EnvelopeFields)
    except (msgspec.MsgspecError, ValueError, TypeError):
        parse(record)
        return None
    if envelope.format > FORMAT:
        raise newer(envelope.format)
    occurred, recorded = envelope.occurred_at, envelope.recorded_at
    if not is_time(recorded) or (occurred != recorded and not is_time(occurred)):
        return None
    return envelope
