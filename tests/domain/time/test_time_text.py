"""Times as people write them: the end of a day and the 60th second of a minute are times."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketlog.domain.base import instant, iso
from ticketlog.domain.time.time_text import moment, moment_by
from ticketlog.log.commit import is_time

DAY, SECOND = 86_400_000_000, 1_000_000
days = st.dates(date(1900, 1, 1), date(9999, 12, 30))
zones = st.sampled_from(["Z", "+00:00", "+05:45", "-11:00", "+0130"])
separators = st.sampled_from("T ")


@given(days, separators, st.sampled_from(["24:00", "24:00:00", "24:00:00.000", "24"]), zones)
def test_a_day_ends_where_the_next_one_begins(
    day: date, separator: str, clock: str, zone: str
) -> None:
    midnight = instant(f"{day.isoformat()}T00:00:00{zone}")
    assert instant(f"{day.isoformat()}{separator}{clock}{zone}") == midnight + DAY
    compact = clock.replace(":", "")
    assert instant(f"{day:%Y%m%d}T{compact}{zone}") == midnight + DAY


@given(days, st.times(), st.sampled_from(["", ".5", ",250", ".999999"]), zones)
def test_a_60th_second_is_the_first_of_the_next_minute(
    day: date, time: time, fraction: str, zone: str
) -> None:
    minute = f"{day.isoformat()}T{time:%H:%M}"
    part = round(float(fraction.replace(",", ".") or 0) * SECOND)
    assert (
        instant(f"{minute}:60{fraction}{zone}") == instant(f"{minute}{zone}") + 60 * SECOND + part
    )


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{2,15}Z"))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        at = instant(text)
    except ValueError:
        return
    assert at == (moment(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-01-31T24:01Z", "2026-01-31T24:00:01Z", "2026-01-31T24:00:00.1Z"),
        *("2026-01-31T25:00Z", "2026-01-31T23:59:61Z", "2026-02-30T24:00Z"),
        *("9999-12-31T24:00Z", "9999-12-31T23:59:60Z", "24:00"),
    ],
)
def test_what_is_no_time_stays_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|must be in|out of range"):
        instant(text)


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("%d.%m.%Y %H:%M", "31.12.2026 24:00", "2027-01-01T00:00:00"),
        ("%d.%m.%Y %H:%M:%S", "28.02.2026 24:00:00", "2026-03-01T00:00:00"),
        ("%Y%m%d%H%M", "202602282400", "2026-03-01T00:00:00"),
        ("%d/%m/%Y %H:%M:%S", "30/06/2015 23:59:60", "2015-07-01T00:00:00"),
        ("%d/%m/%Y %H:%M:%S.%f", "30/06/2015 10:15:60.5", "2015-06-30T10:16:00.500000"),
        ("%m/%d/%Y %I:%M:%S %p", "06/30/2015 11:59:60 PM", "2015-07-01T00:00:00"),
        ("%H:%M on %Y-%m-%d, 100%%", "24:00 on 2026-01-31, 100%", "2026-02-01T00:00:00"),
    ],
)
def test_in_a_form_of_its_own(pattern: str, text: str, wanted: str) -> None:
    assert moment_by(pattern, text).isoformat() == wanted


def test_a_pattern_keeps_its_zone() -> None:
    found = moment_by("%d.%m.%Y %H:%M %z", "31.12.2026 24:00 +0200")
    assert found == datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%d.%m.%Y %H:%M", "31.12.2026 24:01"),
        ("%d.%m.%Y %H:%M:%S.%f", "31.12.2026 24:00:00.5"),
        ("%d.%m.%Y %I:%M", "31.12.2026 24:00"),
        ("%d.%m.%Y %H:%M:%S", "31.12.2026 24:00:60"),
        ("%d.%m.%Y", "31.12.2026 24:00"),
    ],
)
def test_what_a_pattern_doesnt_say_is_no_time(pattern: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"does not match|unconverted"):
        moment_by(pattern, text)


@given(days, zones)
def test_records_are_never_written_so(day: date, zone: str) -> None:
    assert is_time(iso(instant(f"{day.isoformat()}T24:00{zone}")))
    assert not is_time(f"{day.isoformat()}T24:00:00.000000Z")
    assert not is_time(f"{day.isoformat()}T23:59:60.000000Z")
