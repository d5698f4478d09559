"""Workbooks, XML lists, second files of persons, and ZIPs: read as the mapping says."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from ticketlog.domain.base import instant
from ticketlog.errors import Usage
from ticketlog.importing import ImportRow, Mapping, RowProblem, load_mapping, read_rows


def a_mapping(**keys: Any) -> Mapping:
    given = {"source": "desk", "rows": "event", "columns": {"case": "id"}, **keys}
    return Mapping.model_validate(given)


def rows(path: Path, mapping: Mapping) -> list[ImportRow]:
    found = list(read_rows(path, mapping))
    assert [each for each in found if isinstance(each, RowProblem)] == []
    return [each for each in found if isinstance(each, ImportRow)]


def a_workbook(folder: Path, *lines: list[object], sheet: str = "Tickets") -> Path:
    book = Workbook()
    first = book.active
    assert first is not None
    first.title = "Cover"
    written = book.create_sheet(sheet)
    for line in lines:
        written.append(line)
    book.save(folder / "tickets.xlsx")
    return folder / "tickets.xlsx"


def test_a_sheet_has_its_dates_as_excel_has_them(tmp_path: Path) -> None:
    path = a_workbook(
        tmp_path,
        ["id", "created", "title", "n"],
        [7, datetime(2024, 7, 1, 10, 30), "x", 3.0],  # noqa: DTZ001 (Excel's have no zone)
        [None, None, None, None],
        [8, date(2024, 7, 2), "y", 4],
        ["9", "2024-07-03 10:00", "z", "5"],
    )
    mapping = a_mapping(
        format="xlsx",
        file={"sheet": "Tickets"},
        columns={"case": "id", "subject": "title"},
        time={"column": "created", "zone": "Europe/Berlin"},
        fields={"n": {"column": "n", "kind": "integer"}},
    )
    found = rows(path, mapping)
    assert [(row.command.case, row.line, row.command.fields["n"]) for row in found] == [
        ("7", 2, 3),
        ("8", 4, 4),
        ("9", 5, 5),
    ]
    assert found[0].at == instant("2024-07-01T08:30:00Z")
    assert found[1].at == instant("2024-07-01T22:00:00Z")


def test_dates_of_excel_are_read_whatever_the_formats_of_its_texts(tmp_path: Path) -> None:
    path = a_workbook(
        tmp_path,
        ["id", "created"],
        ["1", datetime(2024, 7, 1, 10, tzinfo=UTC).replace(tzinfo=None)],
        ["2", "01.07.2024 10:00"],
    )
    time = {"column": "created", "formats": ["%d.%m.%Y %H:%M"], "zone": "UTC"}
    mapping = a_mapping(format="xlsx", file={"sheet": "Tickets"}, time=time)
    assert {row.at for row in rows(path, mapping)} == {instant("2024-07-01T10:00:00Z")}


def test_a_sheet_that_is_not_there_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = a_workbook(tmp_path, ["id"])
    mapping = a_mapping(format="xlsx", file={"sheet": "Tickers"}, time={"value": "2024-01-01"})
    with pytest.raises(Usage, match=r"no sheet 'Tickers'.*it has: Cover, Tickets"):
        rows(path, mapping)


@pytest.mark.parametrize("format", ["csv", "json", "xml"])
def test_a_workbook_is_recognised(tmp_path: Path, format: str) -> None:
    file = {"records": "ticket"} if format == "xml" else {}
    mapping = a_mapping(format=format, file=file, time={"value": "2024-01-01", "zone": "UTC"})
    with pytest.raises(Usage, match='set format = "xlsx"'):
        rows(a_workbook(tmp_path, ["id"], ["1"]), mapping)


XML = """<?xml version="1.0" encoding="utf-8"?>
<export xmlns:x="urn:x"><x:ticket number="7"><created>2024-01-01T00:00:00Z</created>
<title>A &amp; B</title><note at="2024-01-02T00:00:00Z">one</note>
<note at="2024-01-03T00:00:00Z">two</note></x:ticket>
<x:ticket number="8"><created>2024-01-04T00:00:00Z</created><title/></x:ticket></export>
"""
OF_XML: dict[str, Any] = {
    "format": "xml",
    "file": {"records": "ticket"},
    "columns": {"case": "@number", "subject": "title"},
    "time": {"column": "created"},
    "events": [{"time": "note[].@at", "comment": {"column": "note[]", "public": False}}],
}


def test_an_xml_list_has_attributes_and_names_that_occur_again(tmp_path: Path) -> None:
    path = tmp_path / "tickets.xml"
    path.write_text(XML)
    found = rows(path, a_mapping(**OF_XML))
    assert [(row.command.case, row.line, row.command.comment) for row in found] == [
        ("7", 2, None),
        ("7", 2, "one"),
        ("7", 2, "two"),
        ("8", 5, None),
    ]
    assert [row.command.subject for row in found] == ["A & B", None, None, None]


def test_an_xml_list_that_breaks_off_gives_what_comes_before(tmp_path: Path) -> None:
    path = tmp_path / "tickets.xml"
    path.write_text(XML[: XML.index('number="8"')])
    found = list(read_rows(path, a_mapping(**OF_XML)))
    assert [each.kind for each in found if isinstance(each, RowProblem)] == ["damaged"]
    assert len([each for each in found if isinstance(each, ImportRow)]) == 3


def test_entities_that_are_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tickets.xml"
    path.write_text('<!DOCTYPE x [<!ENTITY a "a">]><x><ticket number="&a;"/></x>')
    with pytest.raises(Usage, match="document type"):
        rows(path, a_mapping(**OF_XML))


def test_a_second_file_tells_who_the_ids_are(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id;full name;mail\n5;Kim Lee;kim@example.org\n")
    (tmp_path / "rows.csv").write_text("id,who\n1,5\n2,6\n")
    (tmp_path / "mapping.toml").write_text(
        'source = "desk"\nformat = "csv"\nrows = "event"\n'
        '[columns]\ncase = "id"\nrequester = { column = "who", is = "id" }\n'
        '[people]\nfile = "users.csv"\ndelimiter = ";"\nkey = "id"\nname = "full name"\n'
        'address = "mail"\n[time]\nvalue = "2024-01-01"\nzone = "UTC"\n'
    )
    first, second = rows(tmp_path / "rows.csv", load_mapping(tmp_path / "mapping.toml"))
    assert [(each.name, each.address) for each in first.people] == [("Kim Lee", "kim@example.org")]
    assert [(each.name, each.address) for each in second.people] == [(None, None)]
    assert first.command.requester == first.people[0].id != "5"

    (tmp_path / "users.csv").unlink()
    with pytest.raises(Usage, match=r"users\.csv can't be read"):
        read_rows(tmp_path / "rows.csv", load_mapping(tmp_path / "mapping.toml"))


@pytest.mark.parametrize(
    ("cell", "by", "name", "address"),
    [
        ("kim@example.org", "address", None, "kim@example.org"),
        ("Kim Lee <kim@example.org>", "address", "Kim Lee", "kim@example.org"),
        ("Kim Lee <kim@example.org>", "address-and-name", "Kim Lee", "kim@example.org"),
        ("Kim Lee", "address-and-name", "Kim Lee", None),
        ("Kim Lee", "name", "Kim Lee", None),
        ("5", "id", None, None),
    ],
)
def test_persons_are_told_apart_as_the_mapping_says(
    tmp_path: Path, cell: str, by: str, name: str | None, address: str | None
) -> None:
    (tmp_path / "rows.csv").write_text(f"id,who\n1,{cell}\n")
    mapping = a_mapping(
        format="csv",
        columns={"case": "id", "requester": {"column": "who", "is": by}},
        time={"value": "2024-01-01", "zone": "UTC"},
    )
    (row,) = rows(tmp_path / "rows.csv", mapping)
    (person,) = row.people
    assert (person.name, person.address) == (name, address)
    assert row.command.requester == person.id != cell


def test_an_address_that_is_none_and_one_that_becomes_an_id_are_findings(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,who,by\n1,nobody,kim@example.org\n2,,lee@example.org\n")
    mapping = a_mapping(
        format="csv",
        columns={"case": "id", "requester": {"column": "who", "is": "address"}, "actor": "by"},
        time={"value": "2024-01-01", "zone": "UTC"},
    )
    found = [
        each for each in read_rows(tmp_path / "rows.csv", mapping) if isinstance(each, RowProblem)
    ]
    assert sorted((each.line, each.kind, each.column) for each in found) == [
        (2, "bad-value", "who"),
        (2, "bare-address", "by"),
    ]


def test_a_zip_of_several_files_is_refused_with_their_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as packed:
        packed.writestr("a.csv", "id\n1\n")
        packed.writestr("b.csv", "id\n2\n")
    mapping = a_mapping(format="csv", time={"value": "2024-01-01", "zone": "UTC"})
    with pytest.raises(Usage, match=r"a ZIP of 2 files \(a.csv, b.csv\)"):
        rows(tmp_path / "rows.zip", mapping)


def test_a_zip_that_is_damaged_gives_what_comes_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("rows.csv", "id\n" + "".join(f"{n}\n" for n in range(20_000)))
    data = bytearray(path.read_bytes())
    data[90_000] ^= 1
    path.write_bytes(data)
    mapping = a_mapping(format="csv", time={"value": "2024-01-01", "zone": "UTC"})
    found = list(read_rows(path, mapping))
    assert [each.kind for each in found if isinstance(each, RowProblem)] == ["damaged"]
    assert len(found) > 1_000


def test_paths_choose_items_and_a_line_that_is_no_json_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"id": 1, "custom": [{"id": 17, "value": "a"}, {"id": 18, "value": "b"}], "a.b": "dot"}\n'
        "not json\n"
        '{"id": 2, "custom": [], "a.b": null}\n'
    )
    mapping = a_mapping(
        format="jsonl",
        columns={"case": "id", "category": "custom[id=18].value", "product": "custom[1].value"},
        time={"value": "2024-01-01", "zone": "UTC"},
        fields={"dot": "a.b"},
    )
    found = list(read_rows(path, mapping))
    said = [each.command for each in found if isinstance(each, ImportRow)]
    assert [(each.category, each.product, each.fields) for each in said] == [
        ("b", "a", {"dot": "dot"}),
        (None, None, {}),
    ]
    lost = [(each.line, each.kind) for each in found if isinstance(each, RowProblem)]
    assert lost == [(2, "bad-row")]


def test_a_column_whose_own_name_ends_like_a_list_is_one_column(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,t[]\n1,2024-01-01\n")
    events = [{"time": "t[]", "status": "open"}]
    mapping = a_mapping(format="csv", time={"zone": "UTC"}, events=events)
    (row,) = rows(tmp_path / "rows.csv", mapping)
    assert row.at == instant("2024-01-01T00:00:00Z")
