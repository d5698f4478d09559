"""The notations of settings files: how people write a value that records hold otherwise.

A field of a setting names its notation beside its type. It is read where a settings file is parsed,
which the context of the validation says, and nowhere else: records hold one form of everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, TypeAdapter, ValidationInfo
from pydantic_core import CoreSchema, core_schema, to_json

FILE = "settings file"
"""The context of a validation in which values are written as in files."""


@dataclass(frozen=True)
class Written:
    """Marks a field that files write in a notation. `read` makes of it what the field holds, and
    raises ValueError in a file's words; `keys`: those of a table that is such a notation."""

    read: Callable[[Any], Any]
    keys: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._before, handler(source))

    def _before(self, value: Any, info: ValidationInfo) -> Any:
        if info.context == FILE:
            return self.read(value)
        return _tuples(value) if info.mode == "json" else value


def _tuples(value: Any) -> Any:
    """A value of JSON with tuples for its lists, as strict fields want them of Python."""
    if isinstance(value, dict):
        return {name: _tuples(each) for name, each in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


class SeveralValues(BaseModel):
    """A table of a file that stands for several values. No record holds it, so a field that is left
    out may mean something."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def values(self) -> Iterable[Any]:
        raise NotImplementedError


def in_lines(model: type[SeveralValues]) -> Written:
    """A notation of several values in few lines, each of a model of `SeveralValues`."""

    @cache
    def adapter() -> TypeAdapter[tuple[Any, ...]]:
        return TypeAdapter(tuple[model, ...])  # type: ignore[valid-type]

    def read(given: Any) -> tuple[Any, ...]:
        found = adapter().validate_json(to_json(given), context=FILE)
        return tuple(value for line in found for value in line.values())

    return Written(read, keys_of(model))


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a table of a file that is written as a model."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


_UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def seconds(text: object) -> int:
    """The seconds of '28d', '12h', '90m' or '30s'. Raises ValueError for another text."""
    found = re.fullmatch(r"([1-9][0-9]*)([dhms])", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("should be a duration: '28d', '12h', '90m' or '30s'")
    return int(found[1]) * _UNITS_S[found[2]]


def _delay(text: object) -> int | None:
    if text == "never":
        return None
    try:
        return 0 if text == "at once" else seconds(text)
    except ValueError:
        raise ValueError("should be 'at once', 'never' or a duration: '2d', '12h'") from None


def _several(names: object) -> object:
    return tuple(names) if isinstance(names, list) else (names,)


DURATION = Written(seconds)
"""Seconds: '28d', '12h', '90m', '30s'."""
DELAY = Written(_delay)
"""Seconds or None: 'at once', 'never' or a duration."""
SEVERAL = Written(_several)
"""One name or a list of names."""
