"""Parameters of the query string: read strictly, as models whose fields they are.

A text stands for itself, `true` and `false` for booleans, digits for a whole number, a time is
written as RFC 3339 has it. A list repeats its name; a mapping repeats NAME=VALUE.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from starlette.requests import Request

from ticketlog.domain.base import instant
from ticketlog.domain.parties.contact import Address, address_of
from ticketlog.http.problems import Problem

M = TypeVar("M", bound=BaseModel)
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_BOOLEANS = {"true": True, "false": False}
_READERS: Mapping[Any, Callable[[str], Any]] = {Address: address_of}
"""Type -> how a text becomes one, where it isn't a plain value. They raise ValueError."""


class Parameter(NamedTuple):
    """A parameter: a field of a model."""

    name: str
    schema: dict[str, Any]
    required: bool
    description: str
    read: Callable[[str], Any]
    multiple: bool = False
    pairs: bool = False

    def documented(self) -> dict[str, Any]:
        """The parameter, as an OpenAPI document has it."""
        told: dict[str, Any] = {
            "name": self.name,
            "in": "query",
            "required": self.required,
            "schema": self.schema,
        }
        if self.description:
            told["description"] = self.description
        return told


def parameters_of(
    model: type[BaseModel], *, hidden: Sequence[str] = (), optional: Sequence[str] = ()
) -> list[Parameter]:
    """The parameters of a model, without the hidden fields. `optional`: those that may be left out
    though the model wants them."""
    return [
        _parameter(name, field, field.is_required() and name not in optional)
        for name, field in model.model_fields.items()
        if name not in hidden
    ]


def _parameter(name: str, field: FieldInfo, required: bool) -> Parameter:
    annotation, _ = _without_none(field.annotation)
    schema, read, multiple, pairs = _kind(annotation, field.metadata)
    if not required and field.default not in (None, PydanticUndefined, (), {}):
        default = field.default
        schema = {**schema, "default": list(default) if isinstance(default, tuple) else default}
    return Parameter(name, schema, required, field.description or "", read, multiple, pairs)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """The annotation of a value that is there, and whether it may be None."""
    options = get_args(annotation)
    if type(None) not in options:
        return annotation, False
    [given] = [each for each in options if each is not type(None)]
    return given, True


def _kind(
    annotation: Any, marks: Sequence[Any]
) -> tuple[dict[str, Any], Callable[[str], Any], bool, bool]:
    """The schema of a value, how its text is read, whether it is a list, whether a mapping."""
    if getattr(annotation, "__metadata__", None):
        inner, *more = get_args(annotation)
        given, _ = _without_none(inner)
        return _kind(given, [*marks, *more, *_marks_of(more)])
    origin = get_origin(annotation)
    if origin is tuple:
        item, read, _, _ = _kind(get_args(annotation)[0], ())
        unique = item["type"] == "string"
        return {"type": "array", "items": item, "uniqueItems": unique}, read, True, False
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _pairs(*get_args(annotation))
    return *_plain(annotation, marks), False, False


def _marks_of(marks: Sequence[Any]) -> list[Any]:
    return [each for mark in marks if isinstance(mark, FieldInfo) for each in mark.metadata]


def _plain(annotation: Any, marks: Sequence[Any]) -> tuple[dict[str, Any], Callable[[str], Any]]:
    names = {type(mark).__name__ for mark in marks}
    if "WithJsonSchema" in names:
        return {"type": "string", "format": "date-time"}, instant
    if get_origin(annotation) is Literal:
        return {"type": "string", "enum": list(get_args(annotation))}, str
    if annotation is bool:
        return {"type": "boolean"}, _boolean
    if annotation is int:
        bounds = {
            word: getattr(mark, name)
            for name, word in (("ge", "minimum"), ("le", "maximum"))
            for mark in marks
            if hasattr(mark, name)
        }
        return {"type": "integer", **bounds}, _whole
    return {"type": "string"}, _READERS.get(annotation, str)


def _pairs(names: Any, values: Any) -> tuple[dict[str, Any], Callable[[str], Any], bool, bool]:
    """Of a mapping: each text is NAME=VALUE; no value is null, where that may be."""
    given, nullable = _without_none(values)
    _, read = _plain(given, ())
    options = "|".join(map(re.escape, get_args(names))) if get_origin(names) is Literal else "[^=]+"
    value = "-?[0-9]{1,18}" if given is int else ".*"
    item = {"type": "string", "pattern": f"^(?:{options})={value}$"}

    def pair(text: str) -> tuple[str, Any]:
        name, equals, said = text.partition("=")
        if not equals or not name:
            raise ValueError(f"{text!r} is no NAME=VALUE")
        return name, None if nullable and said == "" else read(said)

    return {"type": "array", "items": item}, pair, True, True


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError(f"{text!r} is neither true nor false")
    return _BOOLEANS[text]


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def read_parameters(request: Request, known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values of a request's parameters. Raises Problem 422 for one that isn't known, that
    comes twice where there is one value, or that can't be read."""
    found: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        parameter = known.get(name)
        if parameter is None:
            there = ", ".join(known) or "none"
            raise Problem(422, "invalid", f"there is no parameter {name!r}; there are {there}")
        if name in found and not parameter.multiple:
            raise Problem(422, "invalid", f"{name} may be given once")
        try:
            value = parameter.read(text)
        except ValueError as error:
            raise Problem(422, "invalid", f"{name}: {error}") from error
        if parameter.multiple:
            values = found.setdefault(name, [])
            if parameter.schema.get("uniqueItems") and value in values:
                raise Problem(422, "invalid", f"{name}: {text!r} comes twice")
            values.append(value)
        else:
            found[name] = value
    for name, value in found.items():
        if known[name].multiple:
            found[name] = dict(value) if known[name].pairs else tuple(value)
    missing = [each for each, one in known.items() if one.required and each not in found]
    if missing:
        raise Problem(422, "invalid", f"{missing[0]} must be given")
    return found


def filled(model: type[M], values: Mapping[str, Any]) -> M:
    """The model of values. Raises Problem 422."""
    try:
        return model(**values)
    except ValidationError as error:
        raise Problem(422, "invalid", explained(error)) from error


def explained(error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"
