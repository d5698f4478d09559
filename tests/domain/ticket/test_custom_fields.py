from __future__ import annotations

import pytest

from tests.domain.ticket.shop import a_ticket, new
from tests.given import IMPORT
from ticketlog.domain.base import Invalid
from ticketlog.domain.ticket.custom_fields import FieldsChanged, SetFields
from ticketlog.domain.ticket.imported import RecordActivity


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("cause", "toner", "toner"),
        ("floor", -1, -1),
        ("floor", 9, 9),
        ("remote", False, False),
        ("since", "2026-01-31", "2026-01-31"),
        ("since", "20260131", "2026-01-31"),
        ("seen-at", "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00.000000Z"),
        ("system", "linux", "linux"),
        ("rooms", ("lab", "attic", "lab"), ("attic", "lab")),
        ("rooms", (), ()),
    ],
)
def test_a_field_takes_what_it_is_for(field: str, value: object, kept: object) -> None:
    command = SetFields.model_validate({"fields": {field: value}})
    story = new().when(command)
    story.then(FieldsChanged(data_subject="KIM", old={field: None}, new={field: kept}))  # type: ignore[dict-item]
    assert story.state.fields == {field: kept}
    story.when(command).then()
    story.when(SetFields(fields={field: None}))
    assert story.state.fields == {}
    story.when(SetFields(fields={field: None})).then()


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("cause", 1, "a text"),
        ("cause", "", "a text"),
        ("floor", "3", "a whole number"),
        ("floor", True, "a whole number"),
        ("floor", -2, "from -1"),
        ("floor", 10, "up to 9"),
        ("remote", 1, "true or false"),
        ("since", "31.1.2026", "2026-01-31"),
        ("since", 20260131, "a date"),
        ("seen-at", "2026-01-31T10:00:00", "2026-01-31T09:00:00Z"),
        ("seen-at", 5, "a time"),
        ("system", "windows", "linux, mac"),
        ("system", "dos", "linux, mac"),
        ("rooms", "attic", "attic, lab"),
        ("rooms", ("attic", "roof"), "attic, lab"),
    ],
)
def test_a_field_takes_nothing_else(field: str, value: object, wanted: str) -> None:
    command = SetFields.model_validate({"fields": {field: value}})
    new().when(command).then_refused(Invalid, f"field {field} takes", wanted)


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    new().when(SetFields(fields={"flor": 1})).then_refused(Invalid, "'flor'", "cause, floor")


def test_personal_fields_are_kept_apart() -> None:
    story = new().given(SetFields(fields={"birthday": "1970-01-01"}))
    story.when(SetFields(fields={"birthday": "1971-01-01", "floor": 1})).then(
        FieldsChanged(
            data_subject="KIM",
            old={"floor": None},
            new={"floor": 1},
            personal_old={"birthday": "1970-01-01"},
            personal_new={"birthday": "1971-01-01"},
        )
    )
    assert story.state.fields == {"birthday": "1971-01-01", "floor": 1}


def test_a_number_and_a_truth_are_two_values() -> None:
    row = RecordActivity(source="old", case="1", row=1, fields={"urgent": 1})
    story = a_ticket().given(row, by=IMPORT)
    story.when(row.model_copy(update={"fields": {"urgent": True}}), by=IMPORT)
    assert story.state.fields["urgent"] is True
