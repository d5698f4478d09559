"""The number of promises that were kept. Each run of a clock counts once, when it was decided: a
breach when it was due, whatever came after it; else when it was fulfilled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, select

from ticketlog.documents.reports import Attainment
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.views.reports.reports import ranked, ranks
from ticketlog.projections.views.shared.dimensions import Grouped, check
from ticketlog.projections.views.shared.intervals import during
from ticketlog.projections.views.shared.periods import Period, PeriodKind, bounds
from ticketlog.projections.views.shared.report import ReportQuery
from ticketlog.projections.views.sla.clock_outcomes import DIMENSIONS

COUNTS = ("met", "breached", "withdrawn")
FULFILLED = ("met", "late")
"""late: a breached clock was fulfilled after all. It counts as breached, when it was."""
FIGURES = ("used", "business_used")
_Group = tuple[Any, ...]
_SHARE = 10_000


class AttainmentReport(ReportQuery):
    """SLA targets met and breached, and the time that clocks had used.

    Dimensions are as they were when it was decided. met, breached; withdrawn, which count for
    neither; of: met and breached. attainment: met per 10,000 of these, rounded down, so that
    nothing but all is 10,000; None: there were none. used and business_used: of all clocks that
    were fulfilled in the period, all time and open time, how many (`_n`), the median and the 90th
    percentile by nearest rank (`_median_seconds`, `_p90_seconds`); open time where a calendar
    measured it.
    """

    NAME = "attainment"
    DOCUMENT = Attainment
    DIMENSIONS = DIMENSIONS
    BY = ("metric",)
    OF_ANY_MOMENT = True

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        check((*self.groups, *self.where), self.DIMENSIONS)
        table = at.tables["outcomes"]
        holds = during(table, at.moment)
        asked = _Outcomes(at.connection, at.tables, table, holds, self.groups, self.where)
        rows: list[dict[str, Any]] = []
        for each in asked.periods(self.period, self.zone, self.start, self.end):
            cells = asked.cells(each)
            if not self.groups:
                cells.setdefault((), _Cell({}, {name: [] for name in FIGURES}))
            for group in sorted(cells, key=in_order):
                named = dict(zip(self.groups, group, strict=True))
                rows.append({"period": each.label, **named, **_told(cells[group])})
        return rows


def in_order(group: _Group) -> list[tuple[bool, Any]]:
    """Sorts groups: nothing first."""
    return [(value is not None, value) for value in group]


class _Cell(NamedTuple):
    counts: dict[str, int]
    figures: dict[str, list[int]]


class _Outcomes(Grouped):
    """The outcomes that are asked about."""

    def periods(
        self, kind: PeriodKind, zone: str, start: int | None, end: int | None
    ) -> list[Period]:
        return bounds(self._edge, kind, zone, start, end)

    def cells(self, period: Period) -> dict[_Group, _Cell]:
        cells: dict[_Group, _Cell] = {}
        for kind, n, group in self._counts(period):
            cell = cells.setdefault(group, _Cell({}, {name: [] for name in FIGURES}))
            cell.counts[kind] = n
        for used, business, group in self._figures(period):
            figures = cells[group].figures
            figures["used"].append(used)
            if business is not None:
                figures["business_used"].append(business)
        return cells

    def _counts(self, period: Period) -> Iterator[tuple[str, int, _Group]]:
        table = self._rows
        per_group = (
            select(table.kind, table.group, func.count().label("n"))
            .where(self._inside((*COUNTS, "late"), period))
            .group_by(table.kind, table.group)
            .subquery()
        )
        query = select(per_group.c.kind, func.sum(per_group.c.n), *self._columns)
        query = self._named(query, per_group.c.group).group_by(per_group.c.kind, *self._columns)
        for kind, n, *group in self._connection.execute(query):
            yield kind, int(n), tuple(group)

    def _figures(self, period: Period) -> Iterator[tuple[int, int | None, _Group]]:
        table = self._rows
        query = self._named(select(table.used, table.business_used, *self._columns), table.group)
        for used, business, *group in self._connection.execute(
            query.where(self._inside(FULFILLED, period))
        ):
            yield used, business, tuple(group)

    def _edge(self, last: bool) -> int | None:
        return self._outermost(self._rows.decided_at, (*COUNTS, "late"), last=last)

    def _inside(self, kinds: Sequence[str], period: Period) -> ColumnElement[bool]:
        at, kind = self._rows.decided_at, self._rows.kind
        return and_(kind.in_(kinds), at >= period.start, at < period.end, self._holds)


def share(met: int, of: int) -> int | None:
    """Per 10,000, rounded down: 99.995 % is not all."""
    return met * _SHARE // of if of else None


def _told(cell: _Cell) -> dict[str, int | None]:
    counts = {name: cell.counts.get(name, 0) for name in COUNTS}
    of = counts["met"] + counts["breached"]
    told: dict[str, int | None] = {**counts, "of": of}
    told["attainment"] = share(counts["met"], of)
    for name, values in cell.figures.items():
        values.sort()
        told |= dict(zip(ranks(name, seconds=True), ranked(values), strict=True))
    return told
