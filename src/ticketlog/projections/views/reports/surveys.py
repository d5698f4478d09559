"""The satisfaction of requesters: surveys that were offered, answers, scores and comments, by day,
week or month in a zone, and by the dimensions that the tickets had at that instant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, cast, exists, func, select

from ticketlog.documents.reports import Satisfaction
from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.views.reports.facts import DIMENSIONS
from ticketlog.projections.views.shared.dimensions import Grouped, check
from ticketlog.projections.views.shared.intervals import known
from ticketlog.projections.views.shared.periods import Period, bounds
from ticketlog.projections.views.shared.report import ReportQuery

COUNTS = ("offered", "answered")
"""offered: surveys of the period; answered: those of them that were answered by now."""
RATINGS = ("ratings", "score", "satisfied", "comments")
"""ratings: tickets rated in the period, asked or not, each as it was rated last. score: their
average, from 1 to 5, in hundredths; satisfied: the share of 4 and 5 in hundredths of a percent;
both rounded down, None: there were none. comments: what was said with ratings in the period."""
_Group = tuple[Any, ...]


class SatisfactionReport(ReportQuery):
    """Surveys, ratings and comments: COUNTS, their `rate` in hundredths of a percent (None: nothing
    was offered), RATINGS. A survey counts for the team and agent of when it was offered, a rating
    for those who were rated."""

    NAME = "satisfaction"
    DOCUMENT = Satisfaction
    DIMENSIONS = DIMENSIONS
    OF_ANY_MOMENT = True

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        check((*self.groups, *self.where), self.DIMENSIONS)
        table = at.tables["surveys"]
        holds = known(table, at.moment)
        asked = _Surveys(at.connection, at.tables, table, holds, self.groups, self.where)
        asked.moment = at.moment
        rows: list[dict[str, Any]] = []
        for each in bounds(asked.edge, self.period, self.zone, self.start, self.end):
            cells = asked.cells(each)
            if not self.groups:
                cells.setdefault((), {})
            for group in sorted(cells, key=lambda group: [value or "" for value in group]):
                named = dict(zip(self.groups, group, strict=True))
                rows.append({"period": each.label, **named, **_told(cells[group])})
        return rows


class _Surveys(Grouped):
    """Offers and answers that are asked about."""

    moment: Moment | None = None

    def edge(self, last: bool) -> int | None:
        at = self._rows.at
        query = self._named(select(func.max(at) if last else func.min(at)), self._rows.group)
        found: int | None = self._connection.execute(query.where(self._holds)).scalar()
        return found

    def cells(self, period: Period) -> dict[_Group, dict[str, int]]:
        found: dict[_Group, dict[str, int]] = {}
        for group, numbers in (*self._offered(period), *self._rated(period)):
            found.setdefault(group, {}).update(numbers)
        return found

    def _offered(self, period: Period) -> Iterator[tuple[_Group, dict[str, int]]]:
        rows = self._rows
        answered = func.sum(cast(self._later(), Integer))
        query = select(func.count(), answered, *self._columns)
        for n, answers, *group in self._of(query, period, rows.score.is_(None)):
            yield tuple(group), {"offered": int(n), "answered": int(answers or 0)}

    def _rated(self, period: Period) -> Iterator[tuple[_Group, dict[str, int]]]:
        rows = self._rows
        score = rows.score
        satisfied = func.sum(cast(score >= 4, Integer))
        query = select(func.count(), func.sum(score), satisfied, *self._columns)
        for n, total, happy, *group in self._of(query, period, score.is_not(None), ~self._later()):
            sums = {"total": int(total or 0), "happy": int(happy or 0)}
            yield tuple(group), {"ratings": int(n), **sums}
        query = select(func.count(), *self._columns)
        for n, *group in self._of(query, period, rows.comment.is_(True)):
            yield tuple(group), {"comments": int(n)}

    def _of(self, query: Any, period: Period, *which: ColumnElement[bool]) -> Any:
        rows = self._rows
        inside = and_(rows.at >= period.start, rows.at < period.end, self._holds, *which)
        query = self._named(query.where(inside), rows.group)
        return self._connection.execute(query.group_by(*self._columns) if self._columns else query)

    def _later(self) -> ColumnElement[bool]:
        """Whether the ticket was rated later than the row says."""
        rows = self._rows
        later = rows.ticket.table.alias("later")
        return exists().where(
            later.c.ticket == rows.ticket,
            later.c.version > rows.version,
            later.c.score.is_not(None),
            known(later, self.moment),
        )


def _told(cell: dict[str, int]) -> dict[str, int | None]:
    offered, answered = cell.get("offered", 0), cell.get("answered", 0)
    ratings = cell.get("ratings", 0)
    return {
        "offered": offered,
        "answered": answered,
        "rate": answered * 10_000 // offered if offered else None,
        "ratings": ratings,
        "score": cell["total"] * 100 // ratings if ratings else None,
        "satisfied": cell["happy"] * 10_000 // ratings if ratings else None,
        "comments": cell.get("comments", 0),
    }
