from __future__ import annotations

from pathlib import Path

import pysqlite3.dbapi2 as sqlite

from tests.log.conformance import Conformance
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
        connection = sqlite.connect(folder / "log.db")
        connection.execute("DROP TABLE entry")
        connection.close()


class TestEmbedded(Conformance):
    backend = Embedded
