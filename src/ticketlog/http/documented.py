"""The OpenAPI document: what routes say about themselves beside their answers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from ticketlog.documents.base import Document, parts
from ticketlog.documents.bulks import BulkLine
from ticketlog.documents.problems import ProblemDetails
from ticketlog.domain.base import Command
from ticketlog.http.examples import example_of
from ticketlog.http.parameters import Parameter
from ticketlog.http.problems import KINDS, MEDIA_TYPE

if TYPE_CHECKING:
    from ticketlog.http.commands import CommandRoute
    from ticketlog.http.served import Served

_REF = "#/components/schemas/"
_ALWAYS = (400, 401, 403, 408, 422, 429, 431, 500, 503)
_HEADERS: Mapping[str, str] = {
    "Ticketlog-Position": "Everything up to this position is in the answer; `wait_for` takes it.",
    "Ticketlog-Version": "The version of the stream, as `seen` takes it.",
    "ETag": "For `If-None-Match`, and, where it begins with a version, for `If-Match`.",
}
ID_DESCRIPTION = "The id, as answers have it."


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with: those of every route, and these."""
    told: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*_ALWAYS, *statuses}):
        codes = [f"`{code}`: {kind.title}" for code, kind in KINDS.items() if kind.status == status]
        schema = {"$ref": f"{_REF}{ProblemDetails.__name__}"}
        told[status] = {
            "description": " ".join(codes),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        if status in (429, 503):
            told[status]["headers"] = {
                "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}
            }
    return told


def answer_headers(*names: str) -> dict[str, Any]:
    """The headers of an answer, documented."""
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}


def read_operation(
    name: str,
    about: str,
    parameters: Iterable[Parameter],
    *,
    tag: str,
    paths: Mapping[str, str] | None = None,
    statuses: Sequence[int] = (),
    versioned: bool = False,
) -> dict[str, Any]:
    """The description of a route that answers a document, for `add_api_route`. `paths`: its
    parameters in the path, each with an example."""
    summary, description = _told(about)
    names = ["Ticketlog-Position", "ETag", *(["Ticketlog-Version"] if versioned else [])]
    headers = answer_headers(*names)
    conditional = {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag of an answer that is there: 304 where it is still right.",
        "schema": {"type": "string"},
    }
    return {
        "operation_id": name,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "responses": {
            200: {"description": "The document.", "headers": headers},
            304: {"description": "The asker has it already.", "headers": headers},
            **problems_of(*statuses),
        },
        "openapi_extra": {
            "parameters": [
                *(path_parameter(each, example) for each, example in (paths or {}).items()),
                *(each.documented() for each in parameters),
                conditional,
            ]
        },
    }


def path_parameter(name: str, example: str) -> dict[str, Any]:
    """A parameter in the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": ID_DESCRIPTION,
        "schema": {"type": "string", "minLength": 1, "maxLength": 100},
        "example": example,
    }


def sending_parameters(parameters: Iterable[Parameter]) -> list[dict[str, Any]]:
    """The parameters and headers of a command's envelope."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The command's id: sent again with the same body it is done once and gets "
        "the first answer, with another body 422. Without it each request is another command.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 90},
    }
    match = {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": 'The ETag of the read that the sender saw, or `"VERSION"`: as `seen`.',
        "schema": {"type": "string", "pattern": r'^(W/)?"\d{1,18}(\.[0-9a-f]+)?"$'},
    }
    return [*(each.documented() for each in parameters), key, match]


def command_operation(route: CommandRoute, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """The description of a command's route, for `add_api_route`."""
    model, kind = route.model, route.aggregate.kind
    spec = model.SPEC
    summary, description = _told(model.__doc__ or "")
    made = 201 if spec.creates else 200
    names = ["Ticketlog-Position", "Ticketlog-Version", "ETag"]
    headers = answer_headers(*names)
    headers["Location"] = {
        "description": "The thing that it made.",
        "schema": {"type": "string"},
    }
    own = [each for each in parameters if not (each.name == "reason" and _has_reason(model))]
    extra = {
        "parameters": [
            *([] if spec.creates else [path_parameter("id", _IDS.get(kind, "front-desk"))]),
            *sending_parameters(own),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"{_REF}{model.NAME}"},
                    "example": example_of(model),
                }
            },
        },
    }
    return {
        "operation_id": model.NAME,
        "summary": spec.help or summary,
        "description": "\n\n".join(part for part in (description, spec.more) if part),
        "tags": [f"{kind}s"],
        "responses": {
            made: {"description": "It is done, durably.", "headers": headers},
            **problems_of(404, 409, 413, 415),
        },
        "openapi_extra": extra,
    }


_IDS = {
    "ticket": "4F7K2M9QABCD",
    "person": "7QK2M9ABCD4F",
    "organisation": "ABCD4F7QK2M9",
    "agent": "ann",
    "import": "old-desk",
}
"""Ids in examples."""


def example_id(kind: str) -> str:
    """An id of a kind of stream, for examples."""
    return _IDS.get(kind, "1")


def _has_reason(model: type[Command]) -> bool:
    return "reason" in model.model_fields


def _told(text: str) -> tuple[str, str]:
    """The first sentence of a docstring, and all of it."""
    text = inspect.cleandoc(text)
    first = " ".join(text.split("\n\n")[0].split())
    sentence = first.split(". ")[0].rstrip(".") + "."
    return sentence, text


def document(app: FastAPI, routes: Sequence[Any]) -> dict[str, Any]:
    """The OpenAPI document of an application, with the models of commands and problems."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            summary="The API of a ticketlog desk.",
            description=_ABOUT,
            routes=routes,
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in _schemas().items():
            schemas.setdefault(name, schema)
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        _free_fields(made)
        _share_problems(made)
        _share_parameters(made)
        made["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "An API token, `tlk_...`."}
        }
        made["security"] = [{"token": []}]
        app.openapi_schema = made
    return app.openapi_schema


_ABOUT = """\
Everything that is done is `POST /api/v1/KINDs/ID/commands/NAME` with the command as JSON (a new
thing: `POST /api/v1/KINDs`); everything that is asked is `GET /api/v1/queries/NAME` or
`/reports/NAME`; a thing is `GET /api/v1/KINDs/ID`, and what happened to it `.../history`. Times are
RFC 3339 with an offset. Errors are `application/problem+json`. docs/API.md shows the most frequent
jobs.
"""


def _free_fields(made: dict[str, Any]) -> None:
    """Lets fields of answers be absent: each actor gets those that they may read."""
    given: set[str] = set()
    told: set[str] = set()
    schemas = made["components"]["schemas"]
    for path in made["paths"].values():
        for operation in path.values():
            given |= _named_in(operation.get("requestBody"), schemas)
            told |= _named_in(operation.get("responses"), schemas)
    for name in told - given:
        schemas[name].pop("required", None)


def _named_in(value: Any, schemas: Mapping[str, Any]) -> set[str]:
    """The components that a part of the document names, and those that they name."""
    found: set[str] = set()
    left = [value]
    while left:
        for name in _NAMED.findall(orjson.dumps(left.pop()).decode()):
            if name not in found and name in schemas:
                found.add(name)
                left.append(schemas[name])
    return found


_NAMED = re.compile(r'"#/components/schemas/([^"]+)"')


def _share_problems(made: dict[str, Any]) -> None:
    """Puts the problems that many operations answer with into one place."""
    shared = made["components"].setdefault("responses", {})
    for path in made["paths"].values():
        for operation in path.values():
            for status, response in operation.get("responses", {}).items():
                if MEDIA_TYPE in response.get("content", {}):
                    name = f"Problem{status}"
                    if shared.setdefault(name, response) == response:
                        operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}


def _share_parameters(made: dict[str, Any]) -> None:
    """Puts parameters that many operations have into one place."""
    shared = made["components"].setdefault("parameters", {})
    for path in made["paths"].values():
        for operation in path.values():
            for number, each in enumerate(operation.get("parameters", ())):
                if each.get("in") != "path" and each["name"] in _SHARED:
                    name = each["name"]
                    if shared.setdefault(name, each) == each:
                        operation["parameters"][number] = {
                            "$ref": f"#/components/parameters/{name}"
                        }


_SHARED = frozenset(
    {
        *("as_of", "occurred_as_of", "basis", "wait_for", "after", "fields", "seen", "anyway"),
        *("reason", "correlation", "channel", "source", "occurred_at"),
        *("Idempotency-Key", "If-Match", "If-None-Match"),
    }
)
"""Parameters that mean the same everywhere."""


@cache
def _schemas() -> dict[str, Any]:
    """The schemas of commands and problems, by the names of their components."""
    from ticketlog.http.bulk import BulkCommand
    from ticketlog.http.commands import command_routes

    found: dict[str, Any] = {}
    for route in command_routes():
        schema, inner = _schema(route.model, "given.")
        found[route.model.NAME] = schema
        found |= inner
    more: tuple[type[BaseModel], ...] = (*parts(BulkLine), BulkCommand)
    for model in more:
        schema, _ = _schema(model, "")
        found[model.__name__] = schema
    return found


def _schema(model: type[BaseModel], prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a model, and those of its parts under names with a prefix."""
    template = f"{_REF}{prefix}{{model}}"
    schema = model.model_json_schema(
        ref_template=template, mode="serialization" if issubclass(model, Document) else "validation"
    )
    inner = {f"{prefix}{name}": each for name, each in schema.pop("$defs", {}).items()}
    return schema, inner


def text_of(served: Served) -> str:
    """The OpenAPI document of a desk's application, as docs/contract keeps it."""
    from ticketlog.http.app import create_app

    made = create_app(served).openapi()
    made["info"]["version"] = "1"
    return orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"
