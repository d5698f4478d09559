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

from pydantic import Field
from sqlalchemy import ColumnElement, RowMapping, Select, Table, and_, func, select

from ticketlog.documents.reports import Gaming, GamingCases
from ticketlog.domain.base import iso
from ticketlog.projections.engine.projection import Projection
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.views.gaming.acts import TABLES, ActsFold
from ticketlog.projections.views.gaming.affected_clock import Concerned
from ticketlog.projections.views.gaming.patterns import PATTERNS, limits_of, patterns
from ticketlog.projections.views.shared.dimensions import check
from ticketlog.projections.views.shared.periods import QUARTER, Period, periods
from ticketlog.projections.views.shared.report import ReportQuery

NAME = "gaming"
VERSION = 3

_Cell = tuple[int, tuple[str, ...], str]
"""Number of the period, values of the dimensions, pattern."""
_TIMES = ("at", "asked_at", "answered_at", "undone_at", "due", "new_due")
_SECONDS = ("target", "left", "new_target", "new_left")
_SHOWN = (
    *("agent", "team", "old", "new", "asked_at", "answered_at", "undone_at", "undone_by"),
    *Concerned._fields,
    "event",
)


class _ActsReport(ReportQuery):
    """A report of acts that fit a pattern."""

    DIMENSIONS = ("agent", "team")

    thresholds: Mapping[str, int] = Field({}, description="From where gaming is likely.")

    @property
    def limits(self) -> Mapping[str, int]:
        """All thresholds. Raises ValueError for one that isn't known."""
        return limits_of(self.thresholds)

    def parameters(self) -> dict[str, Any]:
        return {**super().parameters(), "thresholds": self.limits}


class GamingReport(_ActsReport):
    """Acts that look done for the figures, of all such acts: by pattern, how many are `likely`
    gaming, `of` how many of their kind, and the `share` in hundredths of a percent, cut to a whole
    number."""

    NAME = "gaming"
    DOCUMENT = Gaming

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        limits, by = self.limits, self.groups
        check((*by, *self.where), self.DIMENSIONS)
        likely: Counter[_Cell] = Counter()
        of: Counter[_Cell] = Counter()
        found = _periods(at, self)
        for number, act in _acts(at, found, self.where):
            group = tuple(act[name] or "" for name in by)
            likely.update((number, group, name) for name in patterns(act, limits))
        for number, each in _counts(at, found, self.where):
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


class GamingCasesReport(_ActsReport):
    """Each act that fits a pattern, in the order of time; there is nothing to count `by`."""

    NAME = "gaming-cases"
    DOCUMENT = GamingCases
    SHOWN = (
        *("at", "ticket", "pattern", "agent", "old", "new", "metric", "left_seconds"),
        *("undone_at", "event"),
    )

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        limits = self.limits
        check(self.where, self.DIMENSIONS)
        if self.groups:
            raise ValueError(
                "cases stand by themselves: choose some with `where`, or count `gaming`"
            )
        found = _periods(at, self)
        return [
            {
                "period": found[number].label,
                "at": iso(act["at"]),
                "ticket": act["ticket"],
                "pattern": pattern,
                **{_named(name): _plain(name, act[name]) for name in _SHOWN},
            }
            for number, act in _acts(at, found, self.where)
            for pattern in patterns(act, limits)
        ]


def _named(name: str) -> str:
    return f"{name}_seconds" if name in _SECONDS else name


def _plain(name: str, value: Any) -> Any:
    return iso(value) if name in _TIMES and value is not None else value


def _periods(at: Reading, asked: ReportQuery) -> list[Period]:
    """Those asked for; an open start or end is that of the acts."""
    quarter = at.tables["counts"].c.quarter
    first, last = at.connection.execute(select(func.min(quarter), func.max(quarter))).one()
    if first is None:
        return []
    start = first * QUARTER if asked.start is None else asked.start
    end = (last + 1) * QUARTER if asked.end is None else asked.end
    return periods(asked.period, asked.zone, start, end)


def _acts(
    at: Reading, found: Sequence[Period], where: Mapping[str, str]
) -> Iterator[tuple[int, RowMapping]]:
    """The acts that were kept, in the order of time, each with the number of its period."""
    acts = at.tables["acts"]
    query = _chosen(acts, acts.c.at, 1, found, where)
    order = (acts.c.at, acts.c.ticket, acts.c.version)
    starts = [each.start for each in found]
    for act in at.connection.execute(query.order_by(*order)).mappings():
        yield bisect_right(starts, act["at"]) - 1, act


def _counts(
    at: Reading, found: Sequence[Period], where: Mapping[str, str]
) -> Iterator[tuple[int, RowMapping]]:
    counts = at.tables["counts"]
    query = _chosen(counts, counts.c.quarter, QUARTER, found, where)
    starts = [each.start for each in found]
    for each in at.connection.execute(query).mappings():
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


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": ActsFold}, (GamingReport, GamingCasesReport))
