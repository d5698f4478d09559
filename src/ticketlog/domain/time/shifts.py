"""Working hours of agents, on the clocks of their zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, StringConstraints, ValidationError

from ticketlog.domain.base import Value
from ticketlog.domain.time.calendar import WEEKDAYS, Weekday

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day on the wall: '09:00'."""


def _midnight(end: object) -> object:
    return "00:00" if end == "24:00" else end


End = Annotated[Clock, BeforeValidator(_midnight)]
"""The same where something ends: '24:00' is the next day's '00:00', and kept as that."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Shift(Value):
    """Working hours of one weekday; an `end` that isn't after `start` is the next day's."""

    day: Weekday
    start: Clock
    end: End


def shift_of(written: str) -> Shift:
    """The shift that is written as 'mon 09:00-17:00'. Raises ValueError."""
    day, _, hours = written.strip().partition(" ")
    start, _, end = hours.partition("-")
    try:
        return Shift(day=day, start=start, end=end)  # type: ignore[arg-type]
    except ValidationError:
        raise ValueError(f"{written!r} is no shift: write 'mon 09:00-17:00'") from None


def next_start(shifts: Iterable[Shift], zone: str | None, after: int) -> int | None:
    """When the first of the shifts begins after the instant `after`; None where there are none.

    A time that the zone's clocks skip is taken as if they hadn't yet been put forward.
    """
    if zone is None:
        return None
    there = ZoneInfo(zone)
    midnight = _local(after, there).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for shift in shifts:
        hour, minute = map(int, shift.start.split(":"))
        days = (WEEKDAYS.index(shift.day) - midnight.weekday()) % 7
        for day in (midnight + timedelta(days=days), midnight + timedelta(days=days + 7)):
            at = (day.replace(hour=hour, minute=minute) - _EPOCH) // timedelta(microseconds=1)
            if at > after:
                found.append(at)
                break
    return min(found, default=None)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone)


def cover(shifts: Iterable[Shift], zone: str | None, at: int) -> bool:
    """Whether shifts cover the instant `at`; without a zone they cover none."""
    if zone is None:
        return False
    local = _local(at, ZoneInfo(zone))
    time = local.strftime("%H:%M")
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    for shift in shifts:
        overnight = shift.end <= shift.start
        if shift.day == today and shift.start <= time and (overnight or time < shift.end):
            return True
        if shift.day == yesterday and overnight and time < shift.end:
            return True
    return False
