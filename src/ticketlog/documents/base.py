"""The base of documents: models whose fields say what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, cast, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    create_model,
)

from ticketlog.domain.base import iso

_SECOND = 1_000_000


@dataclass(frozen=True)
class Kind:
    """The kind of a value, in the words of the manual. `names`: a regular expression that the name
    of each field with such a value must match."""

    words: str
    names: str = ""


def _text(at: object) -> object:
    """Views and states hold instants as microseconds since 1970."""
    return iso(at) if type(at) is int else at


At = Annotated[
    str,
    BeforeValidator(_text),
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"),
    Kind("instant"),
]
SECONDS = Kind("seconds", r"(^|_)seconds(_|$)")
Seconds = Annotated[Annotated[int, Strict()] | Annotated[float, Strict()], SECONDS]
"""A duration, with a fraction where it isn't whole."""
WholeSeconds = Annotated[int, Strict(), SECONDS]
Percent = Annotated[int, Strict(), Kind("percent", r"(^|_)percent$")]
SHARE, HUNDREDTHS = Kind("hundredths of a percent"), Kind("hundredths")
Share = Annotated[int, Strict(), SHARE]
Hundredths = Annotated[int, Strict(), HUNDREDTHS]
Rate = Annotated[int, Strict(), Kind("per second", r"_per_second$")]
Bytes = Annotated[int, Strict(), Kind("bytes", r"^size$")]
Count = Annotated[int, Strict(), Kind("count")]
Change = Annotated[int, Strict(), Kind("change of a count")]
Number = Annotated[int, Strict(), Kind("number")]
"""Which one of several: a version, an instance, a tier, a line."""
Offset = Annotated[int, Strict(), Kind("offset")]
"""A place in a partition of a log, or behind its last record; partitions are numbers."""
Id = Annotated[str, Strict(), Kind("id")]
Word = Annotated[str, Strict(), Kind("word")]
"""One of those that the product or the settings know."""
Text = Annotated[str, Strict(), Kind("text")]
Cut = Annotated[str, Strict(), Kind("cut", r"^cut$")]
"""How far the logs have come, as `--as-of` takes it."""
Position = Annotated[str, Strict(), Kind("position P:OFFSET")]
Digest = Annotated[str, Strict(), Field(pattern="^[0-9a-f]{64}$"), Kind("SHA-256")]
Anything = Annotated[Any, Kind("anything")]
"""What the desk's own fields or the records of events hold."""


class WithheldFields(dict[str, Any]):
    """The values of a document of which some are kept from who asked: they are absent from it, and
    read as None where a document's values are made of them."""

    def __missing__(self, name: str) -> None:
        return None

    @classmethod
    def like(cls, row: Mapping[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """The values that were made of a row: without what the row doesn't tell."""
        if not isinstance(row, cls):
            return values
        return cls({name: value for name, value in values.items() if value is not None})


class Document(BaseModel):
    """A document, or a part of one.

    A field that has a default is there only where it was asked for; all further ones always are,
    and are null or empty where there is no value.
    """

    MADE_OF: ClassVar[type | None] = None
    """Whose fields it has, where it is made of another model."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), defer_build=True
    )

    @classmethod
    def filled(cls, values: Mapping[str, Any] | None = None, /, **more: Any) -> Self:
        """The document of plain values. Raises ValidationError where they don't fit the model."""
        try:
            return cls.model_validate({**(values or {}), **more})
        except ValidationError:
            if not _withholds({**(values or {}), **more}, values):
                raise
            given = {**(values or {}), **more}
            return cast("Self", lenient(cls).model_validate(given))

    def plain(self) -> dict[str, Any]:
        """The document as JSON has it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _withholds(value: Any, whole: Any = None) -> bool:
    if isinstance(value, WithheldFields) or isinstance(whole, WithheldFields):
        return True
    if isinstance(value, Mapping):
        return any(map(_withholds, value.values()))
    return isinstance(value, list | tuple) and any(map(_withholds, value))


@cache
def lenient(model: type[Document]) -> type[Document]:
    """The model with fields that may be absent; as a class it is one of the model's own."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kept = copy(field)
        kept.annotation = _lenient_hint(field.annotation)
        if field.is_required():
            kept.default = None
        fields[name] = (kept.annotation, kept)
    made: type[Document] = create_model(model.__name__, __base__=model, **fields)
    return made


def _lenient_hint(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, Document):
        return lenient(hint)
    if get_origin(hint) is list:
        return list[_lenient_hint(get_args(hint)[0])]  # type: ignore[misc]
    if get_origin(hint) is UnionType:
        return reduce(or_, map(_lenient_hint, get_args(hint)))
    return hint


def in_seconds(microseconds: int | None) -> float | int | None:
    """A duration: whole where it is."""
    if microseconds is None:
        return None
    whole, rest = divmod(microseconds, _SECOND)
    return microseconds / _SECOND if rest else whole


def kind_of(model: type[Document], name: str) -> Kind | None:
    """The kind of value that a field of a model holds, null aside; None: a boolean or parts."""
    hint = get_type_hints(model, include_extras=True)[name]
    marks = [mark for each in (hint, *get_args(hint)) for mark in getattr(each, "__metadata__", ())]
    return next((mark for mark in marks if isinstance(mark, Kind)), None)


def parts(model: type[Document]) -> list[type[Document]]:
    """A document's model, then those of its parts, each once, in the order of the fields."""
    found: dict[type[Document], None] = {}
    left: list[Any] = [model]
    while left:
        hint = left.pop(0)
        if isinstance(hint, type) and issubclass(hint, Document):
            if hint not in found:
                found[hint] = None
                left = [*get_type_hints(hint, include_extras=True).values(), *left]
        else:
            left = [*get_args(hint), *left]
    return list(found)
