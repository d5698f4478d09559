"""Conditions over a ticket: what policies, routing rules and views ask before they apply.

A condition names a field, an operator and values. `judge` says whether a set of them holds and, if
not, which ones failed and what they met, so that a rule that passed a ticket by can say why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, get_args

from pydantic import Field, StringConstraints

from ticketlog.domain.base import Key, Value, instant, iso
from ticketlog.domain.settings.notation import Written

Scalar: TypeAlias = Annotated[str, StringConstraints(max_length=1_000)] | int | bool
Operator = Literal[
    "is",
    "is-not",
    "in",
    "not-in",
    "contains",
    "lacks",
    "less",
    "greater",
    "under",
    "present",
    "absent",
]
Operand: TypeAlias = str | int | bool | tuple[str, ...] | None
"""A ticket's value in a field; None: none. Times are ISO texts in UTC, dates ISO dates."""


class Condition(Value):
    """One thing that must be so.

    `is`, `is-not`, `less`, `greater`, `under` have one value, `in`, `not-in`, `contains`, `lacks`
    one or several, `present` and `absent` none. `contains`: at least one of them, as a tag or, in
    a text, in any case of letters. `under`: that category or one below it.
    """

    field: Key
    operator: Operator
    values: Annotated[tuple[Scalar, ...], Field(max_length=1_000)] = ()

    def __str__(self) -> str:
        values = " or ".join(map(str, self.values))
        return f"{self.field} {_WORDS.get(self.operator, self.operator)} {values}".rstrip()


_KEYS: Mapping[str, Operator] = {
    operator.replace("-", "_"): operator for operator in get_args(Operator)
}
"""Key of a condition in a file -> the operator of its values."""


def _read(entry: object) -> object:
    """A condition of a file, whose operator is the key of its values."""
    if not isinstance(entry, Mapping):
        raise ValueError("should be a table")
    operators = [key for key in entry if key in _KEYS]
    if len(operators) != 1:
        raise ValueError(f"should have a field and one of {', '.join(_KEYS)}")
    key = operators[0]
    rest = {name: each for name, each in entry.items() if name != key}
    given = entry[key]
    if key in ("present", "absent"):
        if given is not True:
            raise ValueError(f"{key} should be true; its contrary is a condition of its own")
        given = []
    values = tuple(map(_operand, given if isinstance(given, list) else [given]))
    return {**rest, "operator": _KEYS[key], "values": values}


_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*(Z|[+-]\d\d:\d\d)")


def _operand(value: object) -> object:
    """A time as it stands in records, where the same instant is always the same text."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return iso(instant(value))
        except (ValueError, OverflowError):
            return value
    return value


_Written = Annotated[Condition, Written(_read, ("field", *_KEYS))]


class Conditions(Value):
    """All of `all`, and at least one of `any` where there are some. Without any: every ticket."""

    all: tuple[_Written, ...] = ()
    any: tuple[_Written, ...] = ()

    def __str__(self) -> str:
        parts = [*map(str, self.all)]
        if self.any:
            parts.append("any of: " + ", ".join(map(str, self.any)))
        return " and ".join(parts) or "every ticket"


@dataclass(frozen=True)
class Facts:
    """The input of conditions: a ticket's fields, and the order of those that have one."""

    values: Mapping[str, Operand]
    scales: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field -> its values from the least to the greatest; others compare as numbers or times."""


class FailedCondition(NamedTuple):
    """A condition that didn't hold, and what the ticket had instead."""

    group: Literal["all", "any"]
    condition: Condition
    found: Operand

    def __str__(self) -> str:
        return f"{self.condition}: it is {_shown(self.found)}"


class ConditionVerdict(NamedTuple):
    """The verdict of conditions on a ticket. Of `any`, either none or all have failed."""

    failed: tuple[FailedCondition, ...]

    @property
    def matches(self) -> bool:
        return not self.failed


def matches(conditions: Conditions, facts: Facts) -> bool:
    """Whether the conditions hold: `judge` without the reasons, for the many times nobody asks."""
    for each in conditions.all:
        if not holds(each, facts):
            return False
    return not conditions.any or any(holds(each, facts) for each in conditions.any)


def judge(conditions: Conditions, facts: Facts) -> ConditionVerdict:
    """Whether the conditions hold, and which of them don't."""
    failed = [
        FailedCondition("all", each, facts.values.get(each.field))
        for each in conditions.all
        if not holds(each, facts)
    ]
    if not any(holds(each, facts) for each in conditions.any):
        failed += [
            FailedCondition("any", each, facts.values.get(each.field)) for each in conditions.any
        ]
    return ConditionVerdict(tuple(failed))


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether one condition holds. One that the ticket's fields can't answer doesn't."""
    name = condition.field
    scale = facts.scales.get(name, ())
    return _TESTS[condition.operator](facts.values.get(name), condition.values, scale)


_Values: TypeAlias = tuple[Scalar, ...]
_Scale: TypeAlias = tuple[str, ...]
_Test: TypeAlias = Callable[[Operand, _Values, _Scale], bool]


def _equals(found: Operand, values: _Values, scale: _Scale) -> bool:
    # To Python True is 1, to a ticket it isn't.
    return any(found == value and type(found) is type(value) for value in values)


def _contains(found: Operand, values: _Values, scale: _Scale) -> bool:
    if isinstance(found, str):
        text = found.casefold()
        return any(str(value).casefold() in text for value in values)
    return isinstance(found, tuple) and any(value in found for value in values)


def _under(found: Operand, values: _Values, scale: _Scale) -> bool:
    return isinstance(found, str) and any(f"{found}/".startswith(f"{value}/") for value in values)


def _absent(found: Operand, values: _Values, scale: _Scale) -> bool:
    return found in (None, "", ())


def _less(found: Operand, values: _Values, scale: _Scale) -> bool:
    one, other = _ranks(found, values, scale)
    return one is not None and type(one) is type(other) and bool(one < other)


def _greater(found: Operand, values: _Values, scale: _Scale) -> bool:
    one, other = _ranks(found, values, scale)
    return one is not None and type(one) is type(other) and bool(one > other)


def _not(test: _Test) -> _Test:
    return lambda found, values, scale: not test(found, values, scale)


def _ranks(found: Operand, values: _Values, scale: _Scale) -> tuple[Any, Any]:
    return (_rank(found, scale), _rank(values[0], scale)) if values else (None, None)


def _rank(value: Any, scale: _Scale) -> Any:
    if scale:
        return scale.index(value) if value in scale else None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _shown(found: Operand) -> str:
    if found is None or found == ():
        return "empty"
    return ", ".join(found) if isinstance(found, tuple) else str(found)


_TESTS: Mapping[Operator, _Test] = {
    "is": _equals,
    "is-not": _not(_equals),
    "in": _equals,
    "not-in": _not(_equals),
    "contains": _contains,
    "lacks": _not(_contains),
    "less": _less,
    "greater": _greater,
    "under": _under,
    "present": _not(_absent),
    "absent": _absent,
}
_WORDS: Mapping[str, str] = {
    "is-not": "is not",
    "in": "is in",
    "not-in": "is not in",
    "less": "is less than",
    "greater": "is greater than",
    "under": "is under",
    "present": "is there",
    "absent": "is empty",
}
