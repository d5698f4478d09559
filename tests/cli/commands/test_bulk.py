"""`ticketlog bulk`: what is typed and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpdesk import create
from ticketlog import config
from ticketlog.cli import run
from ticketlog.desk import Desk


@pytest.fixture(autouse=True)
def chosen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.VARIABLE, str(desk.folder))
    monkeypatch.setenv("TICKETLOG_ACTOR", "agent:sue")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    capsys.readouterr()
    assert run([*words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_command_is_written_as_for_one_ticket(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [create(desk) for _ in range(2)]
    file = tmp_path / "ids.txt"
    file.write_text("\n".join(ids))
    line = 'ticket tag --add outage --add "a site"'
    found = printed(capsys, "bulk", "plan", "--ids", str(file), "--do", line)
    assert found["values"] == {"add": ["outage", "a site"]}
    bulk = str(found["bulk"])
    assert printed(capsys, "bulk", "run", bulk)["changed"] == 2
    assert run(["bulk", "show", bulk, "--csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{ids[0]},changed")
    assert printed(capsys, "bulk", "undo", bulk)["changed"] == 2
    assert [desk.load(each).tags for each in ids] == [(), ()]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("fly", "write a command of `ticketlog ticket`"),
        ("create --subject X", "write a command of `ticketlog ticket`"),
        ("tag --colour red", "--colour"),
        ("solve 4F7K2M9QABCD", "unexpected extra argument"),
        ("tag 'a", "No closing quotation"),
    ],
)
def test_a_command_that_is_none_is_told(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bulk", "plan", "--all", "--do", line]) == 2
    assert said in capsys.readouterr().err


def test_it_asks_which_tickets(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bulk", "plan", "--do", "tag --add x"]) == 2
    assert "--where CONDITION, --ids FILE, or --all" in capsys.readouterr().err
