"""An export holds every byte of the logs, and makes the same desk again or none."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from ticketlog.desk import Desk, init_desk, open_desk, restore_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Damaged, Usage
from ticketlog.log.index.reader import connect

ANN = Actor("ann", "agent")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    with init_desk(tmp_path / "desk", admin=ANN) as desk:
        for n in range(5):
            made = desk.execute(CreateTicket(subject=f"Tö{n}"), actor=ANN, id=f"c{n}")
            desk.execute(Note(body="x"), on=made.stream, actor=ANN)
    connection = connect(tmp_path / "desk" / "log.db")
    (end,) = connection.execute("SELECT max(offset) + 1 FROM record_3").fetchone()
    connection.execute(
        "INSERT INTO record_3 VALUES (?, ?, 3, 9000000000000000, (SELECT ordinal FROM record_3 "
        "ORDER BY offset DESC LIMIT 1))",
        (end, b"\xff no commit"),
    )
    connection.close()
    return open_desk(tmp_path / "desk")


def test_the_same_records_at_the_same_positions(desk: Desk, tmp_path: Path) -> None:
    lines = list(desk.log_export())
    with restore_desk(tmp_path / "copy", lines) as copy:
        assert list(copy.log_export()) == lines
        assert copy.log_verify().problems == []
        assert copy.cut() == desk.cut()
        assert copy.log.desk == desk.log.desk
        again = copy.execute(CreateTicket(subject="Tö0"), actor=ANN, id="c0")
        assert again.repeated
    desk.close()


@pytest.mark.parametrize("at", [0, 1, 7, -2, -1])
def test_a_missing_line_is_noticed_and_nothing_is_made(desk: Desk, tmp_path: Path, at: int) -> None:
    lines = list(desk.log_export())
    desk.close()
    del lines[at]
    with pytest.raises(Damaged):
        restore_desk(tmp_path / "copy", lines)
    assert list((tmp_path / "copy").iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("Tö3", "To3"), ('"partition":2', '"partition":4'), ('"records":', '"records":1')],
)
def test_a_changed_line_is_noticed(desk: Desk, tmp_path: Path, old: str, new: str) -> None:
    text = b"".join(desk.log_export())
    desk.close()
    assert old.encode() in text
    lines = text.replace(old.encode(), new.encode()).splitlines(True)
    with pytest.raises(Damaged):
        restore_desk(tmp_path / "copy", lines)
    assert list((tmp_path / "copy").iterdir()) == []


def test_what_is_no_export(tmp_path: Path) -> None:
    for lines in ([], [b"\n"], [b"[]\n"], [orjson.dumps({"kind": "else"})], [b"\xff\n"]):
        with pytest.raises(Damaged):
            restore_desk(tmp_path / "copy", lines)


def test_a_desk_is_never_written_over(desk: Desk) -> None:
    lines = list(desk.log_export())
    desk.execute(CreateTicket(subject="later"), actor=ANN)
    desk.close()
    with pytest.raises(Usage, match="is a desk already"):
        restore_desk(desk.folder, lines)
