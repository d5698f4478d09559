"""The acceptance rule, the same for every reader (DESIGN rule 3).

It reads the envelope, never what the events hold, so that an old and a new release agree on every
version. `EnvelopeFields` is the whole of what it asks of a record.
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
"""At most what an index in SQLite can hold."""
_FLAT = 400
"""A record with fewer brackets, or bytes for half of them, nests less than any reader's stack
allows."""


class _Object(msgspec.Struct, gc=False):
    pass


class _Event(msgspec.Struct, gc=False):
    type: str


class EnvelopeFields(msgspec.Struct, gc=False):
    """What of a commit's record the rule reads; whatever else is there, it passes by."""

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
    """`recorded_at` in microseconds since 1970 UTC; 0 and no form for what is malformed."""

    verdict: Verdict
    form: EnvelopeFields | None = None
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
    """What the rule says of a record where it stands.

    `head(stream)` is how far the accepted commits before this record go; `known(stream, id)`
    says whether that id is among them. Raises NewerFormat.
    """
    if offset == 0:
        envelope = parse(record)
        if envelope is not None and is_genesis(envelope):
            return Judgement(Verdict.GENESIS, None, instant(envelope["recorded_at"]))
    form = _formed(record)
    if form is None:
        return _MALFORMED
    stream = form.stream
    if partition_of(stream, partitions) != partition:
        return _MALFORMED
    verdict = judge(form.expects, form.settings, head(stream), known=known(stream, form.id))
    return Judgement(verdict, form, instant(form.recorded_at))


def judge(expects: int, settings: int, head: Head, *, known: bool) -> Verdict:
    """The heart of the rule, for a well-formed commit in its partition."""
    if known:
        return Verdict.DUPLICATE
    if expects != head.version or settings < head.settings:
        return Verdict.STALE
    return Verdict.ACCEPTED


def _formed(record: bytes) -> EnvelopeFields | None:
    try:
        if len(record) < 2 * _FLAT or record.count(b"{") + record.count(b"[") < _FLAT:
            form = _decode(record)
        else:
            form = msgspec.convert(orjson.loads(record), EnvelopeFields)
    except (msgspec.MsgspecError, ValueError, TypeError):
        parse(record)
        return None
    if form.format > FORMAT:
        raise newer(form.format)
    occurred, recorded = form.occurred_at, form.recorded_at
    if not is_time(recorded) or (occurred != recorded and not is_time(occurred)):
        return None
    return form
