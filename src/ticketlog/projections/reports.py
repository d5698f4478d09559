"""How much came in, was solved and is left; how long it took. By day, week or month in a zone,
and by the dimensions that the tickets had at that instant.

Reports run on business time. Ids only, never names; whole numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select

from ticketlog.projections.base import Projection, Tables
from ticketlog.projections.facts import DIMENSIONS, TABLES, FactsFold
from ticketlog.projections.intervals import known
from ticketlog.projections.moment import Moment
from ticketlog.projections.periods import Period, PeriodKind, periods

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

_KINDS = ("created", "replied", "solved", "reopened", "closed", "cancelled", "entered", "left")
_Group = tuple[Any, ...]
_Cells = dict[_Group, dict[str, int]]


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
    _check(metrics, METRICS, "metric")
    _check((*by, *where), DIMENSIONS, "dimension")
    facts = tables["facts"]
    wanted = and_(known(facts, moment), *(facts.c[name] == value for name, value in where.items()))
    groups = [facts.c[name] for name in by]
    rows: list[dict[str, Any]] = []
    backlog: dict[_Group, int] = {}
    for at, each in enumerate(_periods(connection, facts, wanted, period, zone, start, end)):
        if at == 0 and "backlog" in metrics:
            _add_flow(connection, facts, groups, and_(wanted, facts.c.at < each.start), backlog)
        inside = and_(wanted, facts.c.at >= each.start, facts.c.at < each.end)
        cells = _cells(connection, facts, groups, inside, metrics)
        if "backlog" in metrics:
            _add_flow(connection, facts, groups, inside, backlog)
            for group, n in backlog.items():
                cells.setdefault(group, {})["backlog"] = n
        rows += _rows(each, by, cells, metrics)
    return rows


def _check(names: Sequence[str], known_names: Sequence[str], what: str) -> None:
    for name in names:
        if name not in known_names:
            raise ValueError(f"there is no {what} {name!r}; choose from {', '.join(known_names)}")


def _periods(
    connection: Connection,
    facts: Table,
    wanted: ColumnElement[bool],
    kind: PeriodKind,
    zone: str,
    start: int | None,
    end: int | None,
) -> list[Period]:
    """The periods asked for; an open start or end is that of the facts."""
    first, last = facts.c.at.asc(), facts.c.at.desc()
    if start is None:
        start = _outermost(connection, facts, wanted, first, ("created",))
    if end is None:
        latest = _outermost(connection, facts, wanted, last, _KINDS)
        end = None if latest is None else latest + 1
    return [] if start is None or end is None else periods(kind, zone, start, end)


def _outermost(
    connection: Connection,
    facts: Table,
    wanted: ColumnElement[bool],
    order: ColumnElement[int],
    kinds: Sequence[str],
) -> int | None:
    """The first or last instant of a fact of these kinds: a look-up each, not a walk."""
    found = [
        connection.execute(
            select(facts.c.at).where(facts.c.kind == kind, wanted).order_by(order).limit(1)
        ).scalar()
        for kind in kinds
    ]
    instants = [at for at in found if at is not None]
    return max(instants, default=None)


def _cells(
    connection: Connection,
    facts: Table,
    groups: Sequence[ColumnElement[Any]],
    inside: ColumnElement[bool],
    metrics: Sequence[str],
) -> _Cells:
    """Group -> metric -> number, for what happened in one period."""
    cells: _Cells = {}
    kinds = [name for name in metrics if name in COUNTS and name != "first_contact"]
    if "first_contact" in metrics:
        kinds.append("solved")
    counts = (
        select(facts.c.kind, func.count(), func.sum(facts.c.first_contact), *groups)
        .where(facts.c.kind.in_(kinds), inside)
        .group_by(facts.c.kind, *groups)
    )
    for kind, n, first_contact, *group in connection.execute(counts) if kinds else ():
        cell = cells.setdefault(tuple(group), {})
        cell[kind] = n
        if kind == "solved":
            cell["first_contact"] = int(first_contact)
    for name in metrics:
        if name in FIGURES:
            _add_figures(connection, facts, groups, inside, name, cells)
    return cells


def _add_figures(
    connection: Connection,
    facts: Table,
    groups: Sequence[ColumnElement[Any]],
    inside: ColumnElement[bool],
    metric: str,
    cells: _Cells,
) -> None:
    kind, column = FIGURES[metric]
    figure = facts.c[column]
    values: dict[_Group, list[int]] = {}
    query = select(figure, *groups).where(facts.c.kind == kind, inside).order_by(figure)
    for value, *group in connection.execute(query):
        values.setdefault(tuple(group), []).append(value)
    for key, numbers in values.items():
        cells.setdefault(key, {}).update(
            {
                f"{metric}_n": len(numbers),
                f"{metric}_median": percentile(numbers, 50),
                f"{metric}_p90": percentile(numbers, 90),
            }
        )


def percentile(numbers: Sequence[int], percent: int) -> int:
    """By nearest rank, of numbers in order: the least that `percent` % of them don't exceed."""
    return numbers[max(-(-len(numbers) * percent // 100) - 1, 0)]


def _add_flow(
    connection: Connection,
    facts: Table,
    groups: Sequence[ColumnElement[Any]],
    inside: ColumnElement[bool],
    backlog: dict[_Group, int],
) -> None:
    """Adds to the backlog what entered it, and takes away what left it."""
    query = (
        select(facts.c.kind, func.count(), *groups)
        .where(facts.c.kind.in_(("entered", "left")), inside)
        .group_by(facts.c.kind, *groups)
    )
    for kind, n, *group in connection.execute(query):
        key = tuple(group)
        backlog[key] = backlog.get(key, 0) + (n if kind == "entered" else -n)


def _rows(
    period: Period, by: Sequence[str], cells: _Cells, metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of one period; without dimensions there is one, even when nothing happened."""
    if not by:
        cells.setdefault((), {})
    rows = []
    for group in sorted(cells, key=lambda key: [value or "" for value in key]):
        cell = cells[group]
        row = {"period": period.label, **dict(zip(by, group, strict=True))}
        for metric in metrics:
            if metric in FIGURES:
                row[f"{metric}_n"] = cell.get(f"{metric}_n", 0)
                row[f"{metric}_median"] = cell.get(f"{metric}_median")
                row[f"{metric}_p90"] = cell.get(f"{metric}_p90")
            else:
                row[metric] = cell.get(metric, 0)
        if by and not any(row[name] for name in row if name not in ("period", *by)):
            continue
        rows.append(row)
    return rows


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": FactsFold}, (report,))
