from __future__ import annotations

import pytest

from ticketlog.domain.base import instant, iso
from ticketlog.projections.views.shared.periods import MOST, PeriodKind, periods

HOUR = 3_600_000_000


def test_a_day_has_as_many_hours_as_the_zone_s_clocks_show() -> None:
    start, end = instant("2026-03-28T12:00:00Z"), instant("2026-03-30T12:00:00Z")
    found = periods("day", "Europe/Berlin", start, end)
    assert [each.label for each in found] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    assert [(each.end - each.start) // HOUR for each in found] == [24, 23, 24]
    assert iso(found[0].start) == "2026-03-27T23:00:00.000000Z"


def test_a_day_may_begin_where_there_is_no_midnight() -> None:
    """Clocks in Beirut went from 00:00 to 01:00 on this day."""
    start = instant("2022-03-26T12:00:00Z")
    found = periods("day", "Asia/Beirut", start, start + 24 * HOUR)
    assert [(each.label, (each.end - each.start) // HOUR) for each in found] == [
        ("2022-03-26", 24),
        ("2022-03-27", 23),
    ]


def test_weeks_begin_on_mondays_and_have_iso_numbers() -> None:
    found = periods("week", "UTC", instant("2027-01-01T00:00:00Z"), instant("2027-01-05T00:00:00Z"))
    assert [(each.label, iso(each.start)[:10]) for each in found] == [
        ("2026-W53", "2026-12-28"),
        ("2027-W01", "2027-01-04"),
    ]


def test_months_follow_each_other() -> None:
    start, end = instant("2025-11-30T23:30:00Z"), instant("2026-02-01T00:00:00Z")
    assert [each.label for each in periods("month", "UTC", start, end)] == [
        "2025-11",
        "2025-12",
        "2026-01",
    ]
    assert periods("month", "Europe/Berlin", start, end)[0].label == "2025-12"


def test_no_time_no_periods() -> None:
    assert periods("day", "UTC", HOUR, HOUR) != []
    assert periods("day", "UTC", 0, 0) == []


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd"])
def test_an_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        periods("day", zone, 0, HOUR)


def test_an_unknown_period_is_named() -> None:
    with pytest.raises(ValueError, match="no period 'fortnight'"):
        periods("fortnight", "UTC", 0, HOUR)  # type: ignore[arg-type]


def test_a_span_that_would_never_be_counted_is_refused() -> None:
    day = 24 * HOUR
    assert len(periods("day", "UTC", 0, MOST * day)) == MOST
    with pytest.raises(ValueError, match="more than 5,000 times a day: choose a shorter span"):
        periods("day", "UTC", 0, MOST * day + 1)


@pytest.mark.parametrize("kind", ["day", "week", "month"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_end_of_the_calendar_is_said(kind: PeriodKind, zone: str) -> None:
    last = instant("9999-12-31T23:59:59Z")
    with pytest.raises(ValueError, match="behind the year 9999"):
        periods(kind, zone, last - HOUR, last)
