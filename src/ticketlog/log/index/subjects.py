"""An index of a log by what its events tell of: the actor of each record, and every stream or actor
KIND/ID that a field of it names, or of the first record of its stream. A cache in one SQLite file:
deleted, it comes back from the log.

It follows the log when it is asked, from where it stands. It keeps the hash of the record that it
stands behind, so that it is made anew where the log is another one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pysqlite3.dbapi2 as sqlite

from ticketlog.log.commit import Verdict, leaf
from ticketlog.log.index import reader
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.port import Record

_FORM = 1
"""Raised when other rows are made of the same records: an index of another form is made anew."""
_PAGE = 20_000
"""Records in a transaction: their rows are sorted first, which halves the time that they take."""
_ANY = ""
"""The subject of all records."""
_NAME = re.compile(r"[a-z][a-z-]{0,30}/[^/\s].{0,99}").fullmatch
_TABLES = """
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), form, next, leaf);
CREATE TABLE IF NOT EXISTS named (subject TEXT, at INTEGER, type TEXT, PRIMARY KEY (subject, at))
WITHOUT ROWID
"""


class SubjectIndex:
    """The index of a log of one partition. Thread-safe, and several processes may share the file.
    Raises Unreachable, Damaged."""

    def __init__(self, log: IndexedLog, path: Path, without: Collection[str] = ()) -> None:
        """`without`: kinds of streams that aren't found by their own names, since they have one
        record each."""
        self._log = log
        self._path = path
        self._without = frozenset(without)
        self._lock = threading.Lock()
        self._connection: sqlite.Connection | None = None

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def offsets(
        self,
        subjects: Collection[str],
        types: Collection[str] = (),
        *,
        between: tuple[int, int],
        limit: int,
    ) -> list[int]:
        """The offsets of the records that tell of one of the subjects (none: of all records), the
        latest first, at most `limit`: from the first of `between` up to before the second. `types`:
        only of records whose first event is of one of these types; empty: of all."""
        subjects = tuple(dict.fromkeys(subjects)) or (_ANY,)
        where = f"subject IN ({_marks(subjects)}) AND at >= ? AND at < ?"
        values: list[Any] = [*subjects, *between]
        if types:
            where += f" AND type IN ({_marks(types)})"
            values += types
        sql = f"SELECT DISTINCT at FROM named WHERE {where} ORDER BY at DESC LIMIT ?"
        with self._lock:
            try:
                rows = self._opened().execute(sql, (*values, limit)).fetchall()
            except sqlite.Error as error:
                raise reader.storage_error(error, self._path) from error
        return [at for (at,) in rows]

    def catch_up(self, on_progress: Callable[[int, int], None] = lambda done, all: None) -> None:
        """Returns when all records that the log holds now are in the index. `on_progress` gets the
        numbers of records that are there and of all."""
        (end,) = self._log.ends()
        with self._lock:
            try:
                connection = self._opened()
                while (done := self._advance(connection, end)) < end:
                    on_progress(done, end)
            except sqlite.Error as error:
                self._rolled_back()
                raise reader.storage_error(error, self._path) from error

    def _opened(self) -> sqlite.Connection:
        if self._connection is None:
            connection = reader.connect(self._path, synchronous="NORMAL")
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            self._connection = connection
        return self._connection

    def _rolled_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _advance(self, connection: sqlite.Connection, end: int) -> int:
        """Takes in a page of records; the offset that it has come to."""
        connection.execute("BEGIN IMMEDIATE")
        start = self._start(connection)
        records = self._log.records(0, start, min(_PAGE, end - start)) if start < end else []
        if not records:
            connection.execute("COMMIT")
            return end
        connection.executemany(
            "INSERT OR IGNORE INTO named VALUES (?, ?, ?)", sorted(self._rows(records))
        )
        last = records[-1]
        connection.execute(
            "INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?)",
            (_FORM, last.offset + 1, leaf(last.data)),
        )
        connection.execute("COMMIT")
        return last.offset + 1

    def _start(self, connection: sqlite.Connection) -> int:
        """The offset where the index goes on: at the beginning, where it is of another log."""
        row = connection.execute("SELECT form, next, leaf FROM place").fetchone()
        if row is None:
            return 0
        form, next, before = row
        last = self._log.records(0, next - 1, 1)
        if form == _FORM and last and leaf(last[0].data) == before:
            return int(next)
        connection.execute("DELETE FROM named")
        connection.execute("DELETE FROM place")
        return 0

    def _rows(self, records: Iterable[Record]) -> Iterator[tuple[str, int, str]]:
        for record in records:
            if record.verdict is not Verdict.ACCEPTED:
                continue
            envelope = orjson.loads(record.data)
            type = str(envelope["events"][0].get("type", ""))
            for subject in {_ANY, *_subjects(envelope), *self._subjects_of_stream(envelope)}:
                yield subject, record.offset, type

    def _subjects_of_stream(self, envelope: Mapping[str, Any]) -> Iterator[str]:
        """The stream of a record, and what its first record named: that a token was revoked is
        found by its owner, too."""
        stream = envelope["stream"]
        if stream.partition("/")[0] in self._without:
            return
        yield stream
        if envelope["expects"]:
            for first in self._log.stream(stream, 0, 1):
                yield from _subjects(orjson.loads(first.data), actor=False)


def _subjects(envelope: Mapping[str, Any], *, actor: bool = True) -> Iterator[str]:
    """The streams and actors that a record tells of: its actor, the person for whom they acted, and
    what fields of its events name."""
    if actor:
        acting = envelope["actor"]
        yield f"{acting['kind']}/{acting['id']}"
        if "on_behalf_of" in acting:
            yield f"person/{acting['on_behalf_of']}"
    for event in envelope["events"]:
        yield from _names(event.get("data", {}))


def _names(value: Any) -> Iterator[str]:
    """The names KIND/ID in the data of an event. Personal values are wrapped, and aren't looked
    into."""
    if isinstance(value, str):
        if _NAME(value):
            yield value
    elif isinstance(value, list):
        for each in value:
            yield from _names(each)
    elif isinstance(value, dict) and "alg" not in value:
        for each in value.values():
            yield from _names(each)


def _marks(values: Collection[str]) -> str:
    return ",".join("?" * len(values))
