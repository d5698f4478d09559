from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.importing.histories import MAPPING, Line, a_file, a_mapping
from ticketlog.domain.base import instant
from ticketlog.errors import Usage
from ticketlog.importing import ImportRow, Mapping, RowProblem, read_rows

XES: dict[str, Any] = {
    **MAPPING,
    "format": "xes",
    "columns": {"case": "case:concept:name", "agent": "org:resource", "activity": "concept:name"},
    "time": {"column": "time:timestamp"},
    "status": {**MAPPING["status"], "column": "concept:name", "substatus": "lifecycle:transition"},
    "fields": {"note": "note"},
}
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <global scope="event"><string key="concept:name" value="none"/></global>
  <string key="concept:name" value="a log"/>
"""


def a_trace(case: str, lines: Iterable[Line]) -> str:
    events = "".join(
        f"""    <event>
      <string key="concept:name" value="{line.status}"/>
      <string key="lifecycle:transition" value="{line.sub}"/>
      <string key="org:resource" value="{line.agent}"><int key="org:resource" value="7"/></string>
      <date key="time:timestamp" value="{line.time}"/>
      <string key="note" value="{line.note}"/>
    </event>
"""
        for line in lines
    )
    return f'  <trace>\n    <string key="concept:name" value="{case}"/>\n{events}  </trace>\n'


def xes(*lines: Line) -> bytes:
    """One trace for each case, in the order in which they come first."""
    cases = dict.fromkeys(line.case for line in lines)
    traces = [a_trace(case, [line for line in lines if line.case == case]) for case in cases]
    return (HEAD + "".join(traces) + "</log>\n").encode()


def found(path: Path, mapping: Mapping | None = None) -> list[ImportRow | RowProblem]:
    return list(read_rows(path, mapping or a_mapping(**XES)))


def test_events_are_rows_with_the_name_of_their_trace(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        xes(Line("A", status="Queued"), Line("B", sub="Wait"), Line("A", agent="bob", note="x")),
    )

    first, second, third = found(path)

    for row in (first, second, third):
        assert isinstance(row, ImportRow)
    assert isinstance(first, ImportRow)
    assert isinstance(second, ImportRow)
    assert isinstance(third, ImportRow)
    assert [row.command.case for row in (first, second, third)] == ["A", "A", "B"]
    assert [row.command.row for row in (first, second, third)] == [1, 2, 3]
    assert first.line == 1 + path.read_text().split("\n").index("    <event>")
    assert first.at == instant("2026-01-01T09:00:00Z")
    assert (first.command.status, first.command.cleared) == ("open", ("assignee",))
    assert (second.command.assignee, second.command.fields) == ("bob", {"note": "x"})
    assert third.command.status == "pending"


def test_an_attribute_that_is_not_there_is_an_empty_cell(tmp_path: Path) -> None:
    text = xes(Line()).replace(b'<string key="note" value=""/>', b"")
    (row, *rest) = found(a_file(tmp_path, text + b" "))

    assert isinstance(row, ImportRow)
    assert row.command.fields == {"note": None}
    assert [problem.kind for problem in rest if isinstance(problem, RowProblem)] == [
        "missing-column"
    ]


def test_what_tells_events_apart_are_their_own_attributes(tmp_path: Path) -> None:
    text = xes(Line(), Line(), Line(note="x"))
    later = text.replace(
        b"<trace>", b'<trace><string key="changed" value="today"/><id key="seen" value="1"/>'
    )
    keys = [row.key for row in found(a_file(tmp_path, text)) if isinstance(row, ImportRow)]

    assert keys[0] == keys[1] != keys[2]
    assert [row.key for row in found(a_file(tmp_path, later)) if isinstance(row, ImportRow)] == keys


def test_prefixed_names_and_events_outside_of_traces(tmp_path: Path) -> None:
    text = xes(Line()).decode().replace("<", "<x:").replace("<x:/", "</x:").replace("<x:?", "<?")
    assert isinstance(found(a_file(tmp_path, text.encode()))[0], ImportRow)

    trace = a_trace("A", [Line()])
    event = trace[trace.index("    <event>") : trace.index("  </trace>")]
    (lost, row) = found(a_file(tmp_path, (HEAD + event + trace + "</log>").encode()))
    assert isinstance(lost, RowProblem)
    assert (lost.kind, lost.lost) == ("missing-case", True)
    assert isinstance(row, ImportRow)


@pytest.mark.parametrize("part", [0.3, 0.5, 0.9, 0.999])
def test_what_comes_before_the_end_of_a_truncated_file_goes_in(tmp_path: Path, part: float) -> None:
    text = xes(*[Line(f"case {n}") for n in range(300)])
    cut = text[: int(len(text) * part)]

    *rows, problem = found(a_file(tmp_path, cut))

    assert isinstance(problem, RowProblem)
    assert (problem.kind, problem.lost) == ("cut-off", True)
    assert problem.line == 1 + cut.count(b"\n")
    assert len(rows) == cut.count(b"</event>") > 0


def test_what_comes_before_a_broken_element_goes_in(tmp_path: Path) -> None:
    text = xes(Line("A"), Line("B"), Line("C")).replace(b'value="B"/>', b'value="B"<>')

    row, problem = found(a_file(tmp_path, text))

    assert isinstance(row, ImportRow)
    assert isinstance(problem, RowProblem)
    assert (problem.kind, problem.lost) == ("damaged", True)
    assert problem.line == 1 + text[: text.index(b'value="B"<>')].count(b"\n")


def test_bytes_in_another_encoding_end_the_file(tmp_path: Path) -> None:
    text = xes(Line("A"), Line("B", note="Åse")).decode().encode("latin-1")
    row, problem = found(a_file(tmp_path, text))
    assert isinstance(row, ImportRow)
    assert isinstance(problem, RowProblem)
    assert problem.kind == "damaged"

    named = text.replace(b'encoding="UTF-8"', b'encoding="ISO-8859-1"')
    _, row = found(a_file(tmp_path, named))
    assert isinstance(row, ImportRow)
    assert row.command.fields == {"note": "Åse"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "it is empty"),
        (b"Case,Time\n", "no valid XML"),
        (b"<html><body/></html>", "its root is <html>, not <log>"),
        (b'<!DOCTYPE log [<!ENTITY a "aaaa">]><log>&a;</log>', "document type"),
        (b'<!DOCTYPE log SYSTEM "http://127.0.0.1/log.dtd"><log/>', "document type"),
        (b'<?xml version="1.0" encoding="utf-9"?><log/>', "unknown encoding"),
        (b'<?xml version="1.0" encoding="gbk"?><log/>', "can't be read: multi-byte"),
    ],
)
def test_what_is_no_xes_is_refused(tmp_path: Path, text: bytes, why: str) -> None:
    with pytest.raises(Usage, match=why):
        found(a_file(tmp_path, text))
