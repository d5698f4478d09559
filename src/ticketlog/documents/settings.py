"""Settings in force, with models made of those of the settings themselves.

A duration is called `reopen_within_seconds` here, whatever a settings file calls it.
"""

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

from ticketlog.documents.base import (
    At,
    Count,
    Document,
    Id,
    Number,
    Offset,
    Text,
    WholeSeconds,
    Word,
)
from ticketlog.documents.events import Event
from ticketlog.domain.base import Instant, Line, Seconds, Value
from ticketlog.domain.settings import Agent, Priorities, Settings
from ticketlog.domain.settings_events import KINDS

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
    """What a field of a document holds, by what one of the settings does."""
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


def in_force(settings: Settings) -> Document:
    """The document of settings."""
    held = {kind.table: getattr(settings, kind.table) for kind in KINDS}
    return _IN_FORCE.filled(
        position=settings.position,
        versions=dict(settings.versions),
        **{
            table: {id: each.model_dump(mode="json") for id, each in value.items()}
            if isinstance(value, Mapping)
            else value and value.model_dump(mode="json")
            for table, value in held.items()
        },
    )


class _Settings(Document):
    """Settings in force: everything as in a settings file, with nothing left unsaid."""

    position: Offset
    versions: dict[Id, Number]
    """Which of the changes of each thing is in force, from 1."""


_TABLES: dict[str, Any] = {kind.table: dict[Id, mirrored(kind.value)] for kind in KINDS}  # type: ignore[misc]
_TABLES["priorities"] = mirrored(Priorities) | None
_FIELDS: dict[str, Any] = {table: (held, ...) for table, held in _TABLES.items()}
_IN_FORCE: type[Document] = create_model(
    "SettingsInForce",
    __base__=_Settings,
    __module__="settings",
    __doc__=_Settings.__doc__,
    **_FIELDS,
)
IN_FORCE = _IN_FORCE
"""The model of `in_force`."""

if TYPE_CHECKING:
    AgentSettings: TypeAlias = Document
else:
    AgentSettings = mirrored(Agent)


class Applied(Document):
    """What a settings file changed."""

    position: Offset
    """Of the settings in force now."""
    streams: list[Id]
    """What changed."""
    repeated: bool
    """The command's id was known."""
    admins: list[Id]
    """Agents who stay admins although the file doesn't say so: a desk always has one."""
    moved: list[Id]
    """Tickets that were moved."""
    stayed: dict[Id, Text]
    """Ticket -> why it couldn't be moved."""
    warnings: list[Text]
    """Texts that look like a secret: where they stand."""
    kept: list[Text]
    """What was taken away and is still in use, and what becomes of it."""


class WouldChange(Document):
    """What would become an event."""

    stream: Id
    change: Text


class InUse(Document):
    """What is taken away, and tickets that aren't closed have it."""

    kind: Word
    id: Id
    tickets: Count
    first: list[Id]
    strands: bool
    keeps: Text | None
    """What becomes of them, where they aren't stranded."""
    goes: Id | None
    """Where a move takes them."""


class Checked(Document):
    """What a settings file would do: with `--check`."""

    changes: list[WouldChange]
    in_use: list[InUse]
    admins: list[Id]
    """Agents who stay admins although the file doesn't say so."""
    warnings: list[Text]
    """Texts that look like a secret: where they stand."""


class SettingsHistory(Document):
    """Who changed what of the settings, in order."""

    events: list[Event]
