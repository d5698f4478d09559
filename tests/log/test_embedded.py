from __future__ import annotations

import signal
import threading
from contextlib import closing
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest

from tests.log.commits import a_commit
from tests.log.conformance import Conformance
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Verdict
from ticketlog.log.embedded import EmbeddedLog


class Embedded:
    """The embedded log as a backend of the conformance suite."""

    @staticmethod
    def create(folder: Path, partitions: int) -> EmbeddedLog:
        return EmbeddedLog.create(
            folder / "log.db", RecordCodec(), name="tickets", desk="desk-1", partitions=partitions
        )

    @staticmethod
    def open(folder: Path) -> EmbeddedLog:
        return EmbeddedLog.open(folder / "log.db", RecordCodec())

    @staticmethod
    def forget(folder: Path) -> None:
        connection = sqlite.connect(folder / "log.db", isolation_level=None)
        connection.execute("DROP TABLE entry")
        tables = "SELECT name FROM sqlite_schema WHERE name LIKE 'record_%'"
        for (table,) in connection.execute(tables).fetchall():
            connection.execute(f"UPDATE {table} SET verdict = {Verdict.MALFORMED}, clock = 0")
            connection.execute(f"UPDATE {table} SET ordinal = 0")
        connection.close()


class TestEmbedded(Conformance):
    backend = Embedded


class TestInterrupted:
    def test_who_waits_is_interrupted_and_nothing_else(self, tmp_path: Path) -> None:
        """Ctrl-C may come at any instant of a wait."""
        ends = (1,)
        with closing(Embedded.create(tmp_path, 1)) as log:
            assert not log.wait(ends, 0)
            before = signal.signal(signal.SIGALRM, signal.default_int_handler)
            try:
                for number in range(3_000):
                    with pytest.raises(KeyboardInterrupt):
                        wait_until_interrupted(log, ends, 1e-5 * (1 + number % 60))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            writer = threading.Thread(target=log.append, args=(a_commit("ticket/A"),), daemon=True)
            writer.start()
            writer.join(60)
            assert log.wait(ends, 0)


def wait_until_interrupted(log: EmbeddedLog, ends: tuple[int, ...], after: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, after)
    while True:
        log.wait(ends, 0.0001)
