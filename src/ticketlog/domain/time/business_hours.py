"""Business hours: the open time of a calendar between two instants, and when so much of it will
have passed. `calendar.py` makes them, without nights and holidays; `domain/sla/clock.py: reaches`
asks them when a target is used up.

Instants are microseconds since 1970 UTC and lengths are microseconds, as everywhere in `domain`:
time used in several spans adds up to the microsecond. An answer costs two binary searches.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from ticketlog.domain.base import LAST

SECOND = 1_000_000
DAY = 86_400
WEEK = 7 * DAY * SECOND

Hours: TypeAlias = Sequence[tuple[int, int]]
"""The open parts of a day, in seconds since its midnight: ordered, none over another."""


class Segment(NamedTuple):
    """Seconds since 1970 UTC from `start` to before `end`, in which wall clocks are `offset`
    seconds ahead."""

    start: int
    end: int
    offset: int


class BusinessHours:
    """The open spans of a calendar, each from its start to before its end.

    They are listed from `first` to `last`, with a week more on either side; before and after
    that, the outer weeks repeat for ever.
    """

    __slots__ = (
        "_closes",
        "_end",
        "_ends",
        "_first",
        "_last",
        "_opens",
        "_start",
        "_sums",
        "_week",
    )

    def __init__(self, spans: Iterable[tuple[int, int]], first: int, last: int) -> None:
        """Spans in microseconds, ordered, from a week before `first` to a week after `last`."""
        self._opens: list[int] = []
        self._ends: list[int] = []
        for start, end in spans:
            # Periods that touch are one span: around the clock is one search in a list of one.
            if self._ends and self._ends[-1] == start:
                self._ends[-1] = end
            else:
                self._opens.append(start)
                self._ends.append(end)
        self._sums: list[int] = []
        """Open time before each span."""
        self._closes: list[int] = []
        """Open time up to the end of each span."""
        total = 0
        for start, end in zip(self._opens, self._ends, strict=True):
            self._sums.append(total)
            total += end - start
            self._closes.append(total)
        self._first, self._last = first, last
        self._start, self._end = self._listed(first), self._listed(last)
        self._week = total - self._end

    def between(self, start: int, end: int) -> int:
        """The open time from `start` to `end`; negative where `end` is the earlier one."""
        return self._until(end) - self._until(start)

    def add(self, start: int, length: int) -> int | None:
        """The first instant, not before `start`, at which so much open time has passed since
        `start`. None where that will never be, or not before the year 10000.

        Raises ValueError for a length below 0.
        """
        if length < 0:
            raise ValueError(f"{length} microseconds can't pass: a length is 0 or more")
        if length == 0:
            return start
        wanted = self._until(start) + length
        weeks = 0
        if wanted > self._end:
            if not self._week:
                return None
            weeks = (wanted - self._end - 1) // self._week
        elif wanted <= self._start:
            weeks = (wanted - self._start - 1) // self._week + 1
        wanted -= weeks * self._week
        span = bisect_left(self._closes, wanted)
        due = self._opens[span] + wanted - self._sums[span] + weeks * WEEK
        return due if due <= LAST else None

    def is_open(self, at: int) -> bool:
        """Whether it is open at that instant. At the end of a span it is closed."""
        return self.between(at, at + 1) == 1

    def _until(self, at: int) -> int:
        """The open time up to `at`, counted from an arbitrary instant: differences count."""
        if self._first <= at < self._last:
            return self._listed(at)
        after = at >= self._last
        weeks = (at - self._last) // WEEK if after else (at - self._first) // WEEK + 1
        return self._listed(at - weeks * WEEK) + weeks * self._week

    def _listed(self, at: int) -> int:
        span = bisect_right(self._opens, at) - 1
        if span < 0:
            return 0
        end = self._ends[span]
        return self._sums[span] + (at if at < end else end) - self._opens[span]


def timetable(segments: Sequence[Segment], hours: Callable[[int], Hours]) -> BusinessHours:
    """The timetable of clocks on the wall: it is open whenever they show, on day `d` since 1970, a
    time of `hours(d)`.

    So an hour that clocks skip is none, and one that they repeat is two. `segments` follow each
    other without a gap; a week before the first and after the last the same offsets hold.
    """
    first, last = segments[0].start, segments[-1].end
    week = WEEK // SECOND
    wider = [
        Segment(first - week, first, segments[0].offset),
        *segments,
        Segment(last, last + week, segments[-1].offset),
    ]
    spans = (span for segment in wider for span in _spans(segment, hours))
    return BusinessHours(spans, first * SECOND, last * SECOND)


def _spans(segment: Segment, hours: Callable[[int], Hours]) -> Iterator[tuple[int, int]]:
    offset = segment.offset
    start, end = segment.start + offset, segment.end + offset
    for day in range(start // DAY, -(-end // DAY)):
        for opens, closes in hours(day):
            low, high = max(start, day * DAY + opens), min(end, day * DAY + closes)
            if low < high:
                yield (low - offset) * SECOND, (high - offset) * SECOND
