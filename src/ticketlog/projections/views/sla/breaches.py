"""Why promises were broken: who held the ticket, in which status, while the clock ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, Select, select

from ticketlog.documents.base import Document, in_seconds
from ticketlog.documents.reports import Breaches
from ticketlog.documents.sla import TicketBreaches as TicketBreachesDocument
from ticketlog.domain.base import Instant
from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.projection import Tables
from ticketlog.projections.engine.query import Limit, Query, Reading
from ticketlog.projections.views.shared.custody import HOLDER
from ticketlog.projections.views.shared.dimensions import check
from ticketlog.projections.views.shared.intervals import known
from ticketlog.projections.views.shared.periods import Period, bounds
from ticketlog.projections.views.shared.report import ReportQuery
from ticketlog.projections.views.sla.attainment import in_order
from ticketlog.projections.views.sla.clock_outcomes import DIMENSIONS as OF_BREACHES
from ticketlog.projections.views.sla.time_left import Calendars, calendars_of, edition_values

_SECOND = 1_000_000
_SPAN = ("started", "ended", *HOLDER, "calendar", "calendar_version")
_SAID = (
    *("ticket", "version", "instance", "breached_at", "used", "target", "business", "because"),
    *("recorded_at", "recorded_by"),
)
_Key = tuple[Any, ...]


class TicketBreaches(Query[list[dict[str, Any]]]):
    """Breaches in the order in which they were due, each with its dimensions.

    `used`: microseconds of the target's time. `spans`: when the clock had run, in whose hands, by
    which calendar, their `length`, and how much of it was `open` (None: no calendar, or one that
    the settings don't know), in microseconds; `by_holder` and `by_status`: their sums, the most
    first.
    """

    NAME = "ticket-breaches"
    DOCUMENT = TicketBreachesDocument
    OF_ANY_MOMENT = True

    ticket: str | None = Field(None, description="Only this ticket's.")
    start: Instant | None = Field(None, description="Only what was due from this instant on.")
    end: Instant | None = Field(None, description="Only what was due before this instant.")
    where: Mapping[str, str] = Field(
        {},
        description="Only those of these dimensions; team and agent are those that had the ticket "
        "when it was due.",
    )
    limit: Limit = 1_000

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        check(self.where, OF_BREACHES)
        connection, tables = at.connection, at.tables
        table, names = tables["breaches"], tables["groups"]
        query = _of(select(*(table.c[name] for name in _SAID)), tables, self.where, at.moment)
        query = query.add_columns(*(names.c[name] for name in OF_BREACHES))
        if self.ticket is not None:
            query = query.where(table.c.ticket == self.ticket)
        if self.start is not None:
            query = query.where(table.c.breached_at >= self.start)
        if self.end is not None:
            query = query.where(table.c.breached_at < self.end)
        query = query.order_by(table.c.breached_at, table.c.ticket, table.c.version)
        rows = [dict(row) for row in connection.execute(query.limit(self.limit)).mappings()]
        calendars = calendars_of(at.settings())
        return [{**row, **_cause(connection, tables, row, calendars)} for row in rows]

    def document(self, answer: list[dict[str, Any]], **about: Any) -> Document:
        breaches = [breach_values(row) | {"ticket": row["ticket"]} for row in answer]
        return self.DOCUMENT.filled(breaches=breaches, **about)


def breach_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """A breach as `documents.sla.Breach` has it."""
    return {
        "metric": row["metric"],
        "instance": row["instance"],
        "at": row["breached_at"],
        "because": row["because"],
        "used_seconds": in_seconds(row["used"]),
        "target_seconds": row["target"],
        "business": row["business"],
        "policy": edition_values(row, "policy"),
        "recorded_at": row["recorded_at"],
        "recorded_by": row["recorded_by"],
        "spans": [_span_values(span) for span in row["spans"]],
        "by_holder": [_lasted_values(each, "team", "agent") for each in row["by_holder"]],
        "by_status": [_lasted_values(each, "status") for each in row["by_status"]],
    }


def _span_values(row: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {"started": row["started"], "ended": row["ended"]}
    calendar = edition_values(row, "calendar")
    return {**bounds, **_lasted_values(row, *HOLDER), "calendar": calendar}


def _lasted_values(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {
        **{name: row[name] for name in names},
        "seconds": in_seconds(row["length"]),
        "business_seconds": in_seconds(row["open"]),
    }


def _of(
    query: Select[Any], tables: Tables, where: Mapping[str, str], moment: Moment | None
) -> Select[Any]:
    table, names = tables["breaches"], tables["groups"]
    query = query.join(names, names.c.id == table.c.group).where(known(table, moment))
    return query.where(*(names.c[name] == value for name, value in where.items()))


def _cause(
    connection: Connection, tables: Tables, breach: Mapping[str, Any], calendars: Calendars
) -> dict[str, Any]:
    table = tables["spans"]
    mine = (table.c.ticket == breach["ticket"], table.c.version == breach["version"])
    query = select(*(table.c[name] for name in _SPAN)).where(*mine).order_by(table.c.number)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    spans = [{**row, **_lengths(row, calendars)} for row in rows]
    return {
        "spans": spans,
        "by_holder": _summed(spans, ("team", "agent")),
        "by_status": _summed(spans, ("status",)),
    }


def _lengths(span: Mapping[str, Any], calendars: Calendars) -> dict[str, int | None]:
    start, end, calendar = span["started"], span["ended"], span["calendar"]
    found = calendars(calendar, span["calendar_version"]) if calendar else None
    return {"length": end - start, "open": found.between(start, end) if found else None}


def _summed(spans: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    sums: dict[_Key, _Sum] = {}
    for span in spans:
        sums.setdefault(tuple(span[name] for name in names), _Sum()).add(span)
    found = sorted(sums.items(), key=lambda item: (-item[1].length, in_order(item[0])))
    return [
        {**dict(zip(names, key, strict=True)), "length": each.length, "open": each.open}
        for key, each in found
    ]


class _Sum:
    """Of spans; open time is known where it is known of all of them."""

    def __init__(self) -> None:
        self.breaches = self.involved = self.length = 0
        self.open: int | None = 0
        self._last: _Key = ()

    def add(self, lengths: Mapping[str, int | None]) -> None:
        self.length += lengths["length"] or 0
        opened = lengths["open"]
        self.open = None if self.open is None or opened is None else self.open + opened

    def count(self, breach: _Key, last: bool) -> None:
        self.breaches += last
        self.involved += breach != self._last
        self._last = breach


class BreachesReport(ReportQuery):
    """The holders of clocks that were breached, with status and time.

    Periods are those of the breaches' due times. breaches: those whose clock ran last in these
    hands; involved: those whose clock ever did; seconds: how long the clocks of these breaches had
    run there; business_seconds: the open time of it, each span by the calendar that measures it,
    None where there is none. team, agent and status are those of the holder, the other dimensions
    the breach's.
    """

    NAME = "breaches"
    DOCUMENT = Breaches
    DIMENSIONS = ("status", *OF_BREACHES)
    BY = ("metric",)
    OF_ANY_MOMENT = True

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        check((*self.groups, *self.where), self.DIMENSIONS)
        asked = _Asked(at.connection, at.tables, self.groups, self.where, at.moment)
        calendars = calendars_of(at.settings())
        rows: list[dict[str, Any]] = []
        for each in bounds(asked.outermost, self.period, self.zone, self.start, self.end):
            sums: dict[_Key, _Sum] = {} if self.groups else {(): _Sum()}
            for span, group in asked.spans(each):
                found = sums.setdefault(group, _Sum())
                found.add(_lengths(span, calendars))
                found.count((span["ticket"], span["version"]), span["last"])
            for group in sorted(sums, key=in_order):
                named = dict(zip(self.groups, group, strict=True))
                rows.append({"period": each.label, **named, **_told(sums[group])})
        return rows


class _Asked:
    """The spans of the breaches that are asked about."""

    def __init__(
        self,
        connection: Connection,
        tables: Tables,
        by: tuple[str, ...],
        where: Mapping[str, str],
        moment: Moment | None,
    ) -> None:
        self._connection = connection
        self._breaches = table = tables["breaches"]
        spans, names = tables["spans"], tables["groups"]
        columns = {
            name: spans.c[name] if name in HOLDER else names.c[name]
            for name in BreachesReport.DIMENSIONS
        }
        self._by = by
        self._query = (
            select(table.c.ticket, table.c.version, *(spans.c[name] for name in (*_SPAN, "last")))
            .add_columns(*(columns[name].label(f"by_{name}") for name in by))
            .join(spans, (spans.c.ticket == table.c.ticket) & (spans.c.version == table.c.version))
            .join(names, names.c.id == table.c.group)
            .where(known(table, moment))
            .where(*(columns[name] == value for name, value in where.items()))
        )

    def spans(self, period: Period) -> Iterator[tuple[Mapping[str, Any], _Key]]:
        at = self._breaches.c.breached_at
        query = self._query.where(at >= period.start, at < period.end)
        query = query.order_by(at, self._breaches.c.ticket, self._breaches.c.version)
        for row in self._connection.execute(query).mappings():
            yield dict(row), tuple(row[f"by_{name}"] for name in self._by)

    def outermost(self, last: bool) -> int | None:
        at = self._breaches.c.breached_at
        query = self._query.with_only_columns(at).order_by(at.desc() if last else at.asc())
        return self._connection.execute(query.limit(1)).scalar()


def _told(found: _Sum) -> dict[str, int | None]:
    return {
        "breaches": found.breaches,
        "involved": found.involved,
        "seconds": found.length // _SECOND,
        "business_seconds": None if found.open is None else found.open // _SECOND,
    }
