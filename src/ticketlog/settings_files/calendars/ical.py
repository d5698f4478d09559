"""Holidays from an iCal file (RFC 5545): its all-day events, those that recur included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ticketlog.errors import Usage

MOST_DAYS = 5_000
_TOO_OFTEN = ("HOURLY", "MINUTELY", "SECONDLY")


def ical_holidays(file: Path, zone: str, first_year: int, last_year: int) -> Mapping[date, str]:
    """The days of these years on which the file has an event, with the names of the events.

    Cancelled events don't count. An event with times is refused, unless it lasts from midnight to
    midnight in the zone. Raises Usage for a file that can't be read or that holds such an event.
    """
    found: dict[date, str] = {}
    for event in _occurrences(file, first_year, last_year):
        name = " ".join(str(event.get("SUMMARY", "")).split())[:100] or file.name
        for day in _days(event, name, ZoneInfo(zone)):
            if first_year <= day.year <= last_year:
                names = found.get(day, name)
                found[day] = names if name in names.split("; ") else f"{names}; {name}"[:100]
        if len(found) > MOST_DAYS:
            raise Usage(f"more than {MOST_DAYS:,} days of holidays are none: take other events out")
    return found


def _occurrences(file: Path, first_year: int, last_year: int) -> list[Any]:
    import recurring_ical_events  # it and what it needs take a quarter of a second to import
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(file.read_bytes())
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise Usage(f"{file} is no iCal file: {' '.join(str(error).split())}") from error
    for event in calendar.walk("VEVENT"):
        _check(event)
    span = date(first_year, 1, 1), date(last_year + 1, 1, 1)
    try:
        found = recurring_ical_events.of(calendar).between(*span)
    except ValueError as error:
        raise Usage(f"an event recurs in a way that can't be read: {error}") from error
    return [event for event in found if str(event.get("STATUS", "")).upper() != "CANCELLED"]


def _check(event: Any) -> None:
    """Raises Usage for what the parser passes over and notes, and for what is no holiday."""
    name = str(event.get("SUMMARY", "without a name"))
    for key, why in event.errors:
        raise Usage(f"event {name!r}: {key} can't be read: {' '.join(str(why).split())}")
    if "DTSTART" not in event:
        raise Usage(f"event {name!r} has no DTSTART")
    start: Any = event["DTSTART"].dt
    end: Any = event["DTEND"].dt if "DTEND" in event else start
    if type(start) is type(end) and end < start:
        raise Usage(f"event {name!r} ends before it starts")
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        for often in {*_TOO_OFTEN} & {*rule.get("FREQ", [])}:
            raise Usage(f"event {name!r} recurs {often.lower()}: holidays are days")


def _days(event: Any, name: str, zone: ZoneInfo) -> Iterator[date]:
    day, end = (_day(event[key].dt, name, zone) for key in ("DTSTART", "DTEND"))
    yield day
    while (day := day + timedelta(days=1)) < end:
        yield day


def _day(moment: date, name: str, zone: ZoneInfo) -> date:
    if not isinstance(moment, datetime):
        return moment
    local = moment.astimezone(zone) if moment.tzinfo else moment
    if local.time() != time():
        raise Usage(
            f"event {name!r} of {local:%Y-%m-%d} isn't a whole day but begins or ends at "
            f"{local:%H:%M}; make it an all-day event, or write the day as an exception"
        )
    return local.date()
