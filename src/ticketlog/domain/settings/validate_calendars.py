"""The validation of calendars. Each rule yields its problems, in a file's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ticketlog.domain.settings.model import Settings
from ticketlog.domain.time.calendar import Calendar, minutes


def broken_calendars(settings: Settings) -> Iterator[str]:
    """The problems of the calendars, in themselves and beside each other."""
    for calendar in settings.calendars.values():
        for problem in _calendar(calendar):
            yield f"[calendars.{calendar.id}] {problem}"
        for team in calendar.teams:
            if team not in settings.teams:
                known = ", ".join(sorted(settings.teams)) or "none"
                yield f"[calendars.{calendar.id}] team {team!r} is unknown; known are {known}"
    for key in ("teams", "organisations"):
        yield from _shared(key, settings.calendars.values())


def _calendar(calendar: Calendar) -> Iterator[str]:
    for day, periods in (*calendar.week.items(), *calendar.exceptions.items()):
        for problem in _periods(periods):
            yield f"{day}: {problem}"
    for day in (*calendar.exceptions, *calendar.holidays):
        if not calendar.first_year <= int(day[:4]) <= calendar.last_year:
            yield (
                f"{day} is outside its years, {calendar.first_year} to {calendar.last_year}; "
                "widen `years`"
            )


def _periods(periods: tuple[str, ...]) -> Iterator[str]:
    for period in periods:
        start, end = minutes(period)
        if end <= start:
            yield (
                f"{period!r} ends before it starts; what goes past midnight is two periods: "
                f"'{period[:5]}-24:00' and, on the next day, '00:00-{period[6:]}'"
            )
    for one, other in pairwise(sorted(periods, key=minutes)):
        if minutes(other)[0] < minutes(one)[1]:
            yield f"{one!r} and {other!r} overlap"


def _shared(key: str, calendars: Iterable[Calendar]) -> Iterator[str]:
    owners = Counter(owner for calendar in calendars for owner in getattr(calendar, key))
    for owner, times in sorted(owners.items()):
        if times > 1:
            yield f"[calendars] {owner!r} stands in `{key}` {times} times; leave it in one"
