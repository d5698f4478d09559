"""Victims that work on a whole desk, and what their desk must be like afterwards."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tests.crash.harness import check_file, check_log
from tests.crash.victims import Acked
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.importing import load_mapping
from ticketlog.importing.importer import import_file
from ticketlog.log.port import Placed

ANN = Actor("ann", "agent", "agent")
MAPPING = """
source = "old-desk"
format = "csv"
rows = "event"

[columns]
case = "case"
activity = "what"
actor = "who"

[time]
column = "when"

[status]
column = "what"

[[status.words]]
status = "opened"

[[status.words]]
status = "asked"
to = "pending"

[[status.words]]
status = "answered"
to = "open"

[[status.words]]
status = "done"
to = "solved"
"""


class History(NamedTuple):
    """A file of other people's tickets, and how it is read."""

    file: Path
    mapping: Path
    rows: int


def a_history(folder: Path, cases: int) -> History:
    """Cases that go on side by side, with rows that are equal."""
    dice = random.Random(cases)
    rows = []
    for minute in range(cases * 6):
        what = dice.choice(["opened", "asked", "answered", "answered", "done"])
        when = f"2026-01-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00Z"
        rows += [[f"C{dice.randrange(cases)}", what, "kim", when]] * dice.choice([1, 1, 1, 2])
    file, mapping = folder / "history.csv", folder / "mapping.toml"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([["case", "what", "who", "when"], *rows])
    mapping.write_text(MAPPING)
    return History(file, mapping, len(rows))


def begin(folder: Path, line: Connection) -> None:
    init_desk(folder, admin=ANN).close()
    line.send("begun")


def bring_in(folder: Path, history: History, line: Connection) -> None:
    with open_desk(folder) as desk:
        import_file(
            desk.log,
            desk.settings,
            history.file,
            load_mapping(history.mapping),
            on_progress=lambda progress: line.send(progress.commits),
            batch=20,
        )


def work(folder: Path, run: str, line: Connection) -> None:
    """Tickets are created and answered, one durable command after the other."""
    with open_desk(folder) as desk:
        number = 0
        while True:
            id = f"{run}-{number}"
            made = desk.execute(CreateTicket(subject=f"Ticket {id}"), actor=ANN, id=id)
            said = desk.execute(Reply(body="Yes?"), on=made.stream, actor=ANN, id=f"{id}-reply")
            for outcome, command in ((made, id), (said, f"{id}-reply")):
                first = outcome.events[0].originator_version
                placed = Placed(outcome.partition, outcome.offset or 0, first, 0)
                line.send(Acked(outcome.stream, command, placed))
            number += 1


def look(folder: Path, line: Connection) -> None:
    """Views are brought up."""
    with open_desk(folder) as desk:
        line.send("opened")
        desk.refresh()


def rebuild(folder: Path, line: Connection) -> None:
    """Views are made anew again and again."""
    with open_desk(folder) as desk:
        while True:
            desk.views.rebuild(on_progress=lambda progress: line.send(progress.events))
            line.send("rebuilt")


def check_desk(folder: Path, acked: list[Acked]) -> None:
    """Log, views and files are sound, and the views are what a replay makes of the log."""
    with open_desk(folder) as desk:
        check_log(desk.log, acked)
        assert desk.log_verify().problems == []
        desk.refresh()
        found = desk.views.verify()
        assert [each.view for each in found if not each.same] == []
        assert len(found) == len(desk.views.status())
    for file in folder.glob("*.db"):
        check_file(file)


def imported(desk: Desk) -> dict[str, list[object]]:
    """The imported content of each ticket."""
    found: dict[str, list[object]] = defaultdict(list)
    for recorded in desk.subscribe(follow=False):
        if recorded.meta.channel == "import" and recorded.originator_id.startswith("ticket/"):
            meta = recorded.meta
            found[recorded.originator_id].append(
                (recorded.originator_version, recorded.event, meta.occurred_at, meta.commit)
            )
    return dict(found)
