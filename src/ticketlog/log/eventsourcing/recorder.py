"""The log as an `eventsourcing` persistence module.

An application of that library reads and writes one partition; its events are foreign events, which
are kept as base64. Events of ticketlog come out typed. A notification's id is the ordinal of the
accepted event in its partition, from 1. A batch must be on one stream, with contiguous versions
from 0: a commit is one record.

Environment: LOG_PATH, LOG_PARTITION (default 0), SNAPSHOTS_PATH (default: beside the log).
"""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import uuid_utils
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    Notification,
    OperationalError,
    ProcessRecorder,
    ProgrammingError,
    StoredEvent,
    Subscription,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from ticketlog.domain.base import Actor, Recorded
from ticketlog.errors import Conflict, Unreachable
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, ForeignEvent
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.eventsourcing.snapshots import SnapshotRecorder
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Record

_KEEPS_NO_POSITIONS = "keep positions in a view's database: the log only holds commits"


class LoggedEvent(Recorded):
    """An event of ticketlog as the library's stored event: typed already, its bytes made on
    demand."""

    __slots__ = ()

    @property
    def topic(self) -> str:
        return self.event.NAME

    @property
    def state(self) -> bytes:
        return orjson.dumps(self.event.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)


class LogAggregateRecorder(AggregateRecorder):
    """Reads and writes streams of one log. `codec`: decodes events into typed ones; None: events
    come as they are stored."""

    def __init__(
        self, log: IndexedLog, partition: int | None = 0, codec: RecordCodec | None = None
    ):
        self.log = log
        self.partition = partition
        self.codec = codec

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        self._insert(stored_events)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        events = list(self.each(str(originator_id), gt, lte))
        if desc:
            events.reverse()
        return events if limit is None else events[:limit]

    def each(self, stream: str, gt: int | None = None, lte: int | None = None) -> Iterator[Any]:
        """The events one after the other: of a long stream, none need be kept for the next."""
        start = 0 if gt is None else gt + 1
        stop = None if lte is None else lte + 1
        found = map(self._events, self.log.stream(stream, start, stop))
        events = chain.from_iterable(found)
        if not start and stop is None:
            return events
        return (each for each in events if _within(each.originator_version, start, stop))

    def _events(self, record: Record) -> Sequence[Any]:
        if self.codec is not None:
            return self.codec.decode(record[2], record[0], record[1], LoggedEvent)
        envelope = orjson.loads(record.data)
        return [
            StoredEvent(
                envelope["stream"], envelope["expects"] + i, event["type"], _state_of(event)
            )
            for i, event in enumerate(envelope["events"])
        ]

    def _insert(self, stored_events: Sequence[StoredEvent]) -> list[int] | None:
        if not stored_events:
            return None
        commit = _commit_of(stored_events)
        there = partition_of(commit.stream, self.log.partitions)
        if self.partition is not None and there != self.partition:
            raise ProgrammingError(
                f"{commit.stream} lives in partition {there}, not in {self.partition}"
            )
        try:
            placed = self.log.append(commit)
        except Conflict as error:
            raise IntegrityError(str(error)) from error
        except Unreachable as error:
            raise OperationalError(str(error)) from error
        last = self.log.ordinal_of(placed.partition, placed.offset)
        return list(range(last - placed.events + 1, last + 1))


def _within(version: int, start: int, stop: int | None) -> bool:
    return start <= version and (stop is None or version < stop)


class LogApplicationRecorder(LogAggregateRecorder, ApplicationRecorder):
    """One partition as an application sequence."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        return self._insert(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 1 if start is None else max(1, start + (not inclusive_of_start))
        found: list[Notification] = []
        assert self.partition is not None
        while len(found) < limit and (stop is None or first <= stop):
            page = self.log.from_ordinal(self.partition, first, limit)
            if not page:
                break
            for last, record in page:
                events = self._events(record)
                for id, event in enumerate(events, last - len(events) + 1):
                    if id >= first and (stop is None or id <= stop):
                        found.append(_notification(id, event))
                first = last + 1
            if topics:
                found = [each for each in found if each.topic in topics]
        return found[:limit]

    def max_notification_id(self) -> int | None:
        assert self.partition is not None
        return self.log.ordinals(self.partition) or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return LogSubscription(self, gt, topics)


class LogSubscription(Subscription[LogApplicationRecorder]):
    """Yields a partition's notifications, and waits at its end until `stop`."""

    def __init__(
        self, recorder: LogApplicationRecorder, gt: int | None, topics: Sequence[str]
    ) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._page: list[Notification] = []

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if self._page:
                notification = self._page.pop(0)
                self._last_notification_id = notification.id
                return notification
            ends = self._recorder.log.ends()
            self._page = list(
                self._recorder.select_notifications(
                    self._last_notification_id or 0,
                    500,
                    None,
                    self._topics,
                    inclusive_of_start=False,
                )
            )
            if not self._page:
                self._recorder.log.wait(ends, 0.1)
        raise StopIteration


class LogFactory(InfrastructureFactory[TrackingRecorder]):
    """Makes recorders for the log that the environment names: LOG_URL for one in Kafka (one
    partition, or as many as the URL says), and LOG_PATH for the embedded log's file, or for that
    of the index of the log in Kafka."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        name = self.env.name or "events"
        path = Path(self.env.get("LOG_PATH", "") or "log.db")
        url = self.env.get("LOG_URL", "")
        self.log = _in_kafka(url, path, name) if url else _embedded(path, name)
        self.partition = int(self.env.get("LOG_PARTITION", "0") or 0)
        self._snapshots: SnapshotRecorder | None = None

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        if purpose == "events":
            return LogAggregateRecorder(self.log, self.partition)
        if self._snapshots is None:
            beside = self.log.path.with_suffix(".snapshots.db")
            self._snapshots = SnapshotRecorder(Path(self.env.get("SNAPSHOTS_PATH", "") or beside))
        return self._snapshots

    def application_recorder(self) -> ApplicationRecorder:
        return LogApplicationRecorder(self.log, self.partition)

    def tracking_recorder(
        self, tracking_recorder_class: type[TrackingRecorder] | None = None
    ) -> TrackingRecorder:
        raise NotImplementedError(_KEEPS_NO_POSITIONS)

    def process_recorder(self) -> ProcessRecorder:
        raise NotImplementedError(_KEEPS_NO_POSITIONS)

    def close(self) -> None:
        self.log.close()
        if self._snapshots is not None:
            self._snapshots.close()


def _embedded(path: Path, name: str) -> IndexedLog:
    if path.exists():
        return EmbeddedLog.open(path, RecordCodec())
    return EmbeddedLog.create(path, RecordCodec(), name=name, desk="", partitions=1)


def _in_kafka(url: str, path: Path, name: str) -> IndexedLog:
    from ticketlog.log.kafka.bootstrap import create_or_join
    from ticketlog.log.kafka.log import KafkaLog

    address = KafkaAddress.parse(url)
    topic = create_or_join(address, {name: address.partitions or 1}, "")[name]
    return KafkaLog.open(address, topic, path, name, RecordCodec())


def _commit_of(stored_events: Sequence[StoredEvent]) -> Commit:
    first = stored_events[0]
    stream = str(first.originator_id)
    for i, event in enumerate(stored_events):
        if str(event.originator_id) != stream:
            raise ProgrammingError(
                f"a commit is one record on one stream: {stream} and {event.originator_id} need two"
            )
        if event.originator_version != first.originator_version + i:
            raise IntegrityError(f"{stream}: versions of a batch must follow one another")
    now = time.time_ns() // 1000
    return Commit(
        id=str(uuid_utils.uuid7()),
        command="eventsourcing.save",
        digest="",
        stream=stream,
        expects=first.originator_version,
        events=[ForeignEvent(event.topic, event.state) for event in stored_events],
        occurred_at=now,
        recorded_at=now,
        actor=Actor("eventsourcing", "service"),
        channel="api",
    )


def _state_of(event: dict[str, Any]) -> bytes:
    if "state" in event:
        return b64decode(event["state"])
    return orjson.dumps(event.get("data", {}), option=orjson.OPT_SORT_KEYS)


def _notification(id: int, event: StoredEvent) -> Notification:
    return Notification(
        originator_id=event.originator_id,
        originator_version=event.originator_version,
        topic=event.topic,
        state=event.state,
        id=id,
    )
