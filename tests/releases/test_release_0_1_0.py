"""A desk that release 0.1.0 wrote (`0.1.0/make.sh`): it is read, verified, and goes on."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from pathlib import Path

import orjson
import pytest

from tests.said import Run, Said
from ticketlog import config, open_desk
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.domain import ticket
from ticketlog.domain.base import kind_and_id

HERE = Path(__file__).parent / "0.1.0"
RECORDS = "776b4aed29f0b29974fd2d9d6cfa5272230ec5f85a6917e8b4b54540a6f655c5"
"""SHA-256 of what 0.1.0 itself exported of this desk's log."""


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "desk"
    with tarfile.open(HERE / "desk.tar.xz") as kept:
        kept.extractall(folder, filter="data")
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:privacy-officer")
    return folder


@pytest.fixture
def done(ask: Run) -> Run:
    def done(*arguments: str) -> Said:
        said = ask(*arguments)
        assert said.code == 0, said
        return said

    return done


def test_its_records_are_the_same_bytes_and_verify(old: Path, done: Run, tmp_path: Path) -> None:
    done("log", "verify")
    done("log", "export", str(tmp_path / "log.gz"))
    exported = gzip.decompress((tmp_path / "log.gz").read_bytes())
    as_then = b"".join(without_access(exported.splitlines(keepends=True)))
    assert hashlib.sha256(as_then).hexdigest() == RECORDS


def without_access(lines: list[bytes]) -> list[bytes]:
    """The lines of an export as 0.1.0 wrote them, which knew no log of access."""
    head = orjson.loads(lines[0])
    head["logs"] = [each for each in head["logs"] if each["name"] != "access"]
    kept = [line for line in lines[1:-1] if not line.startswith(b'{"log":"access"')]
    assert len(kept) < len(lines) - 2
    body = [orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE), *kept]
    sha256 = hashlib.sha256(b"".join(body)).hexdigest()
    last = {"records": len(kept), "sha256": sha256}
    return [*body, orjson.dumps(last, option=orjson.OPT_APPEND_NEWLINE)]


def test_its_views_come_up_and_are_those_of_a_replay(old: Path, done: Run) -> None:
    waiting = done("queue", "--json").document["tickets"]
    assert {"TVC6YT1XX45K", "ZVR88AMNYX0J"} <= {entry["ticket"] for entry in waiting}
    done("replay", "verify")


def test_every_history_is_read_and_a_snapshot_agrees_with_it(old: Path, done: Run) -> None:
    with open_desk(old) as desk:
        streams = {each.originator_id for each in desk.subscribe(follow=False)}
        tickets = {stream for stream in streams if stream.startswith("ticket/")}
        assert len(tickets) > 15
        assert any(len(desk.history(stream)) > 300 for stream in tickets)
        for stream in tickets:
            folded = ticket.fold(ticket.initial(kind_and_id(stream)[1]), desk.history(stream))
            assert desk.load(stream) == folded


def test_its_people_go_on(old: Path, done: Run) -> None:
    made = done("ticket", "create", "The printer is on fire", "--json").document["stream"]
    done("ticket", "reply", made.removeprefix("ticket/"), "Leave the room", "--as", "agent:mei")
    done("ticket", "assign", "ZVR88AMNYX0J", "--team", "network", "--assignee", "mei")
    done("replay", "verify")


def test_a_history_that_it_imported_is_known(old: Path, done: Run) -> None:
    mapping = ("--mapping", str(HERE / "history.toml"))
    report = done("import", str(HERE / "history.csv"), *mapping, "--json").document
    assert (report["commits"], report["known"], report["tickets"]["new"]) == (0, 7, 0)


def test_status_names_its_circles_of_duplicates_until_they_are_parted(old: Path, done: Run) -> None:
    done("queue")
    done("ticket", "list")
    found = done("status", "--json").document["circles"]
    assert found["number"] == len(found["first"]) > 0
    told = done("status").out
    for circle in found["first"]:
        tickets, kind = circle["tickets"], circle["kind"]
        assert all(ticket in told for ticket in tickets)
        last, first = tickets[-1], tickets[0]
        assert {"kind": kind, "ticket": last} in done("ticket", "show", first, "--json").document[
            "linked_by"
        ]
        done("ticket", "unlink", last, kind, first)
    done("ticket", "list")
    assert done("status", "--json").document["circles"] == {"number": 0, "first": []}
    assert "lead back" not in done("status").out
