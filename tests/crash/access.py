"""Programs that record accesses until they are killed, or until the disk is full.

    python -m tests.crash.access FOLDER

limits the size of files and records until it is refused; the last line that it prints is the number
of accesses that were recorded.
"""

from __future__ import annotations

import resource
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from tests.crash.desks import ANN
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.accounts.access_record import AccessEvent
from ticketlog.errors import Unreachable

ROOM = 1_000_000
"""Bytes that a file may have."""
ENOUGH = 20_000
"""Accesses after which every file is full."""


def look(folder: Path, run: str, line: Connection) -> None:
    """Four threads that read what is restricted for ever; each tells of an answer that it gave."""
    desk = open_desk(folder)
    speaking = threading.Lock()

    def answer(name: str) -> None:
        number = 0
        while True:
            ticket = f"ticket/{name}-{number}"
            desk.access_log.read(ANN, "query:ticket", on=[ticket])
            with speaking:
                line.send(ticket)
            number += 1

    threads = [threading.Thread(target=answer, args=(f"{run}-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()


def recorded(desk: Desk) -> list[str]:
    """The streams of all accesses that the log holds, in its order."""
    found = desk.access_log.follow(live=False, stopped=lambda: False)
    events = [each.event for each in found]
    return [stream for event in events if isinstance(event, AccessEvent) for stream in event.on]


def main(folder: Path) -> None:
    answers = 0
    with open_desk(folder) as desk:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
        try:
            while answers < ENOUGH:
                desk.access_log.read(ANN, "query:ticket", on=[f"ticket/{answers}"])
                answers += 1
        except Unreachable as error:
            print(error)
    print(answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
