"""The record: what one command did to one stream, its exact bytes, and the rule that accepts it.

A record is canonical JSON: sorted ASCII keys, UTF-8, no white space, no floats, nulls left out.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any, NamedTuple, TypeAlias

import orjson

from ticketlog.domain.base import Actor, Event, Meta, Recorded, iso
from ticketlog.domain.base import instant as _instant
from ticketlog.errors import Damaged, NewerFormat, Unreadable, Usage
from ticketlog.log.partition import partition_of

FORMAT = 1
MAX_BYTES = 1 << 20

Json: TypeAlias = dict[str, Any]
Find: TypeAlias = Callable[[str, Json], tuple[type[Event], Json]]
"""The catalogue's look-up: (stored type, data) -> (class, data of its latest version).
Raises KeyError for a type that this release doesn't know."""


class Verdict(IntEnum):
    """What the acceptance rule says of a record. All but ACCEPTED and GENESIS are void."""

    ACCEPTED = 0
    STALE = 1
    DUPLICATE = 2
    MALFORMED = 3
    GENESIS = 4


class Head(NamedTuple):
    """How far a stream is: its number of events, and the settings position of its last commit."""

    version: int
    settings: int


class Raw(NamedTuple):
    """An event as another program wrote it: a name, and bytes that only that program reads."""

    type: str
    state: bytes


@dataclass(slots=True)
class Commit:
    """What is about to be written. Times are microseconds since 1970 UTC."""

    id: str
    command: str
    digest: str
    stream: str
    expects: int
    events: Sequence[Event | Raw]
    occurred_at: int
    recorded_at: int
    actor: Actor
    channel: str
    source: str | None = None
    seen: int | None = None
    reason: str | None = None
    cause: str | None = None
    correlation: str | None = None
    settings: int = 0
    reads: Mapping[str, int] | None = None
    writer: str | None = None


def digest(command: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 of a command's name and arguments: tells a retry from a reused id."""
    return hashlib.sha256(
        command.encode() + b"\0" + orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    ).hexdigest()


def encode(commit: Commit) -> bytes:
    """The record's bytes. Raises Usage where it is over 1 MiB or not text."""
    occurred_at = iso(commit.occurred_at)
    again = commit.recorded_at == commit.occurred_at
    via = {"channel": commit.channel}
    if commit.source is not None:
        via["source"] = commit.source
    record: Json = {
        "format": FORMAT,
        "id": commit.id,
        "command": {"name": commit.command, "digest": commit.digest},
        "stream": commit.stream,
        "expects": commit.expects,
        "events": [_event_out(commit.id, i, event) for i, event in enumerate(commit.events)],
        "occurred_at": occurred_at,
        "recorded_at": occurred_at if again else iso(commit.recorded_at),
        "actor": _actor_out(commit.actor),
        "via": via,
        "settings": commit.settings,
    }
    if commit.seen is not None:
        record["seen"] = commit.seen
    for name in ("reason", "cause", "correlation", "reads", "writer"):
        value = getattr(commit, name)
        if value:
            record[name] = value
    return canonical(record)


def canonical(record: Json) -> bytes:
    try:
        data = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise Usage(f"the command can't be written as a record: {error}") from error
    if len(data) > MAX_BYTES:
        raise Usage(
            f"the record of {record.get('stream')} would have {len(data):,} bytes; the limit is "
            f"{MAX_BYTES:,}. Keep large content as an attachment."
        )
    return data


def genesis(desk: str, log: str, partition: int, partitions: int, recorded_at: int) -> bytes:
    """The first record of a partition: whose it is and how many partitions there are."""
    return canonical(
        {
            "format": FORMAT,
            "genesis": {
                "desk": desk,
                "log": log,
                "partition": partition,
                "partitions": partitions,
            },
            "recorded_at": iso(recorded_at),
        }
    )


def leaf(record: bytes) -> bytes:
    """The record's leaf hash in its partition's Merkle tree (RFC 6962)."""
    return hashlib.sha256(b"\0" + record).digest()


def parse(record: bytes) -> Json | None:
    """The envelope, or None where the bytes are no commit. Raises NewerFormat."""
    try:
        envelope = orjson.loads(record)
    except orjson.JSONDecodeError:
        return None
    if type(envelope) is not dict:
        return None
    format = envelope.get("format")
    if type(format) is not int or format < 1:
        return None
    if format > FORMAT:
        raise NewerFormat(
            f"a record has format {format}, this release reads up to {FORMAT}: upgrade ticketlog"
        )
    return envelope


def accept(
    envelope: Json | None,
    *,
    partition: int,
    partitions: int,
    offset: int,
    head: Callable[[str], Head],
    known: Callable[[str, str], bool],
) -> Verdict:
    """The acceptance rule, the same for every reader (DESIGN rule 3).

    `head(stream)` is how far the accepted commits before this record go; `known(stream, id)`
    says whether that id is among them. It reads the envelope, never the events' content, so an
    old and a new release agree on every version.
    """
    if envelope is None:
        return Verdict.MALFORMED
    if offset == 0 and _is_genesis(envelope):
        return Verdict.GENESIS
    if not _well_formed(envelope):
        return Verdict.MALFORMED
    stream = envelope["stream"]
    if partition_of(stream, partitions) != partition:
        return Verdict.MALFORMED
    return judge(
        envelope["expects"],
        envelope["settings"],
        head(stream),
        known=known(stream, envelope["id"]),
    )


def judge(expects: int, settings: int, head: Head, *, known: bool) -> Verdict:
    """The heart of the rule, for a well-formed commit in its partition."""
    if known:
        return Verdict.DUPLICATE
    if expects != head.version or settings < head.settings:
        return Verdict.STALE
    return Verdict.ACCEPTED


_TYPES: tuple[tuple[str, type], ...] = (
    ("id", str),
    ("stream", str),
    ("expects", int),
    ("settings", int),
    ("events", list),
    ("actor", dict),
    ("via", dict),
    ("command", dict),
    ("occurred_at", str),
    ("recorded_at", str),
)


def _is_genesis(envelope: Json) -> bool:
    recorded_at = envelope.get("recorded_at")
    return (
        type(envelope.get("genesis")) is dict and type(recorded_at) is str and _is_time(recorded_at)
    )


_MOST = (1 << 63) - 1
"""The largest number that an index in SQLite can hold."""


def _well_formed(envelope: Json) -> bool:
    if any(type(envelope.get(name)) is not kind for name, kind in _TYPES):
        return False
    if not envelope["id"] or not envelope["stream"] or not envelope["events"]:
        return False
    if not (0 <= envelope["expects"] <= _MOST and 0 <= envelope["settings"] <= _MOST):
        return False
    if not (_is_time(envelope["recorded_at"]) and _is_time(envelope["occurred_at"])):
        return False
    return all(
        type(event) is dict and type(event.get("type")) is str for event in envelope["events"]
    )


def _is_time(text: str) -> bool:
    """Whether it is written as `iso` writes, which no time beyond a calendar's years can be."""
    try:
        return len(text) == 27 and text[-1] == "Z" and iso(_instant(text)) == text
    except ValueError:
        return False


_new = tuple.__new__
"""A named tuple made without its argument handling: reading a log makes two per event."""


def read(
    record: bytes, partition: int, offset: int, find: Find, kind: type[Recorded] = Recorded
) -> list[Recorded]:
    """The typed events of an accepted record, as instances of `kind`: upcast, with their personal
    values unwrapped.

    One function without helpers, since all of replay goes through it. Raises Unreadable where
    this release doesn't know an event's type or can't read its data.
    """
    envelope = orjson.loads(record)
    stream = envelope["stream"]
    try:
        get = envelope.get
        via = envelope["via"]
        version = envelope["expects"]
        occurred, recorded = envelope["occurred_at"], envelope["recorded_at"]
        occurred_at = _instant(occurred)
        envelope_values = (
            envelope["id"],
            occurred_at,
            occurred_at if recorded == occurred else _instant(recorded),
            _actor(envelope["actor"]),
            via["channel"],
            via.get("source"),
            get("reason"),
            get("cause"),
            get("correlation"),
            envelope["settings"],
            partition,
            offset,
        )
        meta = _new(Meta, envelope_values)
        found = []
        for index, event in enumerate(envelope["events"]):
            cls, data = find(event["type"], event["data"])
            validate, personal = _reader(cls)
            for name in personal:
                if name in data:
                    data[name] = _unwrapped(name, data[name])
            value = validate(data, strict=False)
            found.append(_new(kind, (stream, version + index, value, meta, index)))
    except (KeyError, ValueError, TypeError) as error:
        raise Unreadable(
            f"{stream} can't be read at {partition}:{offset}: {_why(error)}. "
            "Its other readers go on; upgrade this one, or see `ticketlog log verify`."
        ) from error
    return found


@cache
def _reader(cls: type[Event]) -> tuple[Callable[..., Event], tuple[str, ...]]:
    return cls.__pydantic_validator__.validate_python, cls.PERSONAL


def _actor(values: Json) -> Actor:
    get = values.get
    return _actor_in(
        values["id"], values["kind"], get("role"), get("on_behalf_of"), get("authenticated")
    )


_actor_in = lru_cache(maxsize=10_000)(Actor)


def _unwrapped(name: str, wrapped: Json) -> Any:
    if wrapped["alg"] != "none":
        raise ValueError(f"no key for {name}")
    return wrapped["value"]


def event_data(event: Event, commit_id: str, index: int) -> Json:
    """An event's content as it stands in a record, personal values wrapped."""
    data: Json = event.__pydantic_serializer__.to_python(event, mode="json", exclude_defaults=True)
    for name in event.PERSONAL:
        value = data.get(name)
        if value is not None:
            data[name] = {
                "subject": data["data_subject"],
                "item": f"{commit_id}.{index}.{name}",
                "alg": "none",
                "value": value,
            }
    return data


def _event_out(commit_id: str, index: int, event: Event | Raw) -> Json:
    if isinstance(event, Raw):
        return {"type": event.type, "state": b64encode(event.state).decode("ascii")}
    return {"type": event.NAME, "data": event_data(event, commit_id, index)}


@lru_cache(maxsize=10_000)
def _actor_out(actor: Actor) -> Json:
    return {name: value for name, value in actor._asdict().items() if value is not None}


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it holds {error.args[0]!r}, which this release doesn't know"
    return str(error).replace("\n", " ")[:300]


def checked(record: bytes, expected: bytes, where: str) -> None:
    """Raises Damaged where a stored record is not the one whose leaf hash was kept."""
    if leaf(record) != expected:
        raise Damaged(f"the record at {where} is not the one that was there before")
