"""Loads aggregates from a log: the `eventsourcing` repository with a functional projection, a
cache that is brought forward, and snapshots of long streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.application import Repository as LibraryRepository
from eventsourcing.persistence import (
    EventStore,
    JSONTranscoder,
    Mapper,
    StoredEvent,
)
from pydantic import TypeAdapter

from ticketlog.domain.base import Aggregate, State, kind_and_id
from ticketlog.log.eventsourcing.recorder import LogAggregateRecorder
from ticketlog.log.eventsourcing.snapshots import SnapshotRecorder
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.support.gc_paused import gc_paused

CACHE = 10_000
"""States kept in memory."""
SNAPSHOT_EVERY = 250
"""Events between two snapshots of a stream."""


class Snapshot(NamedTuple):
    """A state that was reached at a version."""

    originator_id: str
    originator_version: int
    value: State


class _TypedEvents(EventStore[str]):
    """Events of the recorder, which are typed already."""

    def __init__(self, recorder: LogAggregateRecorder) -> None:
        super().__init__(Mapper(JSONTranscoder()), recorder)
        self._each = recorder.each

    def get(
        self, originator_id: str, *, gt: int | None = None, lte: int | None = None, **_: Any
    ) -> Any:
        return self._each(originator_id, gt, lte)


class _SnapshotMapper(Mapper[str]):
    """Writes a state as JSON under a topic that names its kind and its code's version."""

    def __init__(self, adapters: dict[str, TypeAdapter[Any]]) -> None:
        super().__init__(JSONTranscoder())
        self.adapters = adapters

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        state = domain_event.value
        kind = kind_and_id(domain_event.originator_id)[0]
        return StoredEvent(
            domain_event.originator_id,
            domain_event.originator_version,
            _topic(kind, state),
            self.adapters[kind].dump_json(state),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        kind = kind_and_id(str(stored_event.originator_id))[0]
        return Snapshot(
            str(stored_event.originator_id),
            stored_event.originator_version,
            self.adapters[kind].validate_json(stored_event.state),
        )


class _CurrentSnapshots(EventStore[str]):
    """Snapshots without those of another version of the state's code."""

    def __init__(self, mapper: _SnapshotMapper, recorder: SnapshotRecorder, topics: set[str]):
        super().__init__(mapper, recorder)
        self.topics = topics

    def get(self, originator_id: str, **bounds: Any) -> Any:
        return (
            self.mapper.to_domain_event(stored)
            for stored in self.recorder.select_events(originator_id, **bounds)
            if stored.topic in self.topics
        )


class Repository:
    """States by stream. Thread-safe; states are immutable and may be shared."""

    def __init__(
        self,
        log: IndexedLog,
        aggregates: Mapping[str, Aggregate],
        snapshots: Path | None = None,
    ) -> None:
        self._log = log
        self.codec = log.codec
        self._aggregates = aggregates
        self._adapters = {
            kind: TypeAdapter(type(aggregate.initial(""))) for kind, aggregate in aggregates.items()
        }
        self._recorder = SnapshotRecorder(snapshots) if snapshots else None
        topics = {_topic(kind, each.initial("")) for kind, each in aggregates.items()}
        self._snapshots = (
            _CurrentSnapshots(_SnapshotMapper(self._adapters), self._recorder, topics)
            if self._recorder
            else None
        )
        self._library: LibraryRepository[str] = LibraryRepository(
            _TypedEvents(LogAggregateRecorder(log, None, log.codec)),
            snapshot_store=self._snapshots,
            cache_maxsize=CACHE,
            deepcopy_from_cache=False,
        )

    def load(self, stream: str, version: int | None = None) -> Any:
        """The state after event number `version` (from 0; None: the latest), or the initial one.

        Raises KeyError for a kind of stream that isn't known, Unreadable for a stream that this
        release can't read.
        """
        kind, id = kind_and_id(stream)
        aggregate = self._aggregates[kind]
        if version is None and (state := self._latest(stream)) is not None:
            return state
        try:
            with gc_paused():
                state = self._library.get(
                    stream, version=version, projector_func=self._projector(aggregate, id)
                )
        except AggregateNotFoundError:
            return aggregate.initial(id)
        if version is None:
            self.keep(stream, state)
        return state

    def in_memory(self, stream: str) -> Any:
        """The latest state of a stream, if it is in memory; None: it would have to be read."""
        return self._latest(stream)

    def _latest(self, stream: str) -> Any:
        """The cached state where the stream has no newer commit: reading the stream's head takes a
        third of the time that the library needs for the same answer."""
        assert self._library.cache is not None
        try:
            state: Any = self._library.cache.get(stream)
        except KeyError:
            return None
        return state if self._log.head(stream).version == state.version + 1 else None

    def keep(self, stream: str, state: Any) -> None:
        """Puts a state into the cache: the library brings a cached immutable state forward on
        every read, but never keeps the result."""
        assert self._library.cache is not None
        self._library.cache.put(stream, state)

    def snapshot(self, stream: str, before: int, state: Any) -> None:
        """Keeps a snapshot when a stream has passed another multiple of SNAPSHOT_EVERY."""
        if self._snapshots and before // SNAPSHOT_EVERY != state.version // SNAPSHOT_EVERY:
            kept: Any = Snapshot(stream, state.version, state)
            self._snapshots.put([kept])

    def close(self) -> None:
        if self._recorder:
            self._recorder.close()

    def _projector(self, aggregate: Aggregate, id: str) -> Any:
        def project(state: Any, events: Iterable[Any]) -> Any:
            history = iter(events)
            first = next(history, None)
            if first is None:
                return state
            if isinstance(first, Snapshot):
                return aggregate.fold(first.value, history)
            start = aggregate.initial(id) if state is None else state
            return aggregate.fold(start, chain((first,), history))

        return project


def _topic(kind: str, state: State) -> str:
    return f"{kind}.state.v{type(state).CODE}"
