"""Recurrences: the instants of an RRULE (RFC 5545) on a zone's clocks, shifted to working days.

The rule counts on the wall: 'at nine on Mondays' stays at nine when clocks are put forward or back.
A time that clocks skip is as much later as they were put forward, and one that they show twice is
the first of the two (RFC 5545, 3.3.5). Occurrences that come to one instant are one.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from pydantic import StringConstraints

from ticketlog.domain.base import FIRST, LAST, Key, Line, Value
from ticketlog.domain.time.business_hours import DAY, SECOND
from ticketlog.domain.time.calendar import Calendar

DayShift = Literal["next", "previous"]
WallTime = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d$")]
"""A time as clocks on the wall show it: '2026-01-05T09:00'."""
MOST_SHIFTED_DAYS = 31
"""Days that an occurrence is shifted at most; where a calendar is closed for longer it stays."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = DAY * SECOND
_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
_KEYS = frozenset(
    (
        *("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYSETPOS", "BYMONTH", "BYMONTHDAY"),
        *("BYYEARDAY", "BYWEEKNO", "BYDAY", "BYHOUR", "BYMINUTE"),
    )
)
_CHOOSERS = ("BYDAY", "BYMONTH", "BYMONTHDAY")
_OF_YEARS = ("BYYEARDAY", "BYWEEKNO")
_LONGEST_COUNT = 10_000


class Recurrence(Value):
    """When something recurs: an RRULE from a `start` on, on the clocks of a zone.

    `shift`: what falls on a day that the calendar is closed is on the next or the previous day that
    it is open, at the same time of day.
    """

    rrule: Line
    start: WallTime
    zone: Key
    calendar: Key | None = None
    shift: DayShift | None = None


class Occurrence(NamedTuple):
    """An occurrence: `planned`, when the rule has it, which is its name; `due`, when it happens
    after shifting. Microseconds since 1970 UTC."""

    planned: int
    due: int


def parts_of(rule: str) -> dict[str, str]:
    """The parts of an RRULE by their names, in capitals."""
    pairs = (part.partition("=") for part in rule.upper().split(";") if part)
    return {key.strip(): value.strip() for key, _, value in pairs}


def broken(recurrence: Recurrence, calendars: Mapping[str, Calendar]) -> Iterator[str]:
    """The problems of a recurrence, in a settings file's words."""
    try:
        ZoneInfo(recurrence.zone)
    except (KeyError, ValueError, OSError):
        yield f"zone {recurrence.zone!r} is no time zone; write it as 'Europe/Berlin'"
        return
    if (recurrence.shift is None) != (recurrence.calendar is None):
        yield "`shift` and `calendar` go together: the calendar says which days are worked"
        return
    if recurrence.calendar is not None and recurrence.calendar not in calendars:
        known = ", ".join(sorted(calendars)) or "none"
        yield f"calendar {recurrence.calendar!r} is unknown; known are {known}"
        return
    found = list(_broken_rule(recurrence))
    yield from found
    if found:
        return
    try:
        first = next(_wall_times(recurrence, None), None)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        yield f"rrule {recurrence.rrule!r} can't be read: {error}"
        return
    if first is None:
        yield f"rrule {recurrence.rrule!r} never happens from {recurrence.start} on"


def _broken_rule(recurrence: Recurrence) -> Iterator[str]:
    parts = parts_of(recurrence.rrule)
    yield from _broken_parts(parts)
    yield from _broken_together(parts)
    if recurrence.shift is not None:
        times = [key for key in ("BYHOUR", "BYMINUTE") if "," in parts.get(key, "")]
        if times or parts.get("FREQ") == "HOURLY":
            yield "`shift` is for rules with one time of day: make a schedule of each time"


def _broken_parts(parts: Mapping[str, str]) -> Iterator[str]:
    frequency = parts.get("FREQ", "")
    if frequency not in _FREQUENCIES:
        yield f"rrule needs FREQ, one of {', '.join(_FREQUENCIES)}; it has {frequency or 'none'}"
    for key in sorted(parts.keys() - _KEYS):
        yield f"rrule {key} is unknown; known are {', '.join(sorted(_KEYS))}"
    numbers = {key: parts[key] for key in ("INTERVAL", "COUNT") if key in parts}
    for key, text in numbers.items():
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LONGEST_COUNT):
            yield f"rrule {key}={text}: a number from 1 to {_LONGEST_COUNT} is needed"
    if parts.get("UNTIL", "").endswith("Z"):
        yield "rrule UNTIL is a time of the zone, as `start`: leave its Z out"


def _broken_together(parts: Mapping[str, str]) -> Iterator[str]:
    frequency = parts.get("FREQ")
    for key in _OF_YEARS:
        if key in parts and frequency != "YEARLY":
            yield f"rrule {key} is for FREQ=YEARLY"
    # A step of days or hours beside a choice of days may never meet, which only a search to the
    # end of time could tell.
    if frequency in ("DAILY", "HOURLY"):
        chosen = [key for key in (*_CHOOSERS, "BYHOUR") if key in parts]
        if chosen and parts.get("INTERVAL", "1") != "1":
            yield f"rrule INTERVAL beside {chosen[0]}: take FREQ=WEEKLY or MONTHLY for such a rule"
        if "BYSETPOS" in parts:
            yield "rrule BYSETPOS is for FREQ=WEEKLY, MONTHLY or YEARLY"
    if "BYMONTH" in parts and "BYMONTHDAY" in parts and not _meets(parts):
        yield "rrule never happens: no month of BYMONTH has a day of BYMONTHDAY"


def _meets(parts: Mapping[str, str]) -> bool:
    """Whether any of the months has one of the days; a number that none is, dateutil names."""
    try:
        months = [int(month) for month in parts["BYMONTH"].split(",")]
        days = [abs(int(day)) for day in parts["BYMONTHDAY"].split(",")]
        return any(day <= monthrange(2000, month)[1] for month in months for day in days)
    except (ValueError, IndexError):
        return True


def occurrences(
    recurrence: Recurrence, calendar: Calendar | None, after: int
) -> Iterator[Occurrence]:
    """The occurrences that are planned after an instant, each due later than the one before."""
    zone = ZoneInfo(recurrence.zone)
    due_before: int | None = None
    # One that is shifted to where the one at `after` is due, is that one.
    from_at = after - (MOST_SHIFTED_DAYS + 1) * _DAY_US if calendar is not None else after
    for planned in _instants(recurrence, zone, from_at):
        due = planned if calendar is None else _shifted(planned, zone, calendar, recurrence.shift)
        if due_before is not None and due <= due_before:
            continue
        due_before = due
        if planned > after:
            yield Occurrence(planned, due)


def _instants(recurrence: Recurrence, zone: ZoneInfo, after: int) -> Iterator[int]:
    """The instants of a rule after an instant, in order. Those of times that clocks skip are later
    than their place in the rule says, by a day at most (Samoa, 2011): the rest waits so long."""
    waiting: list[int] = []
    latest = after
    # Clocks on the wall are at most a day from UTC, and so are skipped times from their place.
    start = _clamped(after - 3 * _DAY_US).astimezone(zone).replace(tzinfo=None)
    for wall in _wall_times(recurrence, start):
        at = instant_of(wall, zone)
        if at > LAST:
            break
        heappush(waiting, at)
        while waiting and waiting[0] < at - _DAY_US:
            if (first := heappop(waiting)) > latest:
                latest = first
                yield first
    while waiting:
        if (first := heappop(waiting)) > latest:
            latest = first
            yield first


def _clamped(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(at, FIRST), LAST))


def instant_of(wall: datetime, zone: ZoneInfo) -> int:
    """The instant at which clocks show a time: the first of two; of a time that they skip as if
    they hadn't been put forward yet."""
    there = wall.replace(tzinfo=zone, fold=0)
    return (there - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=4_096)
def _parsed(rule: str, start: datetime) -> Any:
    return rrulestr(rule, dtstart=start)


def _wall_times(recurrence: Recurrence, after: datetime | None) -> Iterator[datetime]:
    """The times of a rule on the wall, from near an instant on."""
    start = datetime.fromisoformat(recurrence.start)
    if after is not None and after > start:
        start = _nearer(recurrence, start, after)
    rule = _parsed(recurrence.rrule.upper(), start)
    return iter(rule) if after is None else iter(rule.xafter(after, inc=True))


_STEPS = {"HOURLY": timedelta(hours=1), "DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}


def _nearer(recurrence: Recurrence, start: datetime, after: datetime) -> datetime:
    """A later start from which the same rule gives the same times: whole steps of it further on.
    Without it a daily rule of ten years ago counts 3,650 days to find tomorrow."""
    parts = parts_of(recurrence.rrule)
    interval, frequency = int(parts.get("INTERVAL", "1")), parts["FREQ"]
    if "COUNT" in parts:
        return start
    if frequency in _STEPS:
        step = _STEPS[frequency] * interval
        return start + step * max((after - start) // step - 1, 0)
    if start.day > 28:
        return start  # Not every month has that day.
    step_months = interval * (12 if frequency == "YEARLY" else 1)
    months = (after.year - start.year) * 12 + after.month - start.month
    later = max(months // step_months - 1, 0) * step_months + start.month - 1
    return start.replace(year=start.year + later // 12, month=later % 12 + 1)


def _shifted(at: int, zone: ZoneInfo, calendar: Calendar, shift: DayShift | None) -> int:
    """The same time of day on the nearest working day in the direction."""
    wall = (_EPOCH + timedelta(microseconds=at)).astimezone(zone).replace(tzinfo=None)
    step = timedelta(days=-1 if shift == "previous" else 1)
    day = wall
    for _ in range(MOST_SHIFTED_DAYS + 1):
        if _is_worked(day, zone, calendar):
            return at if day == wall else instant_of(day, zone)
        day += step
    return at


def _is_worked(day: datetime, zone: ZoneInfo, calendar: Calendar) -> bool:
    midnight = day.replace(hour=0, minute=0, second=0)
    start = instant_of(midnight, zone)
    return calendar.timetable.between(start, instant_of(midnight + timedelta(days=1), zone)) > 0
