"""Documents that are made of the models of the settings: all their fields, with durations named
with their unit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import AliasChoices, Field, create_model

from ticketlog.documents.base import At, Document, Number, Text, WholeSeconds, Word
from ticketlog.domain.base import Instant, Line, Seconds, Value
from ticketlog.domain.settings.model import Agent

_PLAIN: Mapping[Any, Any] = {str: Word, int: Number, bool: bool, NoneType: NoneType}


@cache
def mirrored(value: type[Value]) -> type[Document]:
    """The document of a thing of the settings: all its fields, durations named with their unit."""
    hints = get_type_hints(value, include_extras=True)
    fields: dict[str, Any] = {}
    for name in value.model_fields:
        kind = _kind(hints[name])
        long = f"{name}_seconds" if _lasts(kind) and "seconds" not in name else name
        fields[long] = (kind, Field(validation_alias=AliasChoices(name, long)))
    made = create_model(
        f"{value.__name__}Settings",
        __base__=Document,
        __module__="settings",
        __doc__=(value.__doc__ or "").split("\n\n")[0],
        **fields,
    )
    made.MADE_OF = value
    return made


def _kind(hint: Any) -> Any:
    """The kind of a document's field, by that of a field of the settings."""
    if hint == Instant:
        return At
    if hint == Line:
        return Text
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        lasts = any(mark in get_args(Seconds)[1:] for mark in args[1:])
        return WholeSeconds if lasts else _kind(args[0])
    if origin is Literal:
        return Word
    if origin in (Union, UnionType):
        return Union[tuple(map(_kind, args))]  # noqa: UP007
    if origin is tuple:
        return list[_kind(args[0])]  # type: ignore[misc]
    if origin is not None and issubclass(origin, Mapping):
        return dict[_kind(args[0]), _kind(args[1])]  # type: ignore[misc]
    return mirrored(hint) if hint not in _PLAIN and issubclass(hint, Value) else _PLAIN[hint]


def _lasts(kind: Any) -> bool:
    return kind == WholeSeconds or any(map(_lasts, get_args(kind) if kind != WholeSeconds else ()))


if TYPE_CHECKING:
    AgentSettings: TypeAlias = Document
else:
    AgentSettings = mirrored(Agent)
