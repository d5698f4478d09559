"""Empty tables filled from the log: stream by stream, each folded once, its rows written once."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from heapq import merge
from itertools import takewhile
from typing import NamedTuple

import orjson
from sqlalchemy import Engine

from ticketlog.domain.base import instant
from ticketlog.errors import Poison
from ticketlog.log.commit import leaf
from ticketlog.log.port import Log, Record
from ticketlog.projections import database
from ticketlog.projections.base import Projection, Row, Sum
from ticketlog.projections.changes import add, many, statements_of
from ticketlog.projections.database import Build, Parked, Position
from ticketlog.projections.folding import Stream, ViewRows, carefully, kind_of, typed
from ticketlog.projections.moment import Cut, Moment, Occurred

FLUSH = 20_000
"""Rows a transaction: others write to the views between two of them."""


class Progress(NamedTuple):
    """How far it is: records and events taken in, records there are, seconds passed."""

    records: int
    events: int
    total: int
    seconds: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> float | None:
        """Seconds to go, as far as one can say."""
        return self.seconds * (self.total / self.records - 1) if self.records else None


Report = Callable[[Progress], None]


def fill(
    log: Log,
    engine: Engine,
    builds: Sequence[Build],
    moment: Moment,
    *,
    progress: Report | None = None,
    park: bool = False,
) -> None:
    """Writes the rows of all streams, as of a moment, into empty builds, and their positions.

    Raises Poison where an event can't be taken, unless its stream is to be parked.
    """
    ends = moment.ends if isinstance(moment, Cut) else log.ends()
    bulk = _Bulk(engine, builds, sum(ends), progress)
    with _uncollected():
        for name, records in merge(*(log.streams(p, ends) for p in range(log.partitions))):
            views = bulk.views.get(kind_of(name))
            bulk.records += len(records)
            if views is None:
                continue
            if isinstance(moment, Occurred):
                records = _occurred(records, moment.at)
                if not records:
                    continue
            try:
                stream = Stream(name, views)
                stream.apply([typed(record) for record in records])
                bulk.take(name, stream.rows(), stream.version + 1)
            except Exception:
                bulk.take_carefully(name, records, park)
    bulk.finish([_position(log, p, end) for p, end in enumerate(ends)])


def _occurred(records: Sequence[Record], at: int) -> list[Record]:
    """The commits up to the first that a stream's clock puts after an instant."""
    return list(
        takewhile(lambda each: instant(orjson.loads(each.data)["occurred_at"]) <= at, records)
    )


def _position(log: Log, partition: int, end: int) -> Position:
    if end == 0:
        return Position()
    (record,) = log.records(partition, end - 1, 1)
    return Position(end, leaf(record.data))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Folding makes no cycles, and looking for them would cost a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


_Sink = Callable[[list[Row]], None]


class _Bulk:
    """Rows on their way into the tables of builds."""

    def __init__(
        self, engine: Engine, builds: Sequence[Build], total: int, progress: Report | None
    ) -> None:
        self._engine = engine
        self._builds = builds
        self._total = total
        self._progress = progress
        self._started = time.monotonic()
        self._rows: list[list[list[Row]]] = [[[] for _ in build.view.tables] for build in builds]
        self._sums: list[list[dict[Row, int]]] = [
            [{} for _ in build.view.tables] for build in builds
        ]
        self._parked: list[Parked] = []
        self._pending = 0
        self.records = 0
        self.events = 0
        self.views: dict[str, list[Projection]] = {}
        """Kind of stream -> the views that fold it."""
        self._sinks: dict[str, list[tuple[Build, list[_Sink]]]] = {}
        for at, build in enumerate(builds):
            for kind in build.view.folds:
                self.views.setdefault(kind, []).append(build.view)
                self._sinks.setdefault(kind, []).append((build, self._sinks_of(at)))

    def _sinks_of(self, at: int) -> list[_Sink]:
        return [
            partial(add, sums, sign=1) if isinstance(spec, Sum) else rows.extend
            for spec, rows, sums in zip(
                self._builds[at].view.tables, self._rows[at], self._sums[at], strict=True
            )
        ]

    def take(self, stream: str, views: Sequence[ViewRows], events: int) -> None:
        """The rows of one stream, per view that folds it."""
        for (_, sinks), tables in zip(self._sinks[kind_of(stream)], views, strict=True):
            for sink, rows in zip(sinks, tables, strict=True):
                if rows:
                    sink(rows)
                    self._pending += len(rows)
        self.events += events
        if self._pending >= FLUSH:
            self._flush()

    def take_carefully(self, stream: str, records: Sequence[Record], park: bool) -> None:
        """A stream that can't be taken whole: stops, or parks it where it fails."""
        views: list[ViewRows] = []
        for build, _ in self._sinks[kind_of(stream)]:
            rows, failure = carefully(build.view, stream, records)
            views.append(rows)
            if failure is None:
                continue
            where = failure.record
            if not park:
                raise Poison(
                    f"view {build.view.name} can't take {stream} at {where.partition}:"
                    f"{where.offset} ({failure}); nothing was changed. Mend what reads it, then "
                    "rebuild again"
                ) from failure.error
            self._parked.append(
                Parked(build.number, stream, where.partition, where.offset, str(failure))
            )
        self.take(stream, views, 0)

    def _flush(self) -> None:
        with database.writing(self._engine) as connection:
            for build, tables in zip(self._builds, self._rows, strict=True):
                database.beat(connection, build)
                for spec, rows in zip(build.view.tables, tables, strict=True):
                    table = build.tables[spec.name]
                    many(connection, statements_of(spec, table, connection.dialect).insert, rows)
                    rows.clear()
        self._pending = 0
        if self._progress is not None:
            passed = time.monotonic() - self._started
            self._progress(Progress(self.records, self.events, self._total, passed))

    def finish(self, at: Sequence[Position]) -> None:
        """Writes what is left, the sums, and how far the builds have come."""
        for tables, counted in zip(self._rows, self._sums, strict=True):
            for rows, sums in zip(tables, counted, strict=True):
                rows += [(*key, n) for key, n in sorted(sums.items())]
        self._flush()
        with database.writing(self._engine) as connection:
            for build in self._builds:
                database.move(connection, build, [Position()] * len(at), at)
            database.park(connection, self._parked)
