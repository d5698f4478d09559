"""The index of due times, in a scratch database: it costs no memory, however many tickets wait.

It is made from the log and gone with the process. Each ticket that isn't closed has one row, so a
deadline that moves leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from ticketlog.support.scratch_sqlite import scratch_database

_NEVER = 2**62
_MADE = (
    "CREATE TABLE due (stream TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX due_at ON due (at)",
)


class DueIndex:
    """The next due time of each stream. For one thread at a time."""

    def __init__(self) -> None:
        self._connection = scratch_database()
        for statement in _MADE:
            self._connection.execute(statement)

    def put(self, stream: str, at: int | None) -> None:
        """Sets a stream's due time; None: nothing is due on it, for now."""
        values = (stream, _NEVER if at is None else at)
        self._connection.execute("INSERT OR REPLACE INTO due VALUES (?, ?)", values)

    def forget(self, stream: str) -> None:
        """Removes a stream: nothing will ever be due on it."""
        self._connection.execute("DELETE FROM due WHERE stream = ?", (stream,))

    def due(self, until: int, limit: int) -> list[str]:
        """Streams whose due time has come by `until`, the longest due first."""
        sql = "SELECT stream FROM due WHERE at <= ? ORDER BY at, stream LIMIT ?"
        return [stream for (stream,) in self._connection.execute(sql, (until, limit))]

    def next_at(self) -> int | None:
        """The earliest due time; None: nothing is due."""
        found: int | None = self._connection.execute("SELECT min(at) FROM due").fetchone()[0]
        return None if found in (None, _NEVER) else found

    def streams(self, page: int = 1_000) -> Iterator[str]:
        """All streams of the index; their due times may be set during the iteration."""
        after = ""
        sql = "SELECT stream FROM due WHERE stream > ? ORDER BY stream LIMIT ?"
        while found := self._connection.execute(sql, (after, page)).fetchall():
            after = found[-1][0]
            yield from (stream for (stream,) in found)

    def close(self) -> None:
        self._connection.close()
