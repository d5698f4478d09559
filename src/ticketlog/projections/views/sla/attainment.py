"""How many promises were kept. Each run of a clock counts once, when it was decided: a breach when
it was due, whatever came after it; else when it was fulfilled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select

from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.projection import Tables
from ticketlog.projections.views.reports.reports import ranked, ranks
from ticketlog.projections.views.shared.dimensions import Grouped, check
from ticketlog.projections.views.shared.intervals import during
from ticketlog.projections.views.shared.periods import Period, PeriodKind, bounds
from ticketlog.projections.views.sla.clock_outcomes import DIMENSIONS

COUNTS = ("met", "breached", "withdrawn")
FULFILLED = ("met", "late")
"""late: a breached clock was fulfilled after all. It counts as breached, when it was."""
FIGURES = ("used", "business_used")
_Group = tuple[Any, ...]
_SHARE = 10_000


def attainment(
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
    """One row per period and group of the dimensions `by` (DIMENSIONS), as they were when it was
    decided.

    met, breached; withdrawn, which count for neither; of: met and breached. attainment: met per
    10,000 of these, rounded down, so that nothing but all is 10,000; None: there were none. used
    and business_used: of all clocks that were fulfilled in the period, all time and open time, how
    many (`_n`), the median and the 90th percentile by nearest rank (`_median_seconds`,
    `_p90_seconds`); open time where a calendar measured it.

    `start`, `end`, `where`: as in `reports.report`. Raises ValueError for unknown dimensions,
    periods or zones.
    """
    check((*by, *where), DIMENSIONS)
    table = tables["outcomes"]
    asked = _Outcomes(connection, tables, table, during(table, moment), by, where)
    rows: list[dict[str, Any]] = []
    for each in asked.periods(period, zone, start, end):
        cells = asked.cells(each)
        if not by:
            cells.setdefault((), _Cell({}, {name: [] for name in FIGURES}))
        for group in sorted(cells, key=in_order):
            named = dict(zip(by, group, strict=True))
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
