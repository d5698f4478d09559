"""The writer of a log's topic: it writes each record at its offset. Records that are there already
are compared, the rest is appended, a page at a time.

An offset is kept only where no record is written twice, and no other program writes. So a page of
records is one batch, which is in the topic as a whole or not at all, and the next one of its
partition is sent when it is known to be there, at its place. Where an attempt has no answer, the
end of the partition is read until no record can be on its way any more, and the records there
decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from ticketlog.errors import Damaged, Unfit, Unreachable
from ticketlog.log.backup import ExportLine, PartitionExtent
from ticketlog.log.kafka import topics
from ticketlog.log.kafka.batch_producer import BatchProducer
from ticketlog.log.kafka.consumer import read
from ticketlog.log.kafka.topics import Topic, unreachable_error
from ticketlog.log.kafka.url import KafkaAddress

PAGE_BYTES = 1_500_000
"""A page ends before the record that would take it beyond; with what Kafka adds it fits into one
batch of a topic that takes 2 MiB. A larger record goes alone."""
_ADDED = 40
"""Bytes that a batch needs for a record besides its own, at most."""
SETTLE_S = 3.0
"""Seconds after which a broker has written all that it got of a connection that is closed."""
SETTLE_REPLICATED_S = 40.0
"""The same in seconds with replicas: a record that the leader has can't be read until they have it
too, or are counted out after 30 seconds (Kafka's `replica.lag.time.max.ms`)."""
_LOOK_S = 0.2
_DEADLINE_S = 30.0
"""Seconds without progress after which an import gives up, besides the time of settling thrice."""
_PROGRESS_EVERY = 10_000
"""Records that are compared between two reports of progress."""
MEND = (
    "Nothing else may write to the topics while they are imported into. Their offsets can't be put "
    "right any more: import into another prefix, or delete these topics and begin anew"
)


class _Message(NamedTuple):
    value: bytes
    key: None = None


class _Page(NamedTuple):
    """Records that are sent together: the first one's offset, and all of them."""

    start: int
    messages: list[_Message]


class RestoreProgress:
    """Counts the records that are there, and reports their number and that of all."""

    def __init__(self, on_progress: Callable[[int, int], None], total: int) -> None:
        self._on_progress = on_progress
        self._total = total
        self._done = 0

    def add(self, records: int) -> None:
        self._done += records
        self._on_progress(self._done, self._total)


class TopicWriter:
    """One topic while it is written; for one thread."""

    def __init__(
        self,
        address: KafkaAddress,
        client: KafkaAdminClient,
        topic: Topic,
        wanted: Sequence[PartitionExtent],
        progress: RestoreProgress,
    ) -> None:
        self._address = address
        self._client = client
        self._topic = topic
        self._wanted = wanted
        self._progress = progress
        self._producer = BatchProducer(address, topic.name)
        self._settle_s = (
            SETTLE_REPLICATED_S if topics.replication_factor(client, topic) > 1 else SETTLE_S
        )
        self._calm_at = 0.0
        """The instant from which no record of an earlier import can arrive (`time.monotonic`)."""

    def resume(self, begun_at: float) -> None:
        """Goes on with an earlier import, which may have been killed just before this one began."""
        self._calm_at = begun_at + self._settle_s

    def close(self) -> None:
        self._producer.close()

    def partition(self, partition: int, records: Iterator[ExportLine]) -> None:
        """Returns when the partition holds these records. Raises Unfit where it holds different
        ones, Damaged where another program writes to it meanwhile, Unreachable."""
        offset = self._compare(partition, records, 0)
        calm_in = self._calm_at - time.monotonic()
        if calm_in > 0 and offset < self._wanted[partition].end:
            time.sleep(calm_in)
            offset = self._compare(partition, records, offset)
        for page in _pages(records, offset):
            self._deliver(partition, page)
            self._progress.add(len(page.messages))

    def check_ends(self) -> None:
        """Raises Damaged where a partition doesn't end where it must."""
        for partition, (_, end) in enumerate(topics.partition_bounds(self._client, self._topic)):
            if end != self._wanted[partition].end:
                raise self._disturbed(partition, min(end, self._wanted[partition].end))

    def _compare(self, partition: int, records: Iterator[ExportLine], start: int) -> int:
        """Takes the records that are there from `records`; returns the offset behind them."""
        offset = reported = start
        end = self._end_at_last(partition)
        if offset == end:
            return end
        with closing(read(self._address, self._topic, partition, start, end)) as found:
            for place, data in found:
                line = next(records, None)
                if line is None or (line.offset, line.data) != (place, data):
                    raise Unfit(
                        f"{self._topic.name} {partition}:{place} isn't the record that the export "
                        "has there: this is no earlier import of it, or somebody else wrote to "
                        f"the topic. Nothing was written on top. {MEND}"
                    )
                offset = place + 1
                if offset - reported == _PROGRESS_EVERY:
                    self._progress.add(_PROGRESS_EVERY)
                    reported = offset
        if offset < end:
            raise Unreachable(f"{self._topic.name} {partition} gives no records behind {offset}")
        self._progress.add(end - reported)
        return end

    def _deliver(self, partition: int, page: _Page) -> None:
        """Returns when the page is in the partition, at its place."""
        since = time.monotonic()
        while True:
            try:
                placed = self._producer.send({partition: page.messages}).get(partition)
            except Unreachable as error:
                placed, self._producer.trouble = None, str(error)
            if placed is None and self._is_there(partition, page, since):
                placed = page.start
            if placed == page.start:
                return
            if placed is not None:
                raise self._disturbed(partition, page.start)

    def _is_there(self, partition: int, page: _Page, since: float) -> bool:
        """Whether the page is there after an attempt without an answer. Raises Damaged where
        different records are, Unreachable where the brokers don't answer for too long."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < self._settle_s:
            try:
                end = self._end(partition)
                if end > page.start:
                    self._check(partition, page, end)
                    return True
            except Unreachable as error:
                quiet_since, self._producer.trouble = time.monotonic(), str(error)
            if time.monotonic() - since > _DEADLINE_S + 3 * self._settle_s:
                raise Unreachable(
                    f"{self._topic.name} {partition}:{page.start} can't be written: "
                    f"{self._producer.trouble}. What is there by now stays; run the import again, "
                    "and it goes on"
                )
            time.sleep(_LOOK_S)
        return False

    def _check(self, partition: int, page: _Page, end: int) -> None:
        with closing(read(self._address, self._topic, partition, page.start, end)) as found:
            there = [data for _, data in found]
        if there != [message.value for message in page.messages]:
            raise self._disturbed(partition, page.start)

    def _end_at_last(self, partition: int) -> int:
        """The end of a partition, from a broker that may just be starting again."""
        since = time.monotonic()
        while True:
            try:
                return self._end(partition)
            except Unreachable:
                if time.monotonic() - since > _DEADLINE_S:
                    raise
                time.sleep(_LOOK_S)

    def _end(self, partition: int) -> int:
        try:
            return topics.partition_bounds(self._client, self._topic)[partition][1]
        except KafkaError as error:
            raise unreachable_error(self._address, error) from error

    def _disturbed(self, partition: int, offset: int) -> Damaged:
        return Damaged(
            f"{self._topic.name} {partition}:{offset}: somebody else has written to the partition "
            f"during the import, or a record is there twice. {MEND}"
        )


def _pages(records: Iterable[ExportLine], start: int) -> Iterator[_Page]:
    page, size = _Page(start, []), 0
    for line in records:
        size += len(line.data) + _ADDED
        if page.messages and size > PAGE_BYTES:
            yield page
            page, size = _Page(line.offset, []), len(line.data) + _ADDED
        page.messages.append(_Message(line.data))
    if page.messages:
        yield page
