"""The hours that weekly shifts cover, as a timetable. What `shifts.cover` says of an instant, this
says of spans: an agent is on shift whenever the clocks on the wall show hours of a shift."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ticketlog.domain.time.business_hours import (
    DAY,
    SECOND,
    BusinessHours,
    Hours,
    Segment,
    timetable,
)
from ticketlog.domain.time.calendar import WEEKDAYS
from ticketlog.domain.time.shifts import Shift

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THURSDAY = 3
"""The weekday of day 0, 1 January 1970."""


def rota(shifts: Iterable[Shift], zone: str, start: int, end: int) -> BusinessHours:
    """When shifts are on, for the instants from `start` to `end`, in the zone's clocks.

    Raises zoneinfo.ZoneInfoNotFoundError.
    """
    week = _week(shifts)
    segments = list(_segments(ZoneInfo(zone), start // SECOND, max(end, start + 1) // SECOND + 1))
    return timetable(segments, lambda day: week[(day + _THURSDAY) % 7])


def _week(shifts: Iterable[Shift]) -> list[Hours]:
    """Per weekday the covered parts of it; shifts that overlap or touch are one."""
    days: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
    for shift in shifts:
        day = WEEKDAYS.index(shift.day)
        start, end = _seconds(shift.start), _seconds(shift.end)
        if start < end:
            days[day].append((start, end))
        else:
            days[day].append((start, DAY))
            days[(day + 1) % 7].append((0, end))
    return [list(joined(hours)) for hours in days]


def joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The union of spans, in order."""
    at: tuple[int, int] | None = None
    for start, end in sorted(spans):
        if at is None or start > at[1]:
            if at is not None:
                yield at
            at = (start, end)
        elif end > at[1]:
            at = (at[0], end)
    if at is not None:
        yield at


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def _segments(clocks: ZoneInfo, start: int, end: int) -> Iterator[Segment]:
    """Day by day the offset that holds; two for a day on which it changes (none has more)."""
    for low in range(start, end, DAY):
        high = min(low + DAY, end)
        offset = _offset(clocks, low)
        changed = high
        if _offset(clocks, high) != offset:
            seconds = range(low, high)
            changed = low + bisect_left(seconds, True, key=lambda at: _offset(clocks, at) != offset)
        yield Segment(low, changed, offset)
        if changed < high:
            yield Segment(changed, high, _offset(clocks, changed))


def _offset(clocks: ZoneInfo, second: int) -> int:
    found = (_EPOCH + timedelta(seconds=second)).astimezone(clocks).utcoffset()
    assert found is not None
    return int(found.total_seconds())
