"""JSON straight from the plain values of views, for documents that say nothing of them which those
don't say themselves: to make and check the document first takes several times as long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import orjson

from ticketlog.documents.base import Document, Kind
from ticketlog.domain.base import iso

_SECOND = 1_000_000
_INSTANT = "instant"
_BOOLEANS = {0: False, 1: True}
"""Databases hold them as numbers."""
_PLAIN = frozenset({str, int, type(None)})
"""Types of values that each JSON library writes alike; fractions aren't among them."""


class DocumentPlan(NamedTuple):
    """The way from plain values to a document's JSON."""

    names: tuple[str, ...]
    values: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    instants: tuple[str, ...]
    booleans: tuple[str, ...]
    lists: Mapping[str, DocumentPlan]


@cache
def plan_of(model: type[Document]) -> DocumentPlan | None:
    """The plan of a model; None: it has fields that its document changes or checks in another way
    than by their types."""
    hints = get_type_hints(model, include_extras=True)
    instants: list[str] = []
    booleans: list[str] = []
    lists: dict[str, DocumentPlan] = {}
    fields = model.model_fields
    if any(each.alias for each in fields.values()):
        return None
    for name in fields:
        rows = _rows_of(hints[name])
        if rows is not None:
            plan = plan_of(rows)
            if plan is None:
                return None
            lists[name] = plan
        elif _is_instant(hints[name]):
            instants.append(name)
        elif hints[name] is bool:
            booleans.append(name)
        elif not _types_of(hints[name]) <= _PLAIN:
            return None
    names = tuple(fields)
    values = itemgetter(*names) if len(names) > 1 else _one(names[0])
    return DocumentPlan(names, values, tuple(instants), tuple(booleans), lists)


def _one(name: str) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    return lambda row: (row[name],)


def ready_json(model: type[Document], values: Mapping[str, Any]) -> bytes | None:
    """The JSON of the document that a view's values make, the same as by way of the document; None:
    it takes that way. A value that isn't of its field's type isn't noticed: views have none."""
    plan = plan_of(model)
    try:
        return None if plan is None else orjson.dumps(_made(plan, values))
    except (LookupError, TypeError, ValueError):
        return None


def _made(plan: DocumentPlan, values: Mapping[str, Any]) -> dict[str, Any]:
    """Raises LookupError, TypeError for values that make no such document, or less than all of
    it."""
    if values.__class__ is not dict or len(values) != len(plan.names):
        raise TypeError("values of another shape")
    made = dict(zip(plan.names, plan.values(values), strict=True))
    for name in plan.instants:
        at = made[name]
        if at.__class__ is int:
            made[name] = instant_text(at)
    for name in plan.booleans:
        made[name] = _BOOLEANS[made[name]]
    for name, inner in plan.lists.items():
        made[name] = [_made(inner, row) for row in _list(made[name])]
    return made


def _list(rows: Any) -> Sequence[Mapping[str, Any]]:
    if rows.__class__ is not list:
        raise TypeError("rows of another shape")
    found: Sequence[Mapping[str, Any]] = rows
    return found


def instant_text(at: int) -> str:
    """The text of an instant, as `iso` writes it; rows hold many of the same second."""
    second, rest = divmod(at, _SECOND)
    return f"{_second_text(second)}{rest:06d}Z"


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    """The text of an instant up to its fraction."""
    return iso(second * _SECOND)[: -len("000000Z")]


def _rows_of(hint: Any) -> type[Document] | None:
    """The model of a field that is a list of documents."""
    [row] = get_args(hint) if get_origin(hint) is list else [None]
    return row if isinstance(row, type) and issubclass(row, Document) else None


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)


def _is_instant(hint: Any) -> bool:
    marks = [mark for each in _options(hint) for mark in getattr(each, "__metadata__", ())]
    return any(isinstance(mark, Kind) and mark.words == _INSTANT for mark in marks)


def _types_of(hint: Any) -> set[Any]:
    """The types that a field's values have; those of a list's items too."""
    found: set[Any] = set()
    for each in _options(hint):
        if get_origin(each) is Annotated or get_origin(each) is list:
            found |= _types_of(get_args(each)[0])
        else:
            found.add(each)
    return found
