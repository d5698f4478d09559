"""What an import makes of a file, whatever happened before: each row once, as one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.given import SETTINGS
from tests.importing.histories import (
    HEADER,
    Line,
    a_file,
    a_log,
    a_mapping,
    at,
    content,
    csv_bytes,
    histories,
    imported,
)
from ticketlog.domain.base import Actor, instant, stream_key
from ticketlog.domain.settings.model import Workflow
from ticketlog.domain.ticket.assignment import AssigneeChanged
from ticketlog.domain.ticket.conversation import Noted
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.custom_fields import FieldsChanged
from ticketlog.domain.ticket.imported import ActivityRecorded
from ticketlog.domain.ticket.status_events import Reopened, Solved, TicketClosed
from ticketlog.errors import Conflict, Unreachable, Usage
from ticketlog.importing import ImportProgress, check_file
from ticketlog.log.commit import Commit, ForeignEvent, Verdict
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.port import Placed

A = "ticket/" + stream_key("old\0A")

LIFE = [
    Line("A", at(0), "Queued", "", "ann"),
    Line("A", at(1), "Accepted", "", "ann"),
    Line("B", at(2), "Accepted", "", "bob"),
    Line("A", at(3), "Accepted", "", "ann"),
    Line("A", at(4), "Completed", "Resolved", "ann", "done"),
    Line("B", at(5), "Accepted", "Wait", "bob"),
    Line("A", at(6), "Completed", "Closed", "robot"),
    Line("A", at(7), "Accepted", "", "bob"),
]


@pytest.fixture
def log(tmp_path: Path) -> EmbeddedLog:
    return a_log(tmp_path)


# Rows become commits


def test_each_row_is_one_commit_that_begins_with_the_row(log: EmbeddedLog, tmp_path: Path) -> None:
    report = imported(log, a_file(tmp_path, LIFE), writer="test")

    assert (report.rows, report.commits, report.tickets, report.tickets_new) == (8, 8, 2, 2)
    events = histories(log)[A]
    rows = [each for each in events if isinstance(each.event, ActivityRecorded)]
    assert [each.index for each in rows] == [0] * 6
    assert [each.event.row for each in rows if isinstance(each.event, ActivityRecorded)] == [
        *(2, 3, 5, 6, 8, 9)
    ]
    assert [each.meta.occurred_at for each in rows] == [
        instant(at(minute)) for minute in (0, 1, 3, 4, 6, 7)
    ]
    assert sum(map(len, histories(log).values())) == report.events


def test_a_row_brings_the_changes_that_it_implies(log: EmbeddedLog, tmp_path: Path) -> None:
    imported(log, a_file(tmp_path, LIFE))

    assert [type(each.event) for each in histories(log)[A]] == [
        *(ActivityRecorded, TicketCreated),
        *(ActivityRecorded, AssigneeChanged),
        ActivityRecorded,
        *(ActivityRecorded, FieldsChanged, Solved),
        *(ActivityRecorded, FieldsChanged, TicketClosed),
        *(ActivityRecorded, AssigneeChanged, Reopened),
    ]


def test_the_envelope_says_where_a_row_comes_from(log: EmbeddedLog, tmp_path: Path) -> None:
    mapping = a_mapping(columns={"case": "Case", "actor": "Agent"})
    imported(log, a_file(tmp_path, [Line(agent="ann"), Line(time=at(1), agent="")]), mapping)

    first, second = (each.meta for each in histories(log)[A] if each.index == 0)

    assert first.actor == Actor("ann", "import")
    assert second.actor == Actor("old", "import")
    assert (first.channel, first.source, first.settings) == ("import", "old", SETTINGS.position)
    assert first.recorded_at > first.occurred_at


def test_a_row_that_differs_in_its_time_alone_is_not_lost(log: EmbeddedLog, tmp_path: Path) -> None:
    imported(log, a_file(tmp_path, [Line(), Line(time=at(1)), Line(time=at(2))]))
    assert [type(each.event) for each in histories(log)[A]][2:] == [ActivityRecorded] * 2


def test_what_was_said_is_recorded(log: EmbeddedLog, tmp_path: Path) -> None:
    mapping = a_mapping(fields={}, comment={"column": "Note", "public": False})
    imported(log, a_file(tmp_path, [Line(note="A mess")]), mapping)
    assert [each.event.body for each in histories(log)[A] if isinstance(each.event, Noted)] == [
        "A mess"
    ]


# Again, and more


def test_the_same_file_adds_nothing(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, LIFE)
    imported(log, path)
    before = content(log), log.ends()

    report = imported(log, path)

    assert (report.rows, report.commits, report.events, report.known) == (8, 0, 0, 8)
    assert (report.tickets, report.tickets_new) == (2, 0)
    assert (content(log), log.ends()) == before


def test_a_longer_file_adds_the_rest(log: EmbeddedLog, tmp_path: Path) -> None:
    imported(log, a_file(tmp_path, LIFE[:4]))
    report = imported(log, a_file(tmp_path, LIFE))
    assert (report.commits, report.known, report.tickets_new) == (4, 4, 0)

    at_once = a_log(tmp_path, "at-once.db")
    imported(at_once, a_file(tmp_path, LIFE))
    assert content(log) == content(at_once)


cases = st.sampled_from("ABC")
lines = st.builds(
    Line,
    case=cases,
    time=st.integers(0, 5).map(at),
    status=st.sampled_from(["Accepted", "Completed", "Queued", "Lost"]),
    sub=st.sampled_from(["", "Wait", "Closed"]),
    agent=st.sampled_from(["", "ann", "bob"]),
)


@given(st.lists(lines, max_size=25), st.lists(st.integers(0, 25), max_size=3), st.data())
def test_any_parts_and_then_the_whole_are_the_same_as_the_whole_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Line],
    ends: list[int],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("import")
    in_parts, at_once = a_log(folder), a_log(folder, "at-once.db")

    for end in sorted(ends):
        batch = data.draw(st.integers(1, 10))
        imported(in_parts, a_file(folder, rows[:end]), batch=batch)
    report = imported(in_parts, a_file(folder, rows), batch=data.draw(st.integers(1, 10)))
    imported(at_once, a_file(folder, rows))

    assert content(in_parts) == content(at_once)
    assert report.commits + report.known == report.rows == len(rows)
    assert sum(
        isinstance(e.event, ActivityRecorded) for h in histories(in_parts).values() for e in h
    ) == len(rows)
    in_parts.close()
    at_once.close()


def test_equal_rows_are_all_kept(log: EmbeddedLog, tmp_path: Path) -> None:
    rows = [Line(), Line(), Line(time=at(1)), Line()]

    report = imported(log, a_file(tmp_path, rows))

    assert (report.commits, report.equal.total) == (4, 2)
    assert [each["line"] for each in report.equal.listed] == [3, 5]
    report = imported(log, a_file(tmp_path, [*rows, Line(), Line()]))
    assert (report.commits, report.known, report.equal.total) == (2, 4, 4)


def test_the_same_row_of_another_case_or_source_is_another(
    log: EmbeddedLog, tmp_path: Path
) -> None:
    no_case = csv_bytes([("1", *Line()[1:])], ("Number", *HEADER[1:]))
    constant = {"case": {"value": "A"}}
    imported(log, a_file(tmp_path, no_case), a_mapping(columns=constant))
    for mapping in (
        a_mapping(columns={"case": {"value": "B"}}),
        a_mapping(columns=constant, source="new"),
    ):
        assert imported(log, a_file(tmp_path, no_case), mapping).commits == 1
    assert len(histories(log)) == 3


def test_what_is_recorded_stays_when_the_mapping_changes(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, LIFE)
    rows = {"kind": "state", "key": ["Time", "Status", "Sub"]}
    imported(log, path, a_mapping(rows=rows))
    before = content(log)

    report = imported(log, path, a_mapping(rows=rows, columns={"case": "Case"}))

    assert (report.known, report.remapped) == (8, 8)
    assert content(log) == before
    assert imported(log, path, a_mapping(rows=rows)).remapped == 0


def test_cases_that_come_back_are_taken_up_again(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Line(f"case {n % 5}", at(n // 10), note=str(n // 10)) for n in range(60)]
    at_once = a_log(tmp_path, "at-once.db")
    expected = imported(at_once, a_file(tmp_path, rows)).document().plain()

    monkeypatch.setattr("ticketlog.importing.importer.HELD", 2)
    report = imported(log, a_file(tmp_path, rows), batch=3).document().plain()

    assert content(log) == content(at_once)
    timing = {"seconds": 0, "rows_per_second": 0}
    assert report | timing == expected | timing


# Interrupted


class Interrupted(Exception):
    pass


class Flaky:
    """A log that fails at some append, before or after it wrote, or after it wrote a part."""

    def __init__(self, log: EmbeddedLog, at: int, wrote: float) -> None:
        self.log = log
        self.at = at
        self.wrote = wrote

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]:
        self.at -= 1
        if self.at < 0:
            self.log.append_all(commits[: int(len(commits) * self.wrote)])
            raise Interrupted
        return self.log.append_all(commits)


@given(st.lists(lines, min_size=4, max_size=25), st.integers(0, 3), st.sampled_from([0, 0.5, 1]))
def test_an_interrupted_import_goes_on(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Line], at: int, wrote: float
) -> None:
    folder = tmp_path_factory.mktemp("import")
    log, at_once = a_log(folder), a_log(folder, "at-once.db")
    path = a_file(folder, rows)

    with pytest.raises(Interrupted):
        imported(Flaky(log, at % ((len(rows) + 2) // 3), wrote), path, batch=3)  # type: ignore[arg-type]
    imported(log, path)
    imported(at_once, path)

    assert content(log) == content(at_once)
    log.close()
    at_once.close()


def test_an_import_into_a_log_that_is_closed_says_so(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, LIFE)
    log.close()
    with pytest.raises(Unreachable):
        imported(log, path)


# Beside other writers


class Contended:
    """A log to which others write whenever a batch is about to be appended."""

    def __init__(self, log: EmbeddedLog, others: list[Callable[[], object]]) -> None:
        self.log = log
        self.others = others

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]:
        if self.others:
            self.others.pop()()
        return self.log.append_all(commits)


def another(log: EmbeddedLog, events: int, settings: int = SETTINGS.position) -> Commit:
    """A commit on the ticket A by somebody who doesn't import."""
    return Commit(
        id=f"other-{log.head(A).version}",
        command="other",
        digest="",
        stream=A,
        expects=log.head(A).version,
        events=[Noted(**NOTE) for _ in range(events)],
        occurred_at=instant(at(0)),
        recorded_at=instant(at(0)),
        actor=Actor("ann", "agent"),
        channel="api",
        settings=settings,
    )


NOTE: dict[str, Any] = {
    "data_subject": "x",
    "author": "ann",
    "author_kind": "agent",
    "body": "x",
    "direction": "internal",
}


@pytest.mark.parametrize("events", [1, 2, 3])
def test_rows_are_decided_again_after_what_others_wrote(
    log: EmbeddedLog, tmp_path: Path, events: int
) -> None:
    imported(log, a_file(tmp_path, LIFE[:1]))
    others = [lambda: log.append(another(log, events)) for _ in range(3)]

    report = imported(Contended(log, others), a_file(tmp_path, LIFE), batch=2)  # type: ignore[arg-type]

    assert (report.commits, report.known) == (7, 1)
    recorded = [each.event for each in histories(log)[A]]
    rows = [event.row for event in recorded if isinstance(event, ActivityRecorded)]
    assert rows == [2, 3, 5, 6, 8, 9]
    assert sum(isinstance(event, Noted) for event in recorded) == 3 * events


def test_two_imports_of_the_same_file_side_by_side_record_each_row_once(
    log: EmbeddedLog, tmp_path: Path
) -> None:
    path = a_file(tmp_path, LIFE)
    first = []
    others = [lambda: first.append(imported(log, path, batch=2))]

    second = imported(Contended(log, others), path, batch=3)  # type: ignore[arg-type,list-item]

    assert (first[0].commits, second.commits, second.known) == (8, 0, 8)
    at_once = a_log(tmp_path, "at-once.db")
    imported(at_once, path)
    assert content(log) == content(at_once)


def test_settings_that_change_meanwhile_end_an_import(log: EmbeddedLog, tmp_path: Path) -> None:
    newer = SETTINGS.position + 1
    others = [lambda: log.append(another(log, 1, settings=newer)), lambda: None]
    path = a_file(tmp_path, LIFE)

    with pytest.raises(Conflict, match="settings have changed since this import began"):
        imported(Contended(log, others), path, batch=2)  # type: ignore[arg-type]

    report = imported(log, path, settings=replace(SETTINGS, position=newer))
    assert report.commits + report.known == 8


def test_writers_that_never_rest_end_an_import(log: EmbeddedLog, tmp_path: Path) -> None:
    imported(log, a_file(tmp_path, LIFE[:1]))
    others = [lambda: log.append(another(log, 1)) for _ in range(1000)]
    with pytest.raises(Conflict, match="start it again when they rest"):
        imported(Contended(log, others), a_file(tmp_path, LIFE))  # type: ignore[arg-type]


# What is found on the way


def test_rows_out_of_order_are_recorded_with_their_skew(log: EmbeddedLog, tmp_path: Path) -> None:
    rows = [Line(time=at(0)), Line(time=at(9)), Line(time=at(7)), Line("B", at(1))]

    report = imported(log, a_file(tmp_path, rows))

    assert report.commits == 4
    assert report.skewed.as_dict() == {
        "total": 1,
        "lost": 0,
        "listed": [{"line": 4, "case": "A", "skew_seconds": 120}],
    }
    times = [each.meta.occurred_at for each in histories(log)[A] if each.index == 0]
    assert times == [instant(at(minute)) for minute in (0, 9, 7)]


def test_what_breaks_the_workflow_is_recorded_and_counted(log: EmbeddedLog, tmp_path: Path) -> None:
    report = imported(log, a_file(tmp_path, LIFE))

    assert report.commits == 8
    assert {rule: found.listed for rule, found in report.broke.items()} == {
        "no arrow from closed to open": [{"line": 9, "case": "A"}]
    }


def test_problems_are_counted_by_kind_and_listed_with_their_lines(
    log: EmbeddedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketlog.importing.report.KEPT", 2)
    rows = [Line(time="?"), *[Line(status="Lost", note=str(n)) for n in range(4)], Line(case="")]

    report = imported(log, a_file(tmp_path, rows))

    assert (report.rows, report.commits) == (4, 4)
    assert {kind: (f.total, f.lost) for kind, f in report.problems.items()} == {
        "bad-time": (1, 1),
        "unknown-status": (4, 0),
        "missing-case": (1, 1),
    }
    listed = report.problems["unknown-status"].listed
    assert [each["line"] for each in listed] == [3, 4]
    assert listed[0]["column"] == "Status"
    assert "Lost" in listed[0]["message"]


def test_the_report_is_a_document(log: EmbeddedLog, tmp_path: Path) -> None:
    report = imported(log, a_file(tmp_path, LIFE)).document().plain()
    assert list(report) == [
        *("file", "source", "rows", "left_out", "commits", "known", "remapped", "events"),
        *(
            "tickets",
            "people",
            "reached",
            "equal",
            "skewed",
            "problems",
            "broke",
            "unknown",
            "empty",
        ),
        *("refusals", "seconds", "rows_per_second"),
    ]
    assert report["tickets"] == {"total": 2, "new": 2, "known": 0}


def test_a_file_may_be_tried_without_recording(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, [*LIFE, Line(time="?")])

    report = check_file(log, SETTINGS, path, a_mapping())

    assert (report.rows, report.tickets, report.commits) == (8, 2, 8)
    assert report.problems["bad-time"].listed[0]["line"] == 10
    assert histories(log) == {}


def test_an_import_tells_how_far_it_is(log: EmbeddedLog, tmp_path: Path) -> None:
    path = a_file(tmp_path, LIFE)
    told: list[ImportProgress] = []

    imported(log, path, batch=3, on_progress=told.append)

    assert [(each.rows, each.commits) for each in told] == [(3, 3), (6, 6), (8, 8)]
    assert told[-1].bytes_done == told[-1].bytes_total == path.stat().st_size


def test_a_status_that_the_desk_does_not_have_is_refused(log: EmbeddedLog, tmp_path: Path) -> None:
    words = [{"status": "Accepted", "to": "opened"}]
    mapping = a_mapping(status={"column": "Status", "words": words})
    with pytest.raises(Usage, match=r"'opened' is no status of this desk's workflows; they have: "):
        imported(log, a_file(tmp_path, LIFE), mapping)


def test_a_row_that_the_ticket_refuses_is_reported_and_the_others_go_in(
    log: EmbeddedLog, tmp_path: Path
) -> None:
    general = SETTINGS.workflows["default"]
    spare = [each for each in general.statuses if each.id != "pending"]
    tasks = Workflow(
        id="tasks", types=("task",), statuses=tuple(spare), transitions=general.transitions
    )
    settings = replace(SETTINGS, workflows={**SETTINGS.workflows, "tasks": tasks})
    mapping = a_mapping(columns={"case": "Case", "type": "Note"}, fields={})
    rows = [Line(sub="Wait", note="task"), Line(time=at(1), note="task")]

    report = imported(log, a_file(tmp_path, rows), mapping, settings=settings)

    assert report.commits == 1
    (refused,) = report.problems["refused"].listed
    assert refused["line"] == 2
    assert "pending" in refused["message"]


def test_a_row_whose_record_is_too_large_is_lost_alone(log: EmbeddedLog, tmp_path: Path) -> None:
    mapping = a_mapping(
        fields={f"field-{n}": "Note" for n in range(7)},
        comment={"column": "Note", "public": True},
    )
    large = "\N{GRINNING FACE}" * 200_000
    rows = [
        Line(time=at(0)),
        Line(time=at(1), note=large),
        Line("B", at(2), note=large),
        Line(time=at(3), note="small"),
        Line("C", at(4)),
    ]

    report = imported(log, a_file(tmp_path, rows), mapping)

    assert (report.commits, report.tickets_new) == (3, 2)
    assert [each["line"] for each in report.problems["too-large"].listed] == [3, 4]
    assert report.problems["too-large"].lost == 2


def test_a_ticket_that_this_release_cant_read_is_left_alone(
    log: EmbeddedLog, tmp_path: Path
) -> None:
    newer = another(log, 1)
    newer.events = [ForeignEvent("ticket.from-the-future.v9", b"")]
    log.append(newer)

    report = imported(log, a_file(tmp_path, LIFE))

    assert report.commits == 2
    assert report.problems["unreadable"].lost == 6
    assert log.head(A).version == 1
