"""The hours of weekly shifts, as a timetable and one instant at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.given import DAY, MINUTE
from ticketlog.domain.base import instant
from ticketlog.domain.time.calendar import WEEKDAYS
from ticketlog.domain.time.shift_hours import rota
from ticketlog.domain.time.shifts import Shift, cover

CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from((0, 15, 30, 59)))
SHIFTS = st.lists(
    st.builds(Shift, day=st.sampled_from(WEEKDAYS), start=CLOCKS, end=CLOCKS), max_size=6
)
CHANGES = (
    ("Europe/Berlin", instant("2026-03-28T12:00:00Z")),
    ("Europe/Berlin", instant("2026-10-24T12:00:00Z")),
    ("Australia/Lord_Howe", instant("2026-04-04T00:00:00Z")),
    ("Asia/Kathmandu", instant("2026-01-31T12:00:00Z")),
)
"""Zones, and instants within a day before their clocks change, if they do."""


@given(SHIFTS, st.sampled_from(CHANGES), st.integers(0, 90))
def test_a_minute_is_covered_in_the_rota_when_it_is_on_the_wall(
    shifts: list[Shift], where: tuple[str, int], later: int
) -> None:
    zone, start = where
    start += later * MINUTE
    hours = rota(shifts, zone, start, start + 2 * DAY)
    for at in range(start, start + 2 * DAY, 15 * MINUTE):
        assert hours.is_open(at) == cover(shifts, zone, at)


def test_a_shift_over_the_hour_that_comes_twice_is_an_hour_longer() -> None:
    night = [Shift(day="sat", start="22:00", end="06:00")]
    start = instant("2026-10-24T12:00:00Z")
    hours = rota(night, "Europe/Berlin", start, start + DAY)
    assert hours.between(start, start + DAY) == 9 * 60 * MINUTE
