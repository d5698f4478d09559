"""Tickets that wait are looked at when a shift begins, and when rules were applied."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.helpdesk import SUE
from tests.policies.acting import Story, at
from tests.policies.test_assignment import LEAST, STAFF, comes, owners, story, ticket
from ticketlog.domain.parties.agent import SetShifts
from ticketlog.domain.ticket.automation import AgentChosen
from ticketlog.domain.time.calendar import Weekday
from ticketlog.domain.time.shifts import Shift

SHIFTS = LEAST + "shifts = true\n"
"""NOON is on a Monday."""


def works(
    made: Story, agent: str, *days: Weekday, start: str = "08:00", end: str = "16:00"
) -> None:
    shifts = tuple(Shift(day=day, start=start, end=end) for day in days)
    made.does(SUE, SetShifts(shifts=shifts, zone="UTC"), f"agent/{agent}", "10s")


def chosen(made: Story, id: str) -> list[tuple[str, int]]:
    return [
        (each.event.agent, each.meta.occurred_at)
        for each in made.by_rules(id)
        if isinstance(each.event, AgentChosen)
    ]


def test_when_a_shift_begins_and_not_before(tmp_path: Path) -> None:
    made = story(tmp_path / "desk", SHIFTS, online=("ann", "bob"))
    works(made, "ann", "tue")
    works(made, "bob", "wed")
    ids = [ticket(made, f"9h {n}s") for n in range(3)]
    made.until("19h 59m 59s")
    assert owners(made, ids) == [None] * 3
    made.until("30d")
    assert chosen(made, ids[0]) == [("ann", at("20h"))]
    assert chosen(made, ids[2]) == [("bob", at("44h"))], "ann has room for two"
    made.desk.close()


def test_who_is_away_when_it_begins_gets_nothing(tmp_path: Path) -> None:
    made = story(tmp_path / "desk", SHIFTS, online=("ann",))
    works(made, "ann", "tue")
    id = ticket(made, "9h")
    comes(made, "ann", "10h", "away")
    made.until("5d")
    assert owners(made, [id]) == [None]
    made.desk.close()


def test_a_rule_that_is_applied_is_for_those_that_wait_too(tmp_path: Path) -> None:
    """More of them than are looked at at once; by one runner that goes on."""
    made = Story(tmp_path / "desk", "", STAFF.replace('capacity = { "*" = 2 }\n', ""))
    comes(made, "ann", "1s")
    ids = [ticket(made) for _ in range(130)]
    runner = made.desk.policies()
    runner.run_until(at("1h"))
    assert owners(made, ids) == [None] * 130
    made.apply(STAFF.replace('capacity = { "*" = 2 }\n', "") + LEAST)
    runner.run_until(at("2h"))
    assert owners(made, ids) == ["ann"] * 130
    assert made.desk.policies().run_until(at("3h"))[:2] == (0, 0)
    made.desk.close()


def test_room_that_is_granted_is_used(tmp_path: Path) -> None:
    made = story(tmp_path / "desk", online=("ann",))
    ids = [ticket(made) for _ in range(4)]
    made.until("1h")
    assert owners(made, ids).count("ann") == 2
    made.apply(STAFF.replace('{ "*" = 2 }', '{ "*" = 3 }') + LEAST)
    made.until("2h")
    assert owners(made, ids).count("ann") == 3
    made.desk.close()


def test_by_the_real_clock(tmp_path: Path) -> None:
    made = story(tmp_path / "desk", SHIFTS, online=("ann",))
    works(made, "ann", "tue")
    id = ticket(made, "9h")
    now = [at("10h")]
    runner, stop = made.desk.policies(now=lambda: now[0]), threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        while not runner.last_pass_at():
            time.sleep(0.01)
        assert owners(made, [id]) == [None]
        now[0] = at("20h") + 1
        for _ in range(1_000):
            if owners(made, [id]) == ["ann"]:
                break
            time.sleep(0.01)
        assert owners(made, [id]) == ["ann"]
    finally:
        stop.set()
        thread.join()
        made.desk.close()
