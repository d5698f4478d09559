"""What was promised, shown under other settings than those of its time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpdesk import ANN, SUE
from tests.helpdesk import make as make_desk
from tests.said import Run
from ticketlog import config
from ticketlog.application.reports import REPORTS, has_basis
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.domain.base import iso, stream_key
from ticketlog.domain.ticket.conversation import Redact, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.sla.recomputation import COMMIT
from ticketlog.domain.ticket.sla_events import EVOLVE, SlaApplied, SlaBreached
from ticketlog.errors import Usage
from ticketlog.projections.engine import fill
from ticketlog.projections.views import queue
from ticketlog.projections.views.sla import sla

HOUR = 3_600_000_000
NOON = 1_767_268_800_000_000
"""2026-01-01, 12:00 UTC."""
MAPPING = """
source = "old"
format = "csv"
rows = "state"
[columns]
case = "case"
[time]
column = "at"
[status]
column = "status"
[[status.words]]
status = "open"
to = "open"
[[status.words]]
status = "solved"
to = "solved"
"""
ROWS = """case,at,status
1,2026-01-01T12:00:00Z,open
1,2026-01-01T15:00:00Z,solved
2,2026-01-01T12:00:00Z,open
"""
OLD = stream_key("old\x001")
"""The imported ticket that was solved."""


def promise(within: str, name: str = "everybody") -> str:
    return f"""
[sla_policies.{name}]
position = 1
targets = [{{ metric = "requester_wait_time", within = {{ medium = "{within}" }} }}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two imported tickets; a live one that had eight hours, took two, and had said too much; then
    the promise became one hour."""
    home = tmp_path_factory.mktemp("basis")
    (home / "rows.csv").write_text(ROWS)
    (home / "mapping.toml").write_text(MAPPING)
    make_desk(home / "desk", simulation=True)
    with open_desk(home / "desk") as desk:
        desk.import_file(home / "rows.csv", home / "mapping.toml")
        desk.settings_apply(promise("8h"), actor=SUE)
        create = CreateTicket(subject="VPN drops", requester=None)
        made = desk.execute(create, actor=ANN, occurred_at=NOON, id="live")
        said = desk.execute(Reply(body="My password"), on=made.stream, actor=ANN, occurred_at=NOON)
        desk.execute(
            Redact(target=said.events[0].id, reason="a password"),
            on=made.stream,
            actor=SUE,
            occurred_at=NOON,
        )
        desk.execute(Solve(), on=made.stream, actor=ANN, occurred_at=NOON + 2 * HOUR)
        desk.settings_apply(promise("1h"), actor=SUE)
    return home / "desk"


LIVE = stream_key("live")


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    with open_desk(folder) as desk:
        yield desk


def counts(document: dict[str, Any]) -> tuple[int, int]:
    rows = document["rows"]
    return sum(row["met"] for row in rows), sum(row["breached"] for row in rows)


def eight_hours(desk: Desk) -> int:
    """The position of the settings before the last ones."""
    return next(
        each.meta.settings for each in desk.history(LIVE) if isinstance(each.event, SlaApplied)
    )


def test_as_was_as_now_and_as_of_a_position(desk: Desk) -> None:
    assert counts(desk.report("attainment")) == (1, 0)
    assert counts(desk.report("attainment", basis="now")) == (0, 3)
    # Three hours are no eight; the one that is open since has been for longer.
    assert counts(desk.report("attainment", basis=eight_hours(desk))) == (2, 1)


def test_a_report_says_its_basis(desk: Desk) -> None:
    now, position = desk.settings.position, eight_hours(desk)
    as_was = desk.report("attainment")
    as_now = desk.report("attainment", basis="now")
    before = desk.report("attainment", basis=position)
    assert (as_was["settings"], "recomputed" in as_was) == ("as was", False)
    assert (as_now["settings"], as_now["recomputed"]["settings"]) == ("as now", now)
    assert before["settings"] == f"position {position}"
    assert before["recomputed"]["settings"] == position
    last = max(each.meta.recorded_at for each in desk.subscribe(follow=False))
    assert as_now["recomputed"]["until"] == iso(last)


def test_the_same_cut_and_settings_are_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    from tests.helpdesk import copy

    with open_desk(copy(folder, tmp_path / "desk")) as desk:
        document = desk.report("attainment", basis="now")
        position = desk.settings.position
        desk.execute(CreateTicket(subject="Later"), actor=ANN)
        desk.settings_apply(promise("30d", "mild"), actor=SUE)

        past = desk.at(position=document["cut"], basis=position)
        assert past.report("attainment") == document
        again = desk.at(position=document["cut"], basis="now").report("attainment")
        assert (counts(again), again["cut"]) == ((2, 1), document["cut"])
        assert again["settings"] == f"position {desk.settings.position}"


def test_time_passes_until_the_moment_that_is_asked_about(desk: Desk) -> None:
    for hours, expected in ((0, (0, 0)), (1, (0, 0)), (2, (0, 3)), (100, (0, 3))):
        past = desk.at(occurred=NOON + hours * HOUR, basis="now")
        assert counts(past.report("attainment")) == expected


def test_a_history_on_a_basis(desk: Desk) -> None:
    past = desk.at(basis="now")
    breaches = [each for each in past.history(LIVE) if isinstance(each.event, SlaBreached)]
    assert [each.event.at for each in breaches] == [NOON + HOUR]  # type: ignore[attr-defined]
    assert past.load(LIVE).clocks["requester_wait_time"].breached_at == NOON + HOUR
    assert desk.load(LIVE).clocks["requester_wait_time"].breached_at is None
    assert past.settings == desk.settings
    assert "My password" not in str(past.history(LIVE))
    assert past.history("person/NOBODY") == []


def test_views_on_a_basis(desk: Desk) -> None:
    past = desk.at(basis="now")
    alone = past.query(sla.TicketClocks(ticket=OLD))
    assert [(row["phase"], row["breached_at"]) for row in alone] == [("fulfilled", NOON + HOUR)]
    assert desk.query(sla.TicketClocks(ticket=OLD)) == []
    assert len(past.query(sla.ClocksAtRisk(breached=True)).rows) == 1
    assert past.query(sla.TicketClocks(ticket=OLD)) == alone, "from the rows of all tickets"
    assert past.query(sla.TicketClocks(ticket="NONE")) == []
    with pytest.raises(Usage, match="has no other basis"):
        desk.at(basis="now").query(queue.Queue())


@pytest.mark.parametrize("basis", ["then", "0", 1, "10000", "-1", "7/3", ""])
def test_what_is_no_basis(desk: Desk, basis: str | int) -> None:
    with pytest.raises(Usage, match="write was, now, or a position"):
        desk.report("attainment", basis=basis)


@pytest.mark.parametrize("name", [name for name in REPORTS if not has_basis(name)])
def test_reports_of_what_was_done_have_no_other_basis(desk: Desk, name: str) -> None:
    with pytest.raises(Usage, match="has no other basis"):
        desk.report(name, basis="now")


def test_a_simulated_desk_as_now_is_what_it_was(tmp_path: Path) -> None:
    """Its settings never changed: what is recomputed stands recorded, but for what fell due in the
    silence at the end, which no timer has recorded yet."""
    with init_desk(tmp_path / "desk") as desk:
        desk.simulate(tickets=40, seed=3)
        now, breaches = desk.at(basis="now"), 0
        tickets = {each.originator_id for each in desk.subscribe(follow=False)}
        for stream in filter(lambda name: name.startswith("ticket/"), tickets):
            was = [each.event for each in desk.history(stream)]
            found = [each.event for each in now.history(stream) if each.meta.commit != COMMIT]
            assert [e for e in found if type(e) in EVOLVE] == [e for e in was if type(e) in EVOLVE]
            breaches += sum(isinstance(event, SlaBreached) for event in was)
        assert breaches > 0


def test_processes_beside_it_say_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.refresh()
    alone = desk.at(basis="now")
    expected = [*alone.views.rows("sla")]
    with monkeypatch.context() as patch:
        patch.setattr(fill, "HUGE", 0)
        patch.setattr(os, "cpu_count", lambda: 3)
        assert [*desk.at(basis="now").views.rows("sla")] == expected
        assert desk.at(basis="now").report("attainment") == alone.report("attainment")
        verified = desk.views.verify()
    assert verified
    assert all(each.same for each in verified)


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def desk_that_is_found(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(config.VARIABLE, str(folder))

    def test_a_report(self, ask: Run, desk: Desk) -> None:
        code, out, _ = ask("report", "attainment", "--basis", "now", "--json")
        assert code == 0
        assert json.loads(out) == desk.report("attainment", basis="now")
        code, out, err = ask("report", "attainment", "--basis", "now")
        assert "recomputed as now" in err
        assert ask("report", "flow", "--basis", "now")[0] == 2
        assert ask("report", "attainment", "--basis", "soon")[0] == 2

    def test_who_asks_as_was_is_told_of_imports(self, ask: Run) -> None:
        told = "have no recorded clocks; --basis now computes them"
        assert told in ask("report", "attainment", "--json")[2]
        assert told not in ask("report", "flow")[2]
        assert "--basis now computes them" in ask("sla", OLD)[2]
        assert ask("sla", LIVE)[2] == ask("sla", OLD, "--basis", "now")[2] == ""

    def test_what_is_due_or_broken(self, ask: Run) -> None:
        recomputed = json.loads(ask("sla", "--basis", "now", "--breached", "--json")[1])
        assert [
            (each["metric"], each["cause"]["by_status"][0]["status"])
            for each in recomputed["clocks"]
        ] == [("requester_wait_time", "open")]
        _, out, err = ask("sla", "--breached", "--json")
        as_was = json.loads(out)
        assert (as_was["clocks"], as_was["recomputed"]) == ([], None)
        assert "--basis now computes them" in err

    def test_a_ticket(self, ask: Run, desk: Desk) -> None:
        code, out, _ = ask("sla", OLD, "--basis", "now", "--json")
        document = json.loads(out)
        assert (code, document["recomputed"]) == (0, desk.settings.position)
        assert document["policy"]["id"] == "everybody"
        (clock,) = (c for c in document["clocks"] if c["metric"] == "requester_wait_time")
        assert clock["breached_at"] == iso(NOON + HOUR)
        assert [each["at"] for each in document["breaches"]] == [clock["breached_at"]]
        made = [line["event"]["id"] for line in document["story"] if line["change"] == "breached"]
        assert made == [None]
        assert (
            f"recomputed under settings {desk.settings.position}"
            in ask("sla", OLD, "--basis", "now")[1]
        )
        assert json.loads(ask("sla", OLD, "--json")[1])["recomputed"] is None
