"""What calendars are made from: zones, public holidays, iCal files, and the table of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketlog.domain.base import iso
from ticketlog.domain.time.calendar import Calendar
from ticketlog.errors import Usage
from ticketlog.settings_files import parser
from ticketlog.settings_files.calendars.ical import ical_holidays
from ticketlog.settings_files.calendars.public import public_holidays
from ticketlog.settings_files.calendars.zones import offsets


def test_the_changes_of_a_zone_are_frozen_to_the_second() -> None:
    found = [(iso(each.since)[:19], each.seconds) for each in offsets("Europe/Berlin", 2026, 2027)]
    assert found == [
        ("2025-12-31T00:00:00", 3_600),
        ("2026-03-29T01:00:00", 7_200),
        ("2026-10-25T01:00:00", 3_600),
        ("2027-03-28T01:00:00", 7_200),
        ("2027-10-31T01:00:00", 3_600),
    ]
    assert [each.seconds for each in offsets("Asia/Kathmandu", 2026, 2030)] == [20_700]
    # Samoa had no 30 December: it went from the last to the first of all zones.
    samoa = [(iso(each.since)[:16], each.seconds) for each in offsets("Pacific/Apia", 2011, 2011)]
    assert ("2011-12-30T10:00", 14 * 3_600) in samoa


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(available_timezones() - {"localtime"})),
    st.integers(31_536_000, 4_102_444_799).map(lambda at: datetime.fromtimestamp(at, UTC)),
)
def test_frozen_offsets_are_those_of_the_database(zone: str, moment: datetime) -> None:
    at = int(moment.timestamp())
    frozen = [
        each.seconds
        for each in offsets(zone, moment.year, moment.year)
        if each.since <= at * 1_000_000
    ][-1]
    offset = moment.replace(microsecond=0).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    assert frozen == offset.total_seconds()


def test_public_holidays_are_those_of_a_country_and_its_part() -> None:
    berlin = public_holidays("DE", "BE", (), 2026, 2026)
    whole = public_holidays("DE", None, (), 2026, 2026)
    assert berlin[date(2026, 3, 8)] == "Frauentag"
    assert {*berlin} - {*whole} == {date(2026, 3, 8)}
    assert {day.year for day in public_holidays("GB", "SCT", (), 2026, 2028)} == {2026, 2027, 2028}
    observed = public_holidays("GB", "ENG", (), 2026, 2026)
    assert date(2026, 12, 28) in observed


def test_names_of_holidays_do_not_follow_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*public_holidays("DE", None, (), 2026, 2026).values()]
    for language in ("en_US", "uk"):
        monkeypatch.setenv("LANGUAGE", language)
        assert [*public_holidays("DE", None, (), 2026, 2026).values()] == names


@pytest.mark.parametrize(
    ("country", "subdivision", "categories", "words"),
    [
        ("XX", None, (), "no holidays are known for country 'XX'"),
        ("DE", "XX", (), "country DE has no subdivision 'XX'; known are Augsburg, BB, BE"),
        ("DE", None, ("bank",), "no holidays of category 'bank'; known are catholic, public"),
    ],
)
def test_unknown_holidays_are_refused(
    country: str, subdivision: str | None, categories: tuple[str, ...], words: str
) -> None:
    with pytest.raises(Usage, match=re.escape(words)):
        public_holidays(country, subdivision, categories, 2026, 2026)


def ical(folder: Path, *events: str) -> Path:
    file = folder / "days.ics"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *event.split(" | "), "END:VEVENT"]
    file.write_text("\r\n".join([*lines, "END:VCALENDAR", ""]), encoding="utf-8")
    return file


def read(file: Path, first: int = 2026, last: int = 2028) -> dict[str, str]:
    found: Mapping[date, str] = ical_holidays(file, "Europe/Berlin", first, last)
    return {day.isoformat(): name for day, name in sorted(found.items())}


def test_all_day_events_are_holidays(tmp_path: Path) -> None:
    file = ical(
        tmp_path,
        "SUMMARY:Stocktaking | DTSTART;VALUE=DATE:20260701",
        "SUMMARY:Shutdown | DTSTART;VALUE=DATE:20261230 | DTEND;VALUE=DATE:20270102",
        "SUMMARY:New Year | DTSTART;VALUE=DATE:20270101",
        "SUMMARY:Before | DTSTART;VALUE=DATE:20251231",
        "SUMMARY:Cancelled | STATUS:CANCELLED | DTSTART;VALUE=DATE:20260702",
        "DTSTART;VALUE=DATE:20260703",
    )
    assert read(file) == {
        "2026-07-01": "Stocktaking",
        "2026-07-03": "days.ics",
        "2026-12-30": "Shutdown",
        "2026-12-31": "Shutdown",
        "2027-01-01": "Shutdown; New Year",
    }
    assert [*read(file, 2027, 2027)] == ["2027-01-01"]


def test_events_that_recur_are_holidays_each_time(tmp_path: Path) -> None:
    file = ical(
        tmp_path,
        "SUMMARY:Last of February | DTSTART;VALUE=DATE:20200229"
        " | RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1 | EXDATE;VALUE=DATE:20270228",
        "SUMMARY:Outing | DTSTART;VALUE=DATE:20260605 | RRULE:FREQ=YEARLY;COUNT=2"
        " | RDATE;VALUE=DATE:20281111",
    )
    assert read(file) == {
        "2026-02-28": "Last of February",
        "2026-06-05": "Outing",
        "2027-06-05": "Outing",
        "2028-02-29": "Last of February",
        "2028-11-11": "Outing",
    }


def test_an_event_from_midnight_to_midnight_is_a_day(tmp_path: Path) -> None:
    file = ical(
        tmp_path,
        "SUMMARY:A | DTSTART;TZID=Europe/Berlin:20260601T000000"
        " | DTEND;TZID=Europe/Berlin:20260603T000000",
        "SUMMARY:B | DTSTART:20260609T220000Z | DTEND:20260610T220000Z",
    )
    assert [*read(file)] == ["2026-06-01", "2026-06-02", "2026-06-10"]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            "SUMMARY:Party | DTSTART:20260601T120000Z | DTEND:20260601T220000Z",
            "event 'Party' of 2026-06-01 isn't a whole day but begins or ends at 14:00; make it",
        ),
        ("SUMMARY:X | DTSTART:2026", "event 'X': DTSTART can't be read"),
        ("SUMMARY:X", "event 'X' has no DTSTART"),
        (
            "SUMMARY:X | DTSTART;VALUE=DATE:20260102 | DTEND;VALUE=DATE:20260101",
            "event 'X' ends before it starts",
        ),
        ("SUMMARY:X | DTSTART;VALUE=DATE:20260102 | RRULE:FREQ=NEVER", "'X': RRULE can't be read"),
        (
            "SUMMARY:X | DTSTART:20260102T000000Z | RRULE:FREQ=MINUTELY",
            "event 'X' recurs minutely: holidays are days",
        ),
    ],
)
def test_an_event_that_is_no_holiday_is_refused(tmp_path: Path, event: str, words: str) -> None:
    with pytest.raises(Usage) as refusal:
        read(ical(tmp_path, event))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", b"BEGIN:VCALENDAR\r\n"])
def test_what_is_no_ical_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.ics"
    file.write_bytes(content)
    with pytest.raises(Usage, match=r"broken\.ics is no iCal file"):
        read(file)


def parsed(text: str, folder: Path | None = None) -> Calendar:
    found = parser.parse(f"[calendars.tested]\n{text}", folder)["calendar"]["tested"]
    assert isinstance(found, Calendar)
    return found


def test_a_calendar_is_written_in_a_settings_file(tmp_path: Path) -> None:
    ical(tmp_path, "SUMMARY:Outing | DTSTART;VALUE=DATE:20260605")
    found = parsed(
        """
        label = "Berlin"
        zone = "Europe/Berlin"
        years = [2026, 2026]
        week = { mon-wed = ["13:00-17:00", "09:00-12:00"], fri = ["09:00-24:00"], sat = [] }
        holidays = [{ country = "DE", subdivision = "BE" }, { ical = "days.ics" }]
        exceptions = { 2026-12-31 = [], 2026-12-24 = ["09:00-12:00"] }
        organisations = ["acme"]
        """,
        tmp_path,
    )
    assert found.week == {
        **dict.fromkeys(("mon", "tue", "wed"), ("09:00-12:00", "13:00-17:00")),
        "fri": ("09:00-24:00",),
    }
    assert (found.first_year, found.last_year, len(found.offsets)) == (2026, 2026, 3)
    assert found.holidays["2026-06-05"] == "Outing"
    assert found.holidays["2026-10-03"] == "Tag der Deutschen Einheit"
    assert found.exceptions == {"2026-12-24": ("09:00-12:00",), "2026-12-31": ()}
    assert [*found.holidays] == sorted(found.holidays)


PLAIN = 'zone = "UTC"\nyears = [2026, 2027]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("week = {}\nyears = [2026, 2027]", "[calendars.tested] zone is missing"),
        (
            'zone = "Mars/Base"\nyears = [2026, 2027]\nweek = {}',
            "zone 'Mars/Base' is no time zone; write it as in the IANA database",
        ),
        ('zone = "UTC"\nyears = [2026]\nweek = {}', "[calendars.tested] years"),
        ('zone = "UTC"\nyears = [2027, 2026]\nweek = {}', "years should be the first and the last"),
        ('zone = "UTC"\nyears = [1900, 2026]\nweek = {}', "years should be the first and the last"),
        (PLAIN + "week = { mo = [] }", "week should name days as 'mon'"),
        (
            PLAIN + "week = { fri-mon = [] }",
            "should name days as 'mon', or from first to last",
        ),
        (PLAIN + "week = { mon-fri = [], tue = [] }", "week should name tue once"),
        (
            PLAIN + 'week = { mon = ["9-17"] }',
            "entry 1 of mon: should be hours like '09:00-12:30'",
        ),
        (PLAIN + 'week = { mon = ["09:00-24:30"] }', "and up to 24:00, not '09:00-24:30'"),
        (PLAIN + "week = {}\nexceptions = { 2026-02-30 = [] }", "should be a day like 2026-12-24"),
        (PLAIN + "week = {}\nholidays = [{}]", "entry 1 of holidays: needs either `country` or"),
        (
            PLAIN + 'week = {}\nholidays = [{ country = "XX" }]',
            "[calendars.tested] entry 1 of holidays: no holidays are known for country 'XX'",
        ),
        (
            PLAIN + 'week = {}\nholidays = [{ ical = "x.ics", subdivision = "BE" }]',
            "belong to `country`",
        ),
        (PLAIN + 'week = {}\nholidays = [{ ical = "x.ics" }]', "'x.ics' lies beside the settings"),
        (
            PLAIN + 'week = {}\nholidays = [{ ical = "/nowhere/x.ics" }]',
            "/nowhere/x.ics can't be read: No such file",
        ),
        (
            PLAIN + 'week = {}\nholidays = [{ land = "DE" }]',
            "land is unknown; known are country, subdivision, categories, ical",
        ),
        (PLAIN + "week = {}\nhours = 3", "hours is unknown; known are label, zone, years, week"),
    ],
)
def test_a_calendar_that_can_not_be_made_is_refused(text: str, words: str) -> None:
    with pytest.raises(Usage) as refusal:
        parsed(text)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("the settings file: [calendars.tested]")
