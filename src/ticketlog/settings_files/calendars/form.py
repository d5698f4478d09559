"""A calendar as a settings file writes it, and how it is made from that: everything that its
answers depend on is looked up now, and never again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ticketlog.domain.base import Key, Line, Value
from ticketlog.domain.parties.party import Zone
from ticketlog.domain.time.calendar import PERIOD, WEEKDAYS, Calendar, Weekday, Year, minutes
from ticketlog.errors import Usage
from ticketlog.settings_files.calendars.ical import ical_holidays
from ticketlog.settings_files.calendars.public import public_holidays
from ticketlog.settings_files.calendars.zones import offsets


def _in_order(periods: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(periods, key=minutes))


def _hours(period: str) -> str:
    if re.fullmatch(PERIOD, period) is None:
        raise ValueError("should be hours like '09:00-12:30', of one day and up to 24:00")
    return period


def _real(day: str) -> str:
    try:
        if date.fromisoformat(day).isoformat() == day:
            return day
    except ValueError:
        pass
    raise ValueError("should be a day like 2026-12-24")


_Periods = Annotated[tuple[Annotated[str, AfterValidator(_hours)], ...], AfterValidator(_in_order)]


def _each_day(week: object) -> object:
    """The hours of each weekday: a file may write 'mon-fri' for several."""
    if not isinstance(week, Mapping):
        return week
    hours: dict[Weekday, object] = {}
    for name, periods in week.items():
        for day in _weekdays(str(name)):
            if day in hours:
                raise ValueError(f"should name {day} once")
            hours[day] = tuple(periods) if isinstance(periods, list) else periods
    return hours


def _weekdays(name: str) -> tuple[Weekday, ...]:
    day = "|".join(WEEKDAYS)
    found = re.fullmatch(rf"({day})(?:-({day}))?", name)
    names: tuple[str, ...] = WEEKDAYS
    if found:
        first = names.index(found[1])
        last = names.index(found[2]) if found[2] else first
        if first <= last:
            return WEEKDAYS[first : last + 1]
    raise ValueError(f"should name days as 'mon', or from first to last as 'mon-fri', not {name!r}")


class HolidaysForm(Value):
    """One source of holidays: a country's, or those of an iCal file."""

    country: str | None = None
    subdivision: str | None = None
    categories: tuple[str, ...] = ()
    ical: str | None = None

    def days(self, calendar: CalendarForm, folder: Path | None) -> Mapping[date, str]:
        """Raises Usage."""
        years = calendar.first_year, calendar.last_year
        if (self.country is None) == (self.ical is None):
            raise Usage("needs either `country` or `ical`")
        if self.country is not None:
            return public_holidays(self.country, self.subdivision, self.categories, *years)
        if self.subdivision or self.categories:
            raise Usage("`subdivision` and `categories` belong to `country`, not to `ical`")
        return ical_holidays(_beside(folder, self.ical or ""), calendar.zone, *years)


class CalendarForm(Value):
    """A calendar as a file writes it."""

    id: Key
    label: Line | None = None
    zone: Zone
    years: Annotated[tuple[Year, ...], Field(min_length=2, max_length=2)]
    week: Annotated[dict[Weekday, _Periods], BeforeValidator(_each_day)]
    holidays: tuple[HolidaysForm, ...] = ()
    exceptions: dict[Annotated[str, AfterValidator(_real)], _Periods] = Field(default_factory=dict)
    organisations: tuple[Key, ...] = ()
    teams: tuple[Key, ...] = ()

    @property
    def first_year(self) -> int:
        return self.years[0]

    @property
    def last_year(self) -> int:
        return self.years[1]

    def value(self, folder: Path | None) -> Calendar:
        """The calendar, with holidays and offsets of its years. `folder` is where iCal files lie.

        Raises Usage for holidays that can't be found, and for years in the wrong order.
        """
        if not 0 <= self.last_year - self.first_year < 100:
            raise Usage(f"[calendars.{self.id}] years should be the first and the last of <= 100")
        return Calendar(
            id=self.id,
            label=self.label,
            zone=self.zone,
            first_year=self.first_year,
            last_year=self.last_year,
            offsets=offsets(self.zone, self.first_year, self.last_year),
            week={day: periods for day, periods in self.week.items() if periods},
            holidays=self._named_days(folder),
            exceptions=dict(sorted(self.exceptions.items())),
            organisations=self.organisations,
            teams=self.teams,
        )

    def _named_days(self, folder: Path | None) -> dict[str, str]:
        days: dict[str, str] = {}
        for number, source in enumerate(self.holidays, 1):
            try:
                found = source.days(self, folder)
            except Usage as error:
                place = f"[calendars.{self.id}] entry {number} of holidays"
                raise Usage(f"{place}: {error}") from error
            for day, name in found.items():
                days.setdefault(day.isoformat(), name[:500])
        return dict(sorted(days.items()))


def _beside(folder: Path | None, file: str) -> Path:
    path = Path(file)
    if folder is None and not path.is_absolute():
        raise Usage(f"{file!r} lies beside the settings file, and none was named")
    return path if folder is None else folder / path
