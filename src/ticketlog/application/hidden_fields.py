"""Answers of queries without the fields that their asker may not read.

An answer is plain values in the shape of its document (`Query.document`); both are walked together,
so that each value is known by the field that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, get_args

from ticketlog.documents.base import Document, WithheldFields
from ticketlog.projections.engine.query import Query

Hides: TypeAlias = Callable[[str, str], bool]
"""(field, document): whether it is hidden."""


def without(query: Query[Any], answer: Any, hides: Hides) -> Any:
    """The answer of a query without hidden fields. Rows that lack some say so
    (`documents.base.WithheldFields`), so that a document can be made of them all the same."""
    model = query.DOCUMENT
    if isinstance(answer, Mapping) and set(answer) <= set(model.model_fields):
        return _row(answer, model, hides)
    if isinstance(answer, tuple) and not hasattr(answer, "_fields"):
        names = list(model.model_fields)
        return tuple(
            _of_field(model, name, value, hides) for name, value in zip(names, answer, strict=False)
        )
    first = next(iter(model.model_fields))
    if isinstance(answer, tuple):
        rows = _of_field(model, first, answer[0], hides)
        return answer._replace(rows=rows)  # type: ignore[attr-defined]
    return _of_field(model, first, answer, hides)


def _of_field(model: type[Document], name: str, value: Any, hides: Hides) -> Any:
    field = model.model_fields.get(name)
    part = next(_parts(field.annotation), None) if field is not None else None
    if part is None:
        return value
    if isinstance(value, Mapping):
        return _row(value, part, hides)
    if isinstance(value, list):
        return [_row(each, part, hides) if isinstance(each, Mapping) else each for each in value]
    return value


def _row(row: Mapping[str, Any], model: type[Document], hides: Hides) -> dict[str, Any]:
    kept = {
        name: _of_field(model, name, value, hides)
        for name, value in row.items()
        if not hides(name, model.__name__)
    }
    return WithheldFields(kept) if len(kept) < len(row) else kept


def _parts(hint: Any) -> Iterator[type[Document]]:
    if isinstance(hint, type) and issubclass(hint, Document):
        yield hint
    for each in get_args(hint):
        yield from _parts(each)
