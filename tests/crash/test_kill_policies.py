"""Two runners at once, killed at random moments: no command is effective twice, none is missing,
and nobody ever has more than they have room for."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.crash.harness import Victim, check_file, check_log
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.domain.base import Actor, kind_and_id
from ticketlog.domain.parties.agent import SetAvailability, TicketReleased, TicketReserved
from ticketlog.domain.ticket.assignment import AssigneeChanged
from ticketlog.domain.ticket.automation import AgentChosen, ChoiceDropped, RuleFired
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.status_events import TicketClosed

ROOM = 4
AGENTS = tuple(f"a{n}" for n in range(6))
DESK = Actor("phone", "service", "service")
BOSS = Actor("boss", "agent")
SETTINGS = "[teams.network]\n[teams.mail]\n" + "".join(
    f'[agents.{agent}]\nteams = ["network", "mail"]\ncapacity = {{ "*" = {ROOM} }}\n'
    for agent in AGENTS
)
RULES = """
[routing.vpn]
position = 1
when.all = [{ field = "subject", contains = "vpn" }]
team = "network"
add_tags = ["vpn"]
[routing.rest]
position = 2
when.all = [{ field = "team", absent = true }]
team = "mail"
[assignment.all]
position = 1
balance = "least-loaded"
[lifecycle.close]
position = 1
action = "close"
after = "1s"
"""


def act(folder: Path, line: Connection) -> None:
    with open_desk(folder) as desk:
        line.send("begun")
        desk.policies().run(threading.Event())


def create(desk: Desk, numbers: range) -> list[str]:
    made = []
    for n in numbers:
        command = CreateTicket(subject=f"{'vpn' if n % 2 else 'mail'} {n}")
        made.append(desk.execute(command, actor=DESK, id=f"create-{n}").stream)
    return made


def solve(desk: Desk, left: set[str]) -> None:
    """The agents solve all that they have."""
    for agent in AGENTS:
        for ticket in desk.load(f"agent/{agent}").held:
            if ticket in left and desk.load(ticket).assignee == agent:
                desk.execute(Solve(), on=ticket, actor=Actor(agent, "agent"), id=f"solve {ticket}")
                left.discard(ticket)


def begun(folder: Path) -> Victim:
    victim = Victim(act, folder)
    victim.listen(1)
    return victim


def check(desk: Desk, tickets: list[str]) -> None:
    events = list(desk.subscribe(follow=False))
    found: dict[type, Counter[str]] = {}
    held: dict[str, set[str]] = {agent: set() for agent in AGENTS}
    for each in events:
        event, stream = each.event, each.originator_id
        found.setdefault(type(event), Counter())[stream] += 1
        if isinstance(event, TicketReserved):
            mine = held[kind_and_id(stream)[1]]
            mine.add(event.ticket)
            assert len(mine) <= ROOM, f"{stream} has {len(mine)} at {each.id}"
        elif isinstance(event, TicketReleased):
            held[kind_and_id(stream)[1]].discard(event.ticket)
    once = dict.fromkeys(tickets, 1)
    assert found[RuleFired] == once
    assert found[AssigneeChanged] == once
    assert found[TicketClosed] == once
    assert all(not mine for mine in held.values())
    chosen, dropped = found[AgentChosen], found.get(ChoiceDropped, Counter())
    assert {ticket: chosen[ticket] - dropped[ticket] for ticket in tickets} == once


def kill_and_double(folder: Path, tickets: int, dice: random.Random) -> None:
    init_desk(folder, admin=BOSS).close()
    with open_desk(folder) as desk:
        desk.settings_apply(SETTINGS + RULES, actor=BOSS)
        desk.policies().run_until(0)
        for agent in AGENTS:
            here = SetAvailability(availability="online")
            desk.execute(here, on=f"agent/{agent}", actor=DESK)
        runners = [begun(folder), begun(folder)]
        made: list[str] = []
        left: set[str] = set()
        try:
            for start in range(0, tickets, 50):
                new = create(desk, range(start, min(start + 50, tickets)))
                made += new
                left.update(new)
                for _ in range(3):
                    time.sleep(dice.random() * 0.1)
                    solve(desk, left)
                if dice.random() < 0.5:
                    runners.pop(dice.randrange(2)).kill()
                    runners.append(begun(folder))
        finally:
            for runner in runners:
                runner.kill()
        last = desk.policies()
        for _ in range(tickets):
            last.run_until(time.time_ns() // 1000 + 60_000_000)
            solve(desk, left)
            if not left:
                break
        last.run_until(time.time_ns() // 1000 + 60_000_000)
        assert last.troubles() == []
        assert not any(each.behind for each in last.status())
        check(desk, made)
        check_log(desk.log, [])
    for file in folder.glob("*.db"):
        check_file(file)


def test_killed_and_doubled(tmp_path: Path) -> None:
    kill_and_double(tmp_path / "desk", 300, random.Random(1))


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_killed_and_doubled_over_10_000_tickets(tmp_path: Path) -> None:
    kill_and_double(tmp_path / "desk", 10_000, random.Random(2))
