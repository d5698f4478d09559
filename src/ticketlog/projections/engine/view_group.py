"""Views that stand at the same place follow the log together: one pass, one transaction a batch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, Engine

from ticketlog.domain.base import kind_and_id
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.errors import Damaged, Unreadable
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Verdict, leaf
from ticketlog.log.port import Log, Record
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.build_store import Build, Overtaken, Parked, Position
from ticketlog.projections.engine.row_changes import RowChanges
from ticketlog.projections.engine.stream_fold import (
    Commit,
    StreamFold,
    ViewRows,
    carefully,
    typed,
)
from ticketlog.support.gc_paused import gc_paused

BATCH = 20_000
"""Records a batch: large enough that a ticket's row is written once for many of its events."""
REMEMBERED = 4_096
"""Streams whose folds are kept, so that a live event costs no read of its stream."""
_ANEW = "Restore it, or make the views from what is there by `ticketlog replay rebuild`"


class _Known(NamedTuple):
    """A stream as it was left: which builds follow it, its fold, and its rows in each of them."""

    builds: tuple[Build, ...]
    stream: StreamFold
    rows: Sequence[ViewRows]


class _New:
    """The commits of one stream in a batch."""

    __slots__ = ("commits", "readable")

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.readable = True


class ViewGroup:
    """Follows the log for builds that have the same positions."""

    def __init__(self, log: Log, engine: Engine, builds: Sequence[Build], state: str) -> None:
        """`state`: that of the builds, live or building."""
        self.builds = tuple(builds)
        self.overtaken = False
        self._state = state
        self._log = log
        self._engine = engine
        self._known: OrderedDict[str, _Known] = OrderedDict()
        kinds = sorted({kind for build in builds for kind in build.view.folds})
        self._marks = () if TICKET in kinds else tuple(f'"{kind}/'.encode() for kind in kinds)
        """Bytes that stand in a record that is followed, where most aren't; empty: all are read."""
        with storage.reading(engine) as connection:
            self.at = build_store.positions(connection, self.builds[0])
            self._parked = {
                (build.number, row.stream)
                for build in builds
                for row in build_store.parked(connection, build)
            }
        if len(self.at) != log.partitions:
            raise Damaged(
                f"the views were made from a log of {len(self.at)} partitions, the {log.name} log "
                f"has {log.partitions}. {_ANEW}"
            )

    def advance(self, ends: Sequence[int]) -> bool:
        """Applies one batch of records before `ends`, in one transaction; True where it did.

        False where nothing was left, or where it was overtaken: another runner was first, a
        rebuild took over, or parked streams were retried; then it no longer stands where the views
        stand, and is of no more use. Raises Damaged where the log is not the one that the views
        were made from.
        """
        records = self._batch(ends)
        if not records:
            return False
        now = self._after(records)
        changes = {build.number: RowChanges(build) for build in self.builds}
        parked: list[Parked] = []
        with gc_paused():
            for name, new in _by_stream(records, self._marks, self._log.codec).items():
                self._take(name, new, now, changes, parked)
        try:
            with storage.writing(self._engine) as connection:
                self._check(connection)
                for build in self.builds:
                    build_store.move(connection, build, self.at, now)
                    changes[build.number].write(connection)
                build_store.park(connection, parked)
        except Overtaken:
            self.overtaken = True
            return False
        self._parked.update((row.build, row.stream) for row in parked)
        self.at = now
        return True

    def _check(self, connection: Connection) -> None:
        """Raises Overtaken where builds or parked streams are no longer what this group knows."""
        if build_store.states(connection, self.builds) != {self._state} or self._parked != {
            (row.build, row.stream)
            for build in self.builds
            for row in build_store.parked(connection, build)
        }:
            raise Overtaken

    def _batch(self, ends: Sequence[int]) -> list[Record]:
        """The next records, partition by partition, after a look at the last one applied."""
        found: list[Record] = []
        for partition, (at, end) in enumerate(zip(self.at, ends, strict=True)):
            if end < at.next:
                last = self._log.records(partition, at.next - 1, 1)
                _checked(self._log.name, partition, at, last)
            left = min(end - at.next, BATCH - len(found))
            if left <= 0:
                continue
            start = max(at.next - 1, 0)
            records = self._log.records(partition, start, at.next - start + left)
            found += _checked(self._log.name, partition, at, records)
        return found

    def _after(self, records: Sequence[Record]) -> tuple[Position, ...]:
        last = {record.partition: record for record in records}
        return tuple(
            Position(last[p].offset + 1, leaf(last[p].data)) if p in last else at
            for p, at in enumerate(self.at)
        )

    def _followers(self, name: str) -> tuple[Build, ...]:
        """The builds that fold streams of this kind and haven't parked this one."""
        kind = kind_and_id(name)[0]
        return tuple(
            build
            for build in self.builds
            if kind in build.view.folds and (build.number, name) not in self._parked
        )

    def _take(
        self,
        name: str,
        new: _New,
        now: Sequence[Position],
        changes: dict[int, RowChanges],
        parked: list[Parked],
    ) -> None:
        """Folds what is new of one stream; a stream that some view can't take is parked there."""
        builds = self._followers(name)
        if not builds:
            return
        known = self._known.pop(name, None)
        try:
            if not new.readable:
                raise Unreadable(name)
            if known is None or known.builds != builds or not _continues(known.stream, new):
                known = self._remembered(name, builds, new)
            known.stream.apply(new.commits)
            rows = known.stream.rows()
        except Exception:
            self._take_carefully(name, builds, now, changes, parked)
            return
        for build, old, current in zip(builds, known.rows, rows, strict=True):
            changes[build.number].replace(old, current)
        self._known[name] = _Known(builds, known.stream, rows)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _remembered(self, name: str, builds: tuple[Build, ...], new: _New) -> _Known:
        """The stream before the batch, read again."""
        stream = StreamFold(name, [build.view for build in builds])
        start = new.commits[0][0].originator_version
        stream.apply(
            [typed(record, self._log.codec) for record in self._log.stream(name, 0, start)]
        )
        rows: Sequence[ViewRows] = [[[] for _ in build.view.tables] for build in builds]
        if start:
            rows = stream.rows()
        return _Known(builds, stream, rows)

    def _take_carefully(
        self,
        name: str,
        builds: Iterable[Build],
        now: Sequence[Position],
        changes: dict[int, RowChanges],
        parked: list[Parked],
    ) -> None:
        history = self._log.stream(name)
        for build in builds:
            old, _ = carefully(self._log.codec, build.view, name, _until(history, self.at))
            new, failure = carefully(self._log.codec, build.view, name, _until(history, now))
            changes[build.number].replace(old, new)
            if failure is not None:
                where = failure.record
                parked.append(
                    Parked(build.number, name, where.partition, where.offset, str(failure))
                )


def _by_stream(
    records: Iterable[Record], marks: Sequence[bytes], codec: RecordCodec
) -> dict[str, _New]:
    found: dict[str, _New] = {}
    for record in records:
        if record.verdict is not Verdict.ACCEPTED:
            continue
        if marks and not any(mark in record.data for mark in marks):
            continue
        try:
            commit = typed(record, codec)
            name = commit[0].originator_id
        except Unreadable:
            commit = []
            name = orjson.loads(record.data)["stream"]
        new = found.get(name)
        if new is None:
            new = found[name] = _New()
        new.commits.append(commit)
        new.readable = new.readable and bool(commit)
    return found


def _continues(stream: StreamFold, new: _New) -> bool:
    return stream.version + 1 == new.commits[0][0].originator_version


def _until(records: Iterable[Record], at: Sequence[Position]) -> list[Record]:
    return [record for record in records if record.offset < at[record.partition].next]


def _checked(log: str, partition: int, at: Position, records: list[Record]) -> list[Record]:
    """The records without the one that was applied last, which must be the same as then."""
    if at.next == 0:
        return records
    where = f"the {log} log at {partition}:{at.next - 1}"
    if not records or records[0].offset != at.next - 1:
        raise Damaged(
            f"{where} is missing, but the views were made from it: the log was cut off or made "
            f"anew. {_ANEW}"
        )
    if leaf(records[0].data) != at.leaf:
        raise Damaged(
            f"{where} is not the record that the views were made from: another log, or a changed "
            f"one. {_ANEW}"
        )
    return records[1:]
