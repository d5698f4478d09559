"""Settings files: TOML that says what the settings of a desk are to be (docs/SETTINGS.md)."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any, TypeAlias

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ticketlog.domain.base import Key
from ticketlog.domain.configuration import Desired
from ticketlog.domain.settings import (
    Agent,
    Category,
    CustomField,
    Option,
    Priorities,
    Product,
    Status,
    Team,
    TicketType,
    Transition,
    Value,
    Workflow,
)
from ticketlog.domain.settings_events import KINDS
from ticketlog.errors import Usage

Table: TypeAlias = dict[str, Any]


def _several(names: object) -> object:
    return tuple(names) if isinstance(names, list) else (names,)


Several = Annotated[tuple[Key, ...], BeforeValidator(_several)]


class _Arrows(Value):
    """Transitions as a file writes them: from one or several statuses to one or several."""

    source: Annotated[Several, Field(alias="from")]
    target: Annotated[Several, Field(alias="to")]
    roles: tuple[Key, ...] = ("*",)
    requires: tuple[Key, ...] = ()

    def transitions(self) -> list[Transition]:
        return [
            Transition(source=source, target=target, roles=self.roles, requires=self.requires)
            for source in self.source
            for target in self.target
        ]


_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def _seconds(text: object) -> int:
    found = re.fullmatch(r"([1-9][0-9]*)([dhms])", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("should be a duration: '28d', '12h', '90m' or '30s'")
    return int(found[1]) * _UNITS[found[2]]


class _Workflow(Value):
    id: Key
    types: tuple[TicketType, ...] = ()
    statuses: tuple[Status, ...]
    transitions: tuple[_Arrows, ...]
    reopen_within: Annotated[int, BeforeValidator(_seconds)] | None = None

    def workflow(self) -> Workflow:
        return Workflow(
            id=self.id,
            types=self.types,
            statuses=self.statuses,
            transitions=tuple(each for arrows in self.transitions for each in arrows.transitions()),
            reopen_within=self.reopen_within,
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    workflows: dict[Key, _Workflow] | None = None
    priorities: Priorities | None = None
    fields: dict[Key, CustomField] | None = None
    teams: dict[Key, Team] | None = None
    agents: dict[Key, Agent] | None = None
    categories: dict[Key, Category] | None = None
    products: dict[Key, Product] | None = None


_MODELS: Mapping[str, type[BaseModel]] = {
    "workflows": _Workflow,
    "statuses": Status,
    "transitions": _Arrows,
    "priorities": Priorities,
    "fields": CustomField,
    "options": Option,
    "teams": Team,
    "agents": Agent,
    "categories": Category,
    "products": Product,
}


def defaults() -> bytes:
    """The settings file that a new desk begins with."""
    return resources.files("ticketlog").joinpath("defaults.toml").read_bytes()


def digest(content: bytes | str) -> str:
    """The SHA-256 of a settings file, by which its events name it."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def parse(content: bytes | str) -> Desired:
    """What a settings file wants. Raises Usage, naming table and key, where it can't be read."""
    try:
        text = content if isinstance(content, str) else content.decode()
        tables = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise Usage(f"the settings file is no UTF-8 text: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise Usage(f"the settings file is no TOML: {error}") from error
    try:
        file = _File.model_validate_json(orjson.dumps(_with_ids(tables)))
    except ValidationError as error:
        raise Usage(_explained(error)) from error
    desired: dict[str, Mapping[str, Value]] = {}
    for kind in KINDS:
        values = getattr(file, kind.table)
        if isinstance(values, Priorities):
            desired[kind.name] = {values.id: values}
        elif values is not None:
            desired[kind.name] = {id: _value(each) for id, each in values.items()}
    return desired


def _value(each: Value) -> Value:
    return each.workflow() if isinstance(each, _Workflow) else each


def _with_ids(tables: Table) -> Table:
    """The tables with what files leave unsaid: a thing's id is the name of its table, an agent
    without roles has the role agent."""
    given = {
        name: {id: _with_id(name, id, each) for id, each in table.items()}
        if isinstance(table, dict) and name != "priorities"
        else table
        for name, table in tables.items()
    }
    if isinstance(given.get("priorities"), dict):
        given["priorities"] = _with_id("priorities", "default", given["priorities"])
    return given


def _with_id(table: str, id: str, entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    if "id" in entry:
        raise Usage(
            f"the settings file: [{table}.{id}] id: leave it out; the name of the table is the id"
        )
    unsaid: Table = {"roles": ["agent"]} if table == "agents" else {}
    return {**unsaid, **entry, "id": id}


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
    depth = 1 if where[0] == "priorities" else 2
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
        return ", ".join(_File.model_fields)
    nested = len(where) > 3
    model = _MODELS[str(where[2] if nested else where[0])]
    names = (info.alias or name for name, info in model.model_fields.items())
    return ", ".join(name for name in names if nested or name != "id")
