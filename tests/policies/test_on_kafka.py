"""The policies on a log in Kafka: the same as on the embedded one; and by two that run at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import SUE
from tests.policies.acting import KIM, Story, at
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.agent import SetAvailability, SetShifts
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.time.shifts import Shift

pytestmark = pytest.mark.service

RULES = """
[sla_policies.all]
position = 1
targets = [
    { metric = "first_reply_time", within = { medium = "1h", low = "1h" }, warnings = ["50%"] },
]
[routing.all]
position = 1
team = "network"
[assignment.shifts]
position = 1
balance = "least-loaded"
shifts = true
capacity = 3
[escalation.late]
position = 1
on = "breached"
tier = 1
[lifecycle.close]
position = 1
action = "close"
after = "4d"
[lifecycle.remind]
position = 2
action = "remind"
after = "1d"
[notifications.late]
position = 1
on = ["warned", "escalated"]
to = ["assignee"]
outbox = "mail"
"""


def told(folder: Path, log_url: str | None) -> list[list[tuple[str, str, int]]]:
    """What rules did to each of some tickets, and when."""
    with init_desk(folder, log_url=log_url, simulation=True) as made:
        made.settings_apply(helpdesk.SETTINGS, actor=SUE)
    story = Story(folder, RULES, make=False)
    tickets = []
    for agent, day in (("ann", "mon"), ("sue", "tue")):
        hours = SetShifts(shifts=(Shift(day=day, start="08:00", end="20:00"),), zone="UTC")  # type: ignore[arg-type]
        story.does(SUE, hours, f"agent/{agent}", "1s")
        story.does(
            Actor(agent, "agent"), SetAvailability(availability="online"), f"agent/{agent}", "2s"
        )
    for n in range(5):
        tickets.append(story.ticket(f"{n + 1}m"))
        story.until(f"{n + 1}m 30s")
    story.does(KIM, Reply(body="Hello?"), tickets[0], "2h")
    ann = Actor("ann", "agent")
    story.does(ann, Reply(body="Which one?", status="pending"), tickets[0], "2h")
    story.until("3d")
    found = [
        [(e.event.NAME, e.meta.actor.id, e.meta.occurred_at) for e in story.by_rules(each)]
        for each in tickets
    ]
    story.desk.close()
    return found


def test_the_same_as_on_the_embedded_log(tmp_path: Path, kafka_url: str) -> None:
    in_kafka = told(tmp_path / "kafka", kafka_url)
    assert in_kafka == told(tmp_path / "embedded", None)
    names = {name for each in in_kafka for name, _, _ in each}
    assert {
        "ticket.rule-fired.v1",
        "ticket.agent-chosen.v1",
        "ticket.sla-warned.v1",
        "ticket.sla-breached.v1",
        "ticket.escalated.v1",
        "ticket.requester-reminded.v1",
        "ticket.notification-decided.v1",
    } <= names
    chosen = [when for each in in_kafka for name, _, when in each if "agent-chosen" in name]
    assert max(chosen) == at("20h"), "what waits is looked at when sue's shift begins"


def until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it doesn't come to be so")


def test_two_at_once_do_everything_once(tmp_path: Path, kafka_url: str) -> None:
    """Each with an index of its own, as on two machines."""
    rules = RULES.replace("shifts = true\n", "").replace("capacity = 3", "capacity = 8")
    desks: list[Desk] = [init_desk(tmp_path / name, log_url=kafka_url) for name in ("a", "b")]
    first = desks[0]
    first.settings_apply(helpdesk.SETTINGS + rules, actor=SUE)
    first.execute(RegisterPerson(name="Kim"), on="person/KIM", actor=SUE)
    stop = threading.Event()
    runners = [desk.policies() for desk in desks]
    threads = [threading.Thread(target=each.run, args=(stop,)) for each in runners]
    for thread in threads:
        thread.start()
    try:
        until(lambda: all(each.last_pass_at() for each in runners))
        for agent in ("ann", "sue"):
            command = SetAvailability(availability="online")
            first.execute(command, on=f"agent/{agent}", actor=Actor(agent, "agent"))
        made = [first.execute(CreateTicket(subject="x"), actor=KIM).stream for _ in range(20)]
        until(lambda: sum(first.load(each).assignee is not None for each in made) == 16)
        time.sleep(0.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    held = [len(first.load(f"agent/{agent}").held) for agent in ("ann", "sue")]
    assert held == [8, 8]
    for each in made:
        fired = [r for r in first.history(each) if r.event.NAME == "ticket.rule-fired.v1"]
        assert len(fired) == 1
    for desk in desks:
        desk.close()
