"""One accepted event as other services see it: a CloudEvent 1.0 in structured JSON.

Only what the log says goes into it, so that an event that is published twice is the same event
twice, with the same id. What was redacted meanwhile, or is left out now, may be missing in the
second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

import orjson

from ticketlog.domain import catalogue, imports, policy_checkpoint
from ticketlog.domain.base import ActorKind, Event, Recorded, iso
from ticketlog.domain.settings import events
from ticketlog.errors import Usage

_OURS = (*events.EVENTS, *policy_checkpoint.EVENTS)
PUBLIC: Mapping[str, type[Event]] = {
    name: cls for name, cls in catalogue.EVENTS.items() if cls not in _OURS
}
"""What is published: everything that the log of the tickets holds, but for how far policies are."""
CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
DIGITS = 10
"""Of `sequence`, which CloudEvents wants to be in order as a text too."""
SEQUENCE_TYPE = "Version"
"""The specification's own `Integer` begins at 1 and counts what a source sends; a version begins
at 0 and counts what happened to a subject."""
AUTH_TYPES: Mapping[ActorKind, str] = {
    "person": "app_user",
    "agent": "user",
    "rule": "system",
    "import": "system",
    "service": "service_account",
}
Shown: TypeAlias = Mapping[str, frozenset[str]]
"""The personal fields that are published all the same, by the name of their event."""


class Message(NamedTuple):
    """What is sent. `offset`, `number`: the record's place in the log, and the event's in it."""

    key: bytes
    value: bytes
    offset: int
    number: int


class Told(NamedTuple):
    """What a published event says of where it comes from."""

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
    """Whether subscribers are told of it: how far policies are and which files came in is the
    desk's own."""
    return not recorded.originator_id.startswith((f"{policy_checkpoint.KIND}/", f"{imports.KIND}/"))


def source(desk: str) -> str:
    return f"urn:ticketlog:desk:{quote(desk, safe='')}"


def schema_id(name: str) -> str:
    """Names the JSON Schema of an event's data: docs/contract/schemas/NAME.json."""
    return f"urn:ticketlog:event:{name}"


def shown(fields: Sequence[str]) -> Shown:
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


def message(recorded: Recorded, source: str, shown: Shown) -> Message:
    stream = recorded.originator_id
    value = orjson.dumps(envelope(recorded, source, shown))
    return Message(stream.encode(), value, recorded.meta.offset, recorded.index)


def envelope(recorded: Recorded, source: str, shown: Shown) -> dict[str, Any]:
    meta, event = recorded.meta, recorded.event
    data = event.model_dump(mode="json", exclude_defaults=True)
    for field in event.PERSONAL:
        if field not in shown.get(event.NAME, ()):
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


def told(value: bytes) -> Told:
    """Raises ValueError for what no publisher wrote."""
    try:
        event = orjson.loads(value)
        commit, _, number = event["id"].rpartition(".")
        partition, _, offset = event["position"].partition(":")
        return Told(
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
