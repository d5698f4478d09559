"""The topic consumer: it reads all records of a log's topic, from where the index ends.

It never resets an offset by itself: where records of the topic are missing or changed, the
partition stops with a report.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import (
    KafkaError,
    LogTruncationError,
    OffsetOutOfRangeError,
)

from ticketlog.errors import Damaged, Unreachable
from ticketlog.log.kafka.client import connect_client
from ticketlog.log.kafka.index_applier import IndexApplier
from ticketlog.log.kafka.topics import (
    BROKER_TIMEOUT_S,
    Topic,
    ask_brokers,
    partition_bounds,
    unreachable_error,
)
from ticketlog.log.kafka.url import KafkaAddress

FETCH: Mapping[str, Any] = {
    "fetch_min_bytes": 1_000_000,
    "fetch_max_wait_ms": 50,
    "max_partition_fetch_bytes": 4 << 20,
    "max_poll_records": 4_000,
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "retry_backoff_ms": 10,
    "reconnect_backoff_max_ms": 1000,
    "request_timeout_ms": BROKER_TIMEOUT_S * 1000,
    "bootstrap_timeout_ms": BROKER_TIMEOUT_S * 1000,
}
"""Large fetches: a request costs more than a record. Records wait 50 ms at most, and those of this
process are applied from their acknowledgement, not from here."""
_POLL_MS = 50
"""Milliseconds that a poll may take."""
_BULK_RECORDS = 500
"""Records that this process has written since the last poll from which on it writes in bulk."""
_BULK_PAUSE_S = 0.2
"""Seconds between polls then, unless a caller waits for other processes' records."""
_TRUNCATED = "the topic was truncated or made again: it doesn't hold what was read"
_RETRY_AFTER_S = 0.5
"""Seconds between a failed poll and the next one."""
_METADATA_MAX_AGE_MS = 5_000
"""Milliseconds after which brokers are discovered that were down when the client connected."""
_ASK_AGAIN_AFTER_S = 0.1
"""Seconds between two questions to brokers while a caller waits."""
_CHECK_EVERY_S = 5.0
"""Seconds for which a check of the partitions' first offsets is valid."""


def make_consumer(address: KafkaAddress, **options: Any) -> KafkaConsumer:
    """A connected consumer. Raises Unreachable."""
    return connect_client(KafkaConsumer, address, **{**FETCH, **options})


def first_records(address: KafkaAddress, topic: Topic) -> dict[int, bytes]:
    """The record at offset 0 of each partition that has one. Raises Unreachable, and Damaged where
    it is gone."""
    # A consumer's own `end_offsets` was seen to find no leader of a topic that was just made.
    ends = [end for _, end in ask_brokers(address, lambda client: partition_bounds(client, topic))]
    missing = {TopicPartition(topic.name, p) for p, end in enumerate(ends) if end}
    if not missing:
        return {}
    reader = make_consumer(address, fetch_min_bytes=1, max_partition_fetch_bytes=1)
    try:
        firsts: dict[int, bytes] = {}
        deadline = time.monotonic() + BROKER_TIMEOUT_S
        while missing:
            reader.assign(list(missing))
            for place in missing:
                reader.seek(place, 0)
            for place, (first, *_) in reader.poll(timeout_ms=_POLL_MS).items():
                if first.offset:
                    raise Damaged(
                        f"{topic.name} {place.partition}: its first record is {first.offset}: "
                        "those before it were deleted, or the topic was compacted. It holds no "
                        "whole log"
                    )
                firsts[place.partition] = first.value or b""
                missing.discard(place)
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"{topic.name} gives none of its records within {BROKER_TIMEOUT_S} s"
                )
    except OffsetOutOfRangeError as error:
        raise Damaged(f"{topic.name} has lost its first records: it holds no whole log") from error
    except KafkaError as error:
        raise unreachable_error(address, error) from error
    finally:
        reader.close()
    return firsts


def read(
    address: KafkaAddress, topic: Topic, partition: int, start: int, end: int
) -> Generator[tuple[int, bytes]]:
    """The records of a partition from one offset to another, by a connection of its own. Ends early
    where the topic holds fewer. Raises Unreachable."""
    place = TopicPartition(topic.name, partition)
    reader = make_consumer(address, auto_offset_reset="earliest")
    try:
        reader.assign([place])
        reader.seek(place, start)
        offset, progress_at = start, time.monotonic()
        while offset < end and time.monotonic() - progress_at < BROKER_TIMEOUT_S:
            for record in reader.poll(timeout_ms=_POLL_MS).get(place, ()):
                offset, progress_at = record.offset + 1, time.monotonic()
                yield record.offset, record.value or b""
    except KafkaError as error:
        raise unreachable_error(address, error) from error
    finally:
        reader.close()


class TopicConsumer:
    """Reads the topic in a thread of its own. `ends` may be called from any thread."""

    def __init__(
        self, address: KafkaAddress, topic: Topic, positions: list[int], applier: IndexApplier
    ) -> None:
        self.trouble: str | None = None
        """The reason for which no records arrive now."""
        self._address = address
        self._topic = topic
        self._applier = applier
        self._partitions = [TopicPartition(topic.name, p) for p in range(topic.partitions)]
        self._earliest = dict.fromkeys(self._partitions, OffsetSpec.EARLIEST)
        self._latest = dict.fromkeys(self._partitions, OffsetSpec.LATEST)
        self._next = positions
        self._closed = threading.Event()
        self._admin_lock = threading.Lock()
        self._asked_at = 0.0
        self._checked_at: float | None = None
        self._answer: tuple[int, ...] | KafkaError = ()
        self._admin = connect_client(
            KafkaAdminClient,
            address,
            bootstrap_timeout_ms=BROKER_TIMEOUT_S * 1000,
            request_timeout_ms=BROKER_TIMEOUT_S * 1000,
            reconnect_backoff_max_ms=FETCH["reconnect_backoff_max_ms"],
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
        )
        self._consumer = make_consumer(address)
        self._cluster = self._consumer._manager.cluster  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._run, name="ticketlog-tail", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._applier.wanted.set()
        self._thread.join()
        self._consumer.close()
        self._admin.close()

    def ends(self, patience_s: float = 0) -> tuple[int, ...]:
        """Per partition the offset that its next record will take, as the brokers say. They are
        asked again for `patience_s`: a broker that comes back doesn't answer at once.

        Callers that wait while another thread asks share an answer that was asked for after they
        called. The first offsets are checked first. Raises Unreachable."""
        self.check(patience_s)
        called_at = time.monotonic()
        with self._admin_lock:
            if self._asked_at < called_at:
                self._asked_at = time.monotonic()
                self._answer = self._offsets(self._latest, self._asked_at + patience_s)
            answer = self._answer
        if isinstance(answer, KafkaError):
            raise unreachable_error(self._address, answer) from answer
        return answer

    def check(self, patience_s: float = 0) -> None:
        """Stops partitions whose first records are gone, since they can't be judged. The result is
        valid for some seconds. Raises Unreachable."""
        with self._admin_lock:
            checked_at = self._checked_at
            if checked_at is not None and time.monotonic() - checked_at < _CHECK_EVERY_S:
                return
            found = self._offsets(self._earliest, time.monotonic() + patience_s)
            if isinstance(found, KafkaError):
                raise unreachable_error(self._address, found) from found
            for partition, first in enumerate(found):
                if first > 0:
                    self._applier.stop(partition, self._beginning_gone(partition, first))
            self._checked_at = time.monotonic()

    def _offsets(
        self, which: Mapping[TopicPartition, OffsetSpec], until: float
    ) -> tuple[int, ...] | KafkaError:
        while True:
            try:
                found = self._admin.list_partition_offsets(dict(which))
            except KafkaError as error:
                if time.monotonic() > until or self._closed.wait(_ASK_AGAIN_AFTER_S):
                    return error
            else:
                return tuple(found[place].offset for place in self._partitions)

    def read(self, partition: int, end: int) -> Iterator[tuple[int, bytes]]:
        """The records of a partition from its first, as `read` gives them. Raises Unreachable."""
        return read(self._address, self._topic, partition, 0, end)

    def _run(self) -> None:
        self._assign()
        check_at = 0.0
        while not self._closed.is_set():
            try:
                if time.monotonic() > check_at:
                    check_at = time.monotonic() + _CHECK_EVERY_S
                    with suppress(Unreachable):
                        self.check()
                self._drop_stopped()
                self._poll()
                self.trouble = None
            except LogTruncationError as error:
                for place in error.divergent_offsets:
                    self._stop(place.partition, _TRUNCATED)
            except OffsetOutOfRangeError as error:
                for place in error.args[0]:
                    self._out_of_range(place)
            except KafkaError as error:
                self.trouble = str(error) or type(error).__name__
                self._closed.wait(_RETRY_AFTER_S)
            except Exception as error:
                logging.getLogger(__name__).exception("the consumer of %s", self._topic.name)
                self.trouble = str(error)
                self._closed.wait(_RETRY_AFTER_S)

    def _assign(self) -> None:
        """Begins with the last record that the index holds, so that it is compared."""
        self._consumer.assign(self._partitions)
        for place in self._partitions:
            self._consumer.seek(place, max(0, self._next[place.partition] - 1))

    def _drop_stopped(self) -> None:
        going = self._consumer.assignment()
        going_on = {place for place in going if place.partition not in self._applier.stopped}
        if len(going_on) < len(going):
            self._consumer.assign(going_on)

    def _poll(self) -> None:
        if sum(self._applier.ends) - sum(self._next) > _BULK_RECORDS:
            self._applier.wanted.wait(_BULK_PAUSE_S)
            self._skip_own()
        self._applier.wanted.clear()
        found = self._consumer.poll(timeout_ms=_POLL_MS)
        id = self._cluster.topic_id(self._topic.name)
        if id is not None and str(id) != self._topic.id:
            for place in self._partitions:
                self._stop(place.partition, "the topic was made again: its id is another one")
            return
        for place, records in found.items():
            self._applier.fetched(place.partition, [(r.offset, r.value or b"") for r in records])
            self._next[place.partition] = records[-1].offset + 1
        if not found:
            self._check_positions()

    def _skip_own(self) -> None:
        """Skips records that were applied from their acknowledgements. Only the last one is read
        again and compared: to read them all would cost a bulk a sixth of its time."""
        for place in self._consumer.assignment():
            last = self._applier.ends[place.partition] - 1
            if last > self._next[place.partition]:
                self._consumer.seek(place, last)
                self._next[place.partition] = last

    def _check_positions(self) -> None:
        """Stops partitions that hold offsets without a record behind their last: transaction
        markers."""
        for place in self._consumer.assignment():
            position = self._consumer.position(place, timeout_ms=_POLL_MS)
            if position is not None and position > self._next[place.partition]:
                self._stop(
                    place.partition,
                    f"what stands at {self._next[place.partition]} is no record: a transactional "
                    "producer wrote to it, or the topic was compacted",
                )

    def _out_of_range(self, place: TopicPartition) -> None:
        with suppress(KafkaError, Unreachable):
            first = self._consumer.beginning_offsets([place], timeout_ms=_POLL_MS)[place]
            if first > self._next[place.partition]:
                gone = self._beginning_gone(place.partition, first)
                self._applier.stop(place.partition, gone)
                return
        self._stop(place.partition, _TRUNCATED)

    def _beginning_gone(self, partition: int, first: int) -> Damaged:
        return Damaged(
            f"{self._topic.name} {partition}: its first record is {first}: records are gone, "
            "deleted by a retention of the topic or by hand. Nothing is answered or applied on "
            "top. Keep the index, which holds what it had read of them; find out who deleted "
            "them, and go on in other topics, from a backup (`ticketlog log import`)"
        )

    def _stop(self, partition: int, why: str) -> None:
        self._applier.stop(
            partition,
            Damaged(
                f"{self._topic.name} {partition}:{self._next[partition]}: {why}. Nothing was "
                "applied on top; find out what happened before you delete the index, which is "
                "built anew from the topic then"
            ),
        )
