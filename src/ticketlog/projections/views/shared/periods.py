"""Days, weeks and months on the clocks of a time zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PeriodKind = Literal["day", "week", "month"]

QUARTER = 900 * 1_000_000
"""What is only counted is counted by quarters of an hour: on the clocks of every zone a day has
begun with one since 1972."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MOST = 5_000
"""Periods of a report at most: each is counted by itself, so that a span of thousands of years
would keep a reader busy for hours."""


class Period(NamedTuple):
    """From `start` up to, not including, `end`: microseconds since 1970 UTC.

    `label`: 2026-03-29, 2026-W13 (ISO), 2026-03.
    """

    label: str
    start: int
    end: int


def periods(kind: PeriodKind, zone: str, start: int, end: int) -> list[Period]:
    """The whole periods that cover the instants from `start` up to `end`.

    Days begin at midnight on the zone's clocks, so one has 23 or 25 hours where they change; weeks
    begin on Mondays. Raises ValueError for an unknown zone or kind, for too many periods, and where
    the calendar ends.
    """
    try:
        clocks = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {zone!r}; write one as Europe/Berlin") from error
    if kind not in ("day", "week", "month"):
        raise ValueError(f"there is no period {kind!r}; choose day, week or month")
    try:
        return _covering(kind, clocks, start, end)
    except OverflowError as error:
        raise ValueError(
            "no period can end behind the year 9999: choose an earlier start or end"
        ) from error


def _covering(kind: PeriodKind, clocks: ZoneInfo, start: int, end: int) -> list[Period]:
    """Raises ValueError for too many periods, OverflowError where the calendar ends."""
    found: list[Period] = []
    day = _first(kind, (_EPOCH + start * _MICROSECOND).astimezone(clocks).date())
    begin = _midnight(day, clocks)
    while begin < end:
        if len(found) == MOST:
            raise ValueError(
                f"from start to end there are more than {MOST:,} times a {kind}: choose a shorter "
                "span, or a longer period"
            )
        after = _next(kind, day)
        stop = _midnight(after, clocks)
        found.append(Period(_label(kind, day), begin, stop))
        day, begin = after, stop
    return found


def bounds(
    outermost: Callable[[bool], int | None],
    kind: PeriodKind,
    zone: str,
    start: int | None,
    end: int | None,
) -> list[Period]:
    """The periods asked for; an open start or end is the first or the last instant there is:
    `outermost(last)`. Raises ValueError for an unknown zone or kind."""
    if start is None:
        start = outermost(False)
    if end is None:
        latest = outermost(True)
        end = None if latest is None else latest + 1
    return [] if start is None or end is None else periods(kind, zone, start, end)


def _midnight(day: date, clocks: ZoneInfo) -> int:
    return (datetime.combine(day, time(), clocks) - _EPOCH) // _MICROSECOND


def _first(kind: PeriodKind, day: date) -> date:
    if kind == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if kind == "month" else day


def _next(kind: PeriodKind, day: date) -> date:
    if kind == "month":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if kind == "week" else 1)


def _label(kind: PeriodKind, day: date) -> str:
    if kind == "day":
        return day.isoformat()
    if kind == "month":
        return day.strftime("%Y-%m")
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"
