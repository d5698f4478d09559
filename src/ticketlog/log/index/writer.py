"""The writing side of an index: rows by partition in log order, a transaction at a time.

It keeps the ends of partitions, the heads of streams and the ids of new streams in memory, so that
it need not look them up, and drops them where another process has written since.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite

from ticketlog.domain.base import bare
from ticketlog.log.acceptance import judge
from ticketlog.log.commit import Head, Verdict
from ticketlog.log.index import reader
from ticketlog.log.port import Placed, Record

_KEPT_HEADS = 50_000
"""Stream heads kept in memory at most."""


class IndexWriter:
    """Writes an index. For one thread at a time, but for `would_accept`. Raises sqlite.Error."""

    def __init__(self, path: Path, partitions: int, *, synchronous: str = "FULL") -> None:
        self.connection = reader.connect(path, synchronous=synchronous)
        cursor = self.connection.cursor()
        self._execute, self._executemany = cursor.execute, cursor.executemany
        self._fetchall = cursor.fetchall
        self._into_records = [
            f"INSERT INTO record_{p} VALUES (?, ?, ?, ?, ?)" for p in range(partitions)
        ]
        self._partitions = partitions
        self._version = -1
        self._heads: dict[str, Head] = {}
        self._ids_of_new: dict[str, set[int]] = {}
        """The id hashes of streams that began while no other process wrote: no need to look them
        up."""
        self._knows_all = False
        """Whether the heads of all streams are in memory, as they are of an index made anew."""
        self._tails: list[tuple[int, int, int]] = []
        self._records: dict[int, list[tuple[Any, ...]]] = {}
        self._entries: list[tuple[Any, ...]] = []
        self._touched: set[str] = set()
        """Streams with entries that this transaction hasn't inserted yet."""

    def close(self) -> None:
        self.connection.close()

    def begin(self) -> None:
        """Begins a transaction, and reads again what another process may have changed."""
        self._execute("BEGIN IMMEDIATE")
        version = self._execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._forget()
            self._tails = [
                reader.partition_tail(self.connection, p) for p in range(self._partitions)
            ]
            self._knows_all = not any(accepted for _, _, accepted in self._tails)
            self._version = version
        elif len(self._heads) > _KEPT_HEADS:
            self._trim()

    def commit(self) -> None:
        self._flush()
        self._execute("COMMIT")

    def _flush(self) -> None:
        for partition, rows in self._records.items():
            self._insert(self._into_records[partition], rows)
        self._insert("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", self._entries)
        self._clear()

    def _insert(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if len(rows) == 1:
            self._execute(sql, rows[0])
        elif rows:
            self._executemany(sql, rows)

    def rollback(self) -> None:
        self._version = -1
        self._clear()
        with suppress(sqlite.Error):
            self.connection.execute("ROLLBACK")

    def _clear(self) -> None:
        self._records = {}
        self._entries = []
        self._touched.clear()

    def _forget(self) -> None:
        self._heads.clear()
        self._ids_of_new.clear()

    def _trim(self) -> None:
        """Drops the half of the heads that are in memory for longest."""
        self._knows_all = False
        for stream in list(islice(self._heads, _KEPT_HEADS // 2)):
            del self._heads[stream]
            self._ids_of_new.pop(stream, None)

    def end(self, partition: int) -> int:
        return self._tails[partition][0]

    def ends(self) -> tuple[int, ...]:
        return tuple(tail[0] for tail in self._tails)

    def record(self, partition: int, offset: int) -> Record:
        """A record below the partition's end, of this transaction too."""
        rows = self._records.get(partition)
        if rows and offset >= rows[0][0]:
            _, data, verdict, *_ = rows[offset - rows[0][0]]
        else:
            data, verdict = self.connection.execute(
                f"SELECT data, verdict FROM record_{partition} WHERE offset = ?", (offset,)
            ).fetchone()
        return Record(partition, offset, data, Verdict(verdict))

    def records(self, partition: int, first: int, last: int) -> dict[int, bytes]:
        """The bytes of the records from one offset to another, of this transaction too."""
        rows = self._records.get(partition)
        if rows and last >= rows[0][0]:
            self._flush()
        self._execute(
            f"SELECT offset, data FROM record_{partition} WHERE offset BETWEEN ? AND ?",
            (first, last),
        )
        return dict(self._fetchall())

    def head(self, partition: int, stream: str) -> Head:
        head = self._heads.get(stream)
        if head is None:
            row = None
            if not self._knows_all:
                row = self.connection.execute(reader.SELECT_HEAD, (partition, stream)).fetchone()
            head = self._heads[stream] = Head(*row) if row else Head(0, 0)
            if row is None:
                self._ids_of_new[stream] = set()
        return head

    def would_accept(self, stream: str, expects: int, settings: int, id_hash: int) -> bool:
        """Whether the heads and ids in memory suffice to say that such a commit would be accepted;
        from any thread. `id_hash`: that of the commit's id."""
        head = self._heads.get(stream)
        if head is None:
            return self._knows_all and not expects
        known = head.version > 0 and self._may_hold(stream, id_hash)
        return judge(expects, settings, head, known=known) is Verdict.ACCEPTED

    def _may_hold(self, stream: str, id_hash: int) -> bool:
        """Whether a stream that has commits may have one with an id of that hash."""
        ids = self._ids_of_new.get(stream)
        return ids is None or id_hash in ids

    def find(self, partition: int, stream: str, id: str, id_hash: int) -> Placed | None:
        """The place of the stream's accepted commit with that id, of this transaction too."""
        if not self._may_hold(stream, id_hash):
            return None
        if stream in self._touched:
            self._flush()
        return reader.find_commit(self.connection, partition, stream, id)

    def accept(
        self,
        partition: int,
        data: bytes,
        recorded_at: int,
        entry: tuple[str, int, int, int],
        id_hash: int,
    ) -> int:
        """Adds the partition's next record, an accepted commit; returns its offset. `entry`: its
        stream, version, number of events and settings; `id_hash`: that of its id."""
        offset, max_recorded_at, ordinal = self._tails[partition]
        stream, version, events, settings = entry
        self._entries.append((partition, stream, version, events, settings, offset, id_hash))
        self._heads[stream] = bare(Head, (version + events, settings))
        self._touched.add(stream)
        ids = self._ids_of_new.get(stream)
        if ids is not None:
            ids.add(id_hash)
        self._put(partition, (offset, data, 0, max(max_recorded_at, recorded_at), ordinal + events))
        return offset

    def void(self, partition: int, data: bytes, verdict: Verdict, recorded_at: int) -> int:
        """Adds the partition's next record, which isn't accepted; returns its offset."""
        offset, max_recorded_at, ordinal = self._tails[partition]
        self._put(partition, (offset, data, verdict, max(max_recorded_at, recorded_at), ordinal))
        return offset

    def _put(self, partition: int, row: tuple[int, bytes, int, int, int]) -> None:
        self._tails[partition] = (row[0] + 1, row[3], row[4])
        rows = self._records.get(partition)
        if rows is None:
            self._records[partition] = [row]
        else:
            rows.append(row)
