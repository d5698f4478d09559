"""The contract of the public topic and of the feed over HTTP, for programs: a JSON Schema of each
event's data, and an AsyncAPI document of both with all of their events. Made from the catalogue,
kept in docs/contract/.

The content model is open: a subscriber accepts fields that it doesn't know, so that a field can be
added. Sizes and patterns are left out: they are the desk's rules, which may be loosened, and no
promise to subscribers.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, TypeAlias

import orjson

from ticketlog.domain.base import Event
from ticketlog.publishing.cloudevent import (
    AUTH_TYPES,
    BATCH_TYPE,
    CONTENT_TYPE,
    DIGITS,
    PUBLIC,
    SEQUENCE_TYPE,
    STREAM_TYPE,
    schema_id,
)
from ticketlog.publishing.topic import PUBLISHER

Json: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KAFKA = "0.5.0"
"""The version of AsyncAPI's bindings for Kafka."""
_HTTP = "0.3.0"
"""The version of AsyncAPI's bindings for HTTP."""
_LEFT_OUT = {
    *("title", "pattern", "propertyNames", "maxLength", "minLength", "maxItems", "minItems"),
    *("maximum", "minimum"),
}
_TIME = {"type": "string", "format": "date-time"}
_ATTRIBUTES: Mapping[str, Json] = {
    "specversion": {"const": "1.0"},
    "id": {
        "type": "string",
        "description": "The event's id: its commit's, a dot, its number there. The same event "
        "always has the same id.",
    },
    "source": {
        "type": "string",
        "format": "uri",
        "description": "The desk that accepted it.",
    },
    "type": {"type": "string", "description": "The event's name with its version."},
    "subject": {
        "type": "string",
        "description": "The ticket, person, organisation or agent that it is about: KIND/ID.",
    },
    "time": {**_TIME, "description": "When it happened."},
    "datacontenttype": {"const": "application/json"},
    "dataschema": {
        "type": "string",
        "format": "uri",
        "description": "The $id of the schema of `data`.",
    },
    "sequence": {
        "type": "string",
        "description": f"The version of the subject: how many events it had before, in {DIGITS} "
        "digits. Without a gap for each subject, from 0.",
    },
    "sequencetype": {"const": SEQUENCE_TYPE},
    "partitionkey": {"type": "string", "description": "The record's key: the subject."},
    "recordedtime": {**_TIME, "description": "When the desk recorded it."},
    "position": {
        "type": "string",
        "description": "Where its record stands in the desk's log: PARTITION:OFFSET. What "
        "`ticketlog log tail --from` takes.",
    },
    "authtype": {
        "type": "string",
        "enum": sorted(set(AUTH_TYPES.values())),
        "description": "Who did it: a requester or another end user (app_user), an agent (user), "
        "a program (service_account), a rule or an import (system).",
    },
    "authid": {"type": "string", "description": "The id of who did it."},
    "channel": {"type": "string", "description": "How it came: web, email, api, cli, ..."},
    "correlationid": {"type": "string", "description": "What it belongs to, as its sender says."},
    "causationid": {"type": "string", "description": "The id of the event that caused it."},
    "data": {"type": "object", "description": "What happened."},
}
_OPTIONAL = {"correlationid", "causationid"}


def data_schema(name: str) -> Json:
    """The schema of an event's data, complete in itself."""
    schema = _schema(PUBLIC[name], "#/$defs/{model}")
    return {"$schema": DIALECT, "$id": schema_id(name), "title": name, **schema}


def asyncapi() -> Json:
    """The AsyncAPI document of the topic and of the feed, with all of their events."""
    schemas: Json = {"CloudEvent": _envelope_schema(), "Headers": _headers_schema()}
    for name, cls in PUBLIC.items():
        schema = dict(_schema(cls, "#/components/schemas/{model}"))
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ticketlog: accepted events",
            "version": version("ticketlog"),
            "description": "Every event that a desk accepts, for other services. "
            "docs/SUBSCRIBING.md says what a subscriber may rely on.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {"tickets": _channel(), "feed": _feed_channel()},
        "operations": {
            "publish": {
                "action": "send",
                "channel": {"$ref": "#/channels/tickets"},
                "summary": "Each accepted event is published in the order of the log.",
            },
            "feed": {
                "action": "send",
                "channel": {"$ref": "#/channels/feed"},
                "summary": "Whoever is signed in reads what they may see, from any position on.",
                "bindings": {"http": {"method": "GET", "bindingVersion": _HTTP}},
            },
        },
        "components": {
            "messages": {
                **{name: _message(name, cls) for name, cls in PUBLIC.items()},
                **_feed_messages(),
            },
            "schemas": dict(sorted(schemas.items())),
        },
    }


def text(document: Json) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _channel() -> Json:
    return {
        "address": "public.{prefix}.tickets.v1",
        "description": "One topic for a desk, with as many partitions as its log has. A subject "
        "is in the partition that murmur2 of its key names.",
        "parameters": {
            "prefix": {"default": "ticketlog", "description": "As in [publish] or [log] url."}
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in PUBLIC},
        "bindings": {
            "kafka": {
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": -1,
                    "retention.bytes": -1,
                },
                "bindingVersion": _KAFKA,
            }
        },
    }


def _feed_channel() -> Json:
    return {
        "address": "/api/v1/events",
        "description": "The events that the asker may see, behind the position `after`: a batch, "
        f"or, where `{STREAM_TYPE}` is accepted, a stream that goes on. They are those of the "
        "topic, with the personal fields that the asker may read; the data of each is what the "
        "message that its `type` names has. docs/SUBSCRIBING.md says more.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _feed_messages()},
    }


def _feed_messages() -> Json:
    event = {"$ref": "#/components/schemas/CloudEvent"}
    position = {"type": "string", "description": "Where the next batch begins: its `after`."}
    return {
        "feed.batch": {
            "name": "feed.batch",
            "summary": "A batch of events.",
            "contentType": BATCH_TYPE,
            "headers": {"type": "object", "properties": {"Ticketlog-Position": position}},
            "payload": {"type": "array", "items": event},
        },
        "feed.frame": {
            "name": "feed.frame",
            "summary": "A frame of the stream: its `data` is the event, its `id` the position "
            "behind it, which `Last-Event-ID` and `after` take.",
            "contentType": STREAM_TYPE,
            "payload": event,
        },
    }


def _message(name: str, cls: type[Event]) -> Json:
    return {
        "name": name,
        "summary": " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split()),
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": name},
                        "dataschema": {"const": schema_id(name)},
                        "data": {"$ref": f"#/components/schemas/{name}"},
                    },
                },
            ]
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The subject."},
                "bindingVersion": _KAFKA,
            }
        },
    }


def _envelope_schema() -> Json:
    return {
        "type": "object",
        "description": "A CloudEvent 1.0 in structured mode.",
        "properties": dict(_ATTRIBUTES),
        "required": [name for name in _ATTRIBUTES if name not in _OPTIONAL],
    }


def _headers_schema() -> Json:
    return {
        "type": "object",
        "properties": {
            "content-type": {"const": CONTENT_TYPE},
            PUBLISHER: {"type": "string", "description": "Which publisher sent it."},
        },
        "required": ["content-type", PUBLISHER],
    }


@cache
def _schema(cls: type[Event], refs: str) -> Json:
    schema: Json = _open_schema(cls.model_json_schema(mode="serialization", ref_template=refs))
    for name in cls.PERSONAL:
        schema["properties"][name]["x-personal"] = True
    required = [name for name in schema.get("required", ()) if name not in cls.PERSONAL]
    return {**schema, "required": required}


def _open_schema(node: Any) -> Any:
    """A schema of the desk without the rules that are no promise to subscribers."""
    if isinstance(node, list):
        return [_open_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    open_schema: Json = {}
    for key, value in node.items():
        if key in ("properties", "$defs"):
            open_schema[key] = {name: _open_schema(schema) for name, schema in value.items()}
        elif key == "patternProperties":
            open_schema["additionalProperties"] = _open_schema(*value.values())
        elif key in ("default", "enum", "const"):
            open_schema[key] = value
        elif key not in _LEFT_OUT and not (key == "additionalProperties" and value is False):
            open_schema[key] = _open_schema(value)
    return open_schema
