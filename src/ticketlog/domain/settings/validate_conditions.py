"""Checks of conditions: the fields of a ticket that they may name, the operators that fit each.

Each yields problems, in the words of a settings file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, get_args

from ticketlog.domain.base import instant, iso
from ticketlog.domain.settings.conditions import Condition, Conditions, Operator
from ticketlog.domain.settings.model import CategoryOfStatus, Settings, TicketType

Shape = Literal["key", "scale", "path", "text", "list", "integer", "boolean", "date", "time"]

FIELDS: Mapping[str, Shape] = {
    **dict.fromkeys(("type", "status", "organisation", "tier", "contract", "requester"), "key"),
    **dict.fromkeys(("country", "zone"), "key"),
    **dict.fromkeys(("team", "assignee", "product", "asset", "site", "language"), "key"),
    **dict.fromkeys(("channel", "hold_reason", "resolution_code", "priority_source"), "key"),
    **dict.fromkeys(("priority", "impact", "urgency", "status_category"), "scale"),
    **dict.fromkeys(("tags", "external", "hours"), "list"),
    **dict.fromkeys(("team_stations", "assignee_stations", "reopens", "touches"), "integer"),
    **dict.fromkeys(("agent_replies", "requester_replies", "tier_level"), "integer"),
    **dict.fromkeys(("created_at", "due_at"), "time"),
    "category": "path",
    "subject": "text",
    "spam": "boolean",
}
"""The fields of every ticket that conditions may name, by the names of `Ticket`; `hours`: the
calendars that were open when it last changed. A custom field is 'fields.' and its id."""
CUSTOM = "fields."
_OF_CUSTOM: Mapping[str, Shape] = {
    "text": "text",
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "datetime": "time",
    "choice": "key",
    "choices": "list",
}
_ANY: frozenset[Operator] = frozenset({"present", "absent"})
_EQUAL: frozenset[Operator] = _ANY | {"is", "is-not", "in", "not-in"}
_ORDER: frozenset[Operator] = frozenset({"less", "greater"})
_PARTS: frozenset[Operator] = frozenset({"contains", "lacks"})
_OPERATORS: Mapping[Shape, frozenset[Operator]] = {
    "key": _EQUAL,
    "scale": _EQUAL | _ORDER,
    "path": _EQUAL | {"under"},
    "text": _EQUAL | _PARTS,
    "list": _ANY | _PARTS,
    "integer": _EQUAL | _ORDER,
    "boolean": _ANY | {"is", "is-not"},
    "date": _EQUAL | _ORDER,
    "time": _ANY | _ORDER,
}
_SEVERAL: frozenset[Operator] = frozenset({"in", "not-in", "contains", "lacks"})
_TYPES: Mapping[Shape, type] = {"integer": int, "boolean": bool}


class _Field(NamedTuple):
    shape: Shape
    known: tuple[str, ...] | None
    """The values that there are; None: any."""


def broken_conditions(conditions: Conditions, settings: Settings) -> Iterator[str]:
    """The problems of conditions, beside the settings that they name things of."""
    for condition in (*conditions.all, *conditions.any):
        for problem in _condition(condition, settings):
            yield f"condition on {condition.field}: {problem}"


def _condition(condition: Condition, settings: Settings) -> Iterator[str]:
    field = _field(condition.field, settings)
    operator = condition.operator
    if field is None:
        customs = [f"{CUSTOM}{id}" for id in settings.fields]
        yield f"tickets have no such field; known are {', '.join(sorted([*FIELDS, *customs]))}"
    elif operator not in _OPERATORS[field.shape]:
        allowed = ", ".join(sorted(each.replace("-", "_") for each in _OPERATORS[field.shape]))
        yield f"{operator.replace('-', '_')} doesn't fit it; fitting are {allowed}"
    elif len(condition.values) != 1 and operator not in _SEVERAL | _ANY:
        yield f"{operator.replace('-', '_')} takes one value"
    elif not condition.values and operator in _SEVERAL:
        yield f"{operator.replace('-', '_')} takes at least one value"
    else:
        for value in condition.values:
            yield from _value(value, field)


def _value(value: str | int | bool, field: _Field) -> Iterator[str]:
    wanted = _TYPES.get(field.shape, str)
    if type(value) is not wanted:
        words = {int: "a whole number", bool: "true or false", str: "a text"}
        yield f"takes {words[wanted]}, not {value!r}"
    elif field.known is not None and value not in field.known:
        yield f"{value!r} is unknown; known are {', '.join(field.known) or 'none'}"
    elif field.shape == "time" and not _is_time(str(value)):
        yield f"takes a time like 2026-01-31T09:00:00Z, not {value!r}"


def _is_time(text: str) -> bool:
    """Whether it is written as times in records are, which is what makes texts comparable."""
    try:
        return iso(instant(text)) == text
    except (ValueError, OverflowError):
        return False


def _field(name: str, settings: Settings) -> _Field | None:
    if name in FIELDS:
        return _Field(FIELDS[name], _known(name, settings))
    custom = settings.fields.get(name.removeprefix(CUSTOM))
    if custom is None or not name.startswith(CUSTOM):
        return None
    options = tuple(option.id for option in custom.options) or None
    return _Field(_OF_CUSTOM[custom.kind], options)


def _known(name: str, settings: Settings) -> tuple[str, ...] | None:
    priorities = settings.priorities
    match name:
        case "type":
            return get_args(TicketType)
        case "status_category":
            return get_args(CategoryOfStatus)
        case "status":
            return tuple(s.id for flow in settings.workflows.values() for s in flow.statuses)
        case "priority" if priorities:
            return priorities.names
        case "impact" if priorities:
            return priorities.impacts
        case "urgency" if priorities:
            return priorities.urgencies
        case "team" | "product" | "category" | "assignee" | "hours":
            tables: Mapping[str, Mapping[str, object]] = {
                "hours": settings.calendars,
                "team": settings.teams,
                "product": settings.products,
                "category": settings.categories,
                "assignee": settings.agents,
            }
            return tuple(tables[name])
    return None
