"""Acts that look as if they were done for the figures: likely gaming, case by case, and how many
there are of all acts of their kind.

Likely, never proven: docs/SLA.md names innocent reasons for each pattern. Every case names its
event, so that one can read what happened around it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, and_, func, select

from ticketlog.domain.base import iso
from ticketlog.projections.engine.projection import Projection, Tables
from ticketlog.projections.views.gaming.acts import TABLES, ActsFold
from ticketlog.projections.views.gaming.affected_clock import Concerned
from ticketlog.projections.views.gaming.patterns import PATTERNS, limits_of, patterns
from ticketlog.projections.views.shared.dimensions import check
from ticketlog.projections.views.shared.periods import QUARTER, Period, PeriodKind, periods

NAME = "gaming"
VERSION = 2

DIMENSIONS = ("agent", "team")
"""Who did it; which team had the ticket then."""
_Cell = tuple[int, tuple[str, ...], str]
"""Number of the period, values of the dimensions, pattern."""
_TIMES = ("at", "asked_at", "answered_at", "undone_at", "due", "new_due")
_SECONDS = ("target", "left", "new_target", "new_left")
SHORT = (
    *("at", "ticket", "pattern", "agent", "old", "new", "metric", "left_seconds", "undone_at"),
    "event",
)
"""The columns of a case that fit on a page."""
_SHOWN = (
    *("agent", "team", "old", "new", "asked_at", "answered_at", "undone_at", "undone_by"),
    *Concerned._fields,
    "event",
)


def gaming(
    connection: Connection,
    tables: Tables,
    *,
    period: PeriodKind = "month",
    zone: str = "UTC",
    by: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    thresholds: Mapping[str, int] | None = None,
    **where: str,
) -> list[dict[str, Any]]:
    """Per period, group of the dimensions `by` and pattern: how many acts are `likely` gaming, `of`
    how many of their kind, and the `share` in hundredths of a percent, cut to a whole number.

    `start` and `end`: instants; whole periods around them are reported, by default all.
    `thresholds`: those of THRESHOLDS that are to be others. Raises ValueError for unknown
    thresholds, dimensions, periods or zones.
    """
    limits = limits_of(thresholds)
    check((*by, *where), DIMENSIONS)
    likely: Counter[_Cell] = Counter()
    of: Counter[_Cell] = Counter()
    found = _periods(connection, tables, period, zone, start, end)
    for number, act in _acts(connection, tables, found, where):
        group = tuple(act[name] or "" for name in by)
        likely.update((number, group, name) for name in patterns(act, limits))
    for number, each in _counts(connection, tables, found, where):
        group = tuple(each[name] for name in by)
        for name, kinds in PATTERNS.items():
            if each["kind"] in kinds:
                of[number, group, name] += each["n"]
    return [
        {
            "period": found[number].label,
            **{name: value or None for name, value in zip(by, group, strict=True)},
            "pattern": pattern,
            "likely": likely[number, group, pattern],
            "of": n,
            "share": likely[number, group, pattern] * 10_000 // n,
        }
        for (number, group, pattern), n in sorted(of.items())
    ]


def cases(
    connection: Connection,
    tables: Tables,
    *,
    period: PeriodKind = "month",
    zone: str = "UTC",
    by: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    thresholds: Mapping[str, int] | None = None,
    **where: str,
) -> list[dict[str, Any]]:
    """Each act that fits a pattern, in the order of time; columns: see `acts.TABLES`, durations
    named as `left_seconds`.

    Parameters are those of `gaming`; there is nothing to count `by`.
    """
    limits = limits_of(thresholds)
    check(where, DIMENSIONS)
    if by:
        raise ValueError("cases stand by themselves: choose some with `where`, or count `gaming`")
    found = _periods(connection, tables, period, zone, start, end)
    return [
        {
            "period": found[number].label,
            "at": iso(act["at"]),
            "ticket": act["ticket"],
            "pattern": pattern,
            **{_named(name): _plain(name, act[name]) for name in _SHOWN},
        }
        for number, act in _acts(connection, tables, found, where)
        for pattern in patterns(act, limits)
    ]


def _named(name: str) -> str:
    return f"{name}_seconds" if name in _SECONDS else name


def _plain(name: str, value: Any) -> Any:
    return iso(value) if name in _TIMES and value is not None else value


def _periods(
    connection: Connection,
    tables: Tables,
    kind: PeriodKind,
    zone: str,
    start: int | None,
    end: int | None,
) -> list[Period]:
    """Those asked for; an open start or end is that of the acts."""
    at = tables["counts"].c.quarter
    first, last = connection.execute(select(func.min(at), func.max(at))).one()
    if first is None:
        return []
    start = first * QUARTER if start is None else start
    return periods(kind, zone, start, (last + 1) * QUARTER if end is None else end)


def _acts(
    connection: Connection, tables: Tables, found: Sequence[Period], where: Mapping[str, str]
) -> Iterator[tuple[int, RowMapping]]:
    """The acts that were kept, in the order of time, each with the number of its period."""
    acts = tables["acts"]
    query = _chosen(acts, acts.c.at, 1, found, where)
    order = (acts.c.at, acts.c.ticket, acts.c.version)
    starts = [each.start for each in found]
    for act in connection.execute(query.order_by(*order)).mappings():
        yield bisect_right(starts, act["at"]) - 1, act


def _counts(
    connection: Connection, tables: Tables, found: Sequence[Period], where: Mapping[str, str]
) -> Iterator[tuple[int, RowMapping]]:
    counts = tables["counts"]
    query = _chosen(counts, counts.c.quarter, QUARTER, found, where)
    starts = [each.start for each in found]
    for each in connection.execute(query).mappings():
        yield bisect_right(starts, each["quarter"] * QUARTER) - 1, each


def _chosen(
    table: Table,
    at: ColumnElement[int],
    unit: int,
    found: Sequence[Period],
    where: Mapping[str, str],
) -> Select[Any]:
    start, end = (found[0].start, found[-1].end) if found else (0, 0)
    inside = and_(at >= start // unit, at < end // unit)
    return select(table).where(inside, *(table.c[name] == value for name, value in where.items()))


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": ActsFold}, (gaming, cases))
