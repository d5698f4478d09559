"""The writing side of an index: rows by partition in log order, a transaction at a time.

It remembers where partitions end, how far streams are and which ids young streams have, so that
it need not look them up, and forgets all that where another process has written since.
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

_KEEP = 50_000
"""Stream heads kept in memory at most."""


class IndexWriter:
    """For one thread at a time, but for `would_accept`. Raises sqlite.Error."""

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
        self._begun: dict[str, set[int]] = {}
        """The id hashes of streams that began while nobody else wrote: no need to look them up."""
        self._whole = False
        """Whether all streams that there are are remembered, as those of an index made anew are."""
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
            self._whole = not any(accepted for _, _, accepted in self._tails)
            self._version = version
        elif len(self._heads) > _KEEP:
            self._trim()

    def commit(self) -> None:
        self._flush()
        self._execute("COMMIT")

    def _flush(self) -> None:
        for part, rows in self._records.items():
            self._insert(self._into_records[part], rows)
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
        self._begun.clear()

    def _trim(self) -> None:
        """Forgets the half that it has known for longest."""
        self._whole = False
        for stream in list(islice(self._heads, _KEEP // 2)):
            del self._heads[stream]
            self._begun.pop(stream, None)

    def end(self, part: int) -> int:
        return self._tails[part][0]

    def ends(self) -> tuple[int, ...]:
        return tuple(tail[0] for tail in self._tails)

    def record(self, part: int, offset: int) -> Record:
        """A record below the partition's end, of this transaction too."""
        rows = self._records.get(part)
        if rows and offset >= rows[0][0]:
            _, data, verdict, *_ = rows[offset - rows[0][0]]
        else:
            data, verdict = self.connection.execute(
                f"SELECT data, verdict FROM record_{part} WHERE offset = ?", (offset,)
            ).fetchone()
        return Record(part, offset, data, Verdict(verdict))

    def records(self, part: int, first: int, last: int) -> dict[int, bytes]:
        """The bytes of the records from one offset to another, of this transaction too."""
        rows = self._records.get(part)
        if rows and last >= rows[0][0]:
            self._flush()
        self._execute(
            f"SELECT offset, data FROM record_{part} WHERE offset BETWEEN ? AND ?", (first, last)
        )
        return dict(self._fetchall())

    def head(self, part: int, stream: str) -> Head:
        head = self._heads.get(stream)
        if head is None:
            row = None
            if not self._whole:
                row = self.connection.execute(reader.SELECT_HEAD, (part, stream)).fetchone()
            head = self._heads[stream] = Head(*row) if row else Head(0, 0)
            if row is None:
                self._begun[stream] = set()
        return head

    def would_accept(self, stream: str, expects: int, settings: int, hash: int) -> bool:
        """Whether what is remembered suffices to say that such a commit would be accepted; from
        any thread. `hash`: that of its id."""
        head = self._heads.get(stream)
        if head is None:
            return self._whole and not expects
        known = head.version > 0 and self._may_hold(stream, hash)
        return judge(expects, settings, head, known=known) is Verdict.ACCEPTED

    def _may_hold(self, stream: str, hash: int) -> bool:
        """Whether a stream that has commits may have one with an id of that hash."""
        begun = self._begun.get(stream)
        return begun is None or hash in begun

    def find(self, part: int, stream: str, id: str, hash: int) -> Placed | None:
        """Where the stream's accepted commit with that id stands, of this transaction too."""
        if not self._may_hold(stream, hash):
            return None
        if stream in self._touched:
            self._flush()
        return reader.find_commit(self.connection, part, stream, id)

    def accept(
        self, part: int, data: bytes, recorded_at: int, entry: tuple[str, int, int, int], hash: int
    ) -> int:
        """Adds the partition's next record, an accepted commit; returns its offset. `entry`: its
        stream, version, number of events and settings; `hash`: that of its id."""
        offset, clock, ordinal = self._tails[part]
        stream, version, events, settings = entry
        self._entries.append((part, stream, version, events, settings, offset, hash))
        self._heads[stream] = bare(Head, (version + events, settings))
        self._touched.add(stream)
        begun = self._begun.get(stream)
        if begun is not None:
            begun.add(hash)
        self._put(part, (offset, data, 0, max(clock, recorded_at), ordinal + events))
        return offset

    def void(self, part: int, data: bytes, verdict: Verdict, recorded_at: int) -> int:
        """Adds the partition's next record, which isn't accepted; returns its offset."""
        offset, clock, ordinal = self._tails[part]
        self._put(part, (offset, data, verdict, max(clock, recorded_at), ordinal))
        return offset

    def _put(self, part: int, row: tuple[int, bytes, int, int, int]) -> None:
        self._tails[part] = (row[0] + 1, row[3], row[4])
        rows = self._records.get(part)
        if rows is None:
            self._records[part] = [row]
        else:
            rows.append(row)
