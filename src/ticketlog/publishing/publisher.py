"""Relays what a log accepts to the public topic: in order, without a gap, from any number of
processes at once.

It keeps nothing of its own: how far it has come stands in the topic. A page of events is sent when
all of the one before is known to be there, and is there as a whole or not at all; so whatever
event is in the topic, all before it are too, whoever sent them. To go on behind the last one that
is found is therefore never a gap, and at worst, where an attempt was in doubt or somebody else
publishes too, a page that is there twice.

Of two publishers that notice each other, the one whose name comes later stands by: it reads what
the other one sends, and takes over when nothing comes any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from ticketlog.errors import Damaged, Unreachable
from ticketlog.log.kafka.batch_producer import BatchProducer
from ticketlog.log.kafka.topics import Topic
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Log
from ticketlog.publishing.cloudevent import CONTENT_TYPE, Shown
from ticketlog.publishing.partition_relay import PAGE_EVENTS, Part, RelayPage
from ticketlog.publishing.topic import PUBLISHER, Published, prepared

TAIL = 2 * PAGE_EVENTS
"""Records at the end of the topic that are looked at to find how far it is: the last of all may be
of a page that was late."""
LOOK = 0.5
"""Seconds after which a publisher that waits looks whether it should stop."""
QUIET = 3.0
"""Seconds without an event of the other publisher after which one that stands by takes over."""
_ATTEMPTS = 5


class Publisher:
    """`run` or `catch_up` in one thread at a time; everything else from any."""

    def __init__(self, log: Log, address: KafkaAddress, shown: Shown | None = None) -> None:
        self.topic = address.public_topic(log.name)
        self.name = uuid4().hex
        self.sent = 0
        """Events that were acknowledged to this publisher."""
        self._log = log
        self._address = address
        self._working = threading.Lock()
        self._known: Topic | None = None
        self._published: Published | None = None
        headers = [("content-type", CONTENT_TYPE.encode()), (PUBLISHER, self.name.encode())]
        self._sender = BatchProducer(address, self.topic, headers)
        self._parts = [Part(log, self.topic, p, shown or {}) for p in range(log.partitions)]
        self._passed = 0.0
        self._stands_by = False
        self._quiet_since = 0.0

    def run(self, stop: threading.Event) -> None:
        """Publishes what is there and what comes, until it is told to stop. A partition that
        can't go on is left, and `troubles` says why; the others go on.

        Raises Unreachable, Unfit where the public topic isn't as it must be, and what reading the
        log raises. Run again, it goes on where it was.
        """
        with self._working:
            try:
                while not stop.is_set():
                    ends = self._log.ends()
                    if not self._round(ends):
                        self._passed = time.time()
                        self._log.wait(ends, LOOK)
            except Unreachable:
                if not stop.is_set():
                    raise
            finally:
                self._shut()

    def catch_up(self) -> int:
        """Returns when everything that the log had accepted when it was called is in the topic:
        how many events this publisher sent for that.

        Raises Unreachable, Unfit, Damaged where a partition can't go on.
        """
        with self._working:
            before, failures = self.sent, 0
            try:
                self._log.sync()
                ends = self._log.ends()
                while True:
                    try:
                        if not self._round(ends):
                            break
                    except Unreachable:
                        failures += 1
                        if failures == _ATTEMPTS:
                            raise
                        self._shut()
                        time.sleep(LOOK)
            finally:
                self._shut()
            for part in self._parts:
                if part.report is not None:
                    raise type(part.report)(str(part.report))
            return self.sent - before

    def passed(self) -> float:
        """When all that the log held was last published, in seconds since 1970; 0: not yet."""
        return self._passed

    def positions(self) -> list[int]:
        """How far each partition of the log is published."""
        return [part.next.offset for part in self._parts]

    def troubles(self) -> list[str]:
        """Why partitions stand still, a line each; empty: none does."""
        return [str(part.report) for part in self._parts if part.report is not None]

    def status(self) -> dict[str, Any]:
        """How far each partition is published; keys are stable."""
        ends = self._log.ends()
        return {
            "topic": self.topic,
            "sent": self.sent,
            "stands_by": self._stands_by,
            "partitions": [
                {
                    "partition": number,
                    "position": part.next.offset,
                    "end": end,
                    "behind": max(0, end - part.next.offset),
                    "error": None if part.report is None else str(part.report),
                }
                for number, (part, end) in enumerate(zip(self._parts, ends, strict=True))
            ],
        }

    def _shut(self) -> None:
        self._sender.close()
        if self._published is not None:
            self._published.close()
            self._published = None

    def _round(self, ends: Sequence[int]) -> bool:
        """Sends a page of each partition that is behind, or looks what the other publisher sent.
        False where nothing is left to do."""
        if self._log.troubles():
            self._log.sync()
        published = self._published or self._open()
        if self._stands_by:
            self._follow(published, ends)
        behind = {p: part for p, part in enumerate(self._parts) if part.is_behind(ends)}
        if self._stands_by:
            time.sleep(LOOK)
        elif behind:
            self._publish(published, {p: part.page(ends[p]) for p, part in behind.items()})
        return bool(behind)

    def _open(self) -> Published:
        """Finds out how far the topic is."""
        self._known = prepared(self._address, self._log, self._known)
        self._published = Published(self._address, self._known)
        ranges = {}
        for partition, (first, end) in self._published.bounds().items():
            part = self._parts[partition]
            if first > 0:
                part.stop(f"its first record is {first}: events are gone")
            elif end < part.end:
                part.stop(f"it ends at {end}, and went to {part.end} before: events are gone")
            else:
                ranges[partition] = (max(0, end - TAIL, part.end), end)
        self._look(self._published, ranges)
        return self._published

    def _look(
        self, published: Published, ranges: Mapping[int, tuple[int, int]]
    ) -> dict[int, set[str]]:
        """Takes in what stands in ranges of the topic: who sent it, by partition."""
        senders = {}
        going = {p: range for p, range in ranges.items() if self._parts[p].report is None}
        for partition, found in published.read(going).items():
            part = self._parts[partition]
            if isinstance(found, Damaged):
                part.report = found
            else:
                part.learn(found, going[partition][1])
                part.compare()
                senders[partition] = {seen.publisher for seen in found}
        return senders

    def _publish(self, published: Published, pages: Mapping[int, RelayPage]) -> None:
        sending = {p: page.messages for p, page in pages.items() if page.messages}
        acked = self._sender.send(sending) if sending else {}
        between = {}
        for partition, page in pages.items():
            part = self._parts[partition]
            offset = acked.get(partition, part.end)
            if offset < part.end:
                part.stop(f"it took an event at {offset}, and went to {part.end} before")
            elif partition in acked or not page.messages:
                between[partition] = (part.end, offset)
                part.end = offset + len(page.messages)
                part.passed(page)
        self.sent += sum(len(sending[partition]) for partition in acked)
        self._meet(published, {p: range for p, range in between.items() if range[0] < range[1]})
        if len(acked) < len(sending):
            raise Unreachable(f"{self.topic} isn't published to now: {self._sender.trouble}")

    def _meet(self, published: Published, between: Mapping[int, tuple[int, int]]) -> None:
        """Looks who has written between two pages of ours; our own late attempts may have."""
        ends = {p: self._parts[p].end for p in between}
        for partition, names in self._look(published, between).items():
            self._parts[partition].end = ends[partition]
            if any(name < self.name for name in names):
                self._stands_by = True
                self._quiet_since = time.monotonic()

    def _follow(self, published: Published, ends: Sequence[int]) -> None:
        """Takes in what the other publisher sent; stands by no longer where it sends nothing."""
        grown = {
            p: (part.end, end)
            for p, (part, (_, end)) in enumerate(
                zip(self._parts, published.bounds().values(), strict=True)
            )
            if end > part.end
        }
        self._look(published, grown)
        now = time.monotonic()
        if grown or not any(part.is_behind(ends) for part in self._parts):
            self._quiet_since = now
        self._stands_by = now - self._quiet_since <= QUIET
