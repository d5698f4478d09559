"""Schedules open tickets: each occurrence once, whatever becomes of the process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from ticketlog import config as configuration
from ticketlog.application.logs import open_logs
from ticketlog.cli import run
from ticketlog.desk import Desk, codec_of
from ticketlog.domain.base import Forbidden, Invalid, NotFound, instant, iso
from ticketlog.domain.schedule import (
    MoveOccurrence,
    OccurrencesMissed,
    RestoreOccurrence,
    SkipOccurrence,
    ticket_of,
)
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.projections.views.schedules import ScheduleDates, ScheduleList

BEGIN = instant("2030-01-01T00:00:00Z")
DAY = 86_400_000_000
DAILY = """
[schedules.tapes]
rrule = "FREQ=DAILY"
start = "2030-01-01T09:00"
zone = "Europe/Berlin"
{more}
[schedules.tapes.ticket]
subject = "Change the tapes"
team = "network"
tags = ["tapes"]
"""


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> int:
        return self.now


@contextmanager
def opened(folder: Path, clock: Clock) -> Iterator[Desk]:
    found = configuration.read(folder)
    with Desk(found, open_logs(found, codec_of(found)), clock) as desk:
        yield desk


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    helpdesk.make(tmp_path / "desk")
    return tmp_path / "desk"


def apply(desk: Desk, more: str = "", text: str = DAILY) -> None:
    desk.settings_apply(helpdesk.SETTINGS + text.format(more=more), actor=SUE)


def work(desk: Desk) -> None:
    """The policies do, live, all that is due now."""
    runner = desk.policies()
    runner._dispatcher.uses_event_time = False
    with runner._live_state() as live:
        while runner._react_to_page(desk.log.ends(), live) or runner._fire_timers(
            desk._clock(), live
        ):
            pass


def tickets(desk: Desk) -> list[str]:
    """The occurrences whose tickets are there, by the day."""
    rows = desk.query(ScheduleDates(schedule="tapes", earlier=1_000, limit=0))
    came = [row for row in rows if row["state"] == "came"]
    for row in came:
        assert desk.load(f"ticket/{row['ticket']}").exists
    return [iso(row["occurrence"])[:10] for row in came]


class TestOccurrences:
    def test_each_opens_a_ticket_when_it_is_due(self, folder: Path, clock: Clock) -> None:
        with opened(folder, clock) as desk:
            apply(desk)
            work(desk)
            assert tickets(desk) == []
            clock.now = instant("2030-01-01T08:00:00Z")
            work(desk)
            assert tickets(desk) == ["2030-01-01"]
            ticket = desk.load(f"ticket/{ticket_of('tapes', clock.now)}")
            assert (ticket.subject, ticket.team, ticket.tags) == (
                "Change the tapes",
                "network",
                ("tapes",),
            )
            made = desk.history(f"ticket/{ticket.id}")[0].meta
            assert (made.actor.id, made.actor.kind) == ("tapes@1", "rule")

    def test_what_was_before_the_schedule_isnt_made_up_for(
        self, folder: Path, clock: Clock
    ) -> None:
        clock.now = instant("2030-03-01T12:00:00Z")
        with opened(folder, clock) as desk:
            apply(desk, 'catch_up = "all"')
            work(desk)
            assert tickets(desk) == []
            clock.now += DAY
            work(desk)
            assert tickets(desk) == ["2030-03-02"]

    @pytest.mark.parametrize(
        ("catch_up", "came", "missed"),
        [
            ("all", ["01", "02", "03", "04"], []),
            ("last", ["04"], [3]),
            ("none", [], [4]),
        ],
    )
    def test_after_downtime(
        self, folder: Path, clock: Clock, catch_up: str, came: list[str], missed: list[int]
    ) -> None:
        with opened(folder, clock) as desk:
            apply(desk, f'catch_up = "{catch_up}"')
            clock.now = instant("2030-01-04T20:00:00Z")
            work(desk)
            assert tickets(desk) == [f"2030-01-{day}" for day in came]
            history = [each.event for each in desk.history("schedule/tapes")]
            assert [e.number for e in history if isinstance(e, OccurrencesMissed)] == missed
            clock.now += DAY
            work(desk)
            fresh = [] if catch_up == "none" else ["2030-01-05"]
            assert tickets(desk)[len(came) :] == fresh, "twelve hours late"

    def test_killed_anywhere_each_comes_once(self, folder: Path, clock: Clock) -> None:
        """Runners that stop after any number of steps, on a desk that is opened anew each time."""
        chance = random.Random(1)
        with opened(folder, clock) as desk:
            apply(desk, 'catch_up = "all"')
        for _ in range(12):
            clock.now += chance.randrange(DAY * 3)
            with opened(folder, clock) as desk:
                runner = desk.policies()
                runner._dispatcher.uses_event_time = False
                with runner._live_state() as live:
                    for _ in range(chance.randrange(5)):
                        runner._react_to_page(desk.log.ends(), live)
                        runner._fire_timers(clock.now, live)
        with opened(folder, clock) as desk:
            work(desk)
            work(desk)
            days = (clock.now - instant("2030-01-01T08:00:00Z")) // DAY + 1
            expected = [iso(BEGIN + n * DAY)[:10] for n in range(days)]
            assert tickets(desk) == expected
            made = [e for e in desk.subscribe(follow=False) if isinstance(e.event, TicketCreated)]
            assert len(made) == len(expected)

    def test_a_replay_opens_nothing(self, folder: Path, clock: Clock) -> None:
        with opened(folder, clock) as desk:
            apply(desk)
            clock.now += DAY
            work(desk)
            before = desk.log.ends()
            assert run(["--desk", str(folder), "replay", "verify"]) == 0
            assert desk.log.ends() == before

    def test_a_requester_who_isnt_known_is_left_out(self, folder: Path, clock: Clock) -> None:
        with opened(folder, clock) as desk:
            apply(desk, text=DAILY + 'requester = "NOBODY"\n')
            clock.now += DAY
            work(desk)
            assert tickets(desk) == ["2030-01-01"]


class TestExceptions:
    def test_one_is_skipped_and_restored(self, folder: Path, clock: Clock) -> None:
        second = instant("2030-01-02T08:00:00Z")
        with opened(folder, clock) as desk:
            apply(desk, 'catch_up = "all"')
            for command in (SkipOccurrence, RestoreOccurrence, SkipOccurrence):
                desk.execute(command(occurrence=second), on="schedule/tapes", actor=SUE)
            states = [row["state"] for row in desk.query(ScheduleDates(schedule="tapes", limit=3))]
            assert states == ["ahead", "skipped", "ahead", "ahead"]
            clock.now += 3 * DAY
            work(desk)
            assert tickets(desk) == ["2030-01-01", "2030-01-03"]

    @pytest.mark.parametrize("to", ["2030-01-01T15:00:00Z", "2030-01-04T15:00:00Z"])
    def test_one_is_moved(self, folder: Path, clock: Clock, to: str) -> None:
        second = instant("2030-01-03T08:00:00Z")
        with opened(folder, clock) as desk:
            apply(desk, 'catch_up = "all"')
            command = MoveOccurrence(occurrence=second, to=instant(to))
            desk.execute(command, on="schedule/tapes", actor=SUE)
            for _ in range(10):
                clock.now += DAY // 2
                work(desk)
            came = sorted(tickets(desk))
            assert came == [f"2030-01-0{day}" for day in range(1, 6)], "it came once"
            row = next(
                row
                for row in desk.query(ScheduleDates(schedule="tapes"))
                if row["occurrence"] == second
            )
            assert iso(row["due"])[:16] == to[:16]

    def test_what_cant_be_is_refused(self, folder: Path, clock: Clock) -> None:
        first = instant("2030-01-01T08:00:00Z")
        with opened(folder, clock) as desk:
            apply(desk)
            with pytest.raises(NotFound, match="there are tapes"):
                desk.execute(SkipOccurrence(occurrence=first), on="schedule/other", actor=SUE)
            with pytest.raises(Invalid, match="the next are 2030-01-01T08:00"):
                desk.execute(SkipOccurrence(occurrence=first + 1), on="schedule/tapes", actor=SUE)
            with pytest.raises(Invalid, match="ten years ahead"):
                desk.execute(
                    MoveOccurrence(occurrence=first, to=BEGIN), on="schedule/tapes", actor=SUE
                )
            with pytest.raises(Forbidden):
                desk.execute(SkipOccurrence(occurrence=first), on="schedule/tapes", actor=ANN)
            clock.now += DAY
            work(desk)
            with pytest.raises(Invalid, match="no occurrence ahead"):
                desk.execute(SkipOccurrence(occurrence=first), on="schedule/tapes", actor=SUE)


class TestSettings:
    def test_other_times_begin_when_they_are_in_force(self, folder: Path, clock: Clock) -> None:
        with opened(folder, clock) as desk:
            apply(desk)
            clock.now = instant("2030-01-02T12:00:00Z")
            work(desk)
            apply(desk, text=DAILY.replace("T09:00", "T07:00"))
            work(desk)
            assert len(tickets(desk)) == 1, "seven of that day was over"
            clock.now += DAY
            work(desk)
            assert tickets(desk)[1:] == ["2030-01-03"]

    def test_a_paused_one_opens_nothing_and_makes_up_for_nothing(
        self, folder: Path, clock: Clock
    ) -> None:
        with opened(folder, clock) as desk:
            apply(desk, 'paused = true\ncatch_up = "all"')
            clock.now += 2 * DAY
            work(desk)
            apply(desk, 'catch_up = "all"')
            work(desk)
            assert tickets(desk) == []
            (row,) = desk.query(ScheduleList())
            assert (row["schedule"], iso(row["next_at"])[:10]) == ("tapes", "2030-01-03")

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('team = "network"', 'team = "nobody"', "team 'nobody'"),
            ("FREQ=DAILY", "FREQ=SECONDLY", "needs FREQ"),
            ('"Europe/Berlin"', '"Berlin"', "is no time zone"),
            ('team = "network"', 'fields = {{ floor = "third" }}', "floor"),
        ],
    )
    def test_what_cant_be_is_named(
        self, folder: Path, clock: Clock, old: str, new: str, said: str
    ) -> None:
        with (
            opened(folder, clock) as desk,
            pytest.raises(Invalid, match=r"\[schedules.tapes\]") as e,
        ):
            apply(desk, text=DAILY.replace(old, new))
        assert said in str(e.value)
