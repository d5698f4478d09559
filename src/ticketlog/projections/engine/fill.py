"""Empty tables filled from the log, by one process or by several."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Engine

from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.log.commit import leaf
from ticketlog.log.index.reader import IndexReader
from ticketlog.log.port import Log
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.basis import Basis
from ticketlog.projections.engine.build_store import Build, Parked, Position
from ticketlog.projections.engine.bulk_fold import Alone, Chunk, Histories, Task, chunks
from ticketlog.projections.engine.fill_workers import chunks_from_workers
from ticketlog.projections.engine.moment import Cut, Moment
from ticketlog.projections.engine.projection import Projection, Row, Sum
from ticketlog.projections.engine.row_changes import add, many, statements_of

HUGE = 30_000
"""Records from which processes of their own are worth their start."""


class ReplayProgress(NamedTuple):
    """Progress of a replay: records and events taken in, records there are, seconds passed."""

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


Report = Callable[[ReplayProgress], None]
ProgressCallback = Callable[[str, ReplayProgress | None], None]
"""Told what is being made and how far it is; None: it is made, or given up."""


@contextmanager
def reporting_progress(on_progress: ProgressCallback | None, what: str) -> Iterator[Report]:
    """Progress of one thing, for a callback that hears of many."""
    if on_progress is None:
        yield lambda progress: None
        return
    try:
        yield lambda progress: on_progress(what, progress)
    finally:
        on_progress(what, None)


def fill(
    log: Log,
    engine: Engine,
    builds: Sequence[Build],
    moment: Moment,
    *,
    past: bool = False,
    park: bool = False,
    basis: Basis | None = None,
    stream: str | None = None,
    workers: int | None = None,
    progress: Report | None = None,
) -> None:
    """Writes the rows of all streams, as of a moment, into empty builds, and their positions.

    `past`, `park`, `basis`: see Task. `stream`: of this one alone. `workers`: how many processes
    read and fold while this one writes; 0: this one does all; None: see `helpers`. Raises Poison
    where an event can't be taken and isn't to be parked.
    """
    ends = moment.ends if isinstance(moment, Cut) else log.ends()
    views = [build.view for build in builds]
    task = Task(views, range(log.partitions), ends, moment, log.codec, past, park, basis)
    filling = _Filling(engine, builds, sum(ends), progress)
    workers = helpers(ends, views) if workers is None else workers
    for chunk in _chunks(log if stream is None else Alone(log, stream), task, workers):
        filling.write(chunk)
    filling.finish([_position(log, p, end) for p, end in enumerate(ends)])


def helpers(ends: Sequence[int], views: Sequence[Projection]) -> int:
    """The number of processes to fold a log with: one a core where they are worth their start, else
    none. Streams that aren't of tickets are soon folded."""
    cores = os.cpu_count() or 1
    much = sum(ends) > HUGE and any(TICKET in view.folds for view in views)
    return cores if cores > 1 and much else 0


def _chunks(log: Histories, task: Task, workers: int) -> Iterator[Chunk]:
    if workers and isinstance(log, IndexReader):
        return chunks_from_workers(log, task, workers)
    return chunks(log, task)


def _position(log: Log, partition: int, end: int) -> Position:
    if end == 0:
        return Position()
    (record,) = log.records(partition, end - 1, 1)
    return Position(end, leaf(record.data))


class _Filling:
    """Chunks on their way into the tables."""

    def __init__(
        self, engine: Engine, builds: Sequence[Build], total: int, progress: Report | None
    ) -> None:
        self._engine = engine
        self._builds = builds
        self._total = total
        self._progress = progress
        self._started = time.monotonic()
        self._sums: dict[tuple[int, int], dict[Row, int]] = {}
        self._parked: list[Parked] = []
        self._records = self._events = 0

    def write(self, chunk: Chunk) -> None:
        with storage.writing(self._engine) as connection:
            for at, (build, tables) in enumerate(zip(self._builds, chunk.rows, strict=True)):
                build_store.beat(connection, build)
                for number, rows in enumerate(tables):
                    spec = build.view.tables[number]
                    if isinstance(spec, Sum):
                        add(self._sums.setdefault((at, number), {}), rows, 1)
                        continue
                    table = build.tables[spec.name]
                    many(connection, statements_of(spec, table, connection.dialect).insert, rows)
        for stuck in chunk.stuck:
            self._parked.append(Parked(self._builds[stuck.view].number, *stuck[1:]))
        self._records += chunk.records
        self._events += chunk.events
        if self._progress is not None:
            passed = time.monotonic() - self._started
            self._progress(ReplayProgress(self._records, self._events, self._total, passed))

    def finish(self, at: Sequence[Position]) -> None:
        """Writes the sums, and how far the builds have come."""
        with storage.writing(self._engine) as connection:
            for build in self._builds:
                build_store.beat(connection, build)
            for (number, place), sums in self._sums.items():
                build = self._builds[number]
                spec = build.view.tables[place]
                sql = statements_of(spec, build.tables[spec.name], connection.dialect).insert
                many(connection, sql, [(*key, n) for key, n in sorted(sums.items())])
            for build in self._builds:
                build_store.move(connection, build, [Position()] * len(at), at)
            build_store.park(connection, self._parked)
