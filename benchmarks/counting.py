"""Business time between two instants five years apart, beside a walk through the days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from benchmarks.measure import Bench, Figure, at_least, in_turn, stopwatch
from ticketlog.domain.base import instant
from ticketlog.domain.time.calendar import WEEKDAYS, Calendar, days_since_1970, minutes
from ticketlog.settings_files.calendars.public import public_holidays
from ticketlog.settings_files.calendars.zones import offsets

YEARS = (2024, 2033)
DAY = 86_400_000_000
SPAN = 5 * 366 * DAY
EIGHT_HOURS = 8 * 3_600_000_000


def run(bench: Bench) -> Iterator[Figure]:
    calendar = office()
    starts = _starts(bench.sized(200_000, 200))
    table, walk = calendar.timetable, partial(walked, calendar)
    rounds = in_turn(
        bench,
        {
            "between": lambda: _rate(table.between, starts, SPAN),
            "walked": lambda: _rate(walk, starts[: bench.sized(100, 2)], SPAN),
            "add": lambda: _due(table.add, starts),
        },
    )
    yield at_least(
        "business time between two instants five years apart",
        rounds.median("between"),
        300_000,
        f"{rounds.median('between'):,.0f}/s",
        f"a walk through the days: {rounds.median('walked'):,.0f}/s "
        f"({rounds.ratio('between', 'walked'):,.0f} x)",
        "/s",
    )
    yield Figure("when 8 business hours will have passed", f"{rounds.median('add'):,.0f}/s", *_NONE)


_NONE = ("-", "", None)


def office() -> Calendar:
    """A calendar of ten years in Berlin, two periods a day, with holidays."""
    holidays = public_holidays("DE", "BE", (), *YEARS)
    return Calendar(
        id="office",
        zone="Europe/Berlin",
        first_year=YEARS[0],
        last_year=YEARS[1],
        offsets=offsets("Europe/Berlin", *YEARS),
        week=dict.fromkeys(WEEKDAYS[:5], ("09:00-12:30", "13:30-18:00")),
        holidays={day.isoformat(): name for day, name in holidays.items()},
    )


def walked(calendar: Calendar, start: int, end: int) -> int:
    """The same without tables, for calendars whose hours no change of clocks touches."""
    closed = {days_since_1970(day) for day in calendar.holidays}
    week = [calendar.week.get(day, ()) for day in WEEKDAYS]
    shifts = [(offset.since, offset.seconds) for offset in calendar.offsets]
    total = 0
    for day in range(start // DAY - 1, end // DAY + 2):
        noon = day * DAY + DAY // 2
        ahead = [seconds for since, seconds in shifts if since <= noon][-1] * 1_000_000
        for period in () if day in closed else week[(day + 3) % 7]:
            opens, closes = (day * DAY + each * 60_000_000 - ahead for each in minutes(period))
            total += max(0, min(closes, end) - max(opens, start))
    return total


def _starts(number: int) -> list[int]:
    dice = Random(1)
    first, last = instant("2024-02-01T00:00:00Z"), instant("2028-12-01T00:00:00Z")
    return [dice.randrange(first, last) for _ in range(number)]


def _rate(between: Callable[[int, int], int], starts: list[int], span: int) -> float:
    with stopwatch() as seconds:
        for start in starts:
            between(start, start + span)
    return len(starts) / seconds()


def _due(add: Callable[[int, int], int | None], starts: list[int]) -> float:
    with stopwatch() as seconds:
        for start in starts:
            add(start, EIGHT_HOURS)
    return len(starts) / seconds()
