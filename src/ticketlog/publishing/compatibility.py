"""Compatibility of a contract with an earlier one: FULL in the words of schema registries, and
FULL_TRANSITIVE where all earlier ones are compared.

Only ticketlog writes the events, and it writes no field that their schema lacks; readers accept
fields that they don't know. So an optional field may come and go, and everything else stays as it
is: a reader of either contract can read the events of both. A checker that takes both sides of an
open schema as open would refuse an optional field too, since another program might have written one
of that name before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

_TEXTS_ONLY = {"description", "title", "default", "summary", "x-personal", "$schema", "$id"}


def breaks(old: Json, new: Json) -> list[str]:
    """The differences for which a reader of one AsyncAPI document can't read the other's events."""
    messages = new["components"]["messages"]
    found = []
    for name, message in old["components"]["messages"].items():
        if name in messages:
            older, newer = message["payload"], messages[name]["payload"]
            found += [f"{name}: {each}" for each in _differences(old, older, new, newer, "event")]
        else:
            found.append(f"{name}: isn't published any more")
    return found


def _differences(old: Json, older: Json, new: Json, newer: Json, at: str) -> Iterator[str]:
    older, newer = _resolved(old, older), _resolved(new, newer)
    yield from _of_fields(old, older, new, newer, at)
    for key in sorted((older.keys() | newer.keys()) - {"properties", "required"} - _TEXTS_ONLY):
        before, after = older.get(key), newer.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(old, before, new, after, f"{at}[]")
        elif key in ("anyOf", "allOf") and before and after and len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                yield from _differences(old, one, new, other, at)
        elif _sorted(before) != _sorted(after):
            yield f"{at}: {key} was {before} and is {after}"


def _of_fields(old: Json, older: Json, new: Json, newer: Json, at: str) -> Iterator[str]:
    before, after = older.get("properties", {}), newer.get("properties", {})
    needed, needs = set(older.get("required", ())), set(newer.get("required", ()))
    for name in sorted(needs - needed):
        yield f"{at}.{name}: must be there now, and earlier events lack it"
    for name in sorted(needed - needs):
        yield f"{at}.{name}: was always there, and may be missing now"
    for name in before.keys() & after.keys():
        yield from _differences(old, before[name], new, after[name], f"{at}.{name}")


def _resolved(document: Json, schema: Json) -> Json:
    """The schema that a reference leads to."""
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _sorted(value: Any) -> Any:
    return sorted(map(repr, value)) if isinstance(value, list) else value
