"""The instants at which the clocks of a time zone change, from the time-zone database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ticketlog.domain.time.calendar import Offset

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = 86_400
"""Seconds between two looks at the clocks. No zone has changed them twice within a day: the
closest two changes since 1970 are a week apart (Brazil in 2000, tzdata 2026)."""


def offsets(zone: str, first_year: int, last_year: int) -> tuple[Offset, ...]:
    """The offset at the beginning of the first year, and every change up to the end of the last,
    a day more at both ends.

    Raises zoneinfo.ZoneInfoNotFoundError.
    """
    clocks = ZoneInfo(zone)
    at, end = _second(first_year, -1), _second(last_year + 1, 1)
    found = [(at, _offset(clocks, at))]
    while at < end:
        later = at + _STEP
        if _offset(clocks, later) != found[-1][1]:
            changed = _change(clocks, at, later)
            found.append((changed, _offset(clocks, changed)))
        at = later
    return tuple(Offset(since=since * 1_000_000, seconds=seconds) for since, seconds in found)


def _change(clocks: ZoneInfo, before: int, after: int) -> int:
    """The second between the two from which on the offset is the later one."""
    old = _offset(clocks, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(clocks, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(clocks: ZoneInfo, second: int) -> int:
    found = (_EPOCH + timedelta(seconds=second)).astimezone(clocks).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def _second(year: int, days: int) -> int:
    moment = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=days)
    return int((moment - _EPOCH).total_seconds())
