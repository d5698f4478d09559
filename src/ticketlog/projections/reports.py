"""How much came in, was solved and is left; how long it took. By day, week or month in a zone,
and by the dimensions that the tickets had at that instant.

Reports run on business time. Ids only, never names; whole numbers only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from ticketlog.projections.base import Projection, Tables
from ticketlog.projections.facts import DIMENSIONS, TABLES, FactsFold
from ticketlog.projections.groups import Grouped, check
from ticketlog.projections.intervals import known
from ticketlog.projections.moment import Moment
from ticketlog.projections.periods import Period, PeriodKind, bounds

NAME = "reports"
VERSION = 1

COUNTS = ("created", "solved", "reopened", "closed", "cancelled", "first_contact")
"""How many there were in the period. first_contact: solved with at most one reply, never reopened
before. Cancelled tickets, duplicates and spam are not solved."""
FIGURES = {
    "first_reply_time": ("replied", "seconds"),
    "resolution_time": ("solved", "seconds"),
    "hops": ("solved", "hops"),
    "touches": ("solved", "touches"),
}
"""Of each: how many (`_n`), the median (`_median`) and the 90th percentile (`_p90`), by nearest
rank. Times are in seconds from creation and count where they end: at the first public reply by an
agent, at the solve. hops: hand-overs to another team or agent until the solve; touches: commits by
agents."""
METRICS = (*COUNTS, *FIGURES, "backlog")
"""backlog: active tickets at the end of the period."""

_Group = tuple[Any, ...]
_Cells = dict[_Group, dict[str, int]]
_KINDS = ("created", "replied", "solved", "reopened", "closed", "cancelled", "entered", "left")


def report(
    connection: Connection,
    tables: Tables,
    *,
    metrics: Sequence[str] = ("created", "solved", "reopened", "backlog"),
    period: PeriodKind = "month",
    zone: str = "UTC",
    by: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    moment: Moment | None = None,
    **where: str,
) -> list[dict[str, Any]]:
    """One row per period and group of the dimensions `by`, with the metrics.

    `start` and `end`: instants; whole periods around them are reported, by default all from the
    first fact to the last. `where`: only what has these dimensions. Raises ValueError for unknown
    metrics, dimensions, periods or zones.
    """
    check(metrics, METRICS, "metric")
    check((*by, *where), DIMENSIONS)
    facts = _Facts(connection, tables, tables["facts"], known(tables["facts"], moment), by, where)
    found = bounds(facts.edge, period, zone, start, end)
    backlog: dict[_Group, int] = {}
    if found and "backlog" in metrics:
        _flow(facts, None, found[0].start, backlog)
    rows: list[dict[str, Any]] = []
    for each in found:
        cells = _cells(facts, each, metrics)
        if "backlog" in metrics:
            _flow(facts, each.start, each.end, backlog)
            for group, n in backlog.items():
                cells.setdefault(group, {})["backlog"] = n
        rows += _rows(each, by, cells, metrics)
    return rows


class _Facts(Grouped):
    """The facts that a report is about."""

    def counts(
        self, kinds: Sequence[str], start: int | None, end: int
    ) -> Iterator[tuple[_Group, str, int, int]]:
        """(group, kind, number, of them solved at first contact)."""
        facts = self._rows
        per_group = (
            select(facts.kind, facts.group, func.count().label("n"))
            .add_columns(func.sum(facts.first_contact).label("first"))
            .where(self._inside(kinds, start, end))
            .group_by(facts.kind, facts.group)
            .subquery()
        )
        sums = (func.sum(per_group.c.n), func.sum(per_group.c.first))
        query = select(per_group.c.kind, *sums, *self._columns)
        query = self._named(query, per_group.c.group).group_by(per_group.c.kind, *self._columns)
        for kind, n, first, *group in self._connection.execute(query):
            yield tuple(group), kind, int(n), int(first or 0)

    def figures(self, kind: str, column: str, period: Period) -> dict[_Group, list[int]]:
        """Per group the figures in a period, in order."""
        facts = self._rows
        query = (
            select(facts[column], *self._columns)
            .where(self._inside((kind,), period.start, period.end))
            .order_by(facts[column])
        )
        found: dict[_Group, list[int]] = {}
        for value, *group in self._connection.execute(self._named(query, facts.group)):
            found.setdefault(tuple(group), []).append(value)
        return found

    def edge(self, last: bool) -> int | None:
        """The first creation, or the last instant of all."""
        return self._outermost(self._rows.at, _KINDS if last else ("created",), last=last)

    def _inside(self, kinds: Sequence[str], start: int | None, end: int) -> ColumnElement[bool]:
        at = self._rows.at
        after = true() if start is None else at >= start
        return and_(self._rows.kind.in_(kinds), after, at < end, self._holds)


def _cells(facts: _Facts, period: Period, metrics: Sequence[str]) -> _Cells:
    """Group -> metric -> number, for what happened in one period."""
    cells: _Cells = {}
    kinds = {"solved" if name == "first_contact" else name for name in metrics if name in COUNTS}
    if kinds:
        for group, kind, n, first_contact in facts.counts(sorted(kinds), period.start, period.end):
            cell = cells.setdefault(group, {})
            cell[kind] = n
            if kind == "solved":
                cell["first_contact"] = first_contact
    for metric in metrics:
        if metric in FIGURES:
            for group, numbers in facts.figures(*FIGURES[metric], period).items():
                cells.setdefault(group, {}).update(
                    {
                        f"{metric}_n": len(numbers),
                        f"{metric}_median": percentile(numbers, 50),
                        f"{metric}_p90": percentile(numbers, 90),
                    }
                )
    return cells


def percentile(numbers: Sequence[int], percent: int) -> int:
    """By nearest rank, of numbers in order: the least that `percent` % of them don't exceed."""
    return numbers[max(-(-len(numbers) * percent // 100) - 1, 0)]


def _flow(facts: _Facts, start: int | None, end: int, backlog: dict[_Group, int]) -> None:
    """Adds to the backlog what entered it, and takes away what left it."""
    for group, kind, n, _ in facts.counts(("entered", "left"), start, end):
        backlog[group] = backlog.get(group, 0) + (n if kind == "entered" else -n)


def _rows(
    period: Period, by: Sequence[str], cells: _Cells, metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of one period: one per group that has something to tell; without dimensions, one."""
    columns = [
        column
        for metric in metrics
        for column in (
            [f"{metric}_n", f"{metric}_median", f"{metric}_p90"] if metric in FIGURES else [metric]
        )
    ]
    nothing = {name: None if name.endswith(("_median", "_p90")) else 0 for name in columns}
    if not by:
        cells.setdefault((), {})
    return [
        {
            "period": period.label,
            **dict(zip(by, group, strict=True)),
            **{name: cell.get(name, nothing[name]) for name in columns},
        }
        for group, cell in sorted(cells.items(), key=lambda item: [x or "" for x in item[0]])
        if not by or any(cell.values())
    ]


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": FactsFold}, (report,))
