"""A live desk's clock isn't moved by whoever runs its policies; a simulation's is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from tests.said import Run
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, open_desk, restore_desk
from ticketlog.domain.base import Refused
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.sla_events import SlaBreached
from ticketlog.domain.time.receipt import AHEAD

RULES = """
[sla_policies.all]
position = 1
targets = [{ metric = "total_resolution_time", within = { medium = "8h" } }]
[lifecycle.close]
position = 1
action = "close"
after = "4d"
"""
SECOND = 1_000_000


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")


def working(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(config.VARIABLE, str(folder))
    with open_desk(folder) as desk:
        desk.settings_apply(helpdesk.SETTINGS + RULES, actor=SUE)
        return desk.execute(CreateTicket(subject="f"), actor=ANN).stream


def records(folder: Path) -> list[int]:
    with open_desk(folder) as desk:
        return list(desk.log.ends())


@pytest.mark.parametrize("ahead", [timedelta(days=1200), timedelta(hours=1), timedelta(minutes=6)])
def test_a_time_ahead_is_refused_and_leaves_nothing(
    folder: Path, ask: Run, here: None, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    working(folder, monkeypatch)
    before = records(folder)
    said = ask("policies", "run", "--until", (datetime.now(UTC) + ahead).isoformat())
    assert (said.code, said.out) == (1, "")
    assert "ahead of now" in said.err
    assert "init DIR --simulation" in said.err
    assert records(folder) == before


def test_what_is_answered_after_it_is_answered_now(
    folder: Path, ask: Run, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = working(folder, monkeypatch).removeprefix("ticket/")
    assert ask("policies", "run", "--until", "2130-01-01T00:00:00Z").code == 1
    assert ask("ticket", "reply", ticket, "now").code == 0
    with open_desk(folder) as desk:
        state = desk.load(ticket)
        assert abs(state.clock - time.time_ns() // 1000) < 60 * SECOND
        assert not [e for e in desk.history(ticket) if isinstance(e.event, SlaBreached)]


@pytest.mark.parametrize("seconds", [-86_400, 0, 60])
def test_clocks_may_differ_a_little(
    folder: Path, ask: Run, here: None, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    working(folder, monkeypatch)
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    assert ask("policies", "run", "--until", until.isoformat()).code == 0
    assert ask("policies", "run").code == 0


def test_a_simulation_moves_on(
    tmp_path: Path, ask: Run, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "rehearsal"
    helpdesk.make(folder, simulation=True)
    ticket = working(folder, monkeypatch)
    until = datetime.now(UTC) + timedelta(days=3)
    assert ask("policies", "run", "--until", until.isoformat()).code == 0
    with open_desk(folder) as desk:
        breached = [e for e in desk.history(ticket) if isinstance(e.event, SlaBreached)]
    assert len(breached) == 1


def test_from_python_it_is_refused_alike(desk: Desk) -> None:
    now = time.time_ns() // 1000
    desk.policies().run_until(now + AHEAD - 60 * SECOND)
    with pytest.raises(Refused, match="ahead of now"):
        desk.policies().run_until(now + 2 * AHEAD)
    assert desk.policies(now=lambda: now + 3 * AHEAD).run_until(now + 2 * AHEAD)[:2] == (0, 0)


def test_a_simulation_that_is_brought_elsewhere_is_one_there(ask: Run, tmp_path: Path) -> None:
    helpdesk.make(tmp_path / "rehearsal", simulation=True)
    helpdesk.make(tmp_path / "live")
    for name in ("rehearsal", "live"):
        file = tmp_path / f"{name}.gz"
        assert ask("--desk", str(tmp_path / name), "log", "export", str(file)).code == 0
        for _ in range(2):
            assert ask("log", "import", str(file), str(tmp_path / f"{name}-2")).code == 0
        with open_desk(tmp_path / f"{name}-2") as desk:
            assert desk.config.simulation == (name == "rehearsal")
            again = list(desk.log_export())
        with restore_desk(tmp_path / f"{name}-3", iter(again)) as desk:
            assert list(desk.log_export()) == again
