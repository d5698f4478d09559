"""Calendars answer what the clocks on the wall and a patient look at every minute would say."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.domain.clocks import (
    HOUR,
    MINUTE,
    OFFICE,
    calendar,
    local,
    open_minutes,
    shows_open,
)
from ticketlog.domain.base import instant, iso
from ticketlog.domain.time.business_hours import BusinessHours
from ticketlog.domain.time.calendar import WEEKDAYS, Calendar, Offset

DAY = 24 * HOUR
ALWAYS = dict.fromkeys(WEEKDAYS, ("00:00-24:00",))
NIGHTS = dict.fromkeys(WEEKDAYS, ("00:00-06:00", "22:00-24:00"))
BERLIN = "Europe/Berlin"


def next_open(table: BusinessHours, at: int) -> int | None:
    """The first instant, not before `at`, at which it is open; None: never again."""
    after = table.add(at, 1)
    return None if after is None else after - 1


def hours(clocks: Calendar, start: str, end: str) -> float:
    table = clocks.timetable
    return table.between(local(clocks.zone, start), local(clocks.zone, end)) / HOUR


def test_a_week_has_its_hours() -> None:
    clocks = calendar()
    assert hours(clocks, "2026-06-01T00:00", "2026-06-08T00:00") == 40
    assert hours(clocks, "2026-06-01T12:00", "2026-06-01T14:00") == 1
    assert hours(clocks, "2026-06-06T00:00", "2026-06-08T00:00") == 0
    assert hours(clocks, "2026-06-08T00:00", "2026-06-01T00:00") == -40


@pytest.mark.parametrize(
    ("start", "length", "due"),
    [
        ("2026-06-01T09:00", 2 * HOUR, "2026-06-01T11:00"),
        ("2026-06-01T12:00", HOUR, "2026-06-01T14:00"),
        ("2026-06-01T12:00", HOUR // 2, "2026-06-01T12:30"),
        ("2026-06-05T17:00", 2 * HOUR, "2026-06-08T10:00"),
        ("2026-06-06T11:00", HOUR, "2026-06-08T10:00"),
        ("2026-06-06T11:00", 0, "2026-06-06T11:00"),
        ("2026-06-01T09:00:00.000001", 8 * HOUR, "2026-06-02T09:00:00.000001"),
        ("2026-06-01T09:00", 400 * HOUR, "2026-08-07T18:00"),
    ],
)
def test_a_target_is_due_at_the_first_instant_that_completes_it(
    start: str, length: int, due: str
) -> None:
    assert calendar().timetable.add(local(BERLIN, start), length) == local(BERLIN, due)


def test_it_opens_at_the_start_of_a_period_and_is_closed_at_its_end() -> None:
    table = calendar().timetable
    opens, closes = local(BERLIN, "2026-06-01T09:00"), local(BERLIN, "2026-06-01T12:30")
    assert [table.is_open(at) for at in (opens - 1, opens, closes - 1, closes)] == [
        *(False, True, True, False)
    ]
    assert next_open(table, opens - 1) == opens
    assert next_open(table, opens) == opens
    assert next_open(table, closes) == local(BERLIN, "2026-06-01T13:30")
    assert next_open(table, local(BERLIN, "2026-06-05T18:00")) == local(BERLIN, "2026-06-08T09:00")


def test_holidays_are_closed_and_exceptions_have_hours_of_their_own() -> None:
    clocks = calendar(
        holidays={"2026-12-24": "Christmas Eve", "2026-12-25": "Christmas", "2026-12-26": "Boxing"},
        exceptions={
            "2026-12-24": ("09:00-12:00",),
            "2026-12-28": (),
            "2026-12-27": ("10:00-11:00",),
        },
    )
    assert hours(clocks, "2026-12-23T00:00", "2026-12-30T00:00") == 8 + 3 + 1 + 8
    assert clocks.timetable.add(local(BERLIN, "2026-12-24T11:00"), 3 * HOUR) == local(
        BERLIN, "2026-12-29T10:00"
    )


def test_a_day_that_ends_at_24_goes_on_with_the_next() -> None:
    table = calendar(week=NIGHTS).timetable
    evening = local(BERLIN, "2026-06-01T22:00")
    assert table.between(evening, local(BERLIN, "2026-06-02T06:00")) == 8 * HOUR
    assert table.is_open(local(BERLIN, "2026-06-02T00:00"))
    assert table.add(evening, 8 * HOUR) == local(BERLIN, "2026-06-02T06:00")


def test_a_leap_day_is_a_day() -> None:
    clocks = calendar(week=ALWAYS)
    assert hours(clocks, "2028-02-28T00:00", "2028-03-01T00:00") == 48
    assert hours(clocks, "2027-02-28T00:00", "2027-03-01T00:00") == 24


@pytest.mark.parametrize(
    ("period", "spring", "autumn"),
    [
        ("00:00-24:00", 23, 25),
        ("02:00-03:00", 0, 2),
        ("02:30-03:00", 0, 1),
        ("01:30-02:30", 0.5, 1.5),
        ("02:30-03:30", 0.5, 1.5),
        ("03:00-04:00", 1, 1),
    ],
)
def test_an_hour_that_clocks_skip_is_none_and_one_that_they_repeat_is_two(
    period: str, spring: float, autumn: float
) -> None:
    clocks = calendar(week={"sun": (period,)})
    assert hours(clocks, "2026-03-29T00:00", "2026-03-30T00:00") == spring
    assert hours(clocks, "2026-10-25T00:00", "2026-10-26T00:00") == autumn


def test_a_repeated_half_hour_is_open_twice_with_a_pause() -> None:
    table = calendar(week={"sun": ("02:30-03:00",)}).timetable
    first = local(BERLIN, "2026-10-25T02:30")
    second = local(BERLIN, "2026-10-25T02:30", fold=1)
    assert second - first == HOUR
    assert next_open(table, first + HOUR // 2) == second
    assert table.add(first, HOUR) == second + HOUR // 2


@pytest.mark.parametrize("week", [{}, {"mon": ()}])
def test_a_calendar_that_never_opens_says_so(week: Any) -> None:
    table = calendar(week=week).timetable
    now = local(BERLIN, "2026-06-01T09:00")
    assert table.add(now, 1) is None
    assert next_open(table, now) is None
    assert table.add(now, 0) == now
    assert table.between(now, now + 10_000 * DAY) == 0
    assert not table.is_open(now)


def test_a_calendar_that_opens_on_single_days_only_is_closed_for_ever_after_them() -> None:
    table = calendar(week={}, exceptions={"2026-06-01": ("09:00-12:00",)}).timetable
    before = local(BERLIN, "2020-01-01T00:00")
    assert table.add(before, 3 * HOUR) == local(BERLIN, "2026-06-01T12:00")
    assert table.add(before, 3 * HOUR + 1) is None
    assert next_open(table, local(BERLIN, "2026-06-01T12:00")) is None
    assert table.between(before, local(BERLIN, "2500-01-01T00:00")) == 3 * HOUR


def test_what_is_due_after_the_year_9999_is_never_due() -> None:
    table = calendar(week={"mon": ("09:00-09:01",)}).timetable
    now = local(BERLIN, "2026-06-01T09:00")
    due = table.add(now, 400_000 * MINUTE)
    assert due is not None
    assert iso(due) == "9692-07-14T08:01:00.000000Z"
    assert table.add(now, 420_000 * MINUTE) is None


def test_a_length_is_not_negative() -> None:
    with pytest.raises(ValueError, match="-1 microseconds can't pass"):
        calendar().timetable.add(0, -1)


def test_outside_its_years_the_week_goes_on_under_the_outer_offsets() -> None:
    clocks = calendar(
        years=(2026, 2026), holidays={"2026-01-01": "New Year", "2026-12-31": "Old Year"}
    )
    table = clocks.timetable
    for january in ("2026", "2027"):
        start = instant(f"{january}-01-01T00:00:00+01:00")
        opened = table.between(start, start + DAY)
        assert opened == (0 if january == "2026" else 8 * HOUR)
    winter = instant("2040-07-02T09:00:00+01:00")
    assert (table.is_open(winter - 1), table.is_open(winter)) == (False, True)
    ancient = instant("1999-07-05T09:00:00+01:00")
    assert (table.is_open(ancient - 1), table.is_open(ancient)) == (False, True)
    assert table.add(instant("2026-12-30T17:00:00+01:00"), 2 * HOUR) == instant(
        "2027-01-01T10:00:00+01:00"
    )


EDGES = calendar(
    years=(2026, 2027),
    holidays=dict.fromkeys(
        ("2026-01-01", "2026-01-02", "2026-01-05", "2027-12-30", "2027-12-31"), "Closed"
    ),
)
BEFORE, AFTER = instant("2025-12-31T23:00:00Z"), instant("2027-12-31T23:00:00Z")
QUARTER = 15 * MINUTE
MONDAY = instant("2024-01-01T00:00:00+01:00")


def in_winter(at: int) -> bool:
    """Whether clocks that are an hour ahead for ever show office hours."""
    day, time = divmod((at - MONDAY) % (7 * DAY), DAY)
    return day < 5 and any(opens <= time < closes for opens, closes in OFFICE_TIMES)


OFFICE_TIMES = ((9 * HOUR, int(12.5 * HOUR)), (int(13.5 * HOUR), 18 * HOUR))


@given(st.booleans(), st.integers(0, 100_000), st.integers(1, 1_000))
def test_no_day_within_its_years_stands_for_one_outside(after: bool, gap: int, length: int) -> None:
    start = AFTER + gap * QUARTER if after else BEFORE - (gap + length) * QUARTER
    opened = [at for at in range(start, start + length * QUARTER, QUARTER) if in_winter(at)]
    table = EDGES.timetable
    assert table.between(start, start + length * QUARTER) == len(opened) * QUARTER
    assert table.is_open(start) == in_winter(start)
    if opened:
        assert table.add(start, len(opened) * QUARTER) == opened[-1] + QUARTER


@pytest.mark.parametrize("weeks", [1, 2, 500])
def test_whole_weeks_outside_its_years_end_where_the_last_of_them_does(weeks: int) -> None:
    table = EDGES.timetable
    after = instant("2028-01-02T00:00:00Z")
    assert table.add(after, weeks * 40 * HOUR) == (
        instant("2028-01-07T17:00:00Z") + (weeks - 1) * 7 * DAY
    )
    before = instant("2025-12-31T00:00:00Z")
    assert table.add(before - weeks * 7 * DAY, weeks * 40 * HOUR) == (
        instant("2025-12-30T17:00:00Z")
    )


def test_answers_follow_the_frozen_offsets_and_not_the_database_of_zones() -> None:
    frozen = calendar().model_dump() | {
        "zone": "Nowhere/Atlantis",
        "offsets": (
            Offset(since=instant("2026-01-01T00:00:00Z"), seconds=0),
            Offset(since=instant("2026-06-01T10:00:00Z"), seconds=7_200),
        ),
    }
    table = Calendar(**frozen).timetable
    day = instant("2026-06-01T00:00:00Z")
    assert table.between(day, day + DAY) == int((1 + 0.5 + 4.5) * HOUR)


PERIODS = st.lists(st.integers(0, 96), unique=True, max_size=6).map(
    lambda quarters: _periods(sorted(quarters))
)
DATES = st.dates(
    min_value=date(2027, 12, 25),
    max_value=date(2028, 11, 10),
).map(lambda day: day.isoformat())
ZONES = st.sampled_from(
    [
        BERLIN,
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Africa/Casablanca",
        "America/Scoresbysund",
        "Pacific/Kiritimati",
        "UTC",
    ]
)
CALENDARS = st.builds(
    lambda zone, week, holidays, exceptions: calendar(
        zone, week, years=(2027, 2028), holidays=holidays, exceptions=exceptions
    ),
    ZONES,
    st.one_of(
        st.just(ALWAYS),
        st.just(OFFICE),
        st.dictionaries(st.sampled_from(WEEKDAYS), PERIODS, max_size=7),
    ),
    st.dictionaries(DATES, st.just("A holiday"), max_size=5),
    st.dictionaries(DATES, PERIODS, max_size=5),
)
TURNS = {
    BERLIN: ("2028-03-26T01:00:00Z", "2028-10-29T01:00:00Z"),
    "America/New_York": ("2028-03-12T07:00:00Z", "2028-11-05T06:00:00Z"),
    "Australia/Lord_Howe": ("2028-04-01T15:00:00Z", "2028-09-30T15:30:00Z"),
}
LEAP, NEW_YEAR = "2028-02-29T00:00:00Z", "2028-01-01T00:00:00Z"


def _periods(quarters: list[int]) -> tuple[str, ...]:
    clocks = [f"{quarter // 4:02}:{quarter % 4 * 15:02}" for quarter in quarters]
    return tuple(f"{start}-{end}" for start, end in zip(clocks[::2], clocks[1::2], strict=False))


@st.composite
def moments(draw: st.DrawFn) -> tuple[Calendar, int]:
    """A calendar and a minute, often near a change of its clocks, a leap day or new year."""
    clocks = draw(CALENDARS)
    near = draw(st.sampled_from([*TURNS.get(clocks.zone, ()), LEAP, NEW_YEAR]))
    return clocks, instant(near) + draw(st.integers(-4 * 1440, 4 * 1440)) * MINUTE


@settings(max_examples=150, deadline=None)
@given(moments(), st.integers(0, 3 * 1440))
@example((calendar(week=ALWAYS), instant("2026-03-29T00:30:00Z")), 120)
def test_open_time_is_that_of_a_look_at_every_minute(
    moment: tuple[Calendar, int], length: int
) -> None:
    clocks, start = moment
    end = start + length * MINUTE
    opened = [*open_minutes(clocks, start, end)]
    table = clocks.timetable
    assert table.between(start, end) == len(opened) * MINUTE
    assert table.is_open(start) == shows_open(clocks, start)
    if opened:
        assert next_open(table, start) == opened[0]
        assert table.add(start, len(opened) * MINUTE) == opened[-1] + MINUTE
    else:
        following = next_open(table, start)
        assert following is None or following >= end


@settings(max_examples=100, deadline=None)
@given(moments(), st.integers(-40 * 366 * DAY, 40 * 366 * DAY), st.integers(1, 2_000 * HOUR))
def test_due_is_the_first_instant_at_which_the_time_has_passed(
    moment: tuple[Calendar, int], shift: int, length: int
) -> None:
    clocks, start = moment
    start += shift
    due = clocks.timetable.add(start, length)
    if due is None:
        assume(not any(clocks.week.values()))
        assert clocks.timetable.between(start, start + 100 * 366 * DAY) < length
        return
    assert due > start
    assert clocks.timetable.between(start, due) == length
    assert clocks.timetable.between(start, due - 1) == length - 1


@settings(max_examples=100, deadline=None)
@given(moments(), st.lists(st.integers(-40 * 366 * DAY, 40 * 366 * DAY), min_size=3, max_size=3))
def test_open_time_adds_up(moment: tuple[Calendar, int], shifts: list[int]) -> None:
    clocks, near = moment
    table = clocks.timetable
    a, b, c = (near + shift for shift in sorted(shifts))
    assert table.between(a, b) + table.between(b, c) == table.between(a, c)
    assert 0 <= table.between(a, b) <= b - a
    assert table.between(b, a) == -table.between(a, b)


def test_a_timetable_is_made_once_and_says_nothing_about_equality() -> None:
    one, other = calendar(), calendar()
    assert one.timetable is one.timetable
    assert one == other
    assert one.model_dump() == other.model_dump()
