"""The publisher: it relays accepted events to the public topic, in order, without a gap, from any
number of processes at once.

It keeps no state of its own: its position stands in the topic. A page of events is sent when all of
the page before it is known to be there, and is there as a whole or not at all; so for every event
in the topic, all before it are there too, from any publisher. To go on behind the last event that
is found therefore never leaves a gap, and at worst, where an attempt was in doubt or another
publisher works too, a page is there twice.

Of two publishers that notice each other, the one whose name comes later stands by: it reads the
other's events, and takes over when none come any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from uuid import uuid4

from ticketlog.documents.desks import Published, Publishing
from ticketlog.errors import Damaged, Unreachable
from ticketlog.log.kafka.batch_producer import BatchProducer
from ticketlog.log.kafka.topics import Topic
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Log
from ticketlog.publishing.cloudevent import CONTENT_TYPE, PublishedFields
from ticketlog.publishing.partition_relay import PAGE_EVENTS, PartitionRelay, RelayPage
from ticketlog.publishing.topic import PUBLISHER, PublicTopicReader, prepare_topic

TAIL_RECORDS = 2 * PAGE_EVENTS
"""Records at the end of the topic that are read to find its position: the last one may be of a page
that was late."""
STOP_CHECK_S = 0.5
"""Seconds that a publisher waits for records before it checks whether it shall stop."""
TAKEOVER_AFTER_S = 3.0
"""Seconds without an event of the other publisher after which one that stands by takes over."""
_ATTEMPTS = 5


class Publisher:
    """Publishes a log. `run` and `catch_up` are for one thread at a time, the rest for any."""

    def __init__(
        self, log: Log, address: KafkaAddress, published_fields: PublishedFields | None = None
    ) -> None:
        self.topic = address.public_topic(log.name)
        self.name = uuid4().hex
        self.sent = 0
        """Events that were acknowledged to this publisher."""
        self._log = log
        self._address = address
        self._work_lock = threading.Lock()
        self._known_topic: Topic | None = None
        self._reader: PublicTopicReader | None = None
        headers = [("content-type", CONTENT_TYPE.encode()), (PUBLISHER, self.name.encode())]
        self._producer = BatchProducer(address, self.topic, headers)
        self._relays = [
            PartitionRelay(log, self.topic, p, published_fields or {})
            for p in range(log.partitions)
        ]
        self._last_pass_at = 0.0
        self._stands_by = False
        self._quiet_since = 0.0

    def run(self, stop: threading.Event) -> None:
        """Publishes accepted events until `stop` is set. A partition that can't go on is left, and
        `troubles` says why; the rest go on.

        Raises Unreachable, Unfit where the public topic isn't as it must be, and the errors of
        reading the log. Run again, it goes on where it was.
        """
        with self._work_lock:
            try:
                while not stop.is_set():
                    ends = self._log.ends()
                    if not self._relay_pages(ends):
                        self._last_pass_at = time.time()
                        self._log.wait(ends, STOP_CHECK_S)
            except Unreachable:
                if not stop.is_set():
                    raise
            finally:
                self._disconnect()

    def catch_up(self) -> int:
        """Returns when all events are in the topic that the log had accepted when it was called:
        the number of events that this publisher sent for that.

        Raises Unreachable, Unfit, Damaged where a partition can't go on.
        """
        with self._work_lock:
            before, failures = self.sent, 0
            try:
                self._log.sync()
                ends = self._log.ends()
                while True:
                    try:
                        if not self._relay_pages(ends):
                            break
                    except Unreachable:
                        failures += 1
                        if failures == _ATTEMPTS:
                            raise
                        self._disconnect()
                        time.sleep(STOP_CHECK_S)
            finally:
                self._disconnect()
            for relay in self._relays:
                if relay.report is not None:
                    raise type(relay.report)(str(relay.report))
            return self.sent - before

    def last_pass_at(self) -> float:
        """The end of the last complete pass, in seconds since 1970; 0: none yet."""
        return self._last_pass_at

    def positions(self) -> list[int]:
        """Per partition the offset of the first record that isn't published."""
        return [relay.next.offset for relay in self._relays]

    def troubles(self) -> list[str]:
        """The errors for which partitions stand still, a line each; empty: none does."""
        return [str(relay.report) for relay in self._relays if relay.report is not None]

    def status(self) -> Publishing:
        """The position and lag of each partition."""
        ends = self._log.ends()
        parts = [
            Published(
                partition=number,
                position=relay.next.offset,
                end=end,
                behind=max(0, end - relay.next.offset),
                error=None if relay.report is None else str(relay.report),
            )
            for number, (relay, end) in enumerate(zip(self._relays, ends, strict=True))
        ]
        return Publishing(topic=self.topic, sent=self.sent, partitions=parts)

    def _disconnect(self) -> None:
        self._producer.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _relay_pages(self, ends: Sequence[int]) -> bool:
        """Sends a page of each partition that is behind, or reads the other publisher's events.
        False where nothing is left to do."""
        if self._log.troubles():
            self._log.sync()
        reader = self._reader or self._open_reader()
        if self._stands_by:
            self._follow_other_publisher(reader, ends)
        behind = {p: relay for p, relay in enumerate(self._relays) if relay.is_behind(ends)}
        if self._stands_by:
            time.sleep(STOP_CHECK_S)
        elif behind:
            self._publish(reader, {p: relay.page(ends[p]) for p, relay in behind.items()})
        return bool(behind)

    def _open_reader(self) -> PublicTopicReader:
        """Connects to the topic, and reads its end to find the positions."""
        self._known_topic = prepare_topic(self._address, self._log, self._known_topic)
        self._reader = PublicTopicReader(self._address, self._known_topic)
        ranges = {}
        for partition, (first, end) in self._reader.bounds().items():
            relay = self._relays[partition]
            if first > 0:
                relay.stop(f"its first record is {first}: events are gone")
            elif end < relay.end:
                relay.stop(f"it ends at {end}, and went to {relay.end} before: events are gone")
            else:
                ranges[partition] = (max(0, end - TAIL_RECORDS, relay.end), end)
        self._take_in(self._reader, ranges)
        return self._reader

    def _take_in(
        self, reader: PublicTopicReader, ranges: Mapping[int, tuple[int, int]]
    ) -> dict[int, set[str]]:
        """Takes in the events in ranges of the topic. Returns their publishers, by partition."""
        publishers = {}
        readable = {p: range for p, range in ranges.items() if self._relays[p].report is None}
        for partition, found in reader.read(readable).items():
            relay = self._relays[partition]
            if isinstance(found, Damaged):
                relay.report = found
            else:
                relay.take_in(found, readable[partition][1])
                relay.compare()
                publishers[partition] = {event.publisher for event in found}
        return publishers

    def _publish(self, reader: PublicTopicReader, pages: Mapping[int, RelayPage]) -> None:
        sending = {p: page.messages for p, page in pages.items() if page.messages}
        acked = self._producer.send(sending) if sending else {}
        between = {}
        for partition, page in pages.items():
            relay = self._relays[partition]
            offset = acked.get(partition, relay.end)
            if offset < relay.end:
                relay.stop(f"it took an event at {offset}, and went to {relay.end} before")
            elif partition in acked or not page.messages:
                between[partition] = (relay.end, offset)
                relay.end = offset + len(page.messages)
                relay.sent(page)
        self.sent += sum(len(sending[partition]) for partition in acked)
        self._check_other_publishers(
            reader, {p: range for p, range in between.items() if range[0] < range[1]}
        )
        if len(acked) < len(sending):
            raise Unreachable(f"{self.topic} isn't published to now: {self._producer.trouble}")

    def _check_other_publishers(
        self, reader: PublicTopicReader, between: Mapping[int, tuple[int, int]]
    ) -> None:
        """Stands by where a publisher with an earlier name wrote between two pages of this one.
        Late attempts of this publisher may stand there, too."""
        ends = {p: self._relays[p].end for p in between}
        for partition, names in self._take_in(reader, between).items():
            self._relays[partition].end = ends[partition]
            if any(name < self.name for name in names):
                self._stands_by = True
                self._quiet_since = time.monotonic()

    def _follow_other_publisher(self, reader: PublicTopicReader, ends: Sequence[int]) -> None:
        """Takes in the other publisher's events; stands by no longer where it sends none."""
        grown = {
            p: (relay.end, end)
            for p, (relay, (_, end)) in enumerate(
                zip(self._relays, reader.bounds().values(), strict=True)
            )
            if end > relay.end
        }
        self._take_in(reader, grown)
        now = time.monotonic()
        if grown or not any(relay.is_behind(ends) for relay in self._relays):
            self._quiet_since = now
        self._stands_by = now - self._quiet_since <= TAKEOVER_AFTER_S
