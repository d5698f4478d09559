"""A lane: the way of the log's events to one endpoint, or of a part of the log once more.

    the log -> read ahead -> ready -> under way -> taken
                                   \\-> waiting (by stream) -> due -> under way -> ...

It keeps two things, and records both as commits of `policy/NAME`: a base, which is a place in each
partition, and the streams that wait although the base has passed them, each from which version on.
All before the base is taken, but for what these streams hold. What waits is found in the log again;
so ten thousand tickets that wait for a dead endpoint cost nothing: its breaker is open, nothing is
read, and the base stays.

A stream has at most one delivery under way, and its later events wait for it. Nothing here waits,
sends or reads a clock: the caller does.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from ticketlog.domain.base import Recorded
from ticketlog.domain.policy_checkpoint import Advance, StreamWait, WaitingStream
from ticketlog.errors import Unreadable
from ticketlog.log import history
from ticketlog.log.port import Log
from ticketlog.process_managers.webhooks.deliveries import Delivery

PAGE = 200
"""Records of a partition that are read at once."""
READ_AHEAD = 128
"""Deliveries that are read and not taken yet, at most."""
AHEAD_OF_STREAM = 4
"""Of these, those of one stream: a ticket to which much happens holds no other one up."""
READ_AHEAD_BYTES = 8_000_000
MOST_WAITING = 10_000
"""Streams that wait at most: with more, nothing new is read until some of them are through."""

Choose: TypeAlias = Callable[[Recorded], Delivery | None]
"""The delivery of an event; None: the endpoint doesn't get it."""
_Place: TypeAlias = tuple[int, int]


class Parking(NamedTuple):
    """A delivery that was given up after all its attempts."""

    delivery: Delivery
    error: str


class Lane:
    """For one thread at a time."""

    def __init__(
        self,
        name: str,
        log: Log,
        starts: Sequence[int],
        waiting: dict[str, WaitingStream],
        ends: Sequence[int] | None = None,
        begins: Sequence[int] | None = None,
    ) -> None:
        """`starts`: the base; `waiting`: the streams that wait although it has passed them;
        `ends`: where the lane ends, None: never; `begins`: before which nothing is the endpoint's,
        whatever waits from a time when there was one of this name before."""
        self._begins = [0] * len(starts) if begins is None else list(begins)
        self.name = name
        self.ends = ends
        self.troubles: dict[int, str] = {}
        """The reason for which a partition stands still, by partition."""
        self._log = log
        self._cursor = list(starts)
        self._queues: dict[str, deque[Delivery]] = {}
        self._ready: deque[str] = deque()
        self._unsettled: list[dict[_Place, None]] = [{} for _ in starts]
        self._left_over: dict[str, Delivery] = {}
        self._read = 0
        self._bytes = 0
        self._waiting = dict(waiting)
        self._due = [(each.next_at, stream) for stream, each in waiting.items()]
        heapq.heapify(self._due)
        self._recorded = list(starts)
        self._changed: set[str] = set()
        self._unrecorded = 0
        self._probes = 0
        self._probed: dict[str, int] = {}
        """Stream -> how often it has tried an endpoint that was away."""

    @property
    def waiting(self) -> int:
        """The number of streams that wait."""
        return len(self._waiting)

    @property
    def unrecorded(self) -> int:
        """The number of deliveries and of changes of waiting streams that aren't recorded."""
        return self._unrecorded + len(self._changed)

    def base(self) -> list[int]:
        """Per partition the offset before which everything is taken, or of a stream that waits."""
        return [
            min(next(iter(unsettled))[0], cursor) if unsettled else cursor
            for unsettled, cursor in zip(self._unsettled, self._cursor, strict=True)
        ]

    def is_done(self) -> bool:
        """Whether all of a lane that ends was taken."""
        return (
            self.ends is not None
            and not (self._read or self._waiting or self._left_over)
            and all(at >= end for at, end in zip(self._cursor, self.ends, strict=True))
        )

    def fill(self, choose: Choose) -> None:
        """Reads ahead, as far as there is room. Raises the errors of reading the log; a partition
        with an event that this release can't read stands still, and `troubles` says so."""
        if self._read > READ_AHEAD // 2:
            return
        ends = list(self._log.ends())
        if self.ends is not None:
            ends = [min(pair) for pair in zip(ends, self.ends, strict=True)]
        progress = True
        while progress and self._has_room():
            progress = False
            for partition, end in enumerate(ends):
                if self._cursor[partition] < end and self._has_room():
                    progress |= self._fill_from(partition, end, choose)

    def forget(self) -> None:
        """Forgets what was read ahead, none of which may be under way: it is read again, with the
        settings and the rights of then."""
        self._cursor = self.base()
        self._queues, self._ready, self._read, self._bytes = {}, deque(), 0, 0
        self._left_over = {}
        self._unsettled = [{} for _ in self._cursor]

    def _has_room(self) -> bool:
        return (
            self._read < READ_AHEAD
            and self._bytes < READ_AHEAD_BYTES
            and len(self._waiting) < MOST_WAITING
        )

    def _fill_from(self, partition: int, end: int, choose: Choose) -> bool:
        """Reads records of a partition, whole ones. False where it stands still."""
        start = self._cursor[partition]
        stop = min(start + PAGE, end)
        try:
            for recorded in history.between(self._log, partition, start, stop):
                if recorded.meta.offset > self._cursor[partition]:
                    if not self._has_room():
                        self._cursor[partition] = recorded.meta.offset
                        return True
                    self._cursor[partition] = recorded.meta.offset
                self._take_in(recorded, choose)
        except Unreadable as error:
            return self._stand_still(partition, stop, choose, error)
        self._cursor[partition] = stop
        self.troubles.pop(partition, None)
        return True

    def _stand_still(self, partition: int, stop: int, choose: Choose, error: Unreadable) -> bool:
        """Reads up to the record that can't be read. Events that were taken in are known by their
        place, and aren't taken in twice."""
        for offset in range(self._cursor[partition], stop):
            try:
                for recorded in history.between(self._log, partition, offset, offset + 1):
                    self._take_in(recorded, choose)
            except Unreadable:
                self.troubles[partition] = str(error)
                return False
            self._cursor[partition] = offset + 1
        return True

    def _take_in(self, recorded: Recorded, choose: Choose) -> None:
        stream = recorded.originator_id
        place = (recorded.meta.offset, recorded.index)
        known = self._unsettled[recorded.meta.partition]
        if stream in self._waiting or stream in self._left_over or place in known:
            return
        delivery = choose(recorded)
        if delivery is None:
            return
        known[place] = None
        queue = self._queues.setdefault(stream, deque())
        if len(queue) >= AHEAD_OF_STREAM:
            # The base stays before it until the stream has come so far, and then it waits here.
            self._left_over[stream] = delivery._replace(body=b"")
            return
        self._read += 1
        self._bytes += len(delivery.body)
        queue.append(delivery)
        if len(queue) == 1:
            self._ready.append(stream)

    def next(self, now: int, busy: set[str], choose: Choose) -> Delivery | None:
        """The next delivery to send: of the streams that wait and are due, then of the rest.
        `busy`: the streams that have a delivery under way."""
        held: list[tuple[int, str]] = []
        found = None
        while found is None and self._due and self._due[0][0] <= now:
            at, stream = heapq.heappop(self._due)
            wait = self._waiting.get(stream)
            if wait is None or wait.next_at != at:
                continue
            if stream in busy:
                held.append((at, stream))
            else:
                found = self._first_of(stream, wait, choose)
        for each in held:
            heapq.heappush(self._due, each)
        return found or self._next_ready(busy)

    def _next_ready(self, busy: set[str]) -> Delivery | None:
        for _ in range(len(self._ready)):
            stream = self._ready.popleft()
            if stream not in busy:
                return self._queues[stream][0]
            self._ready.append(stream)
        return None

    def probe(self, busy: set[str], choose: Choose) -> Delivery | None:
        """The delivery that tries whether an endpoint is there again: that which has tried
        it least often, of those the oldest, since an endpoint may be there and never take one."""
        times = {s: n for s, n in self._probed.items() if s in self._waiting or s in self._queues}
        self._probed = times
        turn, self._probes = self._probes, self._probes + 1
        found = self._probe_of_ready(busy) if turn % 2 else None
        in_turn = heapq.nsmallest(
            0 if found else 32,
            self._waiting.items(),
            key=lambda each: (times.get(each[0], 0), each[1].since, each[0]),
        )
        for stream, wait in in_turn:
            if found is None and stream not in busy:
                found = self._first_of(stream, wait, choose)
        found = found or self._probe_of_ready(busy)
        if found is not None:
            times[found.stream] = times.get(found.stream, 0) + 1
        return found

    def _probe_of_ready(self, busy: set[str]) -> Delivery | None:
        free = (stream for stream in self._ready if stream not in busy)
        stream = min(free, key=lambda each: self._probed.get(each, 0), default=None)
        if stream is None:
            return None
        self._ready.remove(stream)
        return self._queues[stream][0]

    def _first_of(self, stream: str, wait: WaitingStream, choose: Choose) -> Delivery | None:
        """The first delivery of a stream that waits, as the log holds it now. None: none is left,
        and the stream waits no more."""
        for recorded in history.from_version(self._log, stream, wait.version):
            if recorded.meta.offset >= self._cursor[recorded.meta.partition]:
                break
            if recorded.meta.offset < self._begins[recorded.meta.partition]:
                continue
            delivery = choose(recorded)
            if delivery is not None:
                same = delivery.version == wait.version
                return delivery._replace(attempts=wait.attempts if same else 0, waited=True)
        del self._waiting[stream]
        self._changed.add(stream)
        return None

    def taken(self, delivery: Delivery, now: int) -> None:
        """Goes on behind a delivery: it was taken, or given up."""
        stream = delivery.stream
        self._unrecorded += 1
        if delivery.waited:
            self._wait(stream, WaitingStream(delivery.version + 1, 0, now, now))
            return
        queue = self._queues[stream]
        self._settle(queue.popleft())
        if queue:
            self._ready.append(stream)
            return
        del self._queues[stream]
        left = self._left_over.pop(stream, None)
        if left is not None:
            del self._unsettled[left.partition][left.offset, left.number]
            self._wait(stream, WaitingStream(left.version, 0, now, now))

    def put_back(self, delivery: Delivery, until: int) -> None:
        """Keeps a delivery that the endpoint couldn't take now, for no fault of its own."""
        wait = self._waiting.get(delivery.stream)
        if delivery.waited and wait is not None:
            version, attempts = delivery.version, delivery.attempts
            self._wait(delivery.stream, WaitingStream(version, attempts, wait.since, until))
        else:
            self._ready.appendleft(delivery.stream)

    def failed(self, delivery: Delivery, now: int, next_at: int) -> None:
        """Lets the delivery's stream wait until it is tried again."""
        stream, attempts = delivery.stream, delivery.attempts + 1
        known = self._waiting.get(stream)
        since = known.since if known is not None and delivery.attempts else now
        for each in self._queues.pop(stream, ()) if not delivery.waited else ():
            self._settle(each)
        left = self._left_over.pop(stream, None)
        if left is not None:
            del self._unsettled[left.partition][left.offset, left.number]
        self._wait(stream, WaitingStream(delivery.version, attempts, since, next_at))

    def _settle(self, delivery: Delivery) -> None:
        del self._unsettled[delivery.partition][delivery.offset, delivery.number]
        self._read -= 1
        self._bytes -= len(delivery.body)

    def _wait(self, stream: str, wait: WaitingStream) -> None:
        self._waiting[stream] = wait
        self._changed.add(stream)
        heapq.heappush(self._due, (wait.next_at, stream))

    def due_at(self, busy: Collection[str] = ()) -> int | None:
        """When the next stream that waits is due; None: none is. `busy`: the streams that have a
        delivery under way, maybe of another lane."""
        held: list[tuple[int, str]] = []
        found = None
        while found is None and self._due:
            at, stream = self._due[0]
            wait = self._waiting.get(stream)
            if wait is not None and wait.next_at == at and stream not in busy:
                found = at
                break
            heapq.heappop(self._due)
            if wait is not None and wait.next_at == at:
                held.append((at, stream))
        for each in held:
            heapq.heappush(self._due, each)
        return found

    def has_ready(self, busy: Collection[str] = ()) -> bool:
        """Whether a delivery could be sent now, but for those that wait. `busy`: as in `due_at`."""
        return any(stream not in busy for stream in self._ready)

    def advance(self, place: Callable[[int, int], Any]) -> Advance | None:
        """The command that records what has changed since the last one; None: nothing has.
        `place`: makes the place of a partition and an offset. What is recorded counts as such from
        here on: where the command fails, the lane is dropped."""
        base = self.base()
        moved = [p for p, at in enumerate(base) if at > self._recorded[p]]
        if not (moved or self._changed):
            return None
        waits = tuple(self._waits())
        settled = tuple(sorted(self._changed - self._waiting.keys()))
        command = Advance(
            places=tuple(place(p, base[p]) for p in moved), waits=waits, settled=settled
        )
        self._recorded, self._changed, self._unrecorded = base, set(), 0
        return command

    def _waits(self) -> Iterator[StreamWait]:
        for stream in sorted(self._changed & self._waiting.keys()):
            each = self._waiting[stream]
            yield StreamWait(
                stream=stream,
                version=each.version,
                attempts=each.attempts,
                since=each.since,
                next_at=each.next_at,
            )
