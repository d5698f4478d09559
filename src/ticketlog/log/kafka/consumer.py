"""Reads what anybody writes to the topic of a log, from where the index stands.

It never resets an offset by itself: where the topic doesn't hold what it should, the partition
stops with a report.
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
"""Large fetches: a request costs more than a record. Records wait 50 ms at most, and our own are
applied from their acknowledgement, not from here."""
_POLL = 50
"""Milliseconds that one look may take."""
_MANY = 500
"""Records of our own since the last look from which on we are writing in bulk."""
_REST = 0.2
"""Seconds between looks then, unless somebody waits for what others wrote."""
_CUT = "the topic was truncated or made again: it doesn't hold what was read"
_PAUSE = 0.5
"""Seconds before the next attempt after a failure."""
_KNOWN = 5_000
"""Milliseconds after which brokers that were down when we came are known, and may be asked."""
_AGAIN = 0.1
"""The same where somebody waits."""
_CHECKED = 5.0
"""Seconds for which it is known that each partition still begins where it should."""


def make_consumer(address: KafkaAddress, **options: Any) -> KafkaConsumer:
    """Raises Unreachable."""
    return connect_client(KafkaConsumer, address, **{**FETCH, **options})


def first_records(address: KafkaAddress, topic: Topic) -> dict[int, bytes]:
    """The record at offset 0 of each partition that has one. Raises Unreachable, and Damaged where
    it is gone."""
    # A consumer's own `end_offsets` was seen to find no leader of a topic that was just made.
    ends = [end for _, end in ask_brokers(address, lambda client: partition_bounds(client, topic))]
    waited_for = {TopicPartition(topic.name, p) for p, end in enumerate(ends) if end}
    if not waited_for:
        return {}
    reader = make_consumer(address, fetch_min_bytes=1, max_partition_fetch_bytes=1)
    try:
        firsts: dict[int, bytes] = {}
        deadline = time.monotonic() + BROKER_TIMEOUT_S
        while waited_for:
            reader.assign(list(waited_for))
            for place in waited_for:
                reader.seek(place, 0)
            for place, (first, *_) in reader.poll(timeout_ms=_POLL).items():
                if first.offset:
                    raise Damaged(
                        f"{topic.name} {place.partition}: its first record is {first.offset}: "
                        "those before it were deleted, or the topic was compacted. It holds no "
                        "whole log"
                    )
                firsts[place.partition] = first.value or b""
                waited_for.discard(place)
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
    """The records of a partition from one offset to another, by a connection of their own; no more
    come where the topic holds fewer. Raises Unreachable."""
    place = TopicPartition(topic.name, partition)
    reader = make_consumer(address, auto_offset_reset="earliest")
    try:
        reader.assign([place])
        reader.seek(place, start)
        offset, since = start, time.monotonic()
        while offset < end and time.monotonic() - since < BROKER_TIMEOUT_S:
            for record in reader.poll(timeout_ms=_POLL).get(place, ()):
                offset, since = record.offset + 1, time.monotonic()
                yield record.offset, record.value or b""
    except KafkaError as error:
        raise unreachable_error(address, error) from error
    finally:
        reader.close()


class TopicConsumer:
    """`ends` may be called from any thread."""

    def __init__(
        self, address: KafkaAddress, topic: Topic, positions: list[int], applier: IndexApplier
    ) -> None:
        self.trouble: str | None = None
        """Why nothing arrives at the moment."""
        self._address = address
        self._topic = topic
        self._applier = applier
        self._places = [TopicPartition(topic.name, p) for p in range(topic.partitions)]
        self._earliest = dict.fromkeys(self._places, OffsetSpec.EARLIEST)
        self._latest = dict.fromkeys(self._places, OffsetSpec.LATEST)
        self._next = positions
        self._closed = threading.Event()
        self._asking = threading.Lock()
        self._asked_at = 0.0
        self._checked_at: float | None = None
        self._answer: tuple[int, ...] | KafkaError = ()
        self._asker = connect_client(
            KafkaAdminClient,
            address,
            bootstrap_timeout_ms=BROKER_TIMEOUT_S * 1000,
            request_timeout_ms=BROKER_TIMEOUT_S * 1000,
            reconnect_backoff_max_ms=FETCH["reconnect_backoff_max_ms"],
            metadata_max_age_ms=_KNOWN,
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
        self._asker.close()

    def ends(self, patience: float = 0) -> tuple[int, ...]:
        """Per partition the offset that its next record will take, as the brokers say, who are
        asked again for so many seconds: those that come back don't answer at once.

        Who waits while another one asks shares an answer to what was asked after they came.
        The beginnings are checked first. Raises Unreachable."""
        self.check(patience)
        came = time.monotonic()
        with self._asking:
            if self._asked_at < came:
                self._asked_at = time.monotonic()
                self._answer = self._asked(self._latest, self._asked_at + patience)
            answer = self._answer
        if isinstance(answer, KafkaError):
            raise unreachable_error(self._address, answer) from answer
        return answer

    def check(self, patience: float = 0) -> None:
        """Stops partitions whose first records are gone, since they can't be judged. Asks before
        the first answer, and again where some seconds have passed. Raises Unreachable."""
        with self._asking:
            since = self._checked_at
            if since is not None and time.monotonic() - since < _CHECKED:
                return
            found = self._asked(self._earliest, time.monotonic() + patience)
            if isinstance(found, KafkaError):
                raise unreachable_error(self._address, found) from found
            for partition, first in enumerate(found):
                if first > 0:
                    self._applier.stop(partition, self._beginning_gone(partition, first))
            self._checked_at = time.monotonic()

    def _asked(
        self, which: Mapping[TopicPartition, OffsetSpec], until: float
    ) -> tuple[int, ...] | KafkaError:
        while True:
            try:
                found = self._asker.list_partition_offsets(dict(which))
            except KafkaError as error:
                if time.monotonic() > until or self._closed.wait(_AGAIN):
                    return error
            else:
                return tuple(found[place].offset for place in self._places)

    def read(self, partition: int, end: int) -> Iterator[tuple[int, bytes]]:
        """The records of a partition from its first, as `read` gives them. Raises Unreachable."""
        return read(self._address, self._topic, partition, 0, end)

    def _run(self) -> None:
        self._assign()
        look = 0.0
        while not self._closed.is_set():
            try:
                if time.monotonic() > look:
                    look = time.monotonic() + _CHECKED
                    with suppress(Unreachable):
                        self.check()
                self._leave_stopped()
                self._poll()
                self.trouble = None
            except LogTruncationError as error:
                for place in error.divergent_offsets:
                    self._stop(place.partition, _CUT)
            except OffsetOutOfRangeError as error:
                for place in error.args[0]:
                    self._out_of_range(place)
            except KafkaError as error:
                self.trouble = str(error) or type(error).__name__
                self._closed.wait(_PAUSE)
            except Exception as error:
                logging.getLogger(__name__).exception("the tail of %s", self._topic.name)
                self.trouble = str(error)
                self._closed.wait(_PAUSE)

    def _assign(self) -> None:
        """Begins with the last record that the index holds, so that it is compared."""
        self._consumer.assign(self._places)
        for place in self._places:
            self._consumer.seek(place, max(0, self._next[place.partition] - 1))

    def _leave_stopped(self) -> None:
        going = self._consumer.assignment()
        left = {place for place in going if place.partition not in self._applier.stopped}
        if len(left) < len(going):
            self._consumer.assign(left)

    def _poll(self) -> None:
        if sum(self._applier.ends) - sum(self._next) > _MANY:
            self._applier.wanted.wait(_REST)
            self._skip_own()
        self._applier.wanted.clear()
        found = self._consumer.poll(timeout_ms=_POLL)
        id = self._cluster.topic_id(self._topic.name)
        if id is not None and str(id) != self._topic.id:
            for place in self._places:
                self._stop(place.partition, "the topic was made again: its id is another one")
            return
        for place, records in found.items():
            self._applier.fetched(place.partition, [(r.offset, r.value or b"") for r in records])
            self._next[place.partition] = records[-1].offset + 1
        if not found:
            self._check_positions()

    def _skip_own(self) -> None:
        """Of what was applied from its acknowledgements only the last record is read again, and
        compared: to read them all would cost a bulk a sixth of its time."""
        for place in self._consumer.assignment():
            last = self._applier.ends[place.partition] - 1
            if last > self._next[place.partition]:
                self._consumer.seek(place, last)
                self._next[place.partition] = last

    def _check_positions(self) -> None:
        """Behind its last record a partition may hold what is none: markers of transactions."""
        for place in self._consumer.assignment():
            position = self._consumer.position(place, timeout_ms=_POLL)
            if position is not None and position > self._next[place.partition]:
                self._stop(
                    place.partition,
                    f"what stands at {self._next[place.partition]} is no record: a transactional "
                    "producer wrote to it, or the topic was compacted",
                )

    def _out_of_range(self, place: TopicPartition) -> None:
        with suppress(KafkaError, Unreachable):
            first = self._consumer.beginning_offsets([place], timeout_ms=_POLL)[place]
            if first > self._next[place.partition]:
                gone = self._beginning_gone(place.partition, first)
                self._applier.stop(place.partition, gone)
                return
        self._stop(place.partition, _CUT)

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
