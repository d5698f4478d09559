"""Views as they were at a moment, with the digests of their tables."""

from __future__ import annotations

from collections.abc import Sequence

from ticketlog import Desk
from ticketlog.errors import Usage


def run(desk: Desk, arguments: Sequence[str]) -> int:
    """`arguments` are the moment (an ISO time, or a position) and names of views."""
    if len(arguments) < 2:
        raise Usage("as_of takes a moment and at least one view: as_of 2026-01-31T09:00:00Z queue")
    moment, *views = arguments
    past = desk.at(recorded=moment) if "T" in moment else desk.at(position=moment)
    for view in views:
        for table in past.views.compared(view):
            print(f"{view}.{table.table} {table.rows} rows {table.digest}")
    return 0
