"""Calendars: when a desk works. A week of hours, holidays, exceptions, on the clocks of a zone.

A calendar holds all that its answers depend on: the holidays as dates, the zone as the instants at
which its clocks changed. So a new time-zone database or a new list of holidays changes no past;
applying the settings again makes a new version of the calendar.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from ticketlog.domain.base import Instant, Key, Line, Seconds, Value
from ticketlog.domain.time.business_hours import (
    DAY,
    SECOND,
    BusinessHours,
    Hours,
    Segment,
    timetable,
)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
PERIOD = f"^{_HOUR}-({_HOUR}|24:00)$"
Period = Annotated[str, StringConstraints(pattern=PERIOD)]
"""Open hours of a day, as clocks on the wall show them: '09:00-12:30'; '24:00' is its end."""
Date = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""A day of the zone: '2026-12-24'."""
Year = Annotated[int, Field(ge=1900, le=2500)]
_EPOCH = date(1970, 1, 1).toordinal()


def _from_monday(week: Mapping[Weekday, tuple[str, ...]]) -> dict[Weekday, tuple[str, ...]]:
    """A week with its days in order; records have their keys sorted."""
    return {day: week[day] for day in WEEKDAYS if day in week}


class Offset(Value):
    """From an instant on, clocks are so many seconds ahead of UTC."""

    since: Instant
    seconds: Seconds


class Calendar(Value):
    """When a desk works, and whose calendar it is.

    Everything but the week is known from the first day of `first_year` to the last of `last_year`.
    Before and after it, the week goes on without holidays, under the first and the last offset.
    `offsets` begins a day before and ends a day after these years in UTC.
    """

    id: Key
    label: Line | None = None
    zone: Key
    first_year: Year
    last_year: Year
    offsets: Annotated[tuple[Offset, ...], Field(min_length=1)]
    """The first holds before its instant, too."""
    week: Annotated[Mapping[Weekday, tuple[Period, ...]], AfterValidator(_from_monday)] = Field(
        default_factory=dict
    )
    holidays: Mapping[Date, Line] = Field(default_factory=dict)
    """Closed days with their names."""
    exceptions: Mapping[Date, tuple[Period, ...]] = Field(default_factory=dict)
    """Days with hours of their own, holidays or not; without hours: closed."""
    organisations: tuple[Key, ...] = ()
    """Whose tickets live by it, where a policy asks for the organisation's calendar."""
    teams: tuple[Key, ...] = ()

    @cached_property
    def timetable(self) -> BusinessHours:
        """When it is open, ready to be asked; made once."""
        week: list[Hours] = [_hours(self.week.get(day, ())) for day in WEEKDAYS]
        special: dict[int, Hours] = {days_since_1970(day): () for day in self.holidays}
        special |= {days_since_1970(day): _hours(each) for day, each in self.exceptions.items()}
        return timetable(self._segments(), lambda day: special.get(day, week[(day + 3) % 7]))

    def _segments(self) -> list[Segment]:
        # A day more on both sides holds every hour of these years, wherever the zone is.
        start = (days_since_1970(f"{self.first_year}-01-01") - 1) * DAY
        end = (days_since_1970(f"{self.last_year + 1}-01-01") + 1) * DAY
        bounds = [start, *(offset.since // SECOND for offset in self.offsets[1:]), end]
        return [
            Segment(low, high, offset.seconds)
            for (low, high), offset in zip(pairwise(bounds), self.offsets, strict=True)
        ]


def minutes(period: str) -> tuple[int, int]:
    """When a period starts and ends, in minutes since midnight."""
    start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in period.split("-"))
    return start, end


def days_since_1970(day: str) -> int:
    """The number of a day, 0 for 1970-01-01. Raises ValueError for a day that there isn't."""
    return date.fromisoformat(day).toordinal() - _EPOCH


def _hours(periods: tuple[str, ...]) -> Hours:
    return [(start * 60, end * 60) for start, end in sorted(map(minutes, periods))]
