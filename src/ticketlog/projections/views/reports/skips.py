"""The tickets that agents skipped when they were given the next one: who picks the raisins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, distinct, func, select

from ticketlog.documents.reports import Skips
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.views.shared.dimensions import check
from ticketlog.projections.views.shared.periods import bounds
from ticketlog.projections.views.shared.report import ReportQuery


class SkipsReport(ReportQuery):
    """Skips by agent and by the team that the ticket was in: how many, of how many tickets, and how
    many agents skipped them."""

    NAME = "skips"
    DOCUMENT = Skips
    DIMENSIONS = ("agent", "team")
    BY = ("agent",)

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        check((*self.groups, *self.where), self.DIMENSIONS)
        skips = at.tables["skips"].c
        wanted = [skips[name] == value for name, value in self.where.items()]
        columns = [skips[name] for name in self.groups]

        def edge(last: bool) -> int | None:
            query = select(func.max(skips.at) if last else func.min(skips.at)).where(*wanted)
            found: int | None = at.connection.execute(query).scalar()
            return found

        rows: list[dict[str, Any]] = []
        for each in bounds(edge, self.period, self.zone, self.start, self.end):
            inside = and_(skips.at >= each.start, skips.at < each.end, *wanted)
            counts = (
                func.count().label("skips"),
                func.count(distinct(skips.ticket)).label("tickets"),
                func.count(distinct(skips.agent)).label("agents"),
            )
            query = select(*columns, *counts).where(inside)
            query = query.group_by(*columns).order_by(*columns) if columns else query
            for row in at.connection.execute(query).mappings():
                rows.append({"period": each.label, **row})
        return rows
