"""The feed: what happened since a position, for one viewer.

It is read from the log, never from a bus, so that reading on from a position misses nothing and
repeats nothing. What a viewer may not see is left out before anything is encoded; whether they may
see an event is decided by the settings and the state of its stream as of now. So the history of a
ticket that has become visible to them is in what they read from now on, and a ticket that isn't
visible any more is silent, also where they read the past again.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from ticketlog.application.access import Access, Viewer
from ticketlog.application.stream_reads import EVENTS
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Actor, Recorded
from ticketlog.domain.rights import Load
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.errors import Unreadable, Usage
from ticketlog.log import history
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.projections.engine.moment import Cut

SCANNED = 2_000
"""Records that are looked at for one page at most: a page may be empty though more follows."""
_STEP = 50
"""Records that are looked at for a page at least."""
_TICKETS = f"{TICKET}/"
_PUBLIC = tuple(f"{kind.kind}/" for kind in AGGREGATES.values() if kind.public)
_TEXT = re.compile(
    r"(?P<before>(?:\d{1,18},){0,1023})(?P<offset>\d{1,18})\.(?P<number>\d{1,9})"
    r"(?P<behind>(?:,\d{1,18}){0,1023}/\d{1,18})"
)


class FeedPosition(NamedTuple):
    """A place in the feed: behind all that a cut holds, and behind the first `number` events of the
    next record of a partition."""

    cut: Cut
    partition: int = 0
    number: int = 0

    def __str__(self) -> str:
        """As the cut; within a record '12,40.2,7/5'."""
        if not self.number:
            return str(self.cut)
        ends = [str(end) for end in self.cut.ends]
        ends[self.partition] += f".{self.number}"
        return f"{','.join(ends)}/{self.cut.settings}"

    @classmethod
    def parse(cls, text: str) -> FeedPosition | None:
        """None where the text is no position."""
        found = _TEXT.fullmatch(text)
        if found is None:
            cut = Cut.parse(text)
            return None if cut is None else cls(cut)
        cut = Cut.parse(f"{found['before']}{found['offset']}{found['behind']}")
        if cut is None:
            return None
        return cls(cut, found["before"].count(","), int(found["number"]))


class FeedFilter(NamedTuple):
    """The events that a subscriber wants; an empty set wants all. `teams`: of tickets that are with
    one of these teams now. `tickets`: ids."""

    types: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    tickets: frozenset[str] = frozenset()

    def wants(self, recorded: Recorded, load: Load) -> bool:
        stream = recorded.originator_id
        if self.types and recorded.event.NAME not in self.types:
            return False
        if self.tickets and stream.removeprefix(_TICKETS) not in self.tickets:
            return False
        if self.teams:
            return stream.startswith(_TICKETS) and load(stream).team in self.teams
        return True


class FeedEvent(NamedTuple):
    """An event with the position behind it. `recorded` is whole: who hands it on asks the viewer
    first (`Feed.seen`)."""

    recorded: Recorded
    position: FeedPosition


class FeedPage(NamedTuple):
    """The events behind a position, and the position where the next page begins. `is_last`: the log
    had no more when it was read. `stopped`: an event that this release can't read, behind which its
    partition isn't read."""

    events: list[FeedEvent]
    next: FeedPosition
    is_last: bool
    stopped: Unreadable | None = None


class Feed:
    """The feed of a desk. Thread-safe; keeps nothing."""

    def __init__(
        self,
        tickets: IndexedLog,
        settings: IndexedLog,
        accounts: IndexedLog,
        access: Access,
    ) -> None:
        """`accounts`: the log of access."""
        self.log = tickets
        self._settings = settings
        self._accounts = accounts
        self._access = access

    def admit(self, actor: Actor | None) -> Viewer:
        """The viewer of an actor who begins to read. Raises Forbidden, which is recorded."""
        return self._access.check(actor, EVENTS)

    def viewer(self, actor: Actor | None) -> Viewer:
        """The viewer of an actor who reads on, as of now. Raises Forbidden where they may not any
        more."""
        viewer = self._access.viewer(actor)
        viewer.check(EVENTS)
        return viewer

    def restricted(self, events: Iterable[FeedEvent]) -> frozenset[str]:
        """The tickets among those of events that only some may see."""
        streams = {each.recorded.originator_id for each in events}
        if not self._access.settings().restricted_teams:
            return frozenset()
        load, is_restricted = self._access.load, self._access.is_restricted
        return frozenset(stream for stream in streams if is_restricted(load(stream)))

    def record_reads(self, actor: Actor | None, streams: Collection[str]) -> None:
        """Records that an actor gets events of restricted tickets. To be called before they do:
        raises Unreachable where it can't be recorded."""
        if streams:
            self._access.read(actor, EVENTS, sorted(streams))

    def now(self) -> FeedPosition:
        """The position behind everything that was recorded until now."""
        settings = self._settings.ends()[0]
        return FeedPosition(Cut(self.log.ends(), settings))

    def grounds(self) -> tuple[int, int]:
        """The ends of the logs of settings and of access: while they stay, nobody has got or lost
        a right by them, and no token was revoked."""
        return self._settings.ends()[0], self._accounts.ends()[0]

    def start(self) -> FeedPosition:
        """The position before everything."""
        return FeedPosition(Cut((0,) * self.log.partitions, 0))

    def parse(self, text: str) -> FeedPosition:
        """The position that a subscriber names: of an answer, or `start` or `now`. Raises Usage for
        what is none, or none of this desk."""
        if text == "now":
            return self.now()
        found = self.start() if text == "start" else FeedPosition.parse(text)
        if found is None or len(found.cut.ends) != self.log.partitions:
            raise Usage(
                f"{text[:200]!r} is no position of this desk: say start, now, or the position of "
                "an answer"
            )
        return found

    def seen(
        self, recorded: Recorded, viewer: Viewer, wanted: FeedFilter = FeedFilter()
    ) -> Recorded | None:
        """The event as the viewer may see it; None: it isn't for them, or not wanted."""
        if not recorded.originator_id.startswith(_PUBLIC):
            return None
        if not wanted.wants(recorded, self._access.load):
            return None
        return viewer.event(recorded, EVENTS)

    def page(
        self,
        viewer: Viewer,
        after: FeedPosition,
        limit: int,
        wanted: FeedFilter = FeedFilter(),
        until: Cut | None = None,
    ) -> FeedPage:
        """At most so many events behind a position that the viewer sees and wants, as they see
        them. Those of one partition come in its order, between partitions in the order of their
        recording, more or less. `until`: the cut behind which nothing is read.

        Raises Unreadable where the next event of all is one that this release can't read.
        """
        found: list[FeedEvent] = []
        at, scanned, step = after, 0, min(max(limit, _STEP), SCANNED)
        while True:
            page = self.read(at, step, until)
            scanned += step
            for each in page.events:
                seen = self.seen(each.recorded, viewer, wanted)
                if seen is None:
                    continue
                found.append(each._replace(recorded=seen))
                if len(found) == limit:
                    return FeedPage(found, each.position, False)
            at = page.next
            if page.stopped is not None and at == after:
                raise page.stopped
            if page.is_last or scanned >= SCANNED:
                return FeedPage(found, at, page.is_last, page.stopped)

    def read(self, after: FeedPosition, records: int, until: Cut | None = None) -> FeedPage:
        """The events of about so many records behind a position, for every viewer."""
        last = self.now().cut if until is None else until
        reading = _Reading(self.log, after, last, records)
        events = list(reading.events())
        return FeedPage(events, reading.position(), reading.is_last(), reading.stopped)


class _Reading:
    """One look at the log behind a position, of some records of each partition."""

    def __init__(self, log: IndexedLog, after: FeedPosition, last: Cut, records: int) -> None:
        self.stopped: Unreadable | None = None
        self._log = log
        self._after = after
        self._last = last
        self._ends = list(after.cut.ends)
        """How far each partition was given out."""
        self._settings = max(last.settings, after.cut.settings)
        behind = [p for p, end in enumerate(self._ends) if end < last.ends[p]]
        self._share = max(1, records // max(1, len(behind)))
        self._stops = {p: min(last.ends[p], self._ends[p] + self._share) for p in behind}
        """Where the reading of each partition ends."""

    def events(self) -> Iterator[FeedEvent]:
        yield from self._rest_of_record()
        parts = [self._part(partition) for partition in self._stops]
        # All are read before the first is given out: a partition that can't be read on must not be
        # taken for one that was read to its end.
        merged = list(heapq.merge(*parts, key=lambda recorded: recorded.meta.recorded_at))
        for recorded, following in zip_longest(merged, merged[1:]):
            partition, offset = recorded.meta.partition, recorded.meta.offset
            if following is not None and _place(following) == (partition, offset):
                self._ends[partition] = offset
                yield FeedEvent(recorded, FeedPosition(self._cut(), partition, recorded.index + 1))
            else:
                self._ends[partition] = offset + 1
                yield FeedEvent(recorded, FeedPosition(self._cut()))
        for partition, stop in self._stops.items():
            self._ends[partition] = max(stop, self._ends[partition])

    def _rest_of_record(self) -> Iterator[FeedEvent]:
        """The rest of the record that the position is within. It comes before all else: a position
        is within one record at most."""
        cut, partition, number = self._after
        if not number or partition not in self._stops:
            return
        offset = cut.ends[partition]
        events = list(history.between(self._log, partition, offset, offset + 1))
        for recorded in events[number:]:
            done = recorded.index + 1
            if done < len(events):
                yield FeedEvent(recorded, FeedPosition(cut, partition, done))
            else:
                self._ends[partition] = offset + 1
                yield FeedEvent(recorded, FeedPosition(self._cut()))
        self._ends[partition] = offset + 1

    def _part(self, partition: int) -> Iterator[Recorded]:
        start, stop = self._ends[partition], self._stops[partition]
        try:
            yield from history.between(self._log, partition, start, stop, self._share)
        except Unreadable as error:
            self.stopped = error
            self._stops[partition] = 0

    def _cut(self) -> Cut:
        return Cut(tuple(self._ends), self._settings)

    def position(self) -> FeedPosition:
        """The position behind all that was read."""
        cut = self._cut()
        return self._after if cut.ends == self._after.cut.ends else FeedPosition(cut)

    def is_last(self) -> bool:
        """Whether nothing is left that can be read."""
        return all(
            end >= self._last.ends[p] or self._stops.get(p) == 0 for p, end in enumerate(self._ends)
        )


def _place(recorded: Recorded) -> tuple[int, int]:
    return recorded.meta.partition, recorded.meta.offset


def reached(position: FeedPosition, now: Cut) -> bool:
    """Whether a log that has come to a cut holds everything up to a position."""
    return all(end <= have for end, have in zip(position.cut.ends, now.ends, strict=True))
