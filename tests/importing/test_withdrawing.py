"""Imports are listed and can be taken back: from then on nothing of them counts, and before it
everything does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.given import SUE
from tests.importing.histories import Line, a_file, at
from ticketlog import Desk, init_desk
from ticketlog.domain.base import Actor, Forbidden, NotFound, Recorded, Refused
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.imported import stream_of
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.importing.withdrawing import PAGE
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.views import queue, search, tickets

LEAD = Actor("sue", "agent", "supervisor")
MAPPING = """
source = "old"
format = "csv"
rows = "state"
[columns]
case = "Case"
agent = "Agent"
subject = "Note"
[time]
column = "Time"
[status]
column = "Status"
words = [{ status = "Accepted", to = "open" }, { status = "Completed", to = "solved" }]
"""
ROWS = [
    Line("A", at(0), note="Printer"),
    Line("A", at(5), "Completed", note="Printer"),
    Line("B", at(1), note="Router"),
]
A, B = stream_of("old", "A"), stream_of("old", "B")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "mapping.toml").write_text(MAPPING)
    with init_desk(tmp_path / "desk", admin=LEAD) as desk:
        yield desk


@pytest.fixture
def bring(desk: Desk, tmp_path: Path) -> Any:
    def bring(rows: list[Line], **how: Any) -> Any:
        return desk.import_file(a_file(tmp_path, rows), tmp_path / "mapping.toml", **how)

    return bring


def shown(desk: Any) -> set[str]:
    return {f"ticket/{row['ticket']}" for row in desk.query(tickets.Tickets()).rows}


def contents(desk: Desk) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """All rows of all views that speak of tickets."""
    past = desk.at(position=desk.cut())
    return {view.name: list(past.views.rows(view.name)) for view in PROJECTIONS}


def test_what_is_withdrawn_is_in_no_view_any_more(desk: Desk, bring: Any, tmp_path: Path) -> None:
    empty = contents(desk)
    bring(ROWS)
    assert shown(desk) == {A, B}
    assert desk.query(search.Search(words="printer"))

    taken = desk.withdraw_import("old", reason="the wrong file", actor=LEAD)

    assert (taken.tickets, taken.kept) == (2, 0)
    assert shown(desk) == set()
    assert desk.query(queue.Queue()).rows == []
    assert desk.query(search.Search(words="printer")) == []
    desk.refresh()
    assert [f for f in desk.views.verify() if not f.same] == []
    then = contents(desk)
    then["tickets"] = [row for row in then["tickets"] if row[0] != "corrections"]
    then["changes"] = [row for row in then["changes"] if not row[1].get("withdrawn")]
    # The scopes stay: they say who may see what was known before, and no query reads them.
    assert {f"ticket/{row['ticket']}" for _, row in then["scope"]} == {A, B}
    assert then == {**empty, "scope": then["scope"]}


def test_before_it_was_withdrawn_everything_is_there(desk: Desk, bring: Any) -> None:
    bring(ROWS)
    cut = desk.cut()
    before = desk.at(position=cut).report("flow")["rows"]
    desk.withdraw_import("old", reason="wrong", actor=LEAD)

    past = desk.at(position=cut)

    assert shown(past) == {A, B}
    assert past.report("flow")["rows"] == before != desk.report("flow")["rows"]
    assert shown(desk.at(occurred=at(3))) == set(), "in business time it never happened"


def test_its_history_stays_and_says_so(desk: Desk, bring: Any) -> None:
    bring(ROWS)
    desk.withdraw_import("old", reason="wrong", actor=LEAD)

    last: Recorded = desk.history(A)[-1]

    assert last.event == Withdrawn(source="old", withdrawal="1", reason="wrong")
    assert (last.meta.actor.id, last.meta.reason) == ("sue", "wrong")
    assert desk.load(A).withdrawn
    with pytest.raises(Refused, match=r"was withdrawn with its import; .*ticket history"):
        desk.execute(Note(body="Hm"), on=A, actor=LEAD)


def test_importing_again_makes_the_tickets_anew(desk: Desk, bring: Any) -> None:
    bring(ROWS)
    for generation in (1, 2):
        desk.withdraw_import("old", reason="wrong", actor=LEAD)
        report = bring(ROWS)

        assert (report.commits, report.known, report.tickets_new) == (3, 0, 2)
        assert shown(desk) == {stream_of("old", case, generation) for case in "AB"}
        assert bring(ROWS).known == 3
    ids = [each.id for each in desk.subscribe(follow=False)]
    assert len(ids) == len(set(ids)), "an event's id is one in the whole log"


def test_one_batch_goes_and_the_other_stays(desk: Desk, bring: Any) -> None:
    bring(ROWS[:2])
    more = [*ROWS, Line("A", at(9), note="Printer"), Line("C", at(2), note="Mouse")]
    bring(more)

    taken = desk.withdraw_import("old", batch="2", reason="the second file", actor=LEAD)

    assert (taken.batch, taken.tickets, taken.kept) == ("2", 2, 1)
    assert shown(desk) == {A}
    again = bring(more)
    assert (again.commits, again.known) == (2, 3)
    assert shown(desk) == {A, stream_of("old", "B", 1), stream_of("old", "C", 1)}


def test_imports_are_listed_with_what_they_brought(desk: Desk, bring: Any) -> None:
    bring(ROWS[:2], actor=LEAD)
    bring(ROWS[:2], actor=LEAD)
    bring(ROWS, actor=LEAD)
    desk.withdraw_import("old", batch="1", reason="wrong", actor=LEAD)

    ((source, imports),) = desk.imports()

    assert source == "old"
    first, second = imports.batches.values()
    assert (first.file, first.by, first.withdrawn) == ("rows.csv", LEAD, "1")
    assert first.ended is not None
    assert second.ended is not None
    assert (first.ended.rows, first.ended.commits, first.ended.tickets_new) == (2, 2, 1)
    assert (second.ended.rows, second.ended.commits, second.ended.known) == (3, 1, 2)
    assert first.sha256 != second.sha256
    assert first.mapping == second.mapping
    (withdrawal,) = imports.withdrawals.values()
    assert (withdrawal.batch, withdrawal.reason, withdrawal.by) == ("1", "wrong", LEAD)


def test_an_interrupted_withdrawal_goes_on_and_no_import_comes_between(
    desk: Desk, bring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketlog.importing.withdrawing.PAGE", 1)
    assert PAGE > 1
    bring(ROWS)

    class Killed(BaseException):
        pass

    def killed(tickets: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        desk.withdraw_import("old", reason="wrong", actor=LEAD, on_progress=killed)
    assert len(shown(desk)) == 1
    with pytest.raises(Refused, match="withdrawal of old is not finished"):
        bring([*ROWS, Line("D", at(1))])

    taken = desk.withdraw_import("old", reason="again", actor=LEAD)

    assert (taken.withdrawal, taken.tickets) == ("1", 2)
    assert shown(desk) == set()
    reasons = {e.event.reason for e in desk.history(A) if isinstance(e.event, Withdrawn)}
    assert reasons == {"wrong"}


def test_what_people_did_on_the_tickets_goes_with_them(desk: Desk, bring: Any) -> None:
    bring(ROWS)
    desk.execute(Note(body="Looked at it"), on=B, actor=LEAD)
    assert desk.withdraw_import("old", reason="wrong", actor=LEAD).tickets == 2
    assert shown(desk) == set()


def test_tickets_of_others_stay(desk: Desk, bring: Any, tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING.replace('"old"', '"new/er"'))
    bring(ROWS[:1])
    (tmp_path / "mapping.toml").write_text(MAPPING)
    bring(ROWS)

    desk.withdraw_import("old", reason="wrong", actor=LEAD)

    assert shown(desk) == {stream_of("new/er", "A")}
    assert [source for source, _ in desk.imports()] == ["new/er", "old"]


@pytest.mark.parametrize("who", [Actor("ann", "agent", "agent"), Actor("KIM", "person")])
def test_only_supervisors_and_admins_import_and_withdraw(
    desk: Desk, bring: Any, who: Actor
) -> None:
    with pytest.raises(Forbidden):
        bring(ROWS, actor=who)
    bring(ROWS, actor=SUE)
    with pytest.raises(Forbidden):
        desk.withdraw_import("old", reason="wrong", actor=who)


def test_what_was_never_imported_is_said(desk: Desk, bring: Any) -> None:
    with pytest.raises(NotFound, match=r"nothing was imported from 'odl'; .*import list"):
        desk.withdraw_import("odl", reason="wrong", actor=LEAD)
    bring(ROWS)
    with pytest.raises(NotFound, match="old has no batch 7; it has: 1"):
        desk.withdraw_import("old", batch="7", reason="wrong", actor=LEAD)
    desk.withdraw_import("old", batch="1", reason="wrong", actor=LEAD)
    with pytest.raises(Refused, match="batch 1 of old is withdrawn already"):
        desk.withdraw_import("old", batch="1", reason="wrong", actor=LEAD)
