"""What is due is done then, once, whatever moved meanwhile and whoever was not there."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, SUE, create
from tests.process_managers.fakes import SECOND, Reminder, named, tags
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.classification import SetDue, Tag, TagsChanged
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.sla_events import SlaBreached
from ticketlog.process_managers.runner import PolicyRunner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A desk in which things happen at any time."""
    helpdesk.make(tmp_path / "desk", simulation=True)
    return tmp_path / "desk"


START = 1_780_000_000 * SECOND


def ticket(desk: Desk, at: int = START, subject: str = "VPN drops") -> str:
    made = desk.execute(CreateTicket(subject=subject), actor=ANN, occurred_at=at)
    return made.stream.removeprefix("ticket/")


def runner(desk: Desk, *timers: Reminder) -> PolicyRunner:
    return desk.policies([], timers=timers)


def test_each_is_stamped_with_the_time_at_which_it_was_due(desk: Desk) -> None:
    id = ticket(desk)
    made = runner(desk, Reminder(10, 20, 40))
    made.run_until(START + 25 * SECOND)
    stamps = [each.meta.occurred_at - START for each in named(desk, TagsChanged)]
    assert stamps == [10 * SECOND, 20 * SECOND]
    assert tags(desk, id) == ("age-10", "age-20")
    assert made.run_until(START + 39 * SECOND).done == 0
    assert made.run_until(START + 40 * SECOND).done == 1


def test_a_deadline_that_moves_leaves_no_ghost(desk: Desk) -> None:
    id = ticket(desk)
    made = runner(desk, Reminder(10))
    made.run_until(START)
    for seconds in (100, 50, 300):
        due = SetDue(due_at=START + seconds * SECOND)
        desk.execute(due, on=id, actor=ANN, occurred_at=START)
        made.run_until(START)
    made.run_until(START + 309 * SECOND)
    assert tags(desk, id) == ()
    made.run_until(START + 310 * SECOND)
    assert tags(desk, id) == ("age-10",)


def test_what_changes_right_before_it_is_due_counts(desk: Desk) -> None:
    """The change is in the log, and the runner hasn't read it."""
    id = ticket(desk)
    made = runner(desk, Reminder(10))
    made.run_until(START)
    desk.execute(Tag(add=("done",)), on=id, actor=ANN, occurred_at=START)
    ends = desk.log.ends()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made, "_react_to_page", lambda ends, live: False)
        made.run_until(START + 60 * SECOND)
    assert desk.log.ends() == ends


def test_many_due_at_once_are_all_done_once(desk: Desk) -> None:
    ids = [ticket(desk) for _ in range(1_200)]
    ran = runner(desk, Reminder(10)).run_until(START + 10 * SECOND)
    assert ran.done == len(ids)
    assert runner(desk, Reminder(10)).run_until(START + 20 * SECOND)[:2] == (0, 0)
    assert len(named(desk, TagsChanged)) == len(ids)


def test_several_timers_and_one_that_fails(desk: Desk) -> None:
    sick, well = Reminder(5, name="sick", broken="poison"), Reminder(7, name="well")
    made = runner(desk, sick, well)
    bad, good = ticket(desk, subject="poison"), ticket(desk)
    made.run_until(START + 60 * SECOND)
    assert tags(desk, good) == ("age-5", "age-7")
    (line,) = made.troubles()
    assert line.startswith(f"policy sick has parked ticket/{bad} of ticket/{bad} (ValueError")
    healed = runner(desk, Reminder(5, name="sick"), well)
    assert healed.retry("sick").parked == []
    healed.run_until(START + 60 * SECOND)
    assert tags(desk, bad) == ("age-5", "age-7")


def test_what_was_imported_rests_until_somebody_works_on_it(desk: Desk) -> None:
    old = Actor("old-desk", "import")
    made = runner(desk, Reminder(10))
    create = CreateTicket(subject="From before")
    stream = helpdesk.by_the_desk(desk, create, on=None, actor=old, occurred_at=START).stream
    assert made.run_until(START + 60 * SECOND).done == 0
    assert runner(desk, Reminder(10)).run_until(START + 60 * SECOND).done == 0
    desk.execute(Tag(add=("looked-at",)), on=stream, actor=ANN)
    assert made.run_until(START + 60 * SECOND).done == 1


def test_two_runners_ring_once(desk: Desk) -> None:
    ids = [ticket(desk) for _ in range(200)]
    runners = [runner(desk, Reminder(10, 20)) for _ in range(2)]
    threads = [
        threading.Thread(target=each.run_until, args=(START + 60 * SECOND,), daemon=True)
        for each in runners
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {tags(desk, id) for id in ids} == {("age-10", "age-20")}
    assert len(named(desk, TagsChanged)) == 2 * len(ids)


def test_live_it_rings_by_the_clock_and_is_stamped_exactly(desk: Desk) -> None:
    made = runner(desk, Reminder(1))
    stop = threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,), daemon=True)
    thread.start()
    id = create(desk)
    for _ in range(600):
        if tags(desk, id):
            break
        time.sleep(0.05)
    stop.set()
    thread.join()
    (rung,) = named(desk, TagsChanged)
    created = desk.load(f"ticket/{id}").created_at
    assert rung.meta.occurred_at == created + SECOND
    assert rung.meta.recorded_at >= created + SECOND


PROMISE = """
[sla_policies.all]
position = 1
targets = [{ metric = "total_resolution_time", within = { medium = "1h" } }]
"""


def all_at_once(desk: Desk, tickets: int) -> None:
    desk.settings_apply(helpdesk.SETTINGS + PROMISE, actor=SUE)
    desk.policies().run_until(START)
    with ThreadPoolExecutor(8) as clients:
        made = set(clients.map(lambda _: ticket(desk), range(tickets)))
    due = START + 3_600 * SECOND
    desk.policies().run_until(due + SECOND)
    found = Counter(each.originator_id for each in named(desk, SlaBreached))
    assert found.keys() == {f"ticket/{id}" for id in made}
    assert set(found.values()) == {1}
    assert {each.event.at for each in named(desk, SlaBreached)} == {due}


def test_what_is_due_at_once_is_only_work(desk: Desk) -> None:
    all_at_once(desk, 1_200)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_100_000_due_at_once(desk: Desk) -> None:
    all_at_once(desk, 100_000)
