"""The public topic: made and checked as a log's topics are, read to find what is published."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kafka import KafkaAdminClient, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError, OffsetOutOfRangeError

from ticketlog.errors import Damaged, Unfit, Unreachable
from ticketlog.log.kafka import topics
from ticketlog.log.kafka.consumer import make_consumer
from ticketlog.log.kafka.topics import BROKER_TIMEOUT_S, Topic, unreachable_error
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Log
from ticketlog.publishing.cloudevent import EventOrigin, parse_origin

PUBLISHER = "publisher"
"""The header that says which publisher sent a record."""
MEND = (
    "Nothing but ticketlog may write to that topic, and nothing may delete from it. Deleted as a "
    "whole, it is made again with all of the log when the publisher starts"
)
_POLL_MS = 100
"""Milliseconds that a poll may take."""


class PublishedEvent(NamedTuple):
    """An event in the public topic, and the publisher that sent it."""

    origin: EventOrigin
    publisher: str


def prepare_topic(address: KafkaAddress, log: Log, known: Topic | None) -> Topic:
    """The public topic, made where it is missing. `known`: the topic as it was before, None: none.

    Raises Unfit where it wouldn't keep everything or isn't made for this log, Unreachable.
    """
    name = address.public_topic(log.name)

    def made(client: KafkaAdminClient) -> Topic:
        if known is None and topics.describe_topic(client, name) is None:
            topics.create_topics(client, {name: log.partitions})
        return topics.checked_topics(client, address, [name], None)[name]

    topic = topics.ask_brokers(address, made)
    if topic.partitions != log.partitions:
        raise Unfit(
            f"{name} has {topic.partitions} partitions, the log has {log.partitions}: it wasn't "
            "made for this log. Publish under another prefix, or delete the topic: all of the log "
            "is published anew then"
        )
    if known is not None and topic.id != known.id:
        raise Unfit(
            f"{name} was made again while it was published to: its subscribers' offsets mean "
            "nothing now. Start again to publish all of the log to it"
        )
    return topic


class PublicTopicReader:
    """A reader of the public topic. For one thread."""

    def __init__(self, address: KafkaAddress, topic: Topic) -> None:
        self._address = address
        self._topic = topic
        self._consumer = make_consumer(address, fetch_min_bytes=1)
        self._partitions = [TopicPartition(topic.name, p) for p in range(topic.partitions)]

    def close(self) -> None:
        self._consumer.close()

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Per partition the first offset, and the one that its next record takes.
        Raises Unreachable."""
        wait = BROKER_TIMEOUT_S * 1000
        try:
            firsts = self._consumer.beginning_offsets(self._partitions, timeout_ms=wait)
            ends = self._consumer.end_offsets(self._partitions, timeout_ms=wait)
        except KafkaError as error:
            raise unreachable_error(self._address, error) from error
        return {place.partition: (firsts[place], ends[place]) for place in self._partitions}

    def read(
        self, ranges: Mapping[int, tuple[int, int]]
    ) -> dict[int, list[PublishedEvent] | Damaged]:
        """The published events in a range of offsets of each partition, or the reason for which the
        partition can't be trusted. Raises Unreachable."""
        spans = {p: _Span(self._topic.name, p, *range) for p, range in ranges.items()}
        deadline = time.monotonic() + BROKER_TIMEOUT_S
        assigned: list[_Span] = []
        while left := [span for span in spans.values() if span.is_open]:
            if left != assigned:
                self._assign(left)
                assigned = left
            if self._poll(spans):
                deadline = time.monotonic() + BROKER_TIMEOUT_S
            elif time.monotonic() > deadline:
                raise Unreachable(
                    f"{self._topic.name} gives no records within {BROKER_TIMEOUT_S} s"
                )
        return {p: span.damage or span.seen for p, span in spans.items()}

    def _assign(self, spans: Sequence[_Span]) -> None:
        self._consumer.assign([self._partitions[span.partition] for span in spans])
        for span in spans:
            self._consumer.seek(self._partitions[span.partition], span.next)

    def _poll(self, spans: Mapping[int, _Span]) -> bool:
        try:
            found = self._consumer.poll(timeout_ms=_POLL_MS)
            for place, records in found.items():
                spans[place.partition].take(records)
            if not found:
                for place in self._consumer.assignment():
                    spans[place.partition].passed(self._consumer.position(place, _POLL_MS))
        except OffsetOutOfRangeError as error:
            for place in error.args[0]:
                spans[place.partition].set_damage("it isn't there: the topic was truncated")
        except KafkaError as error:
            raise unreachable_error(self._address, error) from error
        return bool(found)


class _Span:
    """A range of a partition while it is read."""

    def __init__(self, topic: str, partition: int, next: int, end: int) -> None:
        self.partition = partition
        self.next = next
        self.seen: list[PublishedEvent] = []
        self.damage: Damaged | None = None
        self._topic = topic
        self._end = end

    @property
    def is_open(self) -> bool:
        return self.damage is None and self.next < self._end

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            if not self.is_open:
                return
            self.passed(record.offset)
            if self.damage is None:
                self._take(record)

    def _take(self, record: ConsumerRecord) -> None:
        try:
            origin = parse_origin(record.value or b"")
        except ValueError as error:
            self.set_damage(str(error))
            return
        publisher = dict(record.headers).get(PUBLISHER, b"")
        if origin.partition != self.partition or not publisher:
            self.set_damage("no publisher wrote it")
            return
        self.seen.append(PublishedEvent(origin, publisher.decode("ascii", "replace")))
        self.next += 1

    def passed(self, position: int | None) -> None:
        """Takes the position of the consumer: no record before it is left to be taken."""
        if self.is_open and position is not None and position > self.next:
            self.set_damage(
                "what stands there is no record: a transactional producer wrote to the topic, or "
                "it was compacted"
            )

    def set_damage(self, why: str) -> None:
        self.damage = Damaged(f"{self._topic} {self.partition}:{self.next}: {why}. {MEND}")
