"""Guessed mappings: whatever the file, they can be read with it, and say what is unsure."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from tests.importing.histories import csv_bytes
from ticketlog.errors import Usage
from ticketlog.importing import ImportRow, Mapping, RowProblem, load_mapping, read_rows
from ticketlog.importing.guess import guess

FILES = Path(__file__).parents[1] / "cases" / "import"
ALL = sorted(
    path
    for path in FILES.rglob("*")
    if path.suffix in (".csv", ".json", ".jsonl") and path.name != "users.json"
)


def guessed(path: Path, folder: Path) -> Mapping:
    file = folder / "guessed.toml"
    file.write_text(guess(path))
    return load_mapping(file)


def read(path: Path, mapping: Mapping) -> list[ImportRow]:
    return [found for found in read_rows(path, mapping) if isinstance(found, ImportRow)]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_guessed_mapping_reads_its_file(path: Path, tmp_path: Path) -> None:
    mapping = guessed(path, tmp_path)
    found = list(read_rows(path, mapping))
    lost = [each for each in found if isinstance(each, RowProblem) and each.lost]
    assert [each for each in found if isinstance(each, ImportRow)]
    assert [each.kind for each in lost] == (["too-late"] if path.stem == "future-row" else [])


def test_a_list_of_tickets_is_understood(tmp_path: Path) -> None:
    mapping = guessed(FILES / "one-row-per-ticket.csv", tmp_path)
    assert (mapping.delimiter, mapping.rows.kind, mapping.columns.case.column) == (
        ";",
        "event",
        "Ticket#",
    )
    assert mapping.columns.requester is not None
    assert (mapping.columns.requester.column, mapping.columns.requester.by) == (
        "Customer mail",
        "address",
    )
    assert (mapping.time.column, [each.time.column for each in mapping.events if each.time]) == (
        "Created",
        ["Closed"],
    )
    assert mapping.status is not None
    assert {word.status: word.to for word in mapping.status.words} == {
        "open": "open",
        "closed successful": None,
        "closed unsuccessful": None,
    }


def test_a_history_of_fields_is_understood(tmp_path: Path) -> None:
    mapping = guessed(FILES / "field-history.csv", tmp_path)
    moved = [row.command.status for row in read(FILES / "field-history.csv", mapping)]
    assert [status for status in moved if status] == ["new", "open", "pending", "open", "solved"]


def test_days_and_months_that_can_be_either_are_unsure(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,created\n1,03/04/2024 10:00\n")
    assert "is the day first, or the month?" in guess(path)
    path.write_text("id,created\n1,23/04/2024 10:00\n")
    assert "is the day first" not in guess(path)


def test_encodings_marks_titles_and_gzip_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    text = "Report\nid;created;title\n1;2024-01-01;\u00c5se\n2;2024-01-02;x\n"
    for data in (
        text.encode("cp1252"),
        b"\xef\xbb\xbf" + text.encode(),
        text.encode("utf-16"),
        gzip.compress(text.encode()),
    ):
        path.write_bytes(data)
        mapping = guessed(path, tmp_path)
        assert mapping.file.skip == 1
        assert [row.command.subject for row in read(path, mapping)] == ["\u00c5se", "x"]


def test_a_workbook_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tickets.xlsx"
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Ticket", "Created", "Title"], ["7", "2024-01-01 10:00", "x"]):
        sheet.append(row)
    book.create_sheet("Notes")
    book.save(path)
    assert "unsure: there are Notes, too" in guess(path)
    assert [row.command.subject for row in read(path, guessed(path, tmp_path))] == ["x"]


def test_an_xml_list_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tickets.xml"
    path.write_text(
        "<export><head/><tickets><ticket id='7'><created>2024-01-01</created></ticket>"
        "<ticket id='8'><created>2024-01-02</created></ticket></tickets></export>"
    )
    mapping = guessed(path, tmp_path)
    assert mapping.file.records == "ticket"
    assert len(read(path, mapping)) == 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"id,created\n", "no rows"),
        (b'{"id": 1}', "without a list of tickets"),
        (b'{"id": 1', "can't be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
    ],
)
def test_what_tells_of_no_tickets_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "rows.dat"
    path.write_bytes(data)
    with pytest.raises(Usage, match=why):
        guess(path)


CELLS = st.one_of(
    st.sampled_from(["", "open", "2024-01-01", "2024-01-01 10:00 CET", "kim@example.org", "7"]),
    st.text(max_size=8),
)


@given(
    st.lists(st.text("abc [].'\"\\#=;", min_size=1, max_size=6), min_size=1, max_size=5),
    st.data(),
)
def test_any_table_gives_a_mapping_that_reads_it(
    tmp_path_factory: pytest.TempPathFactory, header: list[str], data: st.DataObject
) -> None:
    width = len(header)
    rows = data.draw(
        st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=5)
    )
    folder = tmp_path_factory.mktemp("guess")
    path = folder / "rows.csv"
    path.write_bytes(csv_bytes(rows, header))
    try:
        mapping = guessed(path, folder)
    except Usage:
        return
    list(read_rows(path, mapping))
