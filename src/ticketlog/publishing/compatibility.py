"""Whether a contract breaks an earlier one: FULL compatibility in the words of schema registries,
and FULL_TRANSITIVE where it is asked of all earlier ones.

We alone write the events, and write no field that their schema lacks; whoever reads them takes
fields that it doesn't know. So an optional field may come and go, and everything else stays as it
is: a reader of either contract can read the events of both. A checker that takes both sides of an
open schema as open would refuse an optional field too, since anybody might have written one of
that name before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

_SAID_ONLY = {"description", "title", "default", "summary", "x-personal", "$schema", "$id"}


def breaks(old: Json, new: Json) -> list[str]:
    """What can't be read of one AsyncAPI document's events by who knows the other; empty: all."""
    messages = new["components"]["messages"]
    found = []
    for name, message in old["components"]["messages"].items():
        if name in messages:
            mine, theirs = message["payload"], messages[name]["payload"]
            found += [f"{name}: {each}" for each in _differences(old, mine, new, theirs, "event")]
        else:
            found.append(f"{name}: isn't published any more")
    return found


def _differences(old: Json, mine: Json, new: Json, theirs: Json, at: str) -> Iterator[str]:
    mine, theirs = _meant(old, mine), _meant(new, theirs)
    yield from _of_fields(old, mine, new, theirs, at)
    for key in sorted((mine.keys() | theirs.keys()) - {"properties", "required"} - _SAID_ONLY):
        before, after = mine.get(key), theirs.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(old, before, new, after, f"{at}[]")
        elif key in ("anyOf", "allOf") and before and after and len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                yield from _differences(old, one, new, other, at)
        elif _sorted(before) != _sorted(after):
            yield f"{at}: {key} was {before} and is {after}"


def _of_fields(old: Json, mine: Json, new: Json, theirs: Json, at: str) -> Iterator[str]:
    before, after = mine.get("properties", {}), theirs.get("properties", {})
    needed, needs = set(mine.get("required", ())), set(theirs.get("required", ()))
    for name in sorted(needs - needed):
        yield f"{at}.{name}: must be there now, and earlier events lack it"
    for name in sorted(needed - needs):
        yield f"{at}.{name}: was always there, and may be missing now"
    for name in before.keys() & after.keys():
        yield from _differences(old, before[name], new, after[name], f"{at}.{name}")


def _meant(document: Json, schema: Json) -> Json:
    """What a reference stands for."""
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _sorted(value: Any) -> Any:
    return sorted(map(repr, value)) if isinstance(value, list) else value
