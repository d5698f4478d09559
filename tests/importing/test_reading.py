"""What files say, row by row: cells, words, times, and all that can be wrong with a file."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importing.histories import HEADER, MAPPING, Line, a_file, a_mapping, at, csv_bytes
from ticketlog.domain.base import instant
from ticketlog.errors import Usage
from ticketlog.importing import ImportRow, Mapping, RowProblem, load_mapping, read_rows


def found(path: Path, mapping: Mapping | None = None) -> list[ImportRow | RowProblem]:
    return list(read_rows(path, mapping or a_mapping()))


def rows(path: Path, mapping: Mapping | None = None) -> list[ImportRow]:
    each = found(path, mapping)
    assert not [problem for problem in each if isinstance(problem, RowProblem)]
    return [row for row in each if isinstance(row, ImportRow)]


def said(path: Path) -> list[tuple[int, bytes, Any]]:
    return [(row.at, row.key, row.command) for row in rows(path)]


def problems(path: Path, mapping: Mapping | None = None) -> list[tuple[int, str, str | None, bool]]:
    return [
        (problem.line, problem.kind, problem.column, problem.lost)
        for problem in found(path, mapping)
        if isinstance(problem, RowProblem)
    ]


def lines_read(path: Path, mapping: Mapping | None = None) -> list[int]:
    return [row.line for row in found(path, mapping) if isinstance(row, ImportRow)]


def columns(**changes: Any) -> dict[str, Any]:
    return {**MAPPING["columns"], **changes}


# Rows and what they say


def test_a_row_says_what_its_cells_say_in_our_words(tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line("A", "2026-01-01T10:00:00+01:00", "Accepted", "Wait", "ann")])

    (row,) = rows(path)

    assert (row.line, row.at) == (2, instant("2026-01-01T09:00:00Z"))
    said = row.command
    assert (said.source, said.case, said.row, said.activity) == ("old", "A", 2, "Accepted")
    assert (said.original_status, said.original_substatus, said.status) == (
        "Accepted",
        "Wait",
        "pending",
    )
    assert (said.assignee, said.fields, said.cleared) == ("ann", {"note": None}, ())


@pytest.mark.parametrize(
    ("status", "sub", "to"),
    [
        ("Accepted", "Wait", "pending"),
        ("Accepted", "whatever", "open"),
        ("Accepted", "", "open"),
        ("Completed", "Closed", "closed"),
        ("Seen", "", None),
        ("", "", None),
    ],
)
def test_a_status_is_looked_up_with_its_substatus_first(
    tmp_path: Path, status: str, sub: str, to: str | None
) -> None:
    (row,) = rows(a_file(tmp_path, [Line(status=status, sub=sub)]))
    assert row.command.status == to
    assert row.command.original_status == (status or None)


def test_a_status_may_say_who_works_on_it(tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line(), Line(status="Queued"), Line(status="Completed", sub="Closed")])
    accepted, queued, closed = (row.command for row in rows(path))

    assert (accepted.assignee, accepted.cleared) == ("ann", ())
    assert (queued.assignee, queued.cleared) == (None, ("assignee",))
    assert (closed.assignee, closed.cleared) == (None, ())


def test_an_empty_cell_says_nothing_of_an_event_and_no_value_of_a_state(tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line(agent="", note="")])

    (row,) = rows(path, a_mapping(rows="event"))
    assert (row.command.assignee, row.command.cleared, row.command.fields) == (None, (), {})

    (row,) = rows(path, a_mapping(rows="state"))
    assert (row.command.cleared, row.command.fields) == (("assignee",), {"note": None})


def test_cells_may_be_joined_translated_emptied_and_ignored(tmp_path: Path) -> None:
    mapping = a_mapping(
        columns=columns(
            team={"columns": ["Status", "Sub"], "join": "/"},
            agent={"column": "Agent", "empty": ["nobody", "-"], "ignore": ["robot-*"]},
            impact={"column": "Note", "words": {"1 - High": "high"}},
            type={"value": "incident"},
        ),
        fields={},
    )
    path = a_file(
        tmp_path,
        [
            Line(sub="Wait", agent=" ann ", note=" 1 -  High"),
            Line(agent="-"),
            Line(agent="robot-7"),
        ],
    )

    first, nobody, robot = (row.command for row in rows(path, mapping))

    assert (first.team, first.assignee, first.impact) == ("Accepted/Wait", "ann", "high")
    assert first.type == "incident"
    assert (nobody.team, nobody.assignee, nobody.cleared) == (
        "Accepted",
        None,
        ("assignee", "impact"),
    )
    assert (robot.assignee, robot.cleared) == (None, ("impact",))


def test_fields_have_kinds(tmp_path: Path) -> None:
    mapping = a_mapping(
        fields={
            "number": {"column": "Note", "kind": "integer"},
            "yes": {"column": "Sub", "kind": "boolean"},
        },
        rows="event",
    )
    path = a_file(tmp_path, [Line(note="-7", sub="TRUE"), Line(note="7.5", sub="perhaps")])

    each = found(path, mapping)

    assert isinstance(each[0], ImportRow)
    assert each[0].command.fields == {"number": -7, "yes": True}
    assert problems(path, mapping) == [
        (3, "bad-value", "Note", False),
        (3, "bad-value", "Sub", False),
    ]
    assert isinstance(each[-1], ImportRow)
    assert each[-1].command.fields == {}


def test_a_comment_is_public_or_not_and_by_whom(tmp_path: Path) -> None:
    comment = {
        "column": "Note",
        "public": {"column": "Sub", "words": ["public", "mail"]},
        "by_requester": {"column": "Agent", "words": ["customer"]},
    }
    path = a_file(
        tmp_path,
        [
            Line(note="It broke.\nAgain.", sub="mail", agent="customer"),
            Line(note="A mess", sub="internal"),
            Line(note=" "),
        ],
    )

    asked, noted, silent = (row.command for row in rows(path, a_mapping(comment=comment)))

    assert asked.comment == "It broke.\nAgain."
    assert (asked.comment_public, asked.comment_by_requester) == (True, True)
    assert (noted.comment_public, noted.comment_by_requester) == (False, False)
    assert silent.comment is None


# Times


@pytest.mark.parametrize(
    ("text", "time", "meant"),
    [
        ("2026-07-01T09:00:00.25+02:00", {}, "2026-07-01T07:00:00.250000Z"),
        ("2026-07-01 09:00", {"zone": "UTC"}, "2026-07-01T09:00:00Z"),
        ("2026-07-01 09:00", {"zone": "Europe/Rome"}, "2026-07-01T07:00:00Z"),
        ("2026-01-01 09:00", {"zone": "Europe/Rome"}, "2026-01-01T08:00:00Z"),
        ("2026-01-01 09:00", {"zone": "-05:30"}, "2026-01-01T14:30:00Z"),
        ("2026-01-01T09:00:00Z", {"zone": "-05:30"}, "2026-01-01T09:00:00Z"),
        ("2026-03-28 24:00", {"zone": "Europe/Rome"}, "2026-03-28T23:00:00Z"),
        ("2026-06-30T23:59:60Z", {}, "2026-07-01T00:00:00Z"),
        (
            "31.1.2026 24:00",
            {"zone": "Europe/Rome", "formats": ["iso", "%d.%m.%Y %H:%M"]},
            "2026-01-31T23:00:00Z",
        ),
        ("1.7.2026 9:00", {"zone": "UTC", "formats": ["%d.%m.%Y %H:%M"]}, "2026-07-01T09:00:00Z"),
        (
            "1.7.2026 9:00",
            {"zone": "UTC", "formats": ["iso", "%Y/%m/%d", "%d.%m.%Y %H:%M"]},
            "2026-07-01T09:00:00Z",
        ),
    ],
)
def test_times_have_formats_and_zones(
    tmp_path: Path, text: str, time: dict[str, Any], meant: str
) -> None:
    (row,) = rows(a_file(tmp_path, [Line(time=text)]), a_mapping(time={"column": "Time", **time}))
    assert row.at == instant(meant)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no time"),
        ("yesterday", "'yesterday' is no time of the form iso"),
        ("2026-02-30T09:00:00Z", "is no time of the form iso"),
        ("2026-01-01T09:00:00", "has no zone; set `zone`"),
        ("1969-12-31T23:59:59Z", "before 1970"),
        ("0001-01-01T00:00:00+05:00", "before 1970"),
    ],
)
def test_a_row_without_a_time_is_lost(tmp_path: Path, text: str, why: str) -> None:
    path = a_file(tmp_path, [Line(), Line(time=text), Line(note="after")])

    before, problem, after = found(path)

    assert isinstance(problem, RowProblem)
    assert (problem.line, problem.kind, problem.column, problem.lost) == (
        3,
        "bad-time",
        "Time",
        True,
    )
    assert why in problem.message
    assert isinstance(before, ImportRow)
    assert isinstance(after, ImportRow)


# What tells rows apart


def test_rows_are_equal_where_all_their_mapped_cells_are(tmp_path: Path) -> None:
    first, same, other = rows(a_file(tmp_path, [Line(), Line(), Line(note="x")]))
    assert first.key == same.key != other.key

    unmapped = rows(a_file(tmp_path, [Line(), Line(note="x")]), a_mapping(fields={}))
    assert len({row.key for row in unmapped}) == 1


def test_neither_words_nor_the_place_of_columns_are_part_of_a_row(tmp_path: Path) -> None:
    line = Line(note="x")
    (row,) = rows(a_file(tmp_path, [line]))

    words = {**MAPPING["status"], "words": [{"status": "Accepted", "to": "solved"}]}
    (mapped,) = rows(a_file(tmp_path, [line]), a_mapping(status=words, rows="event"))
    assert (mapped.key, mapped.digest == row.digest) == (row.key, False)

    backwards = csv_bytes([tuple(reversed(line))], tuple(reversed(HEADER)))
    (moved,) = rows(a_file(tmp_path, backwards))
    assert moved.key == row.key

    (wider,) = rows(a_file(tmp_path, csv_bytes([(*line, "1")], (*HEADER, "New"))))
    assert wider.key == row.key


def test_the_mapping_may_say_what_tells_rows_apart(tmp_path: Path) -> None:
    mapping = a_mapping(rows={"kind": "state", "key": ["Time"]})
    path = a_file(tmp_path, [Line(), Line(note="x"), Line(time=at(1)), Line(case="B")])
    first, changed, later, other = (row.key for row in rows(path, mapping))
    assert first == changed
    assert len({first, later, other}) == 3


def test_a_row_has_the_key_that_an_earlier_release_gave_it(tmp_path: Path) -> None:
    (whole,) = rows(a_file(tmp_path, [Line(note="x")]))
    (part,) = rows(a_file(tmp_path, [Line(note="x")]), a_mapping(fields={}))
    assert whole.legacy is not None
    assert part.legacy is not None
    assert whole.legacy() == part.legacy() == whole.key != part.key


@given(
    st.lists(
        st.tuples(*[st.text("ab", max_size=2)] * 2).map(lambda p: Line(sub=p[0], note=p[1])),
        min_size=2,
        max_size=8,
    )
)
def test_a_row_is_told_by_what_stands_in_which_column(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Line]
) -> None:
    path = a_file(tmp_path_factory.mktemp("rows"), lines)
    keys = [row.key for row in rows(path)]
    assert len(set(keys)) == len(set(lines))
    assert [lines.index(line) for line in lines] == [keys.index(key) for key in keys]


# Whole files


def test_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    plain = said(a_file(tmp_path, [Line(), Line(note="x")]))
    assert said(a_file(tmp_path, [Line(), Line(note="x")], "rows.csv.gz")) == plain
    packed = gzip.compress(csv_bytes([Line(), Line(note="x")]))
    assert said(a_file(tmp_path, packed, "rows.dat")) == plain


@pytest.mark.parametrize(
    ("encoding", "mark", "delimiter"),
    [("utf-8", b"\xef\xbb\xbf", ","), ("cp1252", b"", ";"), ("utf-16", b"", "\t")],
)
def test_encodings_byte_order_marks_and_delimiters(
    tmp_path: Path, encoding: str, mark: bytes, delimiter: str
) -> None:
    text = csv_bytes([Line(note="Åse")]).decode().replace(",", delimiter)
    path = a_file(tmp_path, mark + text.encode(encoding))
    (row,) = rows(path, a_mapping(encoding=encoding, delimiter=delimiter))
    assert row.command.fields == {"note": "Åse"}


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    data = b"Case,Time,Status,Sub,Agent,Note\r\n\r\n"
    data += b'A,2026-01-01T09:00:00Z,Accepted,,ann,"two\r\nlines"\r\n'
    data += b"A,2026-01-01T09:00:00Z,Accepted,,ann,last"
    path = a_file(tmp_path, data)
    assert lines_read(path) == [3, 5]


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_an_empty_file_is_refused_and_a_header_alone_is_fine(tmp_path: Path, name: str) -> None:
    with pytest.raises(Usage, match="is empty: it has no line that names its columns"):
        found(a_file(tmp_path, b"", name))
    assert found(a_file(tmp_path, [], name)) == []


def test_a_column_that_is_missing_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(
        'source = "old"\nformat = "csv"\nrows = "event"\n'
        '[columns]\ncase = "Case"\nagent = "Owner"\n[time]\ncolumn = "Time"\n'
    )
    data = a_file(tmp_path, [Line()])

    with pytest.raises(Usage) as refusal:
        read_rows(data, load_mapping(path))

    assert str(refusal.value) == (
        f"{path}:6:1: 'Owner' is no column of {data}, which has: "
        "Case, Time, Status, Sub, Agent, Note."
    )


def test_a_wrong_delimiter_is_suspected(tmp_path: Path) -> None:
    data = a_file(tmp_path, csv_bytes([Line()]).replace(b",", b";"))
    with pytest.raises(Usage, match='set delimiter = ";"'):
        read_rows(data, a_mapping())


def test_a_column_that_is_there_twice_is_of_no_use(tmp_path: Path) -> None:
    twice = csv_bytes([(*Line(), "x")], (*HEADER, "Note"))
    with pytest.raises(Usage, match="'Note' occurs more than once"):
        read_rows(a_file(tmp_path, twice), a_mapping())
    assert rows(a_file(tmp_path, twice), a_mapping(fields={}))


@pytest.mark.parametrize("path", ["nothing.csv", "."])
def test_a_file_that_cant_be_opened_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(Usage, match="can't be read"):
        read_rows(tmp_path / path, a_mapping())


# What is wrong with rows


def test_an_unknown_status_is_reported_and_the_row_goes_in(tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line(), Line(status="Lost", sub="Found")])

    _, problem, row = found(path)

    assert isinstance(problem, RowProblem)
    assert problem.message == "'Lost / Found' is not among the mapping's status words"
    assert problems(path) == [(3, "unknown-status", "Status", False)]
    assert isinstance(row, ImportRow)
    assert (row.command.original_status, row.command.status) == ("Lost", None)


def test_an_unknown_word_is_reported_and_the_row_goes_in(tmp_path: Path) -> None:
    mapping = a_mapping(columns=columns(priority={"column": "Note", "words": {"1": "high"}}))
    path = a_file(tmp_path, [Line(note="1"), Line(note="9")])
    assert problems(path, mapping) == [(3, "unknown-word", "Note", False)]
    assert lines_read(path, mapping) == [2, 3]


def test_a_row_without_a_case_is_lost(tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line(case=" "), Line(case="x" * 101), Line()])
    assert problems(path) == [
        (2, "missing-case", "Case", True),
        (3, "missing-case", "Case", True),
    ]
    assert lines_read(path) == [4]


def test_values_that_no_ticket_can_hold_are_left_out_or_cut(tmp_path: Path) -> None:
    mapping = a_mapping(
        columns=columns(subject="Sub", type="Status"),
        fields={},
        status=None,
        comment={"column": "Note", "public": True},
    )
    path = a_file(
        tmp_path, [Line(agent="a" * 101, sub="s" * 501, status="wonder", note="n" * 200_001)]
    )

    assert sorted(problems(path, mapping)) == [
        (2, "bad-value", "Agent", False),
        (2, "bad-value", "Note", False),
        (2, "bad-value", "Status", False),
        (2, "bad-value", "Sub", False),
    ]
    row = found(path, mapping)[-1]
    assert isinstance(row, ImportRow)
    said = row.command
    assert (said.assignee, said.type, said.subject) == (None, None, "s" * 500)
    assert said.comment == "n" * 200_000


def test_a_text_of_a_field_is_cut_and_reported_once(tmp_path: Path) -> None:
    path = a_file(tmp_path, [Line(note="n" * 10_001)])
    problem, row = found(path)
    assert isinstance(problem, RowProblem)
    assert (problem.kind, problem.column, problem.lost) == ("bad-value", "Note", False)
    assert isinstance(row, ImportRow)
    assert row.command.fields == {"note": "n" * 10_000}


def test_a_row_with_other_cells_than_the_header_is_lost(tmp_path: Path) -> None:
    short, long = ("A", "2026-01-01T09:00:00Z"), (*Line(), "more")
    path = a_file(tmp_path, csv_bytes([short, Line(), long]))
    assert problems(path) == [(2, "bad-row", None, True), (4, "bad-row", None, True)]
    assert lines_read(path) == [3]


def test_a_row_with_a_stray_quote_is_lost(tmp_path: Path) -> None:
    good = csv_bytes([Line()])
    path = a_file(tmp_path, good + b'A,2026-01-01T09:00:00Z,"Acc"epted,,,\n' + good.split(b"\n")[1])
    assert problems(path) == [(3, "bad-row", None, True)]
    assert lines_read(path) == [2, 4]


def test_bytes_in_another_encoding_are_reported_and_replaced(tmp_path: Path) -> None:
    data = csv_bytes([Line(), Line(note="Åse"), Line(note="x")]).replace("Å".encode(), b"\xc5")
    path = a_file(tmp_path, data)

    assert problems(path) == [(3, "bad-encoding", "Note", False)]
    assert lines_read(path) == [2, 3, 4]
    row = found(path)[2]
    assert isinstance(row, ImportRow)
    assert row.command.fields == {"note": "\N{REPLACEMENT CHARACTER}se"}


def test_a_file_in_an_encoding_that_is_marked_otherwise_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path, csv_bytes([Line()]).decode().encode("utf-16"))
    with pytest.raises(Usage, match='begins as utf-16, not as utf-8: set encoding = "utf-16"'):
        read_rows(path, a_mapping())


def test_text_that_ends_amid_a_character_is_reported(tmp_path: Path) -> None:
    data = csv_bytes([Line(), Line(note="x")]).decode().encode("utf-16")
    path = a_file(tmp_path, data[:-1])
    assert problems(path, a_mapping(encoding="utf-16")) == [(3, "bad-encoding", None, True)]
    assert lines_read(path, a_mapping(encoding="utf-16")) == [2]


def test_a_quote_that_is_never_closed_is_reported_where_it_opens(tmp_path: Path) -> None:
    data = csv_bytes([Line()]) + b'A,2026-01-01T09:00:00Z,Accepted,,ann,"never\nclosed\n'
    path = a_file(tmp_path, data)
    assert problems(path) == [(3, "cut-off", None, True), (4, "cut-off", None, True)]
    assert lines_read(path) == [2]


@pytest.mark.parametrize("rows_after", [1, 7, 40_000])
def test_a_quote_that_swallows_the_rest_counts_as_all_its_rows(
    tmp_path: Path, rows_after: int
) -> None:
    row = b"A,2026-01-01T09:00:00Z,Accepted,,ann,%b\n"
    data = csv_bytes([Line()]) + row % b'"never closed' + row % b"x" * rows_after
    lost = [problem for problem in found(a_file(tmp_path, data)) if isinstance(problem, RowProblem)]
    read = lines_read(a_file(tmp_path, data))
    assert len(lost) + len(read) == 1 + 1 + rows_after
    assert {problem.lost for problem in lost} == {True}


def many() -> bytes:
    """More than a reader takes at once, and poorly compressible."""
    return csv_bytes(Line(case=f"case {n * 7919 % 100_003}") for n in range(4000))


def test_what_comes_before_the_end_of_a_truncated_gzip_goes_in(tmp_path: Path) -> None:
    packed = gzip.compress(many())
    path = a_file(tmp_path, packed[: len(packed) // 2], "rows.dat")

    read = lines_read(path)

    assert len(read) > 1000
    assert read == list(range(2, 2 + len(read)))
    assert problems(path) == [(2 + len(read), "cut-off", None, True)]


def test_a_gzip_whose_checksum_is_wrong_is_reported(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(many()))
    packed[-8] ^= 1
    path = a_file(tmp_path, bytes(packed), "rows.dat")

    assert problems(path) == [(4002, "damaged", None, True)]
    assert len(lines_read(path)) == 4000


def test_a_gzip_that_ends_in_its_first_bytes_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path, gzip.compress(many())[:12], "rows.dat")
    with pytest.raises(Usage, match="cut off"):
        read_rows(path, a_mapping())


def test_a_reader_tells_how_far_it_is(tmp_path: Path) -> None:
    reader = read_rows(a_file(tmp_path, many()), a_mapping())
    steps = [reader.done for _ in reader]
    assert steps == sorted(steps)
    assert 0 < steps[0] < steps[-1] == reader.size == reader.done
