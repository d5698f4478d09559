"""Small files of the kinds that people hold in their hands, and what must come out of them."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.given import SETTINGS
from tests.importing.histories import a_log, histories
from ticketlog.domain import ticket
from ticketlog.domain.base import instant, kind_and_id
from ticketlog.domain.ticket.imported import ActivityRecorded
from ticketlog.domain.ticket.state import Ticket
from ticketlog.errors import Usage
from ticketlog.importing import (
    ImportReport,
    ImportRow,
    Mapping,
    RowProblem,
    import_file,
    load_mapping,
    read_rows,
)
from ticketlog.log.embedded import EmbeddedLog

FILES = Path(__file__).parent / "import"
STATES = load_mapping(FILES / "states.toml")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    log = a_log(tmp_path)
    yield log
    log.close()


def imported(log: EmbeddedLog, path: Path, mapping: Mapping) -> ImportReport:
    return import_file(log, SETTINGS, path, mapping)


def tickets(log: EmbeddedLog) -> dict[str, Ticket]:
    """Each ticket by its case."""
    found = {}
    for stream, events in histories(log).items():
        if isinstance(row := events[0].event, ActivityRecorded):
            found[row.case] = ticket.fold(ticket.initial(kind_and_id(stream)[1]), events)
    return found


def said(log: EmbeddedLog, case: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """When, and what events of a kind say of a case."""
    return [
        (each.meta.occurred_at, each.event.model_dump())
        for events in histories(log).values()
        if isinstance(row := events[0].event, ActivityRecorded) and row.case == case
        for each in events
        if each.event.NAME.startswith(f"ticket.{kind}")
    ]


def rows(path: Path, mapping: Mapping) -> list[ImportRow]:
    return [row for row in read_rows(path, mapping) if isinstance(row, ImportRow)]


def problems(path: Path, mapping: Mapping) -> list[RowProblem]:
    return [found for found in read_rows(path, mapping) if isinstance(found, RowProblem)]


def a_mapping(**keys: Any) -> Mapping:
    return Mapping.model_validate({"source": "desk", "format": "csv", "rows": "event", **keys})


def written(folder: Path, text: str, name: str = "rows.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


# An export taken twice


@pytest.mark.parametrize("key", [None, ["state", "updated"]])
def test_columns_that_are_filled_in_later_make_no_new_rows(
    log: EmbeddedLog, key: list[str] | None
) -> None:
    mapping = STATES
    if key:
        mapping = STATES.model_copy(
            update={"rows": STATES.rows.model_copy(update={"key": tuple(key)})}
        )
    imported(log, FILES / "backfill-monday.csv", mapping)

    report = imported(log, FILES / "backfill-saturday.csv", mapping)

    assert (report.commits, report.known) == (1, 2)
    assert report.skewed.total == 0
    assert tickets(log)["1"].status_category == "closed"
    assert said(log, "1", "reopened") == []
    assert len([1 for _, event in said(log, "1", "solved")]) == 1


# A list, newest first


def test_a_file_that_is_newest_first_is_read_from_its_end(log: EmbeddedLog) -> None:
    for order in ("reverse", "time"):
        rows_are = STATES.rows.model_copy(update={"order": order})
        mapping = STATES.model_copy(update={"rows": rows_are, "source": order})
        report = imported(log, FILES / "newest-first.csv", mapping)
        assert report.skewed.total == 0
    assert {each.status_category for each in tickets(log).values()} == {"closed"}
    assert said(log, "1", "reopened") == []


# One row a ticket

OTRS: dict[str, Any] = {
    "source": "otrs",
    "delimiter": ";",
    "columns": {
        "case": "Ticket#",
        "external": "Ticket#",
        "subject": "Title",
        "team": "Queue",
        "requester": {"column": "Customer mail", "is": "address"},
        "priority": {
            "column": "Priority",
            "words": {"3 normal": "medium", "5 very high": "critical"},
        },
    },
    "time": {"column": "Created", "zone": "UTC"},
    "events": [
        {
            "time": "First Response",
            "comment": {"value": "(first response)", "public": True},
            "actor": {"column": "Owner", "is": "name"},
        },
        {
            "time": "Closed",
            "status": {
                "column": "State",
                "words": [
                    {"status": "closed successful", "to": "solved"},
                    {"status": "closed unsuccessful", "to": "cancelled", "cancelled": True},
                ],
            },
        },
    ],
}


def test_each_date_of_a_list_is_an_event(log: EmbeddedLog) -> None:
    report = imported(log, FILES / "one-row-per-ticket.csv", a_mapping(**OTRS))

    assert (report.commits, report.problems, report.skewed.total) == (7, {}, 0)
    first = tickets(log)["2025081510000222"]
    ((created, _),) = said(log, "2025081510000222", "created")
    ((solved, _),) = said(log, "2025081510000222", "solved")
    ((answered, _),) = said(log, "2025081510000222", "replied")
    assert solved - created == (3 * 86_400 + 6 * 3_600 + 27 * 60 + 54) * 1_000_000
    assert answered == instant("2025-08-15T10:44:00Z")
    assert (first.status_category, first.team, first.priority) == ("solved", "Network", "medium")
    assert tickets(log)["2025081510000311"].status_category == "new"
    assert tickets(log)["2025081510000311"].subject.startswith("=HYPERLINK")
    assert tickets(log)["2025081610000017"].cancelled


def test_a_list_taken_again_after_its_ages_changed_brings_nothing_new(
    log: EmbeddedLog, tmp_path: Path
) -> None:
    text = (FILES / "one-row-per-ticket.csv").read_text()
    imported(log, FILES / "one-row-per-ticket.csv", a_mapping(**OTRS))
    later = written(tmp_path, text.replace(" d ", "1 d "))

    report = imported(log, later, a_mapping(**OTRS))

    assert (report.commits, report.known) == (0, 7)


def test_a_requester_by_address_is_a_person_and_no_id() -> None:
    found = rows(FILES / "one-row-per-ticket.csv", a_mapping(**OTRS))
    people = {person.address for row in found for person in row.people if person.address}
    assert people == {"kim@example.org", "lee@example.org"}
    assert "@" not in "".join(row.command.model_dump_json() for row in found)
    kim = {row.command.requester for row in found if row.command.case != "2025081510000311"}
    assert len(kim - {None}) == 1


# Field, value, when

FIELDS: dict[str, Any] = {
    "source": "fields",
    "rows": "state",
    "columns": {"case": "ticket_id", "actor": "user", "activity": "field_name"},
    "time": {"column": "updated", "zone": "UTC"},
    "events": [
        {
            "when": {"column": "field_name", "is": "status"},
            "status": {
                "column": "value",
                "words": [
                    {"status": word, "to": word} for word in ("new", "open", "pending", "solved")
                ],
            },
        },
        {
            "when": {"column": "field_name", "is": "priority"},
            "priority": {"column": "value", "words": {"high": "high", "normal": "medium"}},
        },
        {"when": {"column": "field_name", "is": ["assignee_id"]}, "agent": "value"},
    ],
}


def test_a_history_of_fields_moves_each_field(log: EmbeddedLog) -> None:
    report = imported(log, FILES / "field-history.csv", a_mapping(**FIELDS))

    assert (report.commits, report.problems) == (8, {})
    (state,) = tickets(log).values()
    assert (state.status, state.assignee, state.priority) == ("solved", "bob", "medium")
    moves = [event["new"] for _, event in said(log, "71", "status-changed")]
    assert moves == ["open", "pending", "open"]


def test_a_field_that_no_block_is_for_is_a_finding_with_its_word(tmp_path: Path) -> None:
    text = (FILES / "field-history.csv").read_text() + "71,2024-02-02 12:00:00,bob,brand,x\n"
    (found,) = problems(written(tmp_path, text), a_mapping(**FIELDS))
    assert (found.kind, found.column, found.word, found.lost) == (
        "unknown-word",
        "field_name",
        "brand",
        False,
    )


def test_a_history_of_fields_takes_values_away(log: EmbeddedLog, tmp_path: Path) -> None:
    text = (FILES / "field-history.csv").read_text() + "71,2024-02-02 12:00:00,bob,assignee_id,\n"
    imported(log, written(tmp_path, text), a_mapping(**FIELDS))
    assert tickets(log)["71"].assignee is None


# Columns of one name

JIRA: dict[str, Any] = {
    "source": "jira",
    "columns": {
        "case": "Issue key",
        "subject": "Summary",
        "agent": "Assignee",
        "tags": "Labels[]",
    },
    "time": {"column": "Created", "formats": ["%d/%b/%y %I:%M %p"], "zone": "UTC"},
    "parts": {"Comment[]": "(?P<at>[^;]*);(?P<who>[^;]*);(?P<text>.*)"},
    "events": [
        {
            "time": "Comment[].at",
            "comment": {"column": "Comment[].text", "public": True, "author": "Comment[].who"},
        },
        {"time": "Resolved", "status": "solved"},
    ],
}


def test_columns_of_one_name_are_a_list(log: EmbeddedLog) -> None:
    report = imported(log, FILES / "repeated-columns.csv", a_mapping(**JIRA))

    assert report.problems == {}
    replies = said(log, "OPS-1", "replied")
    assert [(at, each["body"], each["author"]) for at, each in replies] == [
        (instant("2025-12-05T09:00:00Z"), "Looking into it", "bob"),
        (instant("2025-12-06T07:30:00Z"), "It is worse today", "kim"),
        (instant("2025-12-08T14:05:00Z"), "A rule answered itself", "bob"),
    ]
    first, second = tickets(log)["OPS-1"], tickets(log)["OPS-2"]
    assert (set(first.tags), set(second.tags)) == ({"mail", "loop"}, set())
    assert (first.status_category, second.status_category) == ("solved", "new")


def test_a_column_among_those_of_one_name_has_a_number() -> None:
    mapping = a_mapping(**{**JIRA, "columns": {**JIRA["columns"], "category": "Labels[2]"}})
    first = next(row for row in rows(FILES / "repeated-columns.csv", mapping))
    assert first.command.category == "loop"

    for name in ("Labels", "Labels[3]", "Nothing[]"):
        bad = a_mapping(**{**JIRA, "columns": {"case": "Issue key", "category": name}})
        with pytest.raises(Usage, match="Labels"):
            read_rows(FILES / "repeated-columns.csv", bad)


# Words for missing values


def test_a_word_for_missing_values_is_that_word_alone(log: EmbeddedLog) -> None:
    for empty in ({"empty": ["?"]}, {}):
        mapping = a_mapping(
            source="prio" + str(len(empty)),
            file={} if empty else {"empty": ["?"]},
            columns={
                "case": "number",
                "priority": {"column": "prio", "words": {"4": "low"}, **empty},
            },
            time={"column": "updated"},
        )
        read = read_rows(FILES / "question-mark.csv", mapping)
        found = [row.command.priority for row in read if isinstance(row, ImportRow)]
        assert found == ["low", None]
        assert dict(read.swallowed) == {("prio", "?"): 1}


def test_patterns_for_missing_values_have_a_key_of_their_own(tmp_path: Path) -> None:
    path = written(tmp_path, "case,at,team\n1,2024-01-01,n/a yet\n2,2024-01-01,n/a*\n")
    exact = {"column": "team", "empty": ["n/a*"]}
    mapping = a_mapping(
        columns={"case": "case", "team": exact}, time={"column": "at", "zone": "UTC"}
    )
    assert [row.command.team for row in rows(path, mapping)] == ["n/a yet", None]
    assert [(found.kind, found.lost) for found in problems(path, mapping)] == [
        ("pattern-word", False)
    ]
    patterns = {"column": "team", "empty_patterns": ["n/a*"]}
    mapping = a_mapping(
        columns={"case": "case", "team": patterns}, time={"column": "at", "zone": "UTC"}
    )
    assert [row.command.team for row in rows(path, mapping)] == [None, None]
    assert problems(path, mapping) == []


# Several values in a cell


def test_a_cell_is_split_or_matched(log: EmbeddedLog) -> None:
    mapping = a_mapping(
        source="parts",
        columns={
            "case": "number",
            "agent": {"column": "agent", "split": "<br>", "take": -1},
            "category": {"column": "category", "split": ">", "join": "/", "empty": ["?"]},
        },
        time={"column": "updated"},
    )
    found = [(row.command.assignee, row.command.category) for row in rows(VALUES, mapping)]
    assert found == [("Tia Reis", "Network/LAN/Port"), ("Jo Santos (2685)", "Network")]


VALUES = FILES / "value-parts.csv"


def test_a_cell_that_does_not_match_its_pattern_is_a_finding() -> None:
    mapping = a_mapping(
        columns={"case": "number", "agent": "agent.code"},
        time={"column": "updated"},
        parts={"agent": r"(?P<name>.*) \((?P<code>\d+)\)"},
    )
    assert [row.command.assignee for row in rows(VALUES, mapping)] == [None, "2685"]
    (found,) = problems(VALUES, mapping)
    assert (found.line, found.kind, found.column) == (2, "bad-value", "agent")


# No time at all


def test_a_list_without_a_time_comes_in_at_the_one_that_is_stated(log: EmbeddedLog) -> None:
    columns = {"case": "Bug ID", "subject": "Summary", "agent": "Assignee"}
    status = {
        "column": "Status",
        "words": [{"status": "NEW", "to": "new"}, {"status": "RESOLVED", "to": "solved"}],
    }
    with pytest.raises(ValueError, match="value such as"):
        a_mapping(columns=columns, time={"zone": "UTC"}, status=status)

    mapping = a_mapping(columns=columns, time={"value": "2024-05-01", "zone": "UTC"}, status=status)
    report = imported(log, FILES / "no-time.csv", mapping)

    assert (report.commits, report.problems) == (2, {})
    assert {at for at, _ in said(log, "9", "created")} == {instant("2024-05-01T00:00:00Z")}
    assert tickets(log)["10"].status_category == "solved"


# A document a ticket

TICKETS: dict[str, Any] = {
    "source": "json",
    "format": "jsonl",
    "columns": {
        "case": "id",
        "external": "id",
        "requester": {"column": "requester_id", "is": "id"},
        "priority": "priority",
        "tags": "tags[]",
    },
    "time": {"column": "created_at"},
    "events": [
        {
            "time": "comments[].created_at",
            "comment": {
                "column": "comments[].body",
                "public": {"column": "comments[].public", "words": ["true"]},
                "by_requester": {"column": "comments[].author_id", "same_as": "requester_id"},
                "author": {"column": "comments[].author_id", "is": "id"},
            },
        },
        {
            "time": "updated_at",
            "status": {
                "column": "status",
                "words": [{"status": "solved", "to": "solved"}, {"status": "new"}],
            },
        },
    ],
}


def of_documents(path: Path, **changes: Any) -> list[dict[str, Any]]:
    """What is said, without the place in the file."""
    return [
        {**row.command.model_dump(exclude={"row"}), "at": row.at}
        for row in rows(path, a_mapping(**{**TICKETS, **changes}))
    ]


def test_documents_have_comments_with_authors_and_times(log: EmbeddedLog) -> None:
    report = imported(log, FILES / "tickets.jsonl", a_mapping(**TICKETS))

    assert report.problems == {}
    replies = said(log, "71", "replied")
    assert [(at, each["body"], each["author_kind"]) for at, each in replies] == [
        (instant("2024-02-01T09:00:00Z"), "No VPN", "requester"),
        (instant("2024-02-01T09:30:00Z"), "Which version?", "agent"),
    ]
    state = tickets(log)["71"]
    assert replies[0][1]["author"] == state.requester != replies[1][1]["author"]
    assert (set(state.tags), state.status_category) == ({"vpn", "move"}, "solved")
    assert tickets(log)["72"].status_category == "new"


def test_the_same_documents_in_other_files_say_the_same(tmp_path: Path) -> None:
    text = (FILES / "tickets.jsonl").read_text()
    documents = [json.loads(line) for line in text.splitlines()]
    expected = of_documents(FILES / "tickets.jsonl")

    array = written(tmp_path, json.dumps(documents, indent=1), "array.json")
    assert of_documents(array, format="json") == expected
    inside = written(tmp_path, json.dumps({"page": {"tickets": documents}, "n": 2}), "in.json")
    assert of_documents(inside, format="json", file={"records": "page.tickets"}) == expected
    marked = written(tmp_path, "\ufeff" + text, "marked.jsonl")
    assert of_documents(marked) == expected
    with zipfile.ZipFile(tmp_path / "tickets.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("export/tickets.jsonl", text)
    assert of_documents(tmp_path / "tickets.zip") == expected


# Times


def test_a_year_that_is_mistyped_is_a_finding_and_moves_no_clock(log: EmbeddedLog) -> None:
    mapping = load_mapping(FILES / "future-row.toml")
    report = imported(log, FILES / "future-row.csv", mapping)

    assert (report.commits, report.skewed.total) == (2, 0)
    found = report.problems["too-late"]
    assert (found.total, found.lost, found.listed[0]["line"]) == (1, 1, 3)
    assert tickets(log)["1"].clock == instant("2024-01-03T00:00:00Z")


def test_a_mapping_states_its_bounds(tmp_path: Path) -> None:
    path = written(
        tmp_path, "case,at\n1,2023-12-31\n2,2024-01-01\n3,2024-06-30 23:00\n4,2024-07-01\n"
    )
    time = {"column": "at", "zone": "UTC", "not_before": "2024-01-01", "not_after": "2024-06-30"}
    mapping = a_mapping(columns={"case": "case"}, time=time)
    assert [row.command.case for row in rows(path, mapping)] == ["2", "3"]
    assert [found.kind for found in problems(path, mapping)] == ["too-early", "too-late"]


def test_names_of_zones_count_only_where_the_mapping_maps_them() -> None:
    mapping = load_mapping(FILES / "zone-names.toml")
    path = FILES / "zone-names.csv"
    assert [row.command.case for row in rows(path, mapping)] == ["a", "b"]
    assert {row.at for row in rows(path, mapping)} == {instant("2024-07-01T10:00:00Z")}
    found = problems(path, mapping)
    assert [each.line for each in found] == [4, 5, 6]
    assert "[time.zones]" in found[0].message

    zones = {"CEST": "+02:00", "CET": "Europe/Berlin", "EST": "-05:00"}
    mapped = mapping.model_copy(update={"time": mapping.time.model_copy(update={"zones": zones})})
    at = {row.command.case: row.at for row in rows(path, mapped)}
    hour = 3_600_000_000
    assert [(at[case] - at["a"]) // hour for case in "abcde"] == [0, 0, -2, -2, 5]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_names_of_zones_mean_the_same_on_every_machine(zone: str) -> None:
    code = (
        "from pathlib import Path\n"
        "from ticketlog.importing import load_mapping, read_rows\n"
        f"m = load_mapping(Path({str(FILES / 'zone-names.toml')!r}))\n"
        f"print([f[:2] for f in read_rows(Path({str(FILES / 'zone-names.csv')!r}), m)])\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    ten = instant("2024-07-01T10:00:00Z")
    expected = [(2, ten), (3, ten), *((line, "bad-time") for line in (4, 5, 6))]
    assert found.stdout.strip() == str(expected)


@pytest.mark.parametrize(
    ("text", "formats", "meant"),
    [
        ("01.07.24 10:00", ["%d.%m.%y %H:%M"], "2024-07-01T10:00:00Z"),
        ("7/1/99 1:05 PM", ["%m/%d/%y %I:%M %p"], "1999-07-01T13:05:00Z"),
        ("45474.5", ["excel"], "2024-07-01T12:00:00Z"),
        ("1719828000", ["unix"], "2024-07-01T10:00:00Z"),
        ("1719828000250", ["unix-ms"], "2024-07-01T10:00:00.250000Z"),
        ("2024-07-01 10:00:00 GMT", ["iso"], "2024-07-01T10:00:00Z"),
        ("Mon 01 Jul 2024 10:00:00 UTC", ["%a %d %b %Y %H:%M:%S %Z"], "2024-07-01T10:00:00Z"),
        ("2024-06-30 24:00 UTC", ["%Y-%m-%d %H:%M %Z"], "2024-07-01T00:00:00Z"),
    ],
)
def test_times_as_tools_write_them(
    tmp_path: Path, text: str, formats: list[str], meant: str
) -> None:
    path = written(tmp_path, f"case,at\n1,{text}\n")
    mapping = a_mapping(
        columns={"case": "case"}, time={"column": "at", "formats": formats, "zone": "UTC"}
    )
    (row,) = rows(path, mapping)
    assert row.at == instant(meant)


# How files are written


@pytest.mark.parametrize(
    ("encoding", "mark", "delimiter"),
    [
        ("utf-8", "\ufeff", ";"),
        ("utf-16", "", "\t"),
        ("utf-16-le", "\ufeff", "|"),
        ("cp1252", "", ","),
        ("iso-8859-15", "", ";"),
    ],
)
def test_a_list_in_other_encodings_and_with_other_delimiters(
    tmp_path: Path, encoding: str, mark: str, delimiter: str
) -> None:
    source = csv.reader(io.StringIO((FILES / "one-row-per-ticket.csv").read_text()), delimiter=";")
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(source)
    said = text.getvalue().replace("jamal", "J\u00e9r\u00f4me")
    path = written(tmp_path, mark + said, encoding=encoding)

    found = rows(
        path,
        a_mapping(**{**OTRS, "encoding": encoding.removesuffix("-le"), "delimiter": delimiter}),
    )

    assert len(found) == 7
    assert "J\u00e9r\u00f4me" in {person.name for row in found for person in row.people}


def test_numbers_with_decimal_commas_and_thousands(tmp_path: Path) -> None:
    path = written(tmp_path, "case;at;n;h\n1;2024-01-01;1.234,0;1,5\n2;2024-01-01;-12;1:30\n")
    mapping = a_mapping(
        delimiter=";",
        file={"decimal": ","},
        columns={"case": "case", "worked": {"column": "h", "unit": "hours"}},
        time={"column": "at", "zone": "UTC"},
        fields={"n": {"column": "n", "kind": "integer"}},
    )
    found = [(row.command.fields["n"], row.command.worked_seconds) for row in rows(path, mapping)]
    assert found == [(1234, 5400), (-12, 5400)]


def test_a_header_of_two_lines_below_a_title(tmp_path: Path) -> None:
    text = (
        "Report of July,,,,\n,,,,\n"
        "Ticket,Customer,,Dates,\nNumber,Name,Mail,Opened,Closed\n"
        "7,Kim,kim@example.org,2024-01-01,2024-01-02\n"
    )
    mapping = a_mapping(
        file={"skip": 2, "header": 2},
        columns={
            "case": "Ticket / Number",
            "requester": {
                "column": "Customer / Mail",
                "is": "address",
                "name": "Customer / Name",
            },
        },
        time={"column": "Dates / Opened", "zone": "UTC"},
        events=[{"time": "Dates / Closed", "status": "solved"}],
    )
    first, second = rows(written(tmp_path, text), mapping)
    assert (first.command.case, first.line) == ("7", 5)
    assert [(person.name, person.address) for person in first.people] == [
        ("Kim", "kim@example.org")
    ]
    assert second.command.status == "solved"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('{"id": 1}\n{"id": 2}\n', 'set format = "jsonl"'),
        ('[{"id": 1}]', 'set format = "json"'),
        ('{"tickets": [{"id": 1}]}', 'set format = "json"'),
        ("<tickets><ticket/></tickets>", 'set format = "xml"'),
        ('<?xml version="1.0"?>\n<log xes.version="1.0"></log>', 'set format = "xes"'),
        ("case;at\n1;2024-01-01\n", 'set delimiter = ";"'),
        ("case\tat\n1\t2024-01-01\n", 'set delimiter = "\\t"'),
        ("case|at\n1|2024-01-01\n", 'set delimiter = "|"'),
    ],
)
def test_a_file_of_another_format_is_recognised(tmp_path: Path, text: str, advice: str) -> None:
    mapping = a_mapping(columns={"case": "case"}, time={"column": "at", "zone": "UTC"})
    with pytest.raises(Usage) as refusal:
        rows(written(tmp_path, text), mapping)
    assert advice in str(refusal.value)


def test_a_csv_file_that_is_called_json_or_a_workbook_is_recognised(tmp_path: Path) -> None:
    path = written(tmp_path, "case,at\n1,2024-01-01\n")
    for format in ("json", "jsonl", "xlsx", "xml", "xes"):
        keys = {"file": {"records": "ticket"}} if format == "xml" else {}
        mapping = a_mapping(
            format=format, columns={"case": "case"}, time={"column": "at", "zone": "UTC"}, **keys
        )
        with pytest.raises(Usage, match=r"no Excel workbook|no XES file|can't be read"):
            rows(path, mapping)
