"""The rows of all streams, folded stream by stream, in chunks that are ready to be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import takewhile
from typing import NamedTuple, Protocol

from ticketlog.domain.base import kind_and_id
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.rectification import rectified
from ticketlog.errors import Poison
from ticketlog.log.codec import RecordCodec
from ticketlog.log.port import Log, Record
from ticketlog.projections.engine.basis import Basis
from ticketlog.projections.engine.moment import Cut, Moment
from ticketlog.projections.engine.projection import Projection, Row, Sum
from ticketlog.projections.engine.row_changes import add
from ticketlog.projections.engine.stream_fold import (
    Commit,
    StreamFold,
    ViewRows,
    carefully,
    is_correction,
    is_withdrawal,
    occurred_at,
    redacted,
    typed,
)
from ticketlog.support.gc_paused import gc_paused

CHUNK = 20_000
"""Rows a chunk, which is written in one transaction: other writers come in between."""


class Task(NamedTuple):
    """A task of folding: which views, which partitions, up to which moment.

    `past`: what was redacted since the moment is left out, for readers. `park`: a stream that
    can't be taken is parked; otherwise it stops the task. `basis`: tickets' histories as other
    settings would have made them; None: as they were.
    """

    views: Sequence[Projection]
    partitions: Sequence[int]
    ends: Sequence[int]
    moment: Moment
    codec: RecordCodec
    past: bool = False
    park: bool = False
    basis: Basis | None = None


class Stuck(NamedTuple):
    """A stream that a view couldn't take: the view's place in the task, where, and why."""

    view: int
    stream: str
    partition: int
    offset: int
    error: str


class Chunk(NamedTuple):
    """Rows per view and table, and how many records and events they come from.

    Plain values all through, so that a chunk can be sent to another process.
    """

    rows: list[list[list[Row]]]
    stuck: list[Stuck]
    records: int
    events: int


class Histories(Protocol):
    """The histories that a task folds: of a log, or only of its index."""

    def streams(
        self, partition: int, ends: Sequence[int] | None = None, after: str = ""
    ) -> Iterator[tuple[str, list[Record]]]:
        """A partition's streams with their commits, in the order of their names."""


class Alone(NamedTuple):
    """One stream of a log, as if there were no other."""

    log: Log
    stream: str

    def streams(
        self, partition: int, ends: Sequence[int] | None = None, after: str = ""
    ) -> Iterator[tuple[str, list[Record]]]:
        records = self.log.stream(self.stream)
        if records and records[0].partition == partition:
            end = records[-1].offset + 1 if ends is None else ends[partition]
            yield self.stream, [each for each in records if each.offset < end]


def chunks(log: Histories, task: Task) -> Iterator[Chunk]:
    """Folds each stream once. Sums come with the last chunk. Raises Poison."""
    sink = _Sink(task)
    bounds = None if task.past else task.ends
    with gc_paused():
        kinds = {kind for view in task.views for kind in view.folds}
        for name, records in merge(*(_streams(log, p, bounds, kinds) for p in task.partitions)):
            later: Sequence[Record] = ()
            if task.past:
                records, later = _split(records, task.moment)
            sink.take(name, records, later)
            if sink.pending >= CHUNK:
                yield sink.chunk()
    yield sink.last()


def _streams(
    log: Histories, partition: int, ends: Sequence[int] | None, kinds: set[str]
) -> Iterator[tuple[str, list[Record]]]:
    """The streams that are folded; of most logs nearly all are tickets, which are read in one go
    with the rest where they are among them."""
    if TICKET in kinds:
        yield from log.streams(partition, ends)
        return
    for kind in sorted(kinds):
        streams = log.streams(partition, ends, f"{kind}/")
        yield from takewhile(lambda each: kind_and_id(each[0])[0] == kind, streams)  # noqa: B023


def _split(records: Sequence[Record], moment: Moment) -> tuple[list[Record], Sequence[Record]]:
    """A stream's commits up to the moment, and those after it."""
    if isinstance(moment, Cut):
        before = takewhile(lambda each: each.offset < moment.ends[each.partition], records)
    else:
        corrected = any(map(is_correction, records))
        before = takewhile(lambda each: occurred_at(each, corrected) <= moment.at, records)
    known = list(before)
    return known, records[len(known) :]


class _Sink:
    """Gathers the rows of one stream after the other."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._followers: dict[str, tuple[list[int], list[Projection]]] = {}
        """Kind of stream -> the views that fold it, by place and by name."""
        for at, view in enumerate(task.views):
            for kind in view.folds:
                places, views = self._followers.setdefault(kind, ([], []))
                places.append(at)
                views.append(view)
        self._sums: list[list[dict[Row, int]]] = [[{} for _ in v.tables] for v in task.views]
        self._begin()

    def _begin(self) -> None:
        self._rows: list[list[list[Row]]] = [[[] for _ in v.tables] for v in self._task.views]
        self._stuck: list[Stuck] = []
        self._records = self._events = self.pending = 0

    def take(self, name: str, records: Sequence[Record], later: Sequence[Record]) -> None:
        """One stream; `later`: its commits after the moment."""
        self._records += len(records) + len(later)
        followers = self._followers.get(kind_and_id(name)[0])
        if followers is None or not records or self._is_withdrawn(later):
            return
        places, views = followers
        try:
            stream = StreamFold(name, views, self._task.basis)
            stream.apply(self._known(name, records, later))
            stream.end()
            if later:
                stream.hide(redacted(later))
            found: Sequence[ViewRows] = stream.rows()
            self._events += stream.version + 1
        except Exception:
            found = self._carefully(name, places, records, redacted(later))
        for at, tables in zip(places, found, strict=True):
            self._keep(at, tables)

    def _is_withdrawn(self, later: Sequence[Record]) -> bool:
        """In business time, a withdrawal that came later counts: nothing of it happened."""
        return not isinstance(self._task.moment, Cut) and any(map(is_withdrawal, later))

    def _known(self, name: str, records: Sequence[Record], later: Sequence[Record]) -> list[Commit]:
        """The commits up to the moment. In business time, a correction that came later counts."""
        codec = self._task.codec
        commits = [typed(record, codec) for record in records]
        if isinstance(self._task.moment, Cut) or not any(map(is_correction, later)):
            return commits
        known = {record.offset for record in records}
        whole = rectified(
            kind_and_id(name)[1], [*commits, *(typed(record, codec) for record in later)]
        )
        return [commit for commit in whole if commit[0].meta.offset in known]

    def _keep(self, at: int, tables: ViewRows) -> None:
        for number, rows in enumerate(tables):
            if not rows:
                continue
            if isinstance(self._task.views[at].tables[number], Sum):
                add(self._sums[at][number], rows, 1)
            else:
                self._rows[at][number] += rows
                self.pending += len(rows)

    def _carefully(
        self, name: str, places: Iterable[int], records: Sequence[Record], hidden: Sequence[str]
    ) -> list[ViewRows]:
        """A stream that can't be taken whole: parks it where it fails, or stops."""
        found = []
        for at in places:
            view = self._task.views[at]
            rows, failure = carefully(
                self._task.codec, view, name, records, hidden, self._task.basis
            )
            found.append(rows)
            if failure is None:
                continue
            partition, offset = failure.record.partition, failure.record.offset
            if not self._task.park:
                raise Poison(
                    f"view {view.name} can't take {name} at {partition}:{offset} ({failure}); "
                    "nothing was changed. Mend what reads it, then rebuild again"
                ) from failure.error
            self._stuck.append(Stuck(at, name, partition, offset, str(failure)))
        return found

    def chunk(self) -> Chunk:
        """The rows gathered since the last chunk."""
        chunk = Chunk(self._rows, self._stuck, self._records, self._events)
        self._begin()
        return chunk

    def last(self) -> Chunk:
        """The rest, with the sums."""
        for tables, counted in zip(self._rows, self._sums, strict=True):
            for rows, sums in zip(tables, counted, strict=True):
                rows += [(*key, n) for key, n in sums.items()]
        return self.chunk()
