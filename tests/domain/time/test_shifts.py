"""When shifts begin, on the clocks of their zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ticketlog.domain.base import instant, iso
from ticketlog.domain.time.calendar import WEEKDAYS, Weekday
from ticketlog.domain.time.shifts import Shift, cover, next_start

MINUTE = 60_000_000
clocks = st.builds(
    lambda hour, quarter: f"{hour:02}:{quarter * 15:02}", st.integers(0, 23), st.integers(0, 3)
)
shifts = st.lists(
    st.builds(Shift, day=st.sampled_from(WEEKDAYS), start=clocks, end=clocks), max_size=4
)


@given(shifts, st.sampled_from(["UTC", "Asia/Tokyo", "Asia/Kathmandu"]), st.integers(0, 20 * 1440))
def test_it_is_the_first_minute_at_which_one_begins(
    drawn: list[Shift], zone: str, minutes: int
) -> None:
    after = instant("2026-01-01T00:00:00Z") + minutes * MINUTE
    begins = {(shift.day, shift.start) for shift in drawn}
    wanted = None
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    for quarter in range(1, 7 * 96 + 1):
        at = after - after % (15 * MINUTE) + quarter * 15 * MINUTE
        local = (moment + timedelta(microseconds=at - after)).astimezone(ZoneInfo(zone))
        if (WEEKDAYS[local.weekday()], f"{local:%H:%M}") in begins:
            wanted = at
            break
    assert next_start(drawn, zone, after) == wanted
    assert wanted is None or cover(drawn, zone, wanted)


def test_clocks_that_are_changed() -> None:
    """In Berlin 02:30 didn't come on 2026-03-29, and came twice on 2026-10-25."""
    night = (Shift(day="sun", start="02:30", end="06:00"),)

    def after(time: str) -> str:
        found = next_start(night, "Europe/Berlin", instant(time))
        assert found is not None
        return iso(found)

    assert after("2026-03-28T12:00:00Z") == "2026-03-29T01:30:00.000000Z"
    assert after("2026-03-29T01:30:00Z") == "2026-04-05T00:30:00.000000Z"
    assert after("2026-10-24T12:00:00Z") == "2026-10-25T00:30:00.000000Z"
    assert after("2026-10-25T00:30:00Z") == "2026-11-01T01:30:00.000000Z"


def test_without_a_zone_or_shifts_none_begins() -> None:
    assert next_start((), "UTC", 0) is None
    assert next_start((Shift(day="mon", start="09:00", end="17:00"),), None, 0) is None


@given(st.sampled_from(WEEKDAYS), clocks, st.integers(0, 20 * 1440))
def test_a_shift_may_end_at_24_00(day: Weekday, start: str, minutes: int) -> None:
    shift = Shift(day=day, start=start, end="24:00")
    assert shift == Shift(day=day, start=start, end="00:00")
    local = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    on_that_day = WEEKDAYS[local.weekday()] == day and f"{local:%H:%M}" >= start
    assert cover([shift], "UTC", instant(local.isoformat())) == on_that_day
