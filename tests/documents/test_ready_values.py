"""JSON straight from the values of views is the JSON of the documents, or isn't made."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ticketlog.documents.ready_values import ready_json
from ticketlog.documents.ticket_rows import Queue, TicketRows
from ticketlog.http.answers import encoded

TEXTS = st.none() | st.text(max_size=8)
INSTANTS = st.integers(0, 2**52) | st.integers(0, 2**32).map(lambda second: second * 1_000_000)
OF_NAME = {
    **dict.fromkeys(("reopens", "touches", "version", "comments"), st.integers(0, 2**40)),
    **dict.fromkeys(("spam", "cancelled"), st.sampled_from((True, False, 0, 1))),
    **dict.fromkeys(("tags", "external"), st.lists(st.text(max_size=4), max_size=2)),
    **dict.fromkeys(("ticket", "status", "status_category"), st.text(max_size=8)),
    **dict.fromkeys(("created_at", "updated_at"), INSTANTS),
    "rating": st.none() | st.integers(1, 5),
}


def rows(model: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = model.model_fields
    others = {name: st.none() | INSTANTS if name.endswith("_at") else TEXTS for name in names}
    nullable = dict.fromkeys({"waiting_since", "hold_until"} & set(names), st.none() | INSTANTS)
    known = {name: each for name, each in OF_NAME.items() if name in names}
    return st.fixed_dictionaries({**others, **nullable, **known})


def of(model: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    [row] = [field for field in model.model_fields if field == "tickets"]
    inner = model.model_fields[row].annotation.__args__[0]
    return st.fixed_dictionaries({row: st.lists(rows(inner), max_size=2), "next": TEXTS})


@given(of(Queue))
def test_a_queue(values: dict[str, Any]) -> None:
    assert ready_json(Queue, values) == encoded(Queue.filled(values))


@given(of(TicketRows))
def test_a_list_of_tickets(values: dict[str, Any]) -> None:
    made = ready_json(TicketRows, values)
    assert made is not None
    assert made == encoded(TicketRows.filled(values))


def test_values_that_lack_a_field_are_left_to_the_document() -> None:
    assert ready_json(Queue, {"tickets": []}) is None
