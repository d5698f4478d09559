"""The bulks of a desk and how far each is."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import select

from ticketlog.documents.bulks import BulkRows
from ticketlog.domain.bulk import Bulk, BulkState
from ticketlog.projections.engine.projection import INT, TEXT, Fold, Projection, Row, Rows, Whose
from ticketlog.projections.engine.query import Limit, Query, Reading

TABLES = (
    Rows(
        "bulks",
        key={"bulk": TEXT},
        values={
            "state": TEXT,
            "by": TEXT,
            "planned_at": INT,
            "command": TEXT,
            "tickets": INT,
            "reached": INT,
            "undoes": TEXT,
        },
        indexes=(("planned_at", "bulk"), ("state", "planned_at")),
        whose=Whose(staff=True, planner="by"),
    ),
)


class _Fold(Fold):
    __slots__ = ()

    def rows(self, state: Bulk) -> tuple[list[Row], ...]:
        if state.by is None or state.command is None:
            return ([],)
        by = f"{state.by.kind}:{state.by.id}"
        row = (
            *(self.id, state.state, by, state.planned_at, state.command.name),
            *(state.tickets, state.reached, state.undoes),
        )
        return ([row],)


class BulkList(Query[list[dict[str, Any]]]):
    """Bulks and how far each is, the latest first; of who doesn't see every ticket their own."""

    NAME = "bulks"
    DOCUMENT = BulkRows

    state: BulkState | None = Field(None, description="Only those in this state.")
    limit: Limit = 50

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        table = at.tables["bulks"]
        query = select(table).order_by(table.c.planned_at.desc(), table.c.bulk)
        if self.state is not None:
            query = query.where(table.c.state == self.state)
        rows = at.connection.execute(query.limit(self.limit)).mappings()
        return [dict(row) for row in rows]


VIEW = Projection("bulks", 1, TABLES, {"bulk": _Fold}, (BulkList,))
