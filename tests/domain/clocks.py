"""Calendars made for tests, and the naive answers that theirs must equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ticketlog.domain.base import instant
from ticketlog.domain.time.calendar import WEEKDAYS, Calendar, Weekday, minutes
from ticketlog.settings_files.calendars.zones import offsets

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OFFICE: Mapping[Weekday, tuple[str, ...]] = dict.fromkeys(
    WEEKDAYS[:5], ("09:00-12:30", "13:30-18:00")
)


def calendar(
    zone: str = "Europe/Berlin",
    week: Mapping[Weekday, tuple[str, ...]] = OFFICE,
    *,
    years: tuple[int, int] = (2026, 2030),
    **more: Any,
) -> Calendar:
    return Calendar(
        id="tested",
        zone=zone,
        first_year=years[0],
        last_year=years[1],
        offsets=offsets(zone, *years),
        week=week,
        **more,
    )


def local(zone: str, text: str, fold: int = 0) -> int:
    """The instant at which the clocks of a zone show an ISO time without offset."""
    return instant(
        datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).isoformat()
    )


def shows_open(calendar: Calendar, at: int) -> bool:
    """Whether clocks on the wall show open hours, asked of the time-zone database."""
    wall = (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(calendar.zone))
    day = wall.date().isoformat()
    hours = calendar.week.get(WEEKDAYS[wall.weekday()], ())
    if day in calendar.holidays:
        hours = ()
    hours = calendar.exceptions.get(day, hours)
    minute = wall.hour * 60 + wall.minute
    return any(start <= minute < end for start, end in map(minutes, hours))


def open_minutes(calendar: Calendar, start: int, end: int) -> Iterator[int]:
    """The starts of the whole minutes between two instants that are open."""
    return (at for at in range(start, end, MINUTE) if shows_open(calendar, at))
