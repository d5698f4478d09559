"""Accepted records as typed events. All of replay goes through here.

Most of a record is not needed, and most short events (a status that changes, an assignment) have
been read before: so an event's data is only parsed where the same bytes weren't seen just before.
Events are frozen, so that they can be shared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TypeAlias

import msgspec
import orjson

from ticketlog.domain.base import Actor, Event, Meta, Recorded, bare, instant
from ticketlog.errors import Unreadable
from ticketlog.log.commit import Json

Find: TypeAlias = Callable[[str, Json], tuple[type[Event], Json]]
"""The catalogue's look-up: (stored type, data) -> (class, data of its latest version).
Raises KeyError for a type that this release doesn't know."""
_SHORT = 256
"""Bytes up to which an event's data may come again."""
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


def read(
    record: bytes, partition: int, offset: int, find: Find, kind: type[Recorded] = Recorded
) -> list[Recorded]:
    """The typed events of an accepted record, as instances of `kind`: upcast, with their personal
    values unwrapped. Raises Unreadable where this release doesn't know an event's type or can't
    read its data.
    """
    try:
        envelope = _decode(record)
        stream, version = envelope.stream, envelope.expects
        occurred, recorded = envelope.occurred_at, envelope.recorded_at
        occurred_at = instant(occurred)
        envelope_values = (
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
        meta = bare(Meta, envelope_values)
        found = []
        for index, event in enumerate(envelope.events):
            data = bytes(event.data)
            make = _event if len(data) > _SHORT or _PERSONAL in data else _again
            values = (stream, version + index, make(find, event.type, data), meta, index)
            found.append(bare(kind, values))
    except (KeyError, ValueError, TypeError, msgspec.MsgspecError) as error:
        stream = orjson.loads(record)["stream"]
        raise Unreadable(
            f"{stream} can't be read at {partition}:{offset}: {_why(error)}. "
            "Its other readers go on; upgrade this one, or see `ticketlog log verify`."
        ) from error
    return found


def _event(find: Find, type: str, data: bytes) -> Event:
    cls, values = find(type, orjson.loads(data))
    validate, personal = _reader(cls)
    for name in personal:
        if name in values:
            wrapped = values[name]
            if wrapped["alg"] != "none":
                raise ValueError(f"no key for {name}")
            values[name] = wrapped["value"]
    return validate(values, strict=False)


_again = lru_cache(maxsize=10_000)(_event)


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


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it holds {error.args[0]!r}, which this release doesn't know"
    return str(error).replace("\n", " ")[:300]
