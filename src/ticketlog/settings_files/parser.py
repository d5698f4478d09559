"""Settings files: TOML that says what the settings of a desk are to be (docs/SETTINGS.md)."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias, get_args

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ticketlog.domain.base import Actor, Key, Value
from ticketlog.domain.settings.activation import FIRST_ROLES, Desired
from ticketlog.domain.settings.events import KINDS
from ticketlog.domain.settings.kind import SettingKind
from ticketlog.domain.settings.notation import FILE, Written, keys_of
from ticketlog.domain.text import line, lines
from ticketlog.domain.time.calendar import Calendar
from ticketlog.errors import Usage
from ticketlog.settings_files.calendars.form import CalendarForm

Table: TypeAlias = dict[str, Any]
MOVES = "moves"
"""The table of a file that is no setting: where tickets go of what it takes away."""


_TABLES: Mapping[str, SettingKind] = {kind.table: kind for kind in KINDS}


def _form(kind: SettingKind) -> type[BaseModel]:
    """The model that a thing of a kind is written as: its own, but for calendars, which are
    made."""
    return CalendarForm if kind.value is Calendar else kind.value


def _table(kind: SettingKind) -> Any:
    return _form(kind) if kind.single else dict[Key, _form(kind)]  # type: ignore[misc]


_FIELDS: dict[str, Any] = {kind.table: (_table(kind) | None, None) for kind in KINDS}
_File = create_model("_File", __config__=ConfigDict(extra="forbid", strict=True), **_FIELDS)


def defaults(admin: Actor | None = None) -> bytes:
    """The settings file that a new desk begins with, and its first admin, if there is one."""
    file = resources.files("ticketlog").joinpath("defaults.toml").read_bytes()
    if admin is None:
        return file
    agent = f"\n[agents.{_toml(admin.id)}]\nroles = {_toml(FIRST_ROLES)}\n"
    return file + agent.encode()


def _toml(value: object) -> str:
    """A text or a list of texts; JSON writes them as TOML does."""
    return orjson.dumps(value).decode()


def digest(content: bytes | str) -> str:
    """The SHA-256 of a settings file, by which its events name it."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def parse(content: bytes | str, folder: Path | None = None) -> Desired:
    """The settings that a file states; `folder` is where it lies, for the files that it names.

    Raises Usage, naming table and key, where it can't be read.
    """
    tables = _tables(content)
    tables.pop(MOVES, None)
    try:
        file = _File.model_validate_json(orjson.dumps(_with_ids(tables)), context=FILE)
    except ValidationError as error:
        raise Usage(_explained(error)) from error
    desired: dict[str, Mapping[str, Value]] = {}
    for kind in KINDS:
        found = getattr(file, kind.table)
        if found is not None:
            things = {found.id: found} if kind.single else found
            desired[kind.name] = {id: _value(each, folder) for id, each in things.items()}
    return desired


def _tables(content: bytes | str) -> Table:
    try:
        text = content if isinstance(content, str) else content.decode()
        tables = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise Usage(f"the settings file is no UTF-8 text: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise Usage(f"the settings file is no TOML: {error}") from error
    fit: Table = _fit(tables)
    return fit


def moves(content: bytes | str, kinds: Collection[str]) -> dict[tuple[str, str], str]:
    """The moves that a settings file states, (kind, old) -> new: `[moves]` with a table for each of
    the kinds. Raises Usage, naming table and key."""
    tables = _tables(content).get(MOVES, {})
    found = {}
    for kind, table in tables.items() if isinstance(tables, dict) else [("", tables)]:
        if kind not in kinds:
            raise Usage(f"the settings file: [moves] {kind} is unknown; known are {_list(kinds)}")
        for old, new in table.items() if isinstance(table, dict) else [("", table)]:
            if not (isinstance(new, str) and old and new):
                said = f"should be the name of what takes its place, not {new!r}"
                raise Usage(f"the settings file: [moves.{kind}] {old} {said}")
            found[kind, old] = new
    return found


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _value(each: Value, folder: Path | None) -> Value:
    try:
        return each.value(folder) if isinstance(each, CalendarForm) else each
    except Usage as error:
        raise Usage(f"the settings file: {error}") from error


def _fit(value: Any, where: tuple[str | int, ...] = ()) -> Any:
    """The tables with their names and texts made fit (`domain.text`). Raises Usage, naming the
    place, for what can't be seen, and for names that are the same without it."""
    if isinstance(value, dict):
        names = {key: _written(line, key, (*where, key)) for key in value}
        for name, times in Counter(names.values()).items():
            if times > 1:
                place = _place((*where, name))
                raise Usage(f"the settings file: {place} stands there {times} times")
        return {names[key]: _fit(each, (*where, key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_fit(each, (*where, at)) for at, each in enumerate(value)]
    return _written(lines, value, where) if isinstance(value, str) else value


def _written(fit: Callable[[str], str], given: str, where: tuple[str | int, ...]) -> str:
    try:
        return fit(given)
    except ValueError as error:
        raise Usage(f"the settings file: {_place(where)} {error}") from None


def _with_ids(tables: Table) -> Table:
    """The tables with what files leave unsaid: a thing's id is the name of its table, an option's
    label is its id, and what the kind says."""
    given: Table = {}
    for name, table in tables.items():
        kind = _TABLES.get(name)
        if kind is None or not isinstance(table, dict):
            given[name] = table
        elif kind.single:
            given[name] = _with_id(kind, "default", table)
        else:
            given[name] = {id: _with_id(kind, id, each) for id, each in table.items()}
    return given


def _with_id(kind: SettingKind, id: str, entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    if "id" in entry:
        raise Usage(
            f"the settings file: [{kind.table}.{id}] id: leave it out; the name of the table is "
            "the id"
        )
    if isinstance(entry.get("options"), list):
        entry = {**entry, "options": [_with_label(option) for option in entry["options"]]}
    return {**kind.unsaid, **entry, "id": id}


def _with_label(option: object) -> object:
    if isinstance(option, dict) and "id" in option:
        return {"label": option["id"], **option}
    return option


def _explained(error: ValidationError) -> str:
    """The first thing that is wrong, in the words of the file; a misspelt key goes before the
    right one that is missing for it."""
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    where = tuple(step for step in first["loc"] if step != "[key]")
    given = first["input"]
    match first["type"]:
        case "extra_forbidden":
            message = f"is unknown; known are {_known_keys(where)}"
        case "missing":
            message = "is missing"
        case _:
            message = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
            message = message.replace("an object", "a table").replace("valid array", "list")
            if isinstance(given, str | int | float | bool):
                message += f", not {given!r}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"the settings file: {_place(where)} {message}{more}"


def _place(where: tuple[str | int, ...]) -> str:
    """'[workflows.default] entry 2 of statuses: category'."""
    kind = _TABLES.get(str(where[0]))
    depth = 1 if kind is not None and kind.single else 2
    table, keys = where[:depth], where[depth:]
    place = f"[{'.'.join(_printable(each) for each in table)}]"
    for key in keys:
        if isinstance(key, int):
            before, _, name = place.rpartition(" ")
            place = f"{before} entry {key + 1} of {name}:"
        else:
            place += f" {_printable(key)}"
    return place


def _printable(key: str | int) -> str:
    text = str(key)
    return text if text.isprintable() else repr(text)


def _known_keys(where: tuple[str | int, ...]) -> str:
    if len(where) == 1:
        return _list((*_TABLES, MOVES))
    kind = _TABLES[str(where[0])]
    model: type[BaseModel] = _form(kind)
    keys = [name for name in keys_of(model) if name != "id"]
    for step in where[1 if kind.single else 2 : -1]:
        if step in model.model_fields:
            field = model.model_fields[str(step)]
            for part in _parts(field.annotation, field.metadata):
                if isinstance(part, Written) and part.keys:
                    return _list(part.keys)
                if isinstance(part, type) and issubclass(part, BaseModel):
                    model, keys = part, [*keys_of(part)]
    return _list(keys)


def _parts(annotation: Any, marks: Iterable[Any] = ()) -> Iterator[Any]:
    """The parts of an annotation: marks, then types, from the outside."""
    yield from marks
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)
