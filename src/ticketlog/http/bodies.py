"""Bodies of requests: JSON that is read strictly, of a size that is bounded."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from ticketlog.http.parameters import explained
from ticketlog.http.problems import Problem

M = TypeVar("M", bound=BaseModel)
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json", re.IGNORECASE)


def check_media_type(request: Request, pattern: re.Pattern[str] = _JSON, said: str = "") -> None:
    """Raises Problem 415 for a body of another type, or in another charset than UTF-8."""
    given = request.headers.get("content-type", "")
    media, _, parameters = given.partition(";")
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", parameters, re.IGNORECASE)
    if pattern.fullmatch(media.strip()) and (
        charset is None or charset[1].lower() in ("utf-8", "utf8", "us-ascii")
    ):
        return
    wanted = said or "application/json"
    raise Problem(
        415, "unsupported-media-type", f"the body must be {wanted} in UTF-8, not {given!r}"
    )


async def read_body(request: Request, model: type[M]) -> M:
    """The body as a model. Raises Problem 400 for what is no JSON, 415, 422 for JSON that doesn't
    fit the model."""
    check_media_type(request)
    return parsed(model, await request.body())


def parsed(model: type[M], body: bytes) -> M:
    """The model of JSON bytes. Raises Problem 400, 422."""
    return fitted(model, json_of(body))


def json_of(body: bytes) -> Any:
    """The value that JSON bytes hold, lists as tuples. Raises Problem 400."""
    try:
        return _frozen(orjson.loads(body), DEEPEST)
    except orjson.JSONDecodeError as error:
        why = str(error)[:_LONGEST]
        raise Problem(400, "unreadable", f"the body can't be read as JSON: {why}") from error


def fitted(model: type[M], value: Any) -> M:
    """The model of a value, as `json_of` gives it. Raises Problem 422 with all that is wrong."""
    if not isinstance(value, dict):
        raise Problem(422, "invalid", "the body must be a JSON object")
    for name in _instants(model):
        if isinstance(value.get(name), int):
            raise Problem(422, "invalid", f"{name}: a time is a text with an offset (RFC 3339)")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Problem(422, "invalid", explained(error), errors=_errors(error)) from error


def _frozen(value: Any, depth: int) -> Any:
    """The value with tuples for lists, as strict models want them. Raises Problem 400 where it is
    nested too deeply."""
    if depth == 0:
        raise Problem(
            400, "unreadable", f"the body can't be read: it is nested deeper than {DEEPEST} levels"
        )
    if isinstance(value, list):
        return tuple(_frozen(each, depth - 1) for each in value)
    if isinstance(value, dict):
        return {name: _frozen(each, depth - 1) for name, each in value.items()}
    return value


@cache
def _instants(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields that hold an instant, which models take as a number, too."""
    return tuple(
        name for name, field in model.model_fields.items() if "BeforeValidator" in repr(field)
    )


def _errors(error: ValidationError) -> list[dict[str, Any]]:
    """Each thing that is wrong: where, and why. What was given isn't repeated."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        {"where": ".".join(map(str, each["loc"])), "why": each["msg"]} for each in found[:_MOST]
    ]


DEEPEST = 32
"""Levels of a body's JSON at most."""
_MOST, _LONGEST = 20, 200
