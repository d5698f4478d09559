"""What files write otherwise than records hold it: read in a file, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import ValidationError

from ticketlog.domain.base import Lasting
from ticketlog.domain.settings.automation_rules import AbsenceRule, EscalationRule
from ticketlog.domain.settings.conditions import Condition, Conditions
from ticketlog.domain.settings.events import KINDS
from ticketlog.domain.settings.notation import Written

RULE = EscalationRule(
    id="r",
    position=1,
    when=Conditions(all=(Condition(field="team", operator="in", values=("a", "b")),)),
    tier=2,
    on=("warned", "breached"),
)


def test_records_hold_one_form_alone() -> None:
    absent = {"id": "r", "position": 1, "when": {}}
    assert AbsenceRule.model_validate({**absent, "begins": 3_600}).begins == 3_600
    with pytest.raises(ValidationError):
        AbsenceRule.model_validate({**absent, "begins": "1h"})
    with pytest.raises(ValidationError):
        Conditions.model_validate({"all": ({"field": "team", "is": "a"},)})


def test_what_was_written_as_json_is_read_again() -> None:
    assert EscalationRule.model_validate_json(RULE.model_dump_json()) == RULE


def _marks(hint: Any) -> Iterator[tuple[Any, ...]]:
    """The marks of each type that a type is made of."""
    marks = getattr(hint, "__metadata__", ())
    if marks:
        yield marks
    for part in get_args(hint)[: 1 if marks else None]:
        yield from _marks(part)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_length_of_time_has_a_notation(kind: Any) -> None:
    """So that none is written in bare seconds."""
    for name, hint in get_type_hints(kind.value, include_extras=True).items():
        found = [mark for marks in _marks(hint) for mark in marks]
        if any(isinstance(mark, Lasting) for mark in found):
            assert any(isinstance(mark, Written) for mark in found), name
