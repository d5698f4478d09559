"""Settings in force, and what a settings file changed.

A duration is called `reopen_within_seconds` here, whatever a settings file calls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import create_model

from ticketlog.documents.base import Count, Document, Id, Number, Offset, Text, Word
from ticketlog.documents.events import Event
from ticketlog.documents.mirrors import mirrored
from ticketlog.documents.plain_text import cell
from ticketlog.domain import base as domain
from ticketlog.domain.base import Recorded, Value
from ticketlog.domain.settings.conditions import Conditions
from ticketlog.domain.settings.events import KINDS
from ticketlog.domain.settings.kind import SettingChanged, SettingKind
from ticketlog.domain.settings.model import Settings


def in_force(settings: Settings) -> Document:
    """The document of settings."""
    return _IN_FORCE.filled(
        position=settings.position,
        versions=dict(settings.versions),
        **{kind.table: _plain(kind, kind.held(settings)) for kind in KINDS},
    )


def _plain(kind: SettingKind, things: Mapping[str, Value]) -> Any:
    plain = {id: each.model_dump(mode="json") for id, each in things.items()}
    return next(iter(plain.values()), None) if kind.single else plain


class _Settings(Document):
    """Settings in force: everything as in a settings file, with nothing left unsaid."""

    position: Offset
    versions: dict[Id, Number]
    """Which of the changes of each thing is in force, from 1."""


def _table(kind: SettingKind) -> Any:
    thing = mirrored(kind.value)
    return thing | None if kind.single else dict[Id, thing]  # type: ignore[valid-type]


_FIELDS: dict[str, Any] = {kind.table: (_table(kind), ...) for kind in KINDS}
_IN_FORCE: type[Document] = create_model(
    "SettingsInForce",
    __base__=_Settings,
    __module__="settings",
    __doc__=_Settings.__doc__,
    **_FIELDS,
)
IN_FORCE = _IN_FORCE
"""The model of `in_force`."""


class AppliedSettings(Document):
    """The changes by a settings file."""

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
    """A change that would become an event."""

    stream: Id
    change: Text


class InUse(Document):
    """A thing that is taken away while tickets that aren't closed have it."""

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
    """The plan of applying a settings file: with `--check`."""

    changes: list[WouldChange]
    in_use: list[InUse]
    admins: list[Id]
    """Agents who stay admins although the file doesn't say so."""
    warnings: list[Text]
    """Texts that look like a secret: where they stand."""


class SettingsHistory(Document):
    """The changes of the settings, in order."""

    events: list[Event]

    @classmethod
    def made(cls, events: Iterable[Recorded]) -> SettingsHistory:
        return cls(events=[Event.made(each) for each in events])


_MANY = 8
"""Entries that are named; of more, how many there are."""


def brief(thing: Value) -> str:
    """A thing's filled fields, in words."""
    filled = (name for name in type(thing).model_fields if name != "id")
    return ", ".join(_field(name, thing) for name in filled if _value(name, thing))


def change(event: domain.Event) -> str:
    """The change by an event of the settings log, in words."""
    if not isinstance(event, SettingChanged):
        return "in force from here"
    before, after = event.before(), event.after()
    if after is None:
        return "removed"
    if before is None:
        return "added"
    names = type(after).model_fields
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return "changed: " + ", ".join(_field(name, after) for name in changed)


def _field(name: str, thing: Value) -> str:
    """A field in words; of nested and of many values, how many."""
    value = _value(name, thing)
    nested = isinstance(value, list) and value and isinstance(value[0], dict)
    many = isinstance(value, list | dict) and len(value) > _MANY
    return f"{len(value)} {name}" if nested or many else f"{name} {cell(value)}"


def _value(name: str, thing: Value) -> Any:
    value = getattr(thing, name)
    return str(value) if isinstance(value, Conditions) else thing.model_dump(mode="json")[name]
