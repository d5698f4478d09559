"""The record: what one command did to one stream, its exact bytes, and the verdicts on it.

A record is canonical JSON: sorted ASCII keys, UTF-8, no white space, no floats, nulls left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import orjson

from ticketlog.domain.base import (
    Actor,
    Command,
    Context,
    Event,
    Meta,
    Recorded,
    bare,
    instant,
    iso,
)
from ticketlog.domain.recording import recorded_events
from ticketlog.errors import Damaged, NewerFormat, Usage

FORMAT = 1
MAX_BYTES = 1 << 20

Json: TypeAlias = dict[str, Any]


class Verdict(IntEnum):
    """The acceptance rule's verdict on a record. All but ACCEPTED and GENESIS are void."""

    ACCEPTED = 0
    STALE = 1
    DUPLICATE = 2
    MALFORMED = 3
    GENESIS = 4


class Head(NamedTuple):
    """The head of a stream: its number of events, and the settings position of its last commit."""

    version: int
    settings: int


class ForeignEvent(NamedTuple):
    """An event as another program wrote it: a name, and bytes that only that program reads."""

    type: str
    state: bytes


@dataclass(slots=True)
class Commit:
    """A commit that is to be written. Times are microseconds since 1970 UTC."""

    id: str
    command: str
    digest: str
    stream: str
    expects: int
    events: Sequence[Event | ForeignEvent]
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
    claimed_at: int | None = None
    """The time that its sender stated, where `occurred_at` is another one."""


def commit_of(
    context: Context,
    command: str,
    digest: str,
    expects: int,
    events: Sequence[Event],
    *,
    recorded_at: int,
    source: str | None = None,
    reason: str | None = None,
    cause: str | None = None,
    correlation: str | None = None,
    settings: int | None = None,
    writer: str | None = None,
    claimed_at: int | None = None,
) -> Commit:
    """The commit of a decision: of the events that a command (its name, its digest) made in a
    context, of a stream that has `expects` events. It names the versions of the other streams that
    the context holds. `settings`: their position, where it isn't that of the context's."""
    return Commit(
        context.command_id,
        command,
        digest,
        context.stream,
        expects,
        events,
        context.now,
        recorded_at,
        context.actor,
        context.channel,
        source,
        context.seen,
        reason,
        cause,
        correlation,
        context.settings.position if settings is None else settings,
        {stream: each.version for stream, each in context.states.items()} or None,
        writer,
        claimed_at,
    )


def recorded_of(commit: Commit, partition: int = 0, offset: int = 0) -> list[Recorded]:
    """The events of a commit as their readers see them, at its place in the log."""
    values = (
        commit.id,
        commit.occurred_at,
        commit.recorded_at,
        commit.actor,
        commit.channel,
        commit.source,
        commit.reason,
        commit.cause,
        commit.correlation,
        commit.settings,
        partition,
        offset,
        commit.claimed_at,
    )
    events: Sequence[Event] = commit.events  # type: ignore[assignment]
    return recorded_events(commit.stream, commit.expects, events, bare(Meta, values))


def digest_of(command: Command) -> str:
    """The digest of a command's name and of what it says beside its defaults."""
    return digest(command.NAME, command.arguments())


def digest(command: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 of a command's name and arguments: tells a retry from a reused id."""
    return hashlib.sha256(
        command.encode() + b"\0" + orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    ).hexdigest()


def canonical(record: Json) -> bytes:
    """The bytes of a record. Raises Usage where they are over MAX_BYTES or it isn't text."""
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
    """The first record of a partition: its desk and log, and the log's number of partitions."""
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


def genesis_of(record: bytes) -> Json | None:
    """The desk, log, partition and number of partitions that a genesis record names. None for
    another record. Raises NewerFormat."""
    envelope = parse(record)
    if envelope is None or not is_genesis(envelope):
        return None
    about: Json = envelope["genesis"]
    return about


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
        raise newer(format)
    return envelope


def newer(format: int) -> NewerFormat:
    return NewerFormat(
        f"a record has format {format}, this release reads up to {FORMAT}: upgrade ticketlog"
    )


def is_genesis(envelope: Json) -> bool:
    recorded_at = envelope.get("recorded_at")
    return (
        type(envelope.get("genesis")) is dict and type(recorded_at) is str and is_time(recorded_at)
    )


_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII).fullmatch


def is_time(text: str) -> bool:
    """Whether a text is a time as `iso` writes it; no time beyond a calendar's years is."""
    if not _TIME(text):
        return False
    try:
        instant(text)
    except ValueError:
        return False
    return True


def checked(record: bytes, expected: bytes, where: str) -> None:
    """Raises Damaged where a stored record is not the one whose leaf hash was kept."""
    if leaf(record) != expected:
        raise Damaged(f"the record at {where} is not the one that was there before")
