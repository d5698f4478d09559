"""Presence on tickets: which agents have a ticket open now, and which of them type.

It isn't in the log: nobody asks tomorrow. It stands in a file beside the desk that all servers of
the folder share, lasts for seconds, and may be deleted at any time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pysqlite3.dbapi2 as sqlite

from ticketlog.errors import Unreachable

FILE = "presence.db"
LASTS_S = 9.0
"""Seconds after which a page is gone that says nothing. Who looks once a second sees it within
10."""
MOST_PAGES = 50
"""Open pages of one agent at most: the oldest ones are forgotten."""
_SECOND = 1_000_000
_TABLE = """
CREATE TABLE IF NOT EXISTS pages (
    ticket TEXT, agent TEXT, page TEXT, types INTEGER, since INTEGER, until INTEGER,
    PRIMARY KEY (ticket, agent, page)
) WITHOUT ROWID
"""
_TELL = """
INSERT INTO pages VALUES (:ticket, :agent, :page, :types, :now, :until)
ON CONFLICT DO UPDATE SET
    since = iif(until > :now, since, excluded.since), types = excluded.types, until = excluded.until
"""
_FORGET = """
DELETE FROM pages WHERE until <= :now OR (agent = :agent AND (ticket, agent, page) IN (
    SELECT ticket, agent, page FROM pages WHERE agent = :agent
    ORDER BY until DESC LIMIT -1 OFFSET :most
))
"""
_READ = """
SELECT ticket, agent, max(types), min(since) FROM pages WHERE until > ?
GROUP BY ticket, agent ORDER BY ticket, agent
"""


class Present(NamedTuple):
    """An agent who has a ticket open. `since`: microseconds since 1970."""

    agent: str
    types: bool
    since: int


PresentByTicket: TypeAlias = Mapping[str, tuple[Present, ...]]
"""Id of a ticket -> who has it open, by agent; a ticket that nobody has open isn't there."""


def _now() -> int:
    return time.time_ns() // 1_000


class PresenceBoard:
    """The open pages of all processes of the desk's folder. Thread-safe."""

    def __init__(self, folder: Path, clock: Callable[[], int] = _now) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite.Connection | None = None

    def tell(self, ticket: str, agent: str, page: str, types: bool) -> None:
        """An agent has a ticket open on a page, for the next seconds. Raises Unreachable."""
        now = self._clock()
        until = now + round(LASTS_S * _SECOND)
        told = {"ticket": ticket, "agent": agent, "page": page, "types": types}
        with self._lock:
            self._run(_TELL, {**told, "now": now, "until": until})
            self._run(_FORGET, {"now": now, "agent": agent, "most": MOST_PAGES})

    def leave(self, ticket: str, agent: str, page: str) -> None:
        """The page was closed. Raises Unreachable."""
        gone = "DELETE FROM pages WHERE ticket = ? AND agent = ? AND page = ?"
        with self._lock:
            self._run(gone, (ticket, agent, page))

    def present(self) -> PresentByTicket:
        """Everybody who is there now. Raises Unreachable."""
        with self._lock:
            rows = self._run(_READ, (self._clock(),))
        found: dict[str, tuple[Present, ...]] = {}
        for ticket, agent, types, since in rows:
            found[ticket] = (*found.get(ticket, ()), Present(agent, bool(types), since))
        return found

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _run(
        self, statement: str, values: Mapping[str, Any] | tuple[Any, ...]
    ) -> list[tuple[str, str, int, int]]:
        """The rows of a statement; a file that is damaged is made anew: it holds seconds."""
        try:
            return self._opened().execute(statement, values).fetchall()
        except sqlite.OperationalError as error:
            raise Unreachable(f"{self._path} can't be used: {error}") from error
        except sqlite.DatabaseError:
            self._discard()
            return self._opened().execute(statement, values).fetchall()

    def _opened(self) -> sqlite.Connection:
        if self._connection is None:
            self._connection = sqlite.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=5
            )
            # Nothing here has to outlive a power cut.
            self._connection.execute("PRAGMA synchronous = OFF").close()
            self._connection.execute("PRAGMA journal_mode = WAL").close()
            self._connection.execute(_TABLE).close()
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for end in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self._path.with_name(FILE + end).unlink()
