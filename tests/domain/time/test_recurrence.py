"""Recurrences against python-dateutil, over ten years in six zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.given import Actor
from ticketlog.domain import schedule as schedules
from ticketlog.domain.base import Context, Meta, Recorded, instant, iso
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.schedule import Schedule, ScheduledTicket
from ticketlog.domain.time.calendar import Calendar, Offset
from ticketlog.domain.time.recurrence import Recurrence, broken, occurrences

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Casablanca",
    "Pacific/Apia",
)
"""Lord Howe's clocks move by half an hour, Casablanca's twice around Ramadan, Apia left out a day
in 2011."""
DAY_US = 86_400_000_000
BEGIN = (datetime.fromisoformat("2009-01-01"), datetime.fromisoformat("2012-12-31"))
MONTHS = st.sets(st.integers(1, 12), min_size=1, max_size=3)
DAYS = st.sets(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=3)


def joined(name: str, values: object) -> str:
    return f"{name}={','.join(map(str, sorted(values)))}"  # type: ignore[call-overload]


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}"]
    stepped = draw(st.booleans())
    if stepped:
        parts.append(f"INTERVAL={draw(st.integers(1, 5))}")
    if frequency in ("WEEKLY", "MONTHLY") and draw(st.booleans()):
        parts.append(joined("BYDAY", draw(DAYS)))
    if frequency == "MONTHLY" and len(parts) < 3 and draw(st.booleans()):
        parts.append(
            joined("BYMONTHDAY", draw(st.sets(st.sampled_from([1, 2, 15, 28, 31, -1]))) or {1})
        )
    if frequency == "YEARLY" and draw(st.booleans()):
        parts.append(joined("BYMONTH", draw(MONTHS)))
    if frequency != "HOURLY" and draw(st.booleans()):
        parts.append(joined("BYHOUR", draw(st.sets(st.integers(0, 4), min_size=1))))
    if not stepped and draw(st.booleans()):
        parts.append(joined("BYMINUTE", draw(st.sets(st.sampled_from([0, 15, 30]), min_size=1))))
    if draw(st.integers(0, 3)) == 0:
        parts.append(f"COUNT={draw(st.integers(1, 400))}")
    return ";".join(parts)


RECURRENCES = st.builds(
    Recurrence,
    rrule=rules(),
    start=st.datetimes(*BEGIN).map(lambda at: at.strftime("%Y-%m-%dT%H:%M")),
    zone=st.sampled_from(ZONES),
)


def by_dateutil(recurrence: Recurrence, after: int, until: int) -> list[int]:
    """The instants after one and up to another, as dateutil has them."""
    zone = ZoneInfo(recurrence.zone)
    start = datetime.fromisoformat(recurrence.start)
    end = datetime.fromtimestamp(until / 1e6, UTC).replace(tzinfo=None) + timedelta(days=3)
    found = set()
    for wall in takewhile(lambda at: at <= end, rrulestr(recurrence.rrule, dtstart=start)):
        there = tz.resolve_imaginary(wall.replace(tzinfo=zone))
        found.add((there - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
    return sorted(at for at in found if after < at <= until)


def ours(recurrence: Recurrence, after: int, until: int) -> list[int]:
    found = occurrences(recurrence, None, after)
    return [each.planned for each in takewhile(lambda each: each.due <= until, found)]


AFTER = st.integers(instant("2009-01-01T00:00:00Z"), instant("2021-01-01T00:00:00Z"))


class TestAgainstDateutil:
    @settings(deadline=None, max_examples=40)
    @given(RECURRENCES, AFTER, st.integers(1, 400))
    def test_the_same_instants(self, recurrence: Recurrence, after: int, days: int) -> None:
        until = after + days * DAY_US
        assert ours(recurrence, after, until) == by_dateutil(recurrence, after, until)

    @pytest.mark.parametrize("zone", ZONES)
    def test_ten_years(self, zone: str) -> None:
        after, until = instant("2010-01-01T00:00:00Z"), instant("2020-01-01T00:00:00Z")
        for rule in ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "FREQ=WEEKLY;BYDAY=SU;BYHOUR=0,1,2,3"):
            recurrence = Recurrence(rrule=rule, start="2009-06-01T02:15", zone=zone)
            found = ours(recurrence, after, until)
            assert found == by_dateutil(recurrence, after, until)
            assert len(found) > 2_000


class TestDowntime:
    """The policies wake at random instants, die before and after their commit, and wake again."""

    @pytest.mark.parametrize("lives", [15, pytest.param(3_000, marks=pytest.mark.soak)])
    def test_each_occurrence_comes_once(self, lives: int) -> None:
        self._lives(lives)

    def _lives(self, lives: int) -> None:
        @settings(deadline=None, max_examples=lives, database=None)
        @given(RECURRENCES, st.data())
        def life(recurrence: Recurrence, data: st.DataObject) -> None:
            since = data.draw(AFTER)
            schedule = Schedule(
                **recurrence.model_dump(),
                id="it",
                catch_up="all",
                ticket=ScheduledTicket(subject="Check"),
            )
            desk = Settings(schedules={"it": schedule}, scheduled_since={"it": since})
            state, now, came = schedules.initial("it"), since, []
            for pause in data.draw(st.lists(st.integers(1, 60 * DAY_US), max_size=20)):
                now += pause
                while events := opened(state, desk, now):
                    if data.draw(st.integers(0, 9)) == 0:
                        break  # It died before the commit.
                    came.extend(each.occurrence for each in events)
                    state = folded(state, events, now)
            while events := opened(state, desk, now):
                came.extend(each.occurrence for each in events)
                state = folded(state, events, now)
            assert came == by_dateutil(recurrence, since, now)

        life()


def opened(state: schedules.ScheduleAtWork, desk: Settings, now: int) -> list[object]:
    actor = Actor("it@1", "rule", "rule")
    context = Context(settings=desk, now=now, actor=actor, stream="schedule/it")
    return list(schedules.decide(schedules.OpenScheduled(), state, context))


def folded(
    state: schedules.ScheduleAtWork, events: list[object], now: int
) -> schedules.ScheduleAtWork:
    meta = Meta("c", now, now, Actor("it@1", "rule"), "policy")
    for event in events:
        recorded = Recorded("schedule/it", state.version + 1, event, meta)  # type: ignore[arg-type]
        state = schedules.evolve(state, recorded)
    return state


def berlin(rule: str, start: str, **given: object) -> Recurrence:
    return Recurrence(rrule=rule, start=start, zone="Europe/Berlin", **given)  # type: ignore[arg-type]


def due(recurrence: Recurrence, after: str, number: int, calendar: Calendar | None = None) -> list:
    found = occurrences(recurrence, calendar, instant(after))
    return [iso(each.due)[:16] for each in islice(found, number)]


class TestClocks:
    def test_nine_stays_nine_on_the_wall(self) -> None:
        daily = berlin("FREQ=DAILY", "2026-01-01T09:00")
        assert due(daily, "2026-03-28T00:00:00Z", 3) == [
            "2026-03-28T08:00",
            "2026-03-29T07:00",
            "2026-03-30T07:00",
        ]

    def test_a_time_that_clocks_skip_is_as_much_later(self) -> None:
        daily = berlin("FREQ=DAILY", "2026-01-01T02:30")
        assert due(daily, "2026-03-29T00:00:00Z", 1) == ["2026-03-29T01:30"], "03:30 on the wall"

    def test_a_time_that_they_show_twice_is_the_first(self) -> None:
        daily = berlin("FREQ=DAILY", "2026-01-01T02:30")
        assert due(daily, "2026-10-24T12:00:00Z", 2) == ["2026-10-25T00:30", "2026-10-26T01:30"]

    def test_two_that_come_to_one_instant_are_one(self) -> None:
        hourly = berlin("FREQ=HOURLY", "2026-01-01T00:00")
        assert due(hourly, "2026-03-28T23:30:00Z", 3) == [
            "2026-03-29T00:00",
            "2026-03-29T01:00",
            "2026-03-29T02:00",
        ]


WEEK = Calendar(
    id="berlin",
    zone="Europe/Berlin",
    first_year=2026,
    last_year=2026,
    offsets=(Offset(since=instant("2025-12-31T00:00:00Z"), seconds=3600),),
    week=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-17:00",)),
    holidays={"2026-01-01": "New Year", "2026-01-05": "Closed"},
)


class TestShifts:
    def test_to_the_next_working_day(self) -> None:
        monthly = berlin("FREQ=MONTHLY", "2026-01-01T09:00", calendar="berlin", shift="next")
        assert due(monthly, "2025-12-31T00:00:00Z", 2, WEEK) == [
            "2026-01-02T08:00",
            "2026-02-02T08:00",
        ]

    def test_to_the_one_before(self) -> None:
        monthly = berlin(
            "FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-01T09:00", calendar="berlin", shift="previous"
        )
        assert due(monthly, "2026-01-01T00:00:00Z", 1, WEEK) == ["2026-01-30T08:00"]

    def test_what_is_shifted_to_one_day_is_one(self) -> None:
        daily = berlin("FREQ=DAILY", "2026-01-01T09:00", calendar="berlin", shift="next")
        assert due(daily, "2025-12-31T00:00:00Z", 3, WEEK) == [
            "2026-01-02T08:00",
            "2026-01-06T08:00",
            "2026-01-07T08:00",
        ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rrule": "FREQ=MINUTELY"}, "needs FREQ"),
        ({"rrule": "INTERVAL=2"}, "it has none"),
        ({"rrule": "FREQ=DAILY;BYEASTER=1"}, "BYEASTER is unknown"),
        ({"rrule": "FREQ=DAILY;COUNT=0"}, "COUNT=0"),
        ({"rrule": "FREQ=DAILY;UNTIL=20270101T000000Z"}, "leave its Z out"),
        ({"rrule": "FREQ=DAILY;INTERVAL=7;BYDAY=MO"}, "INTERVAL beside BYDAY"),
        ({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "never happens"),
        ({"rrule": "FREQ=YEARLY;BYMONTH=13"}, "never happens"),
        ({"rrule": "FREQ=WEEKLY;BYDAY=XX"}, "can't be read"),
        ({"rrule": "FREQ=DAILY;UNTIL=20250101T000000"}, "never happens from"),
        ({"zone": "Europe/Nowhere"}, "is no time zone"),
        ({"shift": "next"}, "go together"),
        ({"shift": "next", "calendar": "paris"}, "known are berlin"),
        ({"shift": "next", "calendar": "berlin", "rrule": "FREQ=HOURLY"}, "one time of day"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, str], said: str) -> None:
    values = {"rrule": "FREQ=DAILY", "start": "2026-01-01T09:00", "zone": "Europe/Berlin", **given}
    problems = list(broken(Recurrence(**values), {"berlin": WEEK}))  # type: ignore[arg-type]
    assert len(problems) == 1
    assert said in problems[0]
