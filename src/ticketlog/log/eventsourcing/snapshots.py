"""Snapshots of states: a cache in one SQLite file, as a recorder of the `eventsourcing` library."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pysqlite3.dbapi2 as sqlite
from eventsourcing.persistence import AggregateRecorder, IntegrityError, StoredEvent

from ticketlog.log.index import reader


class SnapshotRecorder(AggregateRecorder):
    """Stored events by (stream, version). The file may be deleted at any time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection = reader.connect(path, synchronous="NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS snapshot (stream TEXT, version INTEGER, topic TEXT, "
            "state BLOB, PRIMARY KEY (stream, version)) WITHOUT ROWID"
        )

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        rows = [
            (str(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events
        ]
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT INTO snapshot VALUES (?, ?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except sqlite.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite.IntegrityError):
                    raise IntegrityError(str(error)) from error
                raise reader.storage_error(error, self.path) from error
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        sql = "SELECT stream, version, topic, state FROM snapshot WHERE stream = ?"
        values: list[Any] = [str(originator_id)]
        for bound, test in ((gt, ">"), (lte, "<=")):
            if bound is not None:
                sql += f" AND version {test} ?"
                values.append(bound)
        sql += f" ORDER BY version {'DESC' if desc else 'ASC'}"
        if limit is not None:
            sql += " LIMIT ?"
            values.append(limit)
        with self._lock:
            rows = self._connection.execute(sql, values).fetchall()
        return [StoredEvent(*row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._connection.close()
