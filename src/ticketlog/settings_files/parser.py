"""Settings files: TOML that says what the settings of a desk are to be (docs/SETTINGS.md)."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from ticketlog.domain.base import Actor, Key, Value
from ticketlog.domain.settings.activation import FIRST_ROLES, Desired
from ticketlog.domain.settings.events import KINDS
from ticketlog.domain.settings.model import (
    Agent,
    Category,
    CustomField,
    Option,
    Priorities,
    Product,
    Service,
    Status,
    Team,
)
from ticketlog.domain.text import line, lines
from ticketlog.errors import Usage
from ticketlog.settings_files.calendars.form import CalendarForm, HolidaysForm
from ticketlog.settings_files.forms import (
    AbsenceForm,
    ArrowsForm,
    AssignmentForm,
    ConditionForm,
    ConditionsForm,
    EscalationForm,
    LifecycleForm,
    NotificationForm,
    RoutingForm,
    RuleForm,
    SlaPolicyForm,
    TargetsForm,
    WorkflowForm,
)

Table: TypeAlias = dict[str, Any]
MOVES = "moves"
"""The table of a file that is no setting: where tickets go of what it takes away."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    workflows: dict[Key, WorkflowForm] | None = None
    priorities: Priorities | None = None
    fields: dict[Key, CustomField] | None = None
    teams: dict[Key, Team] | None = None
    agents: dict[Key, Agent] | None = None
    categories: dict[Key, Category] | None = None
    products: dict[Key, Product] | None = None
    calendars: dict[Key, CalendarForm] | None = None
    sla_policies: dict[Key, SlaPolicyForm] | None = None
    lifecycle: dict[Key, LifecycleForm] | None = None
    routing: dict[Key, RoutingForm] | None = None
    assignment: dict[Key, AssignmentForm] | None = None
    escalation: dict[Key, EscalationForm] | None = None
    notifications: dict[Key, NotificationForm] | None = None
    absence: dict[Key, AbsenceForm] | None = None
    services: dict[Key, Service] | None = None


_MODELS: Mapping[str, type[BaseModel]] = {
    "workflows": WorkflowForm,
    "statuses": Status,
    "transitions": ArrowsForm,
    "priorities": Priorities,
    "fields": CustomField,
    "options": Option,
    "teams": Team,
    "agents": Agent,
    "categories": Category,
    "products": Product,
    "calendars": CalendarForm,
    "holidays": HolidaysForm,
    "sla_policies": SlaPolicyForm,
    "lifecycle": LifecycleForm,
    "routing": RoutingForm,
    "assignment": AssignmentForm,
    "escalation": EscalationForm,
    "notifications": NotificationForm,
    "absence": AbsenceForm,
    "services": Service,
    "when": ConditionsForm,
    "all": ConditionForm,
    "any": ConditionForm,
    "targets": TargetsForm,
}


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
    """What a settings file wants; `folder` is where it lies, for the files that it names.

    Raises Usage, naming table and key, where it can't be read.
    """
    tables = _tables(content)
    tables.pop(MOVES, None)
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
            desired[kind.name] = {id: _value(each, folder) for id, each in values.items()}
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
    if isinstance(each, WorkflowForm | SlaPolicyForm | RuleForm):
        return each.value()
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
    """The tables with what files leave unsaid: a thing's id is the name of its table, an agent
    without roles has the role agent, an option's label is its id."""
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
    if table == "fields" and isinstance(entry.get("options"), list):
        entry = {**entry, "options": [_with_label(option) for option in entry["options"]]}
    return {**unsaid, **entry, "id": id}


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
        return _list((*_File.model_fields, MOVES))
    # Of the tables that lead there, those of a file's words; where[1] is an id of its own.
    tables = [name for name in (where[0], *where[2:-1]) if name in _MODELS]
    model = _MODELS[str(tables[-1])]
    names = getattr(model, "KEYS", None) or [
        info.alias or name for name, info in model.model_fields.items()
    ]
    return ", ".join(name for name in names if len(tables) > 1 or name != "id")
