"""What rules did to tickets, by rule and version: whether one that was applied acts, and how often
it can't."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Integer, and_, cast, distinct, func, select

from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.projection import Tables
from ticketlog.projections.views.reports.facts import DIMENSIONS as OF_TICKETS
from ticketlog.projections.views.shared.dimensions import Grouped, check
from ticketlog.projections.views.shared.intervals import known
from ticketlog.projections.views.shared.periods import PeriodKind, bounds

OF_RULES = ("kind", "rule", "version")
"""kind: routing, assignment, absence, lifecycle, escalation, notification; version: which one of
the rule it was, as `settings history` tells."""
DIMENSIONS = (*OF_RULES, *OF_TICKETS)
COUNTS = ("fired", "refused", "tickets")
"""fired: how often a rule acted; refused: how often it matched and could not (its reason stands in
the ticket's history); tickets: how many different ones it acted on or tried to."""


def rules(
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
    """One row per period and group of the dimensions `by` with COUNTS; those of a ticket are as
    they were then.

    `start`, `end`, `where`: as in `reports.report`. Raises ValueError for unknown dimensions,
    periods or zones.
    """
    check((*by, *where), DIMENSIONS)
    table = tables["firings"]
    asked = _Firings(connection, tables, table, known(table, moment), (), _of_tickets(where))
    asked.ask(by, where)
    rows: list[dict[str, Any]] = []
    for each in bounds(asked.edge, period, zone, start, end):
        for fired, refused, tickets, *group in asked.counts(each.start, each.end):
            named = dict(zip(by, group, strict=True))
            counted = dict(zip(COUNTS, (fired or 0, refused or 0, tickets), strict=True))
            rows.append({"period": each.label, **named, **counted})
    return rows


def _of_tickets(where: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in where.items() if name in OF_TICKETS}


class _Firings(Grouped):
    """The acts of rules that are asked about."""

    def ask(self, by: Sequence[str], where: dict[str, str]) -> None:
        """The dimensions, of which some are of the rule itself."""
        rows, names = self._rows, self._id.table.c
        own = {"kind": rows.kind, "rule": rows.rule, "version": rows.edition}
        self._columns = [own[name] if name in own else names[name] for name in by]
        self._where += [
            own[name] == (int(value) if value.isdecimal() else -1)
            if name == "version"
            else own[name] == value
            for name, value in where.items()
            if name in own
        ]

    def edge(self, last: bool) -> int | None:
        at = self._rows.at
        query = self._named(select(func.max(at) if last else func.min(at)), self._rows.group)
        found: int | None = self._connection.execute(query.where(self._holds)).scalar()
        return found

    def counts(self, start: int, end: int) -> Sequence[Any]:
        """(fired, refused, tickets, *group), in the order of the groups, nothing first."""
        rows = self._rows
        refused = cast(rows.refused, Integer)
        query: Any = select(
            func.sum(1 - refused),
            func.sum(refused),
            func.count(distinct(rows.ticket)),
            *self._columns,
        ).where(and_(rows.at >= start, rows.at < end, self._holds))
        query = self._named(query, rows.group)
        if self._columns:
            query = query.group_by(*self._columns)
            query = query.order_by(*(column.nulls_first() for column in self._columns))
        return self._connection.execute(query).all()
