"""The codec of records: commits into a record's bytes, and accepted records into typed events.

All writing and all replay go through here. Personal values are wrapped when they are written and
unwrapped when they are read, under the keys of the codec's keyring; without one they are wrapped in
the clear.

Replay needs little of a record, and most short events (a status that changes, an assignment) have
been read before: so an event's data is only parsed where the same bytes weren't parsed just before.
Events are frozen, so that they can be shared. Events with personal values are never shared.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Protocol, TypeAlias

import msgspec
import orjson

from ticketlog.domain import catalogue
from ticketlog.domain.base import Actor, Event, Meta, Recorded, bare, instant, iso
from ticketlog.errors import Unreadable
from ticketlog.log.commit import FORMAT, Commit, ForeignEvent, Json, canonical

EventFinder: TypeAlias = Callable[[str, Json], tuple[type[Event], Json]]
"""The catalogue's look-up: (stored type, data) -> (class, data of its latest version).
Raises KeyError for a type that this release doesn't know."""
_SHORT = 256
"""Bytes of data up to which an event is cached."""
_PERSONAL = b'"alg":'


class _Event(msgspec.Struct, gc=False):
    type: str
    data: msgspec.Raw


class _Via(msgspec.Struct, gc=False):
    channel: str
    source: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    id: str
    stream: str
    expects: int
    events: list[_Event]
    occurred_at: str
    recorded_at: str
    actor: msgspec.Raw
    via: _Via
    settings: int
    reason: str | None = None
    cause: str | None = None
    correlation: str | None = None
    claimed_at: str | None = None


_decode = msgspec.json.Decoder(_Envelope).decode


class Keyring(Protocol):
    """Keys per person. May be called from any thread."""

    def wrap(self, subject: str, item: str, value: Any) -> Json:
        """The wrapping of a personal value, as it stands in a record: `alg` and its parameters.
        `subject`: the person whom the value is about; `item`: names the value, once in a log."""

    def unwrap(self, wrapped: Json) -> Any:
        """The value of a wrapping. Raises ValueError where its key is gone or isn't known."""


class RecordCodec:
    """Encodes and decodes records. Thread-safe; it can be pickled where its keyring can.

    `find`: the look-up of event classes, that of the catalogue.
    """

    def __init__(self, keyring: Keyring | None = None, find: EventFinder = catalogue.find) -> None:
        self._keyring = keyring
        self._find = find

    def encode(self, commit: Commit) -> bytes:
        """The record's bytes. Raises Usage where it is over 1 MiB or not text."""
        occurred_at = iso(commit.occurred_at)
        same_time = commit.recorded_at == commit.occurred_at
        via = {"channel": commit.channel}
        if commit.source is not None:
            via["source"] = commit.source
        record: Json = {
            "format": FORMAT,
            "id": commit.id,
            "command": {"name": commit.command, "digest": commit.digest},
            "stream": commit.stream,
            "expects": commit.expects,
            "events": [
                self._encode_event(commit.id, index, event)
                for index, event in enumerate(commit.events)
            ],
            "occurred_at": occurred_at,
            "recorded_at": occurred_at if same_time else iso(commit.recorded_at),
            "actor": _actor_out(commit.actor),
            "via": via,
            "settings": commit.settings,
        }
        if commit.seen is not None:
            record["seen"] = commit.seen
        if commit.claimed_at is not None:
            record["claimed_at"] = iso(commit.claimed_at)
        for name in ("reason", "cause", "correlation", "reads", "writer"):
            value = getattr(commit, name)
            if value:
                record[name] = value
        return canonical(record)

    def decode(
        self, record: bytes, partition: int, offset: int, kind: type[Recorded] = Recorded
    ) -> list[Recorded]:
        """The typed events of an accepted record, as instances of `kind`: upcast, with their
        personal values unwrapped. Raises Unreadable where this release doesn't know an event's
        type or can't read its data.
        """
        try:
            envelope = _decode(record)
            stream, version = envelope.stream, envelope.expects
            meta = _meta(envelope, partition, offset)
            found = []
            for index, event in enumerate(envelope.events):
                data = bytes(event.data)
                typed = self._event(event.type, data)
                found.append(bare(kind, (stream, version + index, typed, meta, index)))
        except (KeyError, ValueError, TypeError, msgspec.MsgspecError) as error:
            stream = orjson.loads(record)["stream"]
            raise Unreadable(
                f"{stream} can't be read at {partition}:{offset}: {_why(error)}. "
                "Its other readers go on; upgrade this one, or see `ticketlog log verify`."
            ) from error
        return found

    def _encode_event(self, commit_id: str, index: int, event: Event | ForeignEvent) -> Json:
        if isinstance(event, ForeignEvent):
            return {"type": event.type, "state": b64encode(event.state).decode("ascii")}
        data: Json = event.__pydantic_serializer__.to_python(
            event, mode="json", exclude_defaults=True
        )
        for name in event.PERSONAL:
            value = data.get(name)
            if value is not None:
                data[name] = self._wrap(data["data_subject"], f"{commit_id}.{index}.{name}", value)
        return {"type": event.NAME, "data": data}

    def _wrap(self, subject: str, item: str, value: Any) -> Json:
        if self._keyring is None:
            return {"subject": subject, "item": item, "alg": "none", "value": value}
        return {"subject": subject, "item": item, **self._keyring.wrap(subject, item, value)}

    def _event(self, type: str, data: bytes) -> Event:
        if _PERSONAL not in data:
            try:
                make = _impersonal_event if len(data) > _SHORT else _short_event
                return make(self._find, type, data)
            except _HoldsPersonalValues:
                pass  # another program wrote it, with blanks
        cls, values = self._find(type, orjson.loads(data))
        validate, personal = _reader(cls)
        for name in personal:
            if name in values:
                values[name] = self._unwrap(name, values[name])
        return validate(values, strict=False)

    def _unwrap(self, name: str, wrapped: Json) -> Any:
        if wrapped["alg"] == "none":
            return wrapped["value"]
        if self._keyring is None:
            raise ValueError(f"no key for {name}")
        return self._keyring.unwrap(wrapped)


def _meta(envelope: _Envelope, partition: int, offset: int) -> Meta:
    occurred, recorded = envelope.occurred_at, envelope.recorded_at
    occurred_at = instant(occurred)
    values = (
        envelope.id,
        occurred_at,
        occurred_at if recorded == occurred else instant(recorded),
        _actor(bytes(envelope.actor)),
        envelope.via.channel,
        envelope.via.source,
        envelope.reason,
        envelope.cause,
        envelope.correlation,
        envelope.settings,
        partition,
        offset,
        None if envelope.claimed_at is None else instant(envelope.claimed_at),
    )
    return bare(Meta, values)


class _HoldsPersonalValues(Exception):
    pass


def _impersonal_event(find: EventFinder, type: str, data: bytes) -> Event:
    cls, values = find(type, orjson.loads(data))
    validate, personal = _reader(cls)
    if any(name in values for name in personal):
        raise _HoldsPersonalValues
    return validate(values, strict=False)


_short_event = lru_cache(maxsize=10_000)(_impersonal_event)


@cache
def _reader(cls: type[Event]) -> tuple[Callable[..., Event], tuple[str, ...]]:
    return cls.__pydantic_validator__.validate_python, cls.PERSONAL


@lru_cache(maxsize=10_000)
def _actor(data: bytes) -> Actor:
    values = orjson.loads(data)
    get = values.get
    return Actor(
        values["id"], values["kind"], get("role"), get("on_behalf_of"), get("authenticated")
    )


@lru_cache(maxsize=10_000)
def _actor_out(actor: Actor) -> Json:
    return {name: value for name, value in actor._asdict().items() if value is not None}


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it holds {error.args[0]!r}, which this release doesn't know"
    return str(error).replace("\n", " ")[:300]
