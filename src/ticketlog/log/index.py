"""Commits by stream, in one SQLite file: what makes a log readable. Both backends use it.

`record` holds every record in log order with its verdict; `entry` says where a stream's accepted
commits are; `command` where a command's id is. The last two are caches: `reindex` makes them anew.

A position in SQL is one integer, partition * 2^40 + offset, so that a partition is a range.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite

from ticketlog.errors import Damaged, Unreachable
from ticketlog.log.commit import Head, Json, Verdict, parse
from ticketlog.log.partition import partition_of
from ticketlog.log.port import Placed, Record

SHIFT = 40
_OFFSET = (1 << SHIFT) - 1

RECORDS = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
    pos INTEGER PRIMARY KEY,
    data BLOB NOT NULL,
    verdict INTEGER NOT NULL,
    clock INTEGER NOT NULL,    -- the largest recorded_at so far in the partition
    ordinal INTEGER NOT NULL   -- the number of accepted events so far in the partition
);
"""
CACHES = """
CREATE TABLE IF NOT EXISTS entry (
    part INTEGER, stream TEXT, version INTEGER,
    events INTEGER NOT NULL, settings INTEGER NOT NULL, pos INTEGER NOT NULL,
    PRIMARY KEY (part, stream, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command (hash INTEGER, pos INTEGER, PRIMARY KEY (hash, pos))
    WITHOUT ROWID;
"""

SELECT_HEAD = (
    "SELECT version + events, settings FROM entry WHERE part = ? AND stream = ? "
    "ORDER BY version DESC LIMIT 1"
)


def connect(path: Path | str, *, synchronous: str = "FULL") -> sqlite.Connection:
    """A connection in WAL mode. Raises Unreachable or Damaged."""
    try:
        connection = sqlite.connect(
            str(path), timeout=10, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA cache_size = -65536")
    except sqlite.Error as error:
        raise translated(error, path) from error
    return connection


def translated(error: sqlite.Error, path: Path | str) -> Unreachable | Damaged:
    """Our error for one of SQLite's, with the next step."""
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return Damaged(
            f"{path} is damaged ({error}): restore it from a backup; nothing was written to it"
        )
    if code.startswith("SQLITE_BUSY"):
        return Unreachable(f"{path} is in use by another process for too long: try again")
    if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return Unreachable(
            f"{path} can't be written ({error}): make room or mend the disk, then open the desk "
            "again; the same command id is safe to send again"
        )
    return Unreachable(f"{path} can't be used: {error}")


def position(partition: int, offset: int) -> int:
    return (partition << SHIFT) | offset


def place(pos: int) -> tuple[int, int]:
    return pos >> SHIFT, pos & _OFFSET


def command_hash(stream: str, id: str) -> int:
    digest = hashlib.blake2b(f"{stream}\0{id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Index:
    """The reading side; connections are per thread. Raises Unreachable and Damaged."""

    def __init__(self, path: Path, partitions: int) -> None:
        self.path = path
        self.partitions = partitions
        self._local = threading.local()
        self._open: list[sqlite.Connection] = []
        self._opening = threading.Lock()

    @property
    def reader(self) -> sqlite.Connection:
        try:
            connection: sqlite.Connection = self._local.connection
        except AttributeError:
            connection = connect(self.path)
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
            with self._opening:
                self._open.append(connection)
        return connection

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        try:
            found: list[Any] = self.reader.execute(sql, parameters).fetchall()
        except sqlite.Error as error:
            raise translated(error, self.path) from error
        return found

    def head(self, stream: str) -> Head:
        rows = self.rows(SELECT_HEAD, (partition_of(stream, self.partitions), stream))
        return Head(*rows[0]) if rows else Head(0, 0)

    def find(self, stream: str, id: str) -> Placed | None:
        return found(self.reader, stream, id)

    def stream(self, stream: str, start: int = 0, stop: int | None = None) -> list[Record]:
        part = partition_of(stream, self.partitions)
        sql = (
            "SELECT r.pos, r.data FROM entry e JOIN record r ON r.pos = e.pos "
            "WHERE e.part = ?1 AND e.stream = ?2 AND e.version + e.events > ?3"
        )
        values: list[Any] = [part, stream, start]
        if start:
            sql += (
                " AND e.version >= coalesce((SELECT max(version) FROM entry"
                " WHERE part = ?1 AND stream = ?2 AND version <= ?3), 0)"
            )
        if stop is not None:
            sql += " AND e.version < ?4"
            values.append(stop)
        found = self.rows(sql + " ORDER BY e.version", values)
        return [Record(part, pos & _OFFSET, data, Verdict.ACCEPTED) for pos, data in found]

    def streams(
        self, partition: int, ends: Sequence[int] | None = None, after: str = ""
    ) -> Iterator[tuple[str, list[Record]]]:
        end = ends[partition] if ends is not None else _OFFSET
        try:
            cursor = self.reader.cursor()
            cursor.arraysize = 2000
            cursor.execute(
                "SELECT e.stream, r.pos, r.data FROM entry e JOIN record r ON r.pos = e.pos "
                "WHERE e.part = ? AND e.stream > ? AND e.pos < ? ORDER BY e.stream, e.version",
                (partition, after, position(partition, end)),
            )
            for stream, rows in groupby(_fetched(cursor), key=lambda row: row[0]):
                yield (
                    stream,
                    [Record(partition, pos & _OFFSET, d, Verdict.ACCEPTED) for _, pos, d in rows],
                )
        except sqlite.Error as error:
            raise translated(error, self.path) from error

    def records(self, partition: int, start: int, limit: int) -> list[Record]:
        rows = self.rows(
            "SELECT pos, data, verdict FROM record WHERE pos >= ? AND pos < ? ORDER BY pos LIMIT ?",
            (position(partition, start), position(partition + 1, 0), limit),
        )
        return [Record(partition, pos & _OFFSET, data, Verdict(v)) for pos, data, v in rows]

    def ends(self) -> tuple[int, ...]:
        return tuple(self._end(partition) for partition in range(self.partitions))

    def _end(self, partition: int) -> int:
        return tail(self.reader, partition)[0]

    def offset_at(self, partition: int, recorded_at: int) -> int:
        low, high = 0, self._end(partition)
        while low < high:
            middle = (low + high) // 2
            (clock,) = self.rows(
                "SELECT clock FROM record WHERE pos = ?", (position(partition, middle),)
            )[0]
            if clock <= recorded_at:
                low = middle + 1
            else:
                high = middle
        return low

    def ordinals(self, partition: int) -> int:
        """How many events were accepted in a partition."""
        return tail(self.reader, partition)[2]

    def from_ordinal(self, partition: int, start: int, limit: int) -> list[tuple[int, Record]]:
        """Accepted records from the one that holds the partition's `start`-th event (from 1),
        each with the ordinal of its last event."""
        low, high = 0, self._end(partition)
        while low < high:
            middle = (low + high) // 2
            (ordinal,) = self.rows(
                "SELECT ordinal FROM record WHERE pos = ?", (position(partition, middle),)
            )[0]
            if ordinal < start:
                low = middle + 1
            else:
                high = middle
        rows = self.rows(
            "SELECT pos, data, ordinal FROM record WHERE pos >= ? AND pos < ? AND verdict = 0 "
            "ORDER BY pos LIMIT ?",
            (position(partition, low), position(partition + 1, 0), limit),
        )
        return [
            (ordinal, Record(partition, pos & _OFFSET, data, Verdict.ACCEPTED))
            for pos, data, ordinal in rows
        ]

    def close(self) -> None:
        with self._opening:
            for connection in self._open:
                connection.close()
            self._open.clear()
        self._local = threading.local()


def _fetched(cursor: sqlite.Cursor) -> Iterator[Any]:
    while rows := cursor.fetchmany():
        yield from rows


def tail(connection: sqlite.Connection, partition: int) -> tuple[int, int, int]:
    """A partition's next offset, its clock, and its number of accepted events."""
    row = connection.execute(
        "SELECT pos, clock, ordinal FROM record WHERE pos >= ? AND pos < ? "
        "ORDER BY pos DESC LIMIT 1",
        (position(partition, 0), position(partition + 1, 0)),
    ).fetchone()
    return ((row[0] & _OFFSET) + 1, row[1], row[2]) if row else (0, 0, 0)


def found(connection: sqlite.Connection, stream: str, id: str) -> Placed | None:
    """Where the stream's accepted commit with that id stands."""
    rows = connection.execute(
        "SELECT r.pos, r.data FROM command c JOIN record r ON r.pos = c.pos WHERE c.hash = ?",
        (command_hash(stream, id),),
    ).fetchall()
    for pos, data in rows:
        envelope = parse(data)
        if envelope and envelope["stream"] == stream and envelope["id"] == id:
            partition, offset = place(pos)
            return Placed(partition, offset, envelope["expects"], len(envelope["events"]))
    return None


def entry_row(envelope: Json, partition: int, pos: int) -> tuple[Any, ...]:
    """An accepted commit's row in `entry`."""
    return (
        partition,
        envelope["stream"],
        envelope["expects"],
        len(envelope["events"]),
        envelope["settings"],
        pos,
    )
