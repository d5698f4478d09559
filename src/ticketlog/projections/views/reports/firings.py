"""The firings of rules on tickets, by rule and version: whether a rule acts, and how often it
can't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, and_, cast, distinct, func, select

from ticketlog.documents.reports import Rules
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.views.reports.facts import DIMENSIONS as OF_TICKETS
from ticketlog.projections.views.shared.dimensions import Grouped, check
from ticketlog.projections.views.shared.intervals import known
from ticketlog.projections.views.shared.periods import bounds
from ticketlog.projections.views.shared.report import ReportQuery

OF_RULES = ("kind", "rule", "version")
"""kind: routing, assignment, absence, lifecycle, escalation, notification; version: which one of
the rule it was, as `settings history` tells."""
COUNTS = ("fired", "refused", "tickets")
"""fired: how often a rule acted; refused: how often it matched and could not (its reason stands in
the ticket's history); tickets: how many different ones it acted on or tried to."""


class RulesReport(ReportQuery):
    """The acts of rules, and those that they couldn't do: COUNTS by the rules' dimensions and by
    those of the tickets, as they were then."""

    NAME = "rules"
    DOCUMENT = Rules
    DIMENSIONS = (*OF_RULES, *OF_TICKETS)
    BY = OF_RULES
    OF_ANY_MOMENT = True

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        check((*self.groups, *self.where), self.DIMENSIONS)
        table = at.tables["firings"]
        holds, of_tickets = known(table, at.moment), _of_tickets(self.where)
        asked = _Firings(at.connection, at.tables, table, holds, (), of_tickets)
        asked.ask(self.groups, self.where)
        rows: list[dict[str, Any]] = []
        for each in bounds(asked.edge, self.period, self.zone, self.start, self.end):
            for fired, refused, tickets, *group in asked.counts(each.start, each.end):
                named = dict(zip(self.groups, group, strict=True))
                counted = dict(zip(COUNTS, (fired or 0, refused or 0, tickets), strict=True))
                rows.append({"period": each.label, **named, **counted})
        return rows


def _of_tickets(where: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in where.items() if name in OF_TICKETS}


class _Firings(Grouped):
    """The acts of rules that are asked about."""

    def ask(self, by: Sequence[str], where: Mapping[str, str]) -> None:
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
