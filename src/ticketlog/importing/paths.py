"""Paths into documents: `status`, `via.channel`, `comments[].body`, `tags[2]`,
`custom_fields[id=17].value`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

_STEP = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")
_MISSING = object()


def path(name: str) -> Callable[[Any], tuple[Any, bool]]:
    """Reads the text at a path (of all items of a list: their texts), and whether it is there."""
    steps = [(key, brackets) for key, brackets in _STEP.findall(name)]

    def read(document: Any) -> tuple[Any, bool]:
        if isinstance(document, dict) and name in document:
            return text(document[name]), True
        found = _step(document, steps, 0)
        return ("" if found is _MISSING else found), found is not _MISSING

    lists = name.count("[]")

    def listed(document: Any) -> tuple[Any, bool]:
        found, there = read(document)
        return ((), there) if found == "" else (found, there)

    return listed if lists else read


def _step(value: Any, steps: list[tuple[str, str]], at: int) -> Any:
    for number in range(at, len(steps)):
        key, brackets = steps[number]
        if value is None:
            # Null where an object could be: there, and empty.
            return () if ("", "") in steps[number:] else ""
        if key:
            value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
        elif not brackets:
            rest = number + 1
            nothing: Any = () if ("", "") in steps[rest:] else ""
            items = [_step(item, steps, rest) for item in _items(value)]
            return (
                _MISSING
                if value is _MISSING
                else tuple(nothing if item is _MISSING else item for item in items)
            )
        else:
            value = _chosen(_items(value), brackets)
        if value is _MISSING:
            return value
    return text(value)


def _items(value: Any) -> list[Any]:
    """The items of a list; XML doesn't tell one item from none but by its being there."""
    if value is _MISSING or value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def _chosen(items: list[Any], brackets: str) -> Any:
    key, equals, wanted = brackets.partition("=")
    if equals:
        found = (item for item in items if isinstance(item, dict) and text(item.get(key)) == wanted)
        return next(found, _MISSING)
    number = int(key) if key.isdecimal() else 0
    return items[number - 1] if 0 < number <= len(items) else _MISSING


def text(value: Any) -> str:
    """A value of a document as the text of a cell."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict) and "" in value:
        return text(value[""])
    if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        return ", ".join(map(text, value))
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def keys(documents: list[Any]) -> list[str]:
    """The paths that documents have, down to their values; lists by []."""
    found: dict[str, None] = {}
    for document in documents:
        _collect(document, "", found)
    return list(found)


def _collect(value: Any, prefix: str, found: dict[str, None]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _collect(inner, f"{prefix}.{key}" if prefix and key else prefix or key, found)
    elif isinstance(value, list):
        if not value:
            found[prefix + "[]"] = None
        for inner in value:
            _collect(inner, prefix + "[]", found)
    else:
        found[prefix] = None
