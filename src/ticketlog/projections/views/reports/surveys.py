"""How satisfied requesters are: surveys that were offered, answers, scores and comments, by day,
week or month in a zone, and by the dimensions that the tickets had at that instant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, exists, func, select

from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.projection import Tables
from ticketlog.projections.views.reports.facts import DIMENSIONS
from ticketlog.projections.views.shared.dimensions import Grouped, check
from ticketlog.projections.views.shared.intervals import known
from ticketlog.projections.views.shared.periods import Period, PeriodKind, bounds

COUNTS = ("offered", "answered")
"""offered: surveys of the period; answered: those of them that were answered by now."""
RATINGS = ("ratings", "score", "satisfied", "comments")
"""ratings: tickets rated in the period, asked or not, each as it was rated last. score: their
average, from 1 to 5, in hundredths; satisfied: the share of 4 and 5 in hundredths of a percent;
both rounded down, None: there were none. comments: what was said with ratings in the period."""
_Group = tuple[Any, ...]


def satisfaction(
    connection: Connection,
    tables: Tables,
    *,
    period: PeriodKind = "month",
    zone: str = "UTC",
    by: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    moment: Moment | None = None,
    **where: str,
) -> list[dict[str, Any]]:
    """One row per period and group of the dimensions `by`: COUNTS, their `rate` in hundredths of a
    percent (None: nothing was offered), RATINGS.

    A survey counts for the team and agent of when it was offered, a rating for those who were
    rated. `start`, `end`, `where`: as in `reports.report`. Raises ValueError for unknown
    dimensions, periods or zones.
    """
    check((*by, *where), DIMENSIONS)
    table = tables["surveys"]
    asked = _Surveys(connection, tables, table, known(table, moment), by, where)
    asked.moment = moment
    rows: list[dict[str, Any]] = []
    for each in bounds(asked.edge, period, zone, start, end):
        cells = asked.cells(each)
        if not by:
            cells.setdefault((), {})
        for group in sorted(cells, key=lambda group: [value or "" for value in group]):
            named = dict(zip(by, group, strict=True))
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
