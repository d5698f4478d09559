"""Whoever waits on a terminal is told why; whoever doesn't is told nothing."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpdesk import create
from ticketlog.cli import progress
from ticketlog.cli.progress import Waiting
from ticketlog.desk import open_desk
from ticketlog.projections.engine.fill import ReplayProgress

HALF = ReplayProgress(records=500, events=800, total=1000, seconds=2.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """To be called in the test: pytest has its own standard error until then."""

    def on_terminal() -> Terminal:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(progress, "_EVERY", 0.0)
        return terminal

    return on_terminal


def test_how_far_it_is_stands_in_a_line_that_goes_away(
    on_terminal: Callable[[], Terminal],
) -> None:
    terminal = on_terminal()
    waiting = Waiting()
    waiting("replaying sla", HALF)
    assert terminal.getvalue() == "\r\x1b[Kreplaying sla: 800 events, 400/s, 50%, 2 s left"
    waiting("replaying sla", None)
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_of_what_is_quick_nothing_is_said(
    on_terminal: Callable[[], Terminal],
) -> None:
    terminal = on_terminal()
    waiting = Waiting()
    waiting("replaying sla", HALF._replace(seconds=0.4))
    waiting("replaying sla", None)
    assert terminal.getvalue() == ""


def test_of_two_at_once_the_slower_one_is_told(
    on_terminal: Callable[[], Terminal],
) -> None:
    terminal = on_terminal()
    waiting = Waiting()
    waiting("making search", HALF._replace(records=100))
    waiting("making 8 views", HALF)
    assert terminal.getvalue().count("making search: ") == 2


def test_elsewhere_than_on_a_terminal_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting()
    waiting("replaying sla", HALF)
    waiting("replaying sla", None)
    assert capsys.readouterr() == ("", "")


def test_a_desk_tells_what_a_question_waits_for(folder: Path) -> None:
    told: list[tuple[str, ReplayProgress | None]] = []

    def heard() -> list[tuple[str, bool]]:
        """What was told of, and whether it was the end."""
        found = [(what, far is None) for what, far in told]
        told.clear()
        return found

    with open_desk(folder, on_progress=lambda *each: told.append(each)) as desk:
        create(desk)
        desk.refresh()
        views = ("making 8 views", "making persons", "making search")
        assert heard() == [(what, end) for what in views for end in (False, True)]
        desk.report("attainment")
        assert heard() == []
        desk.report("attainment", basis="now")
        assert heard() == [("replaying sla", False), ("replaying sla", True)]
