from __future__ import annotations

from pathlib import Path

import pysqlite3.dbapi2 as sqlite

from tests.log.conformance import Conformance
from ticketlog.log.commit import Verdict
from ticketlog.log.embedded import EmbeddedLog


class Embedded:
    """The embedded log as a backend of the conformance suite."""

    @staticmethod
    def create(folder: Path, partitions: int) -> EmbeddedLog:
        return EmbeddedLog.create(
            folder / "log.db", name="tickets", desk="desk-1", partitions=partitions
        )

    @staticmethod
    def open(folder: Path) -> EmbeddedLog:
        return EmbeddedLog.open(folder / "log.db")

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
