"""24:00 and a 60th second are times wherever a command line takes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.said import Run


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2031-02-28T24:00+01:00", "2031-02-28T23:00:00.000000Z"),
        ("2031-06-30T23:59:60Z", "2031-07-01T00:00:00.000000Z"),
    ],
)
def test_in_a_command(done: Run, ticket: str, said: str, meant: str) -> None:
    done("ticket", "set-due", ticket, "--due", said)
    assert done("ticket", "show", ticket, "--json").document["due_at"] == meant


def test_in_a_moment_that_is_asked_about(done: Run, ask: Run, ticket: str) -> None:
    assert "doesn't exist at" in ask("ticket", "show", ticket, "--as-of", "2020-01-31T24:00Z").err
    assert done("ticket", "show", ticket, "--occurred-as-of", "2035-01-31T24:00Z")
    (row,) = ask(
        *("report", "flow", "--from", "2026-01-31T24:00", "--to", "2026-02-28T24:00", "--json")
    ).document["rows"]
    assert row["period"] == "2026-02"
    assert ask("report", "flow", "--from", "2026-01-31T24:01").code == 2


def test_in_the_settings_and_in_shifts(done: Run, tmp_path: Path) -> None:
    file = tmp_path / "more.toml"
    file.write_text(
        '[calendars.late]\nzone = "Europe/Rome"\nyears = [2026, 2027]\n'
        'week = { mon-fri = ["16:00-24:00"] }\n'
        '[routing.vpn]\nposition = 1\nteam = "network"\n'
        'when.all = [{ field = "created_at", less = "2030-12-31T24:00Z" }]\n'
    )
    done("settings", "apply", str(file), "--as", "agent:sue")
    shown = done("settings", "show", "--json").document
    assert "2031-01-01T00:00:00.000000Z" in str(shown["routing"])
    done("agent", "set-shifts", "bob", "mon 16:00-24:00", "--zone", "Europe/Rome")
    (shift,) = done("agent", "show", "bob", "--json").document["shifts"]
    assert shift == {"day": "mon", "start": "16:00", "end": "00:00"}
