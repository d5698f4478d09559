"""Replays views beside the live ones and compares every row; exit code 1 where one differs."""

from __future__ import annotations

from collections.abc import Sequence

from ticketlog import Desk


def run(desk: Desk, arguments: Sequence[str]) -> int:
    """`arguments` are names of views; none means all."""
    desk.views.refresh(arguments or None)
    found = desk.views.verify(arguments)
    for view in found:
        for table in view.tables:
            said = "same" if table.same else f"DIFFERS from {table.expected_digest}"
            print(f"{view.view}.{table.table} {table.rows} rows {table.digest} {said}")
    return 0 if all(view.same for view in found) else 1
