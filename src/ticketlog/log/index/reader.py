"""The reading side of an index: commits by stream and by id, in one SQLite file.

`record_P` holds the records of partition P in log order with their verdicts: a table each, so that
appending touches the last page only. `entry` says where a stream's accepted commits are, and is a
cache: `reindex.py` makes it anew. A commit's id is found through its hash: by a scan of the
stream's first events, by a partial index beyond them, since most streams are short and an index
on all would cost each append another page.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pysqlite3.dbapi2 as sqlite

from ticketlog.domain.base import bare
from ticketlog.errors import Damaged, Unreachable
from ticketlog.log.acceptance import EnvelopeFields
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Head, Json, Verdict, parse
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Placed, Record

ABOUT = "CREATE TABLE about (key TEXT PRIMARY KEY, value) WITHOUT ROWID"
RECORDS = """
CREATE TABLE record_{partition} (
    offset INTEGER PRIMARY KEY,
    data BLOB NOT NULL,
    verdict INTEGER NOT NULL,
    clock INTEGER NOT NULL,    -- the largest recorded_at so far
    ordinal INTEGER NOT NULL   -- the number of accepted events so far
)
"""
_VOID = f"verdict > {Verdict.ACCEPTED:d} AND verdict < {Verdict.GENESIS:d}"
VOIDS = f"CREATE INDEX void_{{partition}} ON record_{{partition}} (verdict) WHERE {_VOID}"
"""Counts void records at any time; accepted records have no entry in it."""
_ENDLESS = 2**63 - 1
SHORT = 64
"""Events of a stream that are searched for an id without the index `entry_hash`."""
CACHES = f"""
CREATE TABLE entry (
    part INTEGER, stream TEXT, version INTEGER,
    events INTEGER NOT NULL, settings INTEGER NOT NULL, offset INTEGER NOT NULL,
    hash INTEGER NOT NULL,
    PRIMARY KEY (part, stream, version)
) WITHOUT ROWID;
CREATE INDEX entry_hash ON entry (part, stream, hash) WHERE version >= {SHORT};
"""
SELECT_COMMIT = (
    f"SELECT offset FROM entry WHERE part = ?1 AND stream = ?2 AND version < {SHORT} AND hash = ?3 "
    f"UNION ALL SELECT offset FROM entry INDEXED BY entry_hash WHERE part = ?1 AND stream = ?2 "
    f"AND hash = ?3 AND version >= {SHORT}"
)
"""Without INDEXED BY, SQLite prefers the primary key and scans the whole stream."""
SELECT_HEAD = (
    "SELECT version + events, settings FROM entry WHERE part = ? AND stream = ? "
    "ORDER BY version DESC LIMIT 1"
)


def connect(path: Path | str, *, synchronous: str = "FULL") -> sqlite.Connection:
    """A connection in WAL mode. Raises Unreachable or Damaged.

    Where each commit is synced the WAL is written back early, since a file that stays small is
    overwritten, not extended; where none is, late, since writing back is what syncs.
    """
    try:
        connection = sqlite.connect(
            str(path), timeout=10, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA journal_mode = WAL")
        pages = 500 if synchronous == "FULL" else 4000
        connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        connection.execute("PRAGMA cache_size = -65536")
    except sqlite.Error as error:
        raise storage_error(error, path) from error
    return connection


def storage_error(error: sqlite.Error, path: Path | str) -> Unreachable | Damaged:
    """The error of ticketlog for one of SQLite's, with the next step."""
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


def create_tables(connection: sqlite.Connection, about: Mapping[str, Any]) -> None:
    """The empty tables of a log, in the caller's transaction."""
    connection.execute(ABOUT)
    connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
    for statement in CACHES.split(";"):
        connection.execute(statement)
    for partition in range(about["partitions"]):
        connection.execute(RECORDS.format(partition=partition))
        connection.execute(VOIDS.format(partition=partition))


@lru_cache(maxsize=4096)
def id_hash(id: str) -> int:
    return int.from_bytes(hashlib.blake2b(id.encode(), digest_size=6).digest(), "big")


class IndexedRecord(NamedTuple):
    """A record with its row in the index: the verdict, the largest `recorded_at` up to it
    (microseconds), and `ordinal`, the number of accepted events up to it."""

    partition: int
    offset: int
    data: bytes
    verdict: Verdict
    max_recorded_at: int
    ordinal: int


class IndexReader:
    """Reads an index, by a connection for each thread. Raises Unreachable and Damaged."""

    name: str
    desk: str

    def __init__(self, path: Path, partitions: int, codec: RecordCodec) -> None:
        self.path = path
        self.partitions = partitions
        self.codec = codec
        self._local = threading.local()
        self._closed = False

    @property
    def reader(self) -> sqlite.Connection:
        local = self._local
        try:
            connection: sqlite.Connection = local.connection
        except AttributeError:
            if self._closed:
                raise Unreachable(f"{self.path} was closed: open it again") from None
            connection = connect(self.path)
            connection.execute("PRAGMA query_only = ON")
            local.connection = connection
        return connection

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        try:
            found: list[Any] = self.reader.execute(sql, parameters).fetchall()
        except sqlite.Error as error:
            raise storage_error(error, self.path) from error
        return found

    def head(self, stream: str) -> Head:
        rows = self.rows(SELECT_HEAD, (partition_of(stream, self.partitions), stream))
        return Head(*rows[0]) if rows else Head(0, 0)

    def find(self, stream: str, id: str) -> Placed | None:
        part = partition_of(stream, self.partitions)
        try:
            return find_commit(self.reader, part, stream, id)
        except sqlite.Error as error:
            raise storage_error(error, self.path) from error

    def stream(self, stream: str, start: int = 0, stop: int | None = None) -> list[Record]:
        part = partition_of(stream, self.partitions)
        sql = (
            f"SELECT r.offset, r.data FROM entry e JOIN record_{part} r ON r.offset = e.offset "
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
        accepted = Verdict.ACCEPTED
        return [bare(Record, (part, offset, data, accepted)) for offset, data in found]

    def streams(
        self, partition: int, ends: Sequence[int] | None = None, after: str = ""
    ) -> Iterator[tuple[str, list[Record]]]:
        end = ends[partition] if ends is not None else self._end(partition)
        try:
            cursor = self.reader.cursor()
            cursor.arraysize = 2000
            cursor.execute(
                f"SELECT e.stream, r.offset, r.data FROM entry e "
                f"JOIN record_{partition} r ON r.offset = e.offset "
                "WHERE e.part = ? AND e.stream > ? AND e.offset < ? ORDER BY e.stream, e.version",
                (partition, after, end),
            )
            for stream, rows in groupby(_fetched(cursor), key=lambda row: row[0]):
                yield (
                    stream,
                    [Record(partition, at, data, Verdict.ACCEPTED) for _, at, data in rows],
                )
        except sqlite.Error as error:
            raise storage_error(error, self.path) from error

    def records(self, partition: int, start: int, limit: int) -> list[Record]:
        rows = self.rows(
            f"SELECT offset, data, verdict FROM record_{partition} "
            "WHERE offset >= ? ORDER BY offset LIMIT ?",
            (start, limit),
        )
        return [Record(partition, offset, data, Verdict(v)) for offset, data, v in rows]

    def indexed_records(self, partition: int) -> Iterator[IndexedRecord]:
        """All records of a partition in log order."""
        try:
            yield from iter_records(self.reader, partition)
        except sqlite.Error as error:
            raise storage_error(error, self.path) from error

    def entries(self, partition: int) -> list[tuple[Any, ...]]:
        """The rows by which a partition's streams are found, as `entry_row` makes them."""
        return self.rows("SELECT * FROM entry WHERE part = ?", (partition,))

    def ends(self) -> tuple[int, ...]:
        # Most reads ask several times for what hasn't moved: one look instead of one a partition.
        version = self.rows("PRAGMA data_version")[0][0]
        known: tuple[int, tuple[int, ...]] | None = getattr(self._local, "ends", None)
        if known is not None and known[0] == version:
            return known[1]
        ends = tuple(self._end(partition) for partition in range(self.partitions))
        self._local.ends = version, ends
        return ends

    def _end(self, partition: int) -> int:
        return partition_tail(self.reader, partition)[0]

    def offset_at(self, partition: int, recorded_at: int) -> int:
        return self._first(partition, "clock", recorded_at + 1)

    def voids(self, partition: int | None = None) -> dict[Verdict, int]:
        found: Counter[Verdict] = Counter()
        for part in range(self.partitions) if partition is None else (partition,):
            sql = f"SELECT verdict, count(*) FROM record_{part} WHERE {_VOID} GROUP BY verdict"
            for verdict, n in self.rows(sql):
                found[Verdict(verdict)] += n
        return dict(found)

    def ordinals(self, partition: int, end: int | None = None) -> int:
        rows = self.rows(
            f"SELECT ordinal FROM record_{partition} WHERE offset < ? ORDER BY offset DESC LIMIT 1",
            (_ENDLESS if end is None else end,),
        )
        return int(rows[0][0]) if rows else 0

    def ordinal_of(self, partition: int, offset: int) -> int:
        """The number of accepted events in a partition up to and with a record."""
        sql = f"SELECT ordinal FROM record_{partition} WHERE offset = ?"
        return int(self.rows(sql, (offset,))[0][0])

    def from_ordinal(self, partition: int, start: int, limit: int) -> list[tuple[int, Record]]:
        """Accepted records from the one that holds the partition's `start`-th event (from 1),
        each with the ordinal of its last event."""
        rows = self.rows(
            f"SELECT offset, data, ordinal FROM record_{partition} "
            "WHERE offset >= ? AND verdict = 0 ORDER BY offset LIMIT ?",
            (self._first(partition, "ordinal", start), limit),
        )
        return [
            (ordinal, Record(partition, offset, data, Verdict.ACCEPTED))
            for offset, data, ordinal in rows
        ]

    def _first(self, partition: int, column: str, value: int) -> int:
        """The first offset at which a column that never decreases has reached a value."""
        sql = f"SELECT {column} FROM record_{partition} WHERE offset = ?"
        low, high = 0, self._end(partition)
        while low < high:
            middle = (low + high) // 2
            if self.rows(sql, (middle,))[0][0] < value:
                low = middle + 1
            else:
                high = middle
        return low

    def close(self) -> None:
        """Drops every thread's connection, which is closed once its thread has ended its query:
        SQLite crashes where a connection is closed while another thread uses it."""
        self._closed = True
        self._local = threading.local()


def iter_records(connection: sqlite.Connection, partition: int) -> Iterator[IndexedRecord]:
    sql = (
        f"SELECT offset, data, verdict, clock, ordinal FROM record_{partition} "
        "WHERE offset >= ? ORDER BY offset LIMIT 1000"
    )
    start = 0
    while rows := connection.execute(sql, (start,)).fetchall():
        for offset, data, verdict, max_recorded_at, ordinal in rows:
            yield IndexedRecord(partition, offset, data, Verdict(verdict), max_recorded_at, ordinal)
        start = rows[-1][0] + 1


def _fetched(cursor: sqlite.Cursor) -> Iterator[Any]:
    while rows := cursor.fetchmany():
        yield from rows


def partition_tail(connection: sqlite.Connection, partition: int) -> tuple[int, int, int]:
    """A partition's next offset, its largest `recorded_at`, and its number of accepted events."""
    row = connection.execute(
        f"SELECT offset + 1, clock, ordinal FROM record_{partition} ORDER BY offset DESC LIMIT 1"
    ).fetchone()
    return tuple(row) if row else (0, 0, 0)


def find_commit(connection: sqlite.Connection, part: int, stream: str, id: str) -> Placed | None:
    """The place of the stream's accepted commit with that id; None: it has none."""
    for (offset,) in connection.execute(SELECT_COMMIT, (part, stream, id_hash(id))).fetchall():
        envelope = envelope_at(connection, part, offset)
        if envelope["id"] == id:
            return Placed(part, offset, envelope["expects"], len(envelope["events"]))
    return None


def envelope_at(connection: sqlite.Connection, partition: int, offset: int) -> Json:
    (data,) = connection.execute(
        f"SELECT data FROM record_{partition} WHERE offset = ?", (offset,)
    ).fetchone()
    envelope = parse(data)
    assert envelope is not None
    return envelope


def entry_row(envelope: EnvelopeFields, partition: int, offset: int) -> tuple[Any, ...]:
    """An accepted commit's row in `entry`."""
    events = len(envelope.events)
    return (
        *(partition, envelope.stream, envelope.expects, events, envelope.settings, offset),
        id_hash(envelope.id),
    )
