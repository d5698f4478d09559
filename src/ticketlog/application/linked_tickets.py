"""The links of other tickets to a ticket, read from the views' file without the library that views
are made with: to load that takes longer than all the rest of showing a ticket.

It answers where the view of tickets has taken in all records of the log. Else it gives None, and
the views are asked as always: they catch up first, or say what is wrong with them.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite

from ticketlog.log.commit import leaf
from ticketlog.log.port import Log

VERSION = 7
"""Of the view `tickets`, whose rows these are; a test holds it equal to that view's own."""
_BUILD = (
    "SELECT build FROM ticketlog_builds WHERE view = 'tickets' AND state = 'live' AND version = ?"
)
_POSITIONS = 'SELECT next, leaf FROM ticketlog_positions WHERE build = ? ORDER BY "partition"'
_PARKED = "SELECT 1 FROM ticketlog_parked WHERE build = ? LIMIT 1"
_LINKS = (
    "SELECT kind, ticket FROM tickets_links_{build} WHERE target = ? AND to_at IS NULL "
    "ORDER BY kind, ticket"
)


def linked_by(log: Log, views: Path, ticket: str) -> list[dict[str, Any]] | None:
    """The links of other tickets to a ticket: kind and ticket. None: it can't be told so.

    Raises what reading the log raises.
    """
    ends = log.ends()
    try:
        with closing(sqlite.connect(f"{views.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("BEGIN")
            found = connection.execute(_BUILD, (VERSION,)).fetchone()
            if found is None:
                return None
            (build,) = found
            positions = connection.execute(_POSITIONS, (build,)).fetchall()
            if connection.execute(_PARKED, (build,)).fetchone() is not None:
                return None
            links = connection.execute(_LINKS.format(build=build), (ticket,)).fetchall()
    except sqlite.Error:
        return None
    if not _of_this_log(log, ends, positions):
        return None
    return [{"kind": kind, "ticket": other} for kind, other in links]


def _of_this_log(log: Log, ends: tuple[int, ...], positions: list[tuple[int, Any]]) -> bool:
    """Whether the positions are the log's ends, behind the records that stand there."""
    if tuple(next for next, _ in positions) != ends:
        return False
    for partition, (next, hash) in enumerate(positions):
        if next and leaf(log.records(partition, next - 1, 1)[0].data) != hash:
            return False
    return True
