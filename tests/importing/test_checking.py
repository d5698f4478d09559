"""A file is tried before it goes in: the same report as the import makes, and nothing recorded;
and what looks wrong is refused until the mapping accepts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.given import SETTINGS
from tests.importing.histories import (
    Line,
    a_file,
    a_log,
    a_mapping,
    at,
    content,
    histories,
    imported,
)
from ticketlog.domain.base import Refused
from ticketlog.importing import ImportReport, check_file
from ticketlog.log.embedded import EmbeddedLog

STRICT = a_mapping(accept={})


@pytest.fixture
def log(tmp_path: Path) -> EmbeddedLog:
    return a_log(tmp_path)


def checked(log: EmbeddedLog, path: Path, mapping: Any = None) -> ImportReport:
    return check_file(log, SETTINGS, path, mapping or a_mapping())


def numbers(report: ImportReport) -> dict[str, Any]:
    return {**report.document().plain(), "seconds": 0, "rows_per_second": 0}


lines = st.builds(
    Line,
    case=st.sampled_from(["A", "B", "C", ""]),
    time=st.integers(0, 5).map(at) | st.just("?"),
    status=st.sampled_from(["Accepted", "Completed", "Queued", "Lost"]),
    sub=st.sampled_from(["", "Wait", "Closed"]),
    agent=st.sampled_from(["", "ann", "nobody"]),
)


@given(st.lists(lines, max_size=15), st.lists(lines, max_size=15))
def test_a_trial_reports_what_the_import_reports(
    tmp_path_factory: pytest.TempPathFactory, before: list[Line], rows: list[Line]
) -> None:
    folder = tmp_path_factory.mktemp("check")
    log = a_log(folder)
    columns = {"case": "Case", "agent": {"column": "Agent", "empty": ["nobody"]}}
    mapping = a_mapping(columns=columns)
    imported(log, a_file(folder, before), mapping)
    held = content(log), log.ends()
    path = a_file(folder, rows)

    tried = numbers(checked(log, path, mapping))

    assert (content(log), log.ends()) == held
    assert tried == numbers(imported(log, path, mapping))
    log.close()


def test_the_trial_says_what_it_understood(log: EmbeddedLog, tmp_path: Path) -> None:
    rows = [
        Line(),
        Line(time=at(1), status="Lost", agent="nobody"),
        Line(time=at(2), status="Lost", sub="Key", agent="nobody"),
        Line(time=at(3), status="Completed"),
        Line("B", at(4), note="3"),
    ]
    columns = {
        "case": "Case",
        "agent": {"column": "Agent", "empty": ["nobody"]},
        "priority": {"column": "Note", "words": {"1": "high"}},
    }

    report = checked(log, a_file(tmp_path, rows), a_mapping(columns=columns, fields={}))

    assert report.reached == {"open": 2, "solved": 1}
    assert report.unknown == {"Status": {"Lost": 1, "Lost / Key": 1}, "Note": {"3": 1}}
    assert report.empty == {"Agent": {"nobody": 2}}
    assert (report.tickets, report.tickets_new, report.commits) == (2, 2, 5)


def test_rows_that_the_mapping_leaves_out_are_counted(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line("A", note="mail"), Line("B", note="spam"), Line("C")])
    mapping = a_mapping(rows={"kind": "state", "when": {"column": "Note", "is_not": "spam"}})

    report = checked(log, path, mapping)

    assert (report.rows, report.left_out, report.tickets) == (2, 1, 2)


def test_rows_that_are_mostly_out_of_order_are_refused(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line(time=at(minute)) for minute in (9, 5, 1)])

    with pytest.raises(
        Refused,
        match=r"nothing of .*rows.csv was imported: 2 of 3 new rows are older than a row before "
        r"them of their case \(the first in line 3, case A\): say by `order`.*"
        r"`out_of_order = 0.67` under \[accept\]",
    ):
        imported(log, path, STRICT)
    assert histories(log) == {}
    (refusal,) = checked(log, path, STRICT).refusals
    assert "out_of_order" in refusal
    assert imported(log, path, a_mapping(accept={"out_of_order": 0.67})).commits == 3


def test_statuses_that_are_mostly_unknown_are_refused(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line(), Line(time=at(1), status="Lost")])
    with pytest.raises(
        Refused, match=r"1 of 2 new rows have a status .*line 3, word Lost.*unknown_status = 0.5"
    ):
        imported(log, path, STRICT)
    assert imported(log, path, a_mapping(accept={"unknown_status": 0.5})).commits == 2


def test_rows_that_are_known_under_other_keys_are_refused(log: EmbeddedLog, tmp_path: Path) -> None:
    rows = [Line("A", at(minute), note="1") for minute in range(3)]
    imported(log, a_file(tmp_path, rows), STRICT)
    told = [line._replace(note="2") for line in rows]

    with pytest.raises(Refused, match=r"2 of 3 new rows of cases that this desk has are older"):
        imported(log, a_file(tmp_path, told), STRICT)

    more = [*rows, Line("A", at(9)), Line("B", at(0))]
    assert imported(log, a_file(tmp_path, more), STRICT).commits == 2


def test_a_file_that_is_known_is_not_refused(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line(time=at(minute)) for minute in (9, 5, 1)])
    imported(log, path)
    assert imported(log, path, STRICT).known == 3


def test_a_long_file_is_read_twice_and_comes_in_the_same(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Line(f"case {n % 5}", at(n // 10), note=str(n // 10)) for n in range(60)]
    at_once = a_log(tmp_path, "at-once.db")
    expected = imported(at_once, a_file(tmp_path, [*rows, Line(time="?")]))

    monkeypatch.setattr("ticketlog.importing.importer.KEPT", 7)
    report = imported(log, a_file(tmp_path, [*rows, Line(time="?")]))

    assert content(log) == content(at_once)
    assert numbers(report) == numbers(expected)
