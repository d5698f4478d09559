"""`ticketlog import`: tried, refused, imported, listed, withdrawn."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.given import SUE
from tests.said import Run
from ticketlog import config, init_desk
from ticketlog.cli.options import ACTOR_VARIABLE

MAPPING = """
source = "snow"
format = "csv"
rows = "state"
[columns]
case = "number"
[time]
column = "updated"
[status]
column = "state"
words = [{ status = "Active", to = "open" }, { status = "Resolved", to = "solved" }]
"""
ROWS = """number,state,updated
1,Active,2024-01-01T08:00:00Z
1,Resolved,2024-01-01T09:00:00Z
2,Active,2024-01-01T08:00:00Z
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    init_desk(tmp_path / "desk", admin=SUE).close()
    (tmp_path / "m.toml").write_text(MAPPING)
    (tmp_path / "rows.csv").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(config.VARIABLE, str(tmp_path / "desk"))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:sue")
    return tmp_path


def test_a_file_comes_in_is_listed_and_goes(here: Path, ask: Run) -> None:
    tried = ask("import", "rows.csv", "--mapping", "m.toml", "--check", "--json").document
    assert (tried["commits"], tried["reached"]) == (3, {"open": 2, "solved": 1})
    assert ask("import", "rows.csv", "--mapping", "m.toml").code == 0
    assert ask("ticket", "show", "snow:1", "--json").document["status"] == "solved"

    (source,) = ask("import", "list", "--json").document["sources"]
    (batch,) = source["batches"]
    assert (source["source"], batch["file"], batch["state"]) == ("snow", "rows.csv", "done")

    taken = ask("import", "withdraw", "snow", "--reason", "a try", "--json").document
    assert (taken["tickets"], taken["kept"]) == (2, 0)
    assert ask("ticket", "show", "snow:1", "--json").document["withdrawn"] is True
    assert ask("ticket", "list", "--json").document["tickets"] == []
    (source,) = ask("import", "list", "--json").document["sources"]
    assert [each["state"] for each in source["batches"]] == ["withdrawn"]
    assert [each["reason"] for each in source["withdrawals"]] == ["a try"]


def test_rows_out_of_order_are_told_in_seconds(here: Path, ask: Run) -> None:
    more = "".join(f"{case},Active,2024-01-01T08:00:00Z\n" for case in range(3, 23))
    (here / "rows.csv").write_text(f"{ROWS}2,Resolved,2024-01-01T07:58:30Z\n{more}")
    told = ask("import", "rows.csv", "--mapping", "m.toml", "--json").document
    assert told["skewed"]["listed"] == [{"line": 5, "case": "2", "skew_seconds": 90}]


def test_what_looks_wrong_is_refused_with_what_to_write(here: Path, ask: Run) -> None:
    (here / "rows.csv").write_text(ROWS.replace("Resolved", 'Fixed "it"'))

    tried = ask("import", "rows.csv", "--mapping", "m.toml", "--check")
    said = ask("import", "rows.csv", "--mapping", "m.toml")

    assert tried.code == said.code == 1
    assert "unknown_status = 0.34" in said.err
    begin = tried.out.index("[[status.words]]")
    pasted = tomllib.loads(tried.out[begin : tried.out.index("would be refused")])
    assert pasted["status"]["words"] == [{"status": 'Fixed "it"', "to": ""}]


def test_nothing_to_withdraw_is_said(here: Path, ask: Run) -> None:
    said = ask("import", "withdraw", "odl", "--reason", "x")
    assert (said.code, "nothing was imported from 'odl'" in said.err) == (1, True)
