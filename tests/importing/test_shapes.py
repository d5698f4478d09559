"""The same histories in files of each shape give the same tickets, however often they come."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.given import SETTINGS
from tests.importing.histories import a_log, at, histories
from ticketlog.domain import ticket
from ticketlog.domain.base import kind_and_id
from ticketlog.domain.ticket.imported import ActivityRecorded
from ticketlog.importing import Mapping, import_file
from ticketlog.log.embedded import EmbeddedLog

STATUSES = ("new", "open", "pending", "solved")
AGENTS = ("ann", "bob")
WORDS = [{"status": status, "to": status} for status in STATUSES]


class Change(NamedTuple):
    minute: int
    field: str
    value: str


History = dict[str, list[Change]]
"""By case: what changed, in the order of time; the first change makes it new."""


@st.composite
def some_histories(draw: st.DrawFn) -> History:
    found: History = {}
    for case in draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=3, unique=True)):
        minutes = draw(st.lists(st.integers(1, 600), max_size=6, unique=True).map(sorted))
        found[case] = [Change(0, "status", "new")]
        for minute in minutes:
            field = draw(st.sampled_from(("status", "agent")))
            value = draw(st.sampled_from(STATUSES if field == "status" else AGENTS))
            found[case].append(Change(minute, field, value))
    return found


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


def in_time(history: History) -> list[tuple[str, Change]]:
    every = [(case, change) for case, changes in history.items() for change in changes]
    return sorted(every, key=lambda each: each[1].minute)


def as_events(history: History) -> str:
    rows = [
        (case, at(change.minute), *(_only(change, field) for field in ("status", "agent")))
        for case, change in in_time(history)
    ]
    return table(("case", "at", "status", "agent"), rows)


def _only(change: Change, field: str) -> str:
    return change.value if change.field == field else ""


def as_states(history: History) -> str:
    rows = []
    states: dict[str, dict[str, str]] = {}
    for case, change in in_time(history):
        state = states.setdefault(case, {"status": "", "agent": ""})
        state[change.field] = change.value
        rows.append((case, at(change.minute), state["status"], state["agent"]))
    return table(("case", "at", "status", "agent"), rows)


def as_fields(history: History) -> str:
    rows = [(case, at(each.minute), each.field, each.value) for case, each in in_time(history)]
    return table(("case", "at", "field", "value"), rows)


def as_documents(history: History) -> str:
    return json.dumps(
        {
            "tickets": [
                {
                    "case": case,
                    "changes": [
                        {"at": at(each.minute), "field": each.field, "value": each.value}
                        for each in reversed(changes)
                    ],
                }
                for case, changes in history.items()
            ]
        }
    )


def as_list(history: History) -> str:
    """One row a ticket: as many pairs of columns as the longest history has changes."""
    most = max(map(len, history.values()))
    header = ["case", *(f"{name} {n}" for n in range(most) for name in ("at", "status", "agent"))]
    rows = []
    for case, changes in history.items():
        row = [case]
        for each in changes:
            row += [at(each.minute), _only(each, "status"), _only(each, "agent")]
        rows.append(row + [""] * (len(header) - len(row)))
    return table(header, rows)


def a_mapping(**keys: Any) -> Mapping:
    return Mapping.model_validate({"source": "x", "format": "csv", "rows": "event", **keys})


COLUMNS: dict[str, Any] = {
    "columns": {"case": "case", "agent": "agent"},
    "time": {"column": "at"},
    "status": {"column": "status", "words": WORDS},
}


def _blocks(field: str, value: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {**more, "when": {"column": field, "is": "status"}, "status": _status(value)},
        {**more, "when": {"column": field, "is": "agent"}, "agent": value},
    ]


def _status(column: str) -> dict[str, Any]:
    return {"column": column, "words": WORDS}


def of_list(text: str) -> Mapping:
    most = sum(name.startswith("at ") for name in text.splitlines()[0].split(","))
    blocks = [
        {"time": f"at {n}", "status": _status(f"status {n}"), "agent": f"agent {n}"}
        for n in range(most)
    ]
    return a_mapping(columns={"case": "case"}, events=blocks)


SHAPES: dict[str, tuple[Callable[[History], str], Callable[[str], Mapping]]] = {
    "events": (as_events, lambda _: a_mapping(**COLUMNS)),
    "states": (as_states, lambda _: a_mapping(**{**COLUMNS, "rows": "state"})),
    "fields": (
        as_fields,
        lambda _: a_mapping(
            columns={"case": "case"}, time={"column": "at"}, events=_blocks("field", "value")
        ),
    ),
    "documents": (
        as_documents,
        lambda _: a_mapping(
            format="json",
            file={"records": "tickets"},
            columns={"case": "case"},
            events=_blocks("changes[].field", "changes[].value", time="changes[].at"),
        ),
    ),
    "list": (as_list, of_list),
}


def told(log: EmbeddedLog) -> dict[str, tuple[Any, ...]]:
    """Of each case: what it is, and when what of it changed; not what the rows were."""
    found = {}
    for stream, events in histories(log).items():
        first = events[0].event
        if not isinstance(first, ActivityRecorded):
            continue
        state = ticket.fold(ticket.initial(kind_and_id(stream)[1]), events)
        changes = [
            (each.meta.occurred_at, each.event)
            for each in events
            if not isinstance(each.event, ActivityRecorded)
        ]
        found[first.case] = (state.status, state.assignee, changes)
    return found


def imported(log: EmbeddedLog, folder: Path, shape: str, history: History) -> Any:
    written, mapping = SHAPES[shape]
    text = written(history)
    path = folder / "rows.dat"
    path.write_text(text)
    return import_file(log, SETTINGS, path, mapping(text))


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=some_histories())
def test_each_shape_gives_the_tickets_that_events_give(
    tmp_path_factory: pytest.TempPathFactory, shape: str, history: History
) -> None:
    folder = tmp_path_factory.mktemp("shapes")
    expected, log = a_log(folder, "expected.db"), a_log(folder)
    imported(expected, folder, "events", history)

    report = imported(log, folder, shape, history)

    assert (report.problems, report.skewed.total) == ({}, 0)
    assert told(log) == told(expected)
    log.close()
    expected.close()


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=some_histories(), part=st.integers(1, 6))
def test_a_history_may_come_twice_in_parts_and_from_a_later_export(
    tmp_path_factory: pytest.TempPathFactory, shape: str, history: History, part: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    expected, log = a_log(folder, "expected.db"), a_log(folder)
    imported(expected, folder, shape, history)
    earlier = {case: changes[:part] for case, changes in history.items()}

    imported(log, folder, shape, earlier)
    imported(log, folder, shape, history)
    again = imported(log, folder, shape, history)

    assert again.commits == 0
    assert told(log) == told(expected)
    log.close()
    expected.close()
