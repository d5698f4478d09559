"""CloudEvents: an accepted event as other services see it, in structured JSON of CloudEvents 1.0.

It is made from the log alone, so that an event that is published twice is the same event twice,
with the same id. Texts that were redacted meanwhile, and fields that are left out now, may be
missing in the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

import orjson

from ticketlog.domain import recorded_refusal
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import ActorKind, Event, Recorded, iso
from ticketlog.errors import Usage

_KINDS = [kind for kind in AGGREGATES.values() if kind.public]
_STREAMS = tuple(f"{kind.kind}/" for kind in _KINDS)
PUBLIC: Mapping[str, type[Event]] = {
    event.NAME: event
    for event in (*chain.from_iterable(kind.events for kind in _KINDS), *recorded_refusal.EVENTS)
}
"""The published events, by name: all of the log of the tickets on streams of public kinds."""
CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
BATCH_TYPE = "application/cloudevents-batch+json"
"""Of several events as one JSON list."""
STREAM_TYPE = "text/event-stream"
"""Of Server-Sent Events, each with one event."""
DIGITS = 10
"""The width of `sequence`, which CloudEvents wants to be in order as a text too."""
SEQUENCE_TYPE = "Version"
"""The specification's own `Integer` begins at 1 and counts the events of a source; a version begins
at 0 and counts the events of a subject."""
AUTH_TYPES: Mapping[ActorKind, str] = {
    "person": "app_user",
    "agent": "user",
    "rule": "system",
    "import": "system",
    "service": "service_account",
}
PublishedFields: TypeAlias = Mapping[str, frozenset[str]]
"""The personal fields that are published, by the name of their event."""


class Message(NamedTuple):
    """A record of the public topic. `offset`, `number`: the place in the log of the event's record,
    and the event's place in that."""

    key: bytes
    value: bytes
    offset: int
    number: int


class EventOrigin(NamedTuple):
    """The origin of a published event: its desk, its place in the log, and its commit."""

    source: str
    partition: int
    offset: int
    number: int
    commit: str
    stream: str
    version: int
    occurred_at: str
    recorded_at: str


def is_public(recorded: Recorded) -> bool:
    """Whether an event is published: its stream is of a public kind."""
    return recorded.originator_id.startswith(_STREAMS)


def source(desk: str) -> str:
    return f"urn:ticketlog:desk:{quote(desk, safe='')}"


def schema_id(name: str) -> str:
    """The id of the JSON Schema of an event's data: docs/contract/schemas/NAME.json."""
    return f"urn:ticketlog:event:{name}"


def published_fields(fields: Sequence[str]) -> PublishedFields:
    """The personal fields to publish, each written EVENT.FIELD. Raises Usage."""
    found: dict[str, set[str]] = {}
    for each in fields:
        name, _, field = each.rpartition(".")
        if name not in PUBLIC:
            raise Usage(
                f"[publish] personal: {each!r} begins with no event that is published; an example: "
                "ticket.replied.v1.body (docs/EVENTS.md has them all)"
            )
        if field not in PUBLIC[name].PERSONAL:
            have = ", ".join(PUBLIC[name].PERSONAL) or "none"
            raise Usage(
                f"[publish] personal: {field!r} is no personal field of {name}, which has {have}"
            )
        found.setdefault(name, set()).add(field)
    return {name: frozenset(names) for name, names in found.items()}


def message(recorded: Recorded, source: str, published_fields: PublishedFields) -> Message:
    stream = recorded.originator_id
    value = orjson.dumps(envelope(recorded, source, published_fields))
    return Message(stream.encode(), value, recorded.meta.offset, recorded.index)


def envelope(recorded: Recorded, source: str, published_fields: PublishedFields) -> dict[str, Any]:
    meta, event = recorded.meta, recorded.event
    data = event.model_dump(mode="json", exclude_defaults=True)
    for field in event.PERSONAL:
        if field not in published_fields.get(event.NAME, ()):
            data.pop(field, None)
    attributes = {
        "specversion": "1.0",
        "id": recorded.id,
        "source": source,
        "type": event.NAME,
        "subject": recorded.originator_id,
        "time": iso(meta.occurred_at),
        "datacontenttype": "application/json",
        "dataschema": schema_id(event.NAME),
        "sequence": f"{recorded.originator_version:0{DIGITS}}",
        "sequencetype": SEQUENCE_TYPE,
        "partitionkey": recorded.originator_id,
        "recordedtime": iso(meta.recorded_at),
        "position": f"{meta.partition}:{meta.offset}",
        "authtype": AUTH_TYPES.get(meta.actor.kind, "system"),
        "authid": meta.actor.id,
        "channel": meta.channel,
        "correlationid": meta.correlation,
        "causationid": meta.cause,
    }
    return {**{name: text for name, text in attributes.items() if text}, "data": data}


def parse_origin(value: bytes) -> EventOrigin:
    """The origin of a record of the public topic. Raises ValueError for one of no publisher."""
    try:
        event = orjson.loads(value)
        commit, _, number = event["id"].rpartition(".")
        partition, _, offset = event["position"].partition(":")
        return EventOrigin(
            event["source"],
            int(partition),
            int(offset),
            int(number),
            commit,
            event["subject"],
            int(event["sequence"]),
            event["time"],
            event["recordedtime"],
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no event of a publisher: {error!r}") from error
