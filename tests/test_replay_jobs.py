from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.__main__ import main
from ticketlog import Desk, init_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.creation import CreateTicket

ANN = Actor("ann", "agent", "agent")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("TICKETLOG_DESK", str(tmp_path))
    with init_desk(tmp_path, admin=ANN) as desk:
        for number in range(3):
            desk.execute(CreateTicket(subject=f"Ticket {number}"), actor=ANN)
        yield desk


def test_views_are_made_anew(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    before = {view.view: view.build for view in desk.views.status()}

    assert main(["rebuild", "queue"]) == 0

    after = {view.view: view.build for view in desk.views.status()}
    assert [name for name in after if after[name] != before[name]] == ["queue"]
    assert str(desk.cut()) in capsys.readouterr().out


def test_views_are_compared_with_a_replay(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("queue.entries 3 rows") for line in lines)
    assert all(line.endswith(" same") for line in lines)


def test_views_are_shown_as_they_were(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    cut = str(desk.cut())
    desk.execute(CreateTicket(subject="Later"), actor=ANN)
    assert main(["as_of", cut, "queue"]) == 0
    assert "queue.entries 3 rows" in capsys.readouterr().out
    assert main(["as_of", "2100-01-01T00:00:00Z", "queue"]) == 0
    assert "queue.entries 4 rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rebuild", "nothing"], "no view 'nothing'"),
        (["as_of", "yesterday", "queue"], "'yesterday'"),
        (["as_of", "queue"], "a moment"),
        (["--desk", "/nowhere", "verify"], "/nowhere"),
    ],
)
def test_wrong_use_is_one_line(
    desk: Desk, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
