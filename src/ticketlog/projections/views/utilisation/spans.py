"""The spans of agents, cut at the borders of periods and counted in whole seconds.

A second belongs to a span if its beginning does: so the seconds of parts add up to those of the
whole, and they are the same for every counter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import orjson
from sqlalchemy import ColumnElement, Connection, Table, and_, func, literal, or_, select, union_all

from ticketlog.domain.time.business_hours import SECOND
from ticketlog.domain.time.shift_hours import rota
from ticketlog.domain.time.shifts import Shift
from ticketlog.projections.engine.projection import Tables
from ticketlog.projections.views.shared.periods import QUARTER, Period
from ticketlog.projections.views.utilisation.worktime import WORK

Figure: TypeAlias = tuple[str, int, str, int]
"""(agent, number of the period, what, how much)."""
Point: TypeAlias = tuple[int, str, int]
"""A span of this kind begins (1) or ends (-1) with this second."""

_KINDS = {
    "online": "online",
    "away": "away",
    WORK: "worked",
    **dict.fromkeys(("new", "open"), "open"),
    **dict.fromkeys(("pending", "on-hold"), "waiting"),
}
_agent = itemgetter(0)


def known(connection: Connection, tables: Tables) -> tuple[int, int] | None:
    """The first and the last instant that the view tells of; None where it tells nothing."""
    edges: list[int | None] = []
    for name in ("presence", "spans"):
        at = tables[name].c
        query = select(func.min(at.from_at), func.max(at.from_at), func.max(at.to_at))
        edges += connection.execute(query).one()
    quarter = tables["counts"].c.quarter
    counted = connection.execute(select(func.min(quarter), func.max(quarter))).one()
    edges += [None if at is None else at * QUARTER for at in counted]
    instants = [at for at in edges if at is not None]
    return (min(instants), max(instants)) if instants else None


class Sweep:
    """Counts what lies in periods that follow each other. What goes on ends with `last`."""

    def __init__(
        self, connection: Connection, tables: Tables, found: Sequence[Period], last: int
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._found = found
        self._starts = [each.start // SECOND for each in found]
        self._ends = [each.end // SECOND for each in found]
        self._last = last

    def figures(self) -> Iterator[Figure]:
        yield from self._spent()
        yield from self._on_shift()
        yield from self._counted()

    def _spent(self) -> Iterator[Figure]:
        """One agent after the other, since a year has millions of spans."""
        presence, spans = self._tables["presence"], self._tables["spans"]
        rows = union_all(
            self._inside(presence, literal("").label("ticket"), presence.c.availability),
            self._inside(spans, spans.c.ticket, spans.c.kind),
        )
        found = self._connection.execute(rows.order_by("agent"))
        for agent, own_spans in groupby(found, key=_agent):
            points: list[Point] = []
            worked: set[tuple[int, str]] = set()
            for _, ticket, kind, *span in own_spans:
                start, end = self._cut(*span)
                points += ((start, _KINDS[kind], 1), (end, _KINDS[kind], -1))
                if kind == WORK:
                    worked.update((number, ticket) for number, *_ in self._parts(start, end))
            for number, what, seconds in swept(points, self._starts):
                yield agent, number, what, seconds
            for number, _ in worked:
                yield agent, number, "tickets", 1

    def _on_shift(self) -> Iterator[Figure]:
        """The time that weekly shifts cover, as far as they were in force."""
        table = self._tables["rotas"]
        query = self._inside(table, table.c.zone, table.c.shifts)
        for agent, zone, text, *span in self._connection.execute(query):
            start, end = self._cut(*span)
            shifts = [Shift.model_validate(each) for each in orjson.loads(text)]
            hours = rota(shifts, zone, start * SECOND, end * SECOND)
            for number, low, high in self._parts(start, end):
                covered = hours.between(low * SECOND, high * SECOND)
                yield agent, number, "on_shift", covered // SECOND

    def _counted(self) -> Iterator[Figure]:
        table = self._tables["counts"].c
        sums: dict[tuple[str, int, str], int] = defaultdict(int)
        first, end = self._starts[0] * SECOND // QUARTER, self._ends[-1] * SECOND // QUARTER
        query = select(table.agent, table.what, table.quarter, table.n).where(
            table.quarter >= first, table.quarter < end
        )
        for agent, what, quarter, n in self._connection.execute(query):
            sums[agent, self._number(quarter * QUARTER // SECOND), what] += n
        for (agent, number, what), n in sums.items():
            yield agent, number, what, n

    def _inside(self, table: Table, *columns: ColumnElement[Any]) -> Any:
        of = table.c
        start, end = self._starts[0] * SECOND, self._ends[-1] * SECOND
        inside = and_(of.from_at < end, or_(of.to_at.is_(None), of.to_at > start))
        return select(of.agent, *columns, of.from_at, of.to_at).where(inside)

    def _cut(self, start: int, end: int | None) -> tuple[int, int]:
        """The part of a span that lies in the periods: from which second up to which."""
        low = max(_second(start), self._starts[0])
        high = min(_second(self._last if end is None else end), self._ends[-1])
        return low, max(low, high)

    def _parts(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The parts of what was cut, by the numbers of their periods."""
        while start < end:
            number = self._number(start)
            high = min(end, self._ends[number])
            yield number, start, high
            start = high

    def _number(self, second: int) -> int:
        return bisect_right(self._starts, second) - 1


def _second(at: int) -> int:
    """The first whole second that isn't before an instant."""
    return -(-at // SECOND)


def swept(points: Iterable[Point], starts: Sequence[int]) -> Iterator[tuple[int, str, int]]:
    """One agent's seconds: (number of the period, what, how many)."""
    borders = ((start, "", number) for number, start in enumerate(starts))
    now = dict.fromkeys(_KINDS.values(), 0)
    at = period = 0
    for second, what, step in sorted((*points, *borders)):
        if length := second - at:
            for name, n in _holding(now):
                if n:
                    yield period, name, n * length
        at = second
        if what:
            now[what] += step
        else:
            period = step


def _holding(now: dict[str, int]) -> Iterable[tuple[str, int]]:
    """The values that each second of a span counts for."""
    there, opened = min(now["online"], 1), now["open"]
    return (
        ("online", there),
        ("away", min(now["away"], 1)),
        ("worked", min(now["worked"], 1)),
        ("open", opened),
        ("waiting", now["waiting"]),
        ("engaged", there * min(opened, 1)),
        ("carried", there * opened),
    )
