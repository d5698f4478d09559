"""Runs a victim, kills it at a random moment, and looks at what it left."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pysqlite3.dbapi2 as sqlite

from tests.crash.victims import Acked
from tests.log.peers import PROCESSES
from ticketlog.log.commit import Verdict
from ticketlog.log.index.verify import find_problems
from ticketlog.log.port import Log


class Victim:
    """A process that reports over a pipe; `reports` is all that it said."""

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self._line, theirs = PROCESSES.Pipe(duplex=False)
        self._process = PROCESSES.Process(target=target, args=(*arguments, theirs))
        self._process.start()
        theirs.close()
        self.reports: list[Any] = []

    def listen(self, number: int) -> None:
        """Waits for so many more reports. Raises EOFError where it ends before."""
        for _ in range(number):
            self.reports.append(self._line.recv())

    def kill(self) -> None:
        """Its last report may be cut off."""
        self._process.kill()
        self._process.join()
        with suppress(EOFError, OSError):
            while True:
                self.listen(1)
        self._line.close()


def run_until_killed(
    target: Callable[..., None], *arguments: Any, dice: random.Random
) -> list[Any]:
    """Kills a victim after a random number of reports and a random while; all that it said."""
    victim = Victim(target, *arguments)
    with suppress(EOFError):
        victim.listen(dice.choice([0, 1, 5, 20, 50]))
        time.sleep(dice.random() * dice.choice([0.001, 0.01, 0.05]))
    victim.kill()
    return victim.reports


def check_log(log: Log, acked: list[Acked]) -> None:
    """Every acknowledged commit is there exactly once, and nothing is half there."""
    assert list(find_problems(log)) == []
    versions: Counter[str] = Counter()
    found: dict[tuple[str, str], tuple[int, int, int]] = {}
    for partition in range(log.partitions):
        for record in log.records(partition, 1, 1_000_000):
            assert record.verdict is Verdict.ACCEPTED
            envelope = orjson.loads(record.data)
            stream, id = envelope["stream"], envelope["id"]
            assert (stream, id) not in found
            assert envelope["expects"] == versions[stream]
            found[stream, id] = (partition, record.offset, envelope["expects"])
            versions[stream] += len(envelope["events"])
    for report in acked:
        assert found[report.stream, report.id] == report.placed[:3]


def check_file(path: Path) -> None:
    """SQLite's own check of a database file."""
    connection = sqlite.connect(str(path))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
