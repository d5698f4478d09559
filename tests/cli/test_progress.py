"""The progress of long commands: a line on a terminal, and nothing elsewhere."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpdesk import create
from ticketlog.cli.progress import Meter, Waiting
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
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("NO_COLOR", "1")
        return terminal

    return on_terminal


CONTROL = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|[\r\n]")


BAR = re.compile(r" [\u2501\u2578\u257a ]+ ")


def looks(terminal: Terminal) -> list[str]:
    """What the line said, one after the other, without its bar."""
    found = [each.strip() for each in CONTROL.split(terminal.getvalue())]
    return [BAR.sub(" ", each) for each in found if each]


def lines_left(terminal: Terminal) -> int:
    """How many lines of it stay: those that it went down, without those that it went up again."""
    said = terminal.getvalue()
    return said.count("\n") - said.count("\x1b[1A")


def test_how_far_it_is_stands_in_a_line_that_goes_away(
    on_terminal: Callable[[], Terminal],
) -> None:
    terminal = on_terminal()
    waiting = Waiting()
    waiting("replaying sla", HALF)
    waiting("replaying sla", None)
    assert looks(terminal)[-1] == "replaying sla 50% 800 events, 400/s, 2 s left"
    assert lines_left(terminal) == 0
    assert terminal.getvalue().rstrip("\r").endswith("\x1b[2K")


def test_a_line_is_no_longer_than_the_terminal(on_terminal: Callable[[], Terminal]) -> None:
    terminal = on_terminal()
    with Meter() as meter:
        meter.show("a word that says much " * 9)
    assert looks(terminal)
    assert max(len(each) for each in looks(terminal)) <= 100


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
    waiting("making 11 views", HALF)
    waiting("making 11 views", None)
    assert looks(terminal)[-1].startswith("making search 10%")
    assert not [each for each in looks(terminal) if "8 views" in each]


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
        views = ("making 11 views", "making persons", "making search")
        assert heard() == [(what, end) for what in views for end in (False, True)]
        desk.report("attainment")
        assert heard() == []
        desk.report("attainment", basis="now")
        assert heard() == [("replaying sla", False), ("replaying sla", True)]
