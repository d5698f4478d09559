"""Policies through the public API: tickets routed and assigned, timers that ring at once, how late
a breach is recorded, and what a million timers cost."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from benchmarks.measure import (
    Bench,
    Figure,
    at_least,
    at_most,
    clients,
    in_turn,
    percentile,
    stopwatch,
)
from ticketlog import Desk, init_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.sla_events import SlaBreached
from ticketlog.process_managers.due_index import DueIndex

DESK = Actor("phone", "service", "service")
BOSS = Actor("boss", "agent")
AGENTS = 20
FAR = 2**52
DAY = 86_400_000_000
RULES = """
[teams.network]
[routing.vpn]
position = 1
when.any = [{ field = "subject", contains = "vpn" }, { field = "tags", contains = "remote" }]
team = "network"
priority = "high"
add_tags = ["vpn"]
[routing.mail]
position = 2
when.all = [{ field = "subject", contains = "mail" }]
add_tags = ["mail"]
[assignment.network]
position = 1
when.all = [{ field = "team", is = "network" }]
balance = "least-loaded"
skills = { vpn = 2 }
[lifecycle.close]
position = 1
action = "close"
after = "4d"
"""


PROMISE = """
[sla_policies.all]
position = 1
targets = [{ metric = "total_resolution_time", within = { medium = "1h" } }]
"""
HOUR, SECOND = 3_600_000_000, 1_000_000
CLIENTS = 8


def run(bench: Bench) -> Iterator[Figure]:
    yield _assigning(bench)
    yield _ringing(bench)
    yield _breaching(bench)
    yield _remembering(bench)


def _assigning(bench: Bench) -> Figure:
    number = bench.sized(2_000, 10)
    rounds = in_turn(
        bench,
        {
            "policies": lambda: _assigned(bench, number),
            "by hand": lambda: _by_hand(bench, number),
        },
    )
    rate = rounds.median("policies")
    return at_least(
        f"route and assign, embedded, {AGENTS} agents: 4 commits a ticket",
        rate,
        500,
        f"{rate:,.0f} tickets/s",
        "the same team and agent by one command each, one client: "
        f"{rounds.median('by hand'):,.0f}/s",
        "tickets/s",
    )


def _desk(folder: Path, number: int) -> Desk:
    """Agents who have room for all."""
    agents = "".join(
        f'[agents.a{n}]\nteams = ["network"]\ncapacity = {{ "*" = {number} }}\n'
        f"skills = {{ vpn = {n % 5 + 1} }}\n"
        for n in range(AGENTS)
    )
    desk = init_desk(folder, simulation=True)
    desk.settings_apply(RULES + agents, actor=BOSS)
    desk.policies().run_until(0)
    for n in range(AGENTS):
        desk.execute(SetAvailability(availability="online"), on=f"agent/a{n}", actor=DESK)
    return desk


def _tickets(desk: Desk, number: int) -> list[str]:
    made = (
        desk.execute(CreateTicket(subject=f"The VPN drops {n}"), actor=DESK, channel="web")
        for n in range(number)
    )
    return [each.stream for each in made]


def _assigned(bench: Bench, number: int) -> float:
    with bench.scratch() as folder, _desk(folder / "desk", number) as desk:
        tickets = _tickets(desk, number)
        runner = desk.policies()
        with stopwatch() as seconds:
            runner.run_until(0)
        taken = seconds()
        assert all(desk.load(each).assignee for each in tickets)
    return number / taken


def _by_hand(bench: Bench, number: int) -> float:
    with bench.scratch() as folder, _desk(folder / "desk", number) as desk:
        tickets = _tickets(desk, number)
        with stopwatch() as seconds:
            for n, ticket in enumerate(tickets):
                command = Assign(team="network", assignee=f"a{n % AGENTS}")
                desk.execute(command, on=ticket, actor=DESK)
        return number / seconds()


def _ringing(bench: Bench) -> Figure:
    """Solved tickets that are all to be closed at the same moment."""
    number = bench.sized(5_000, 10)
    rounds = in_turn(bench, {"timers": lambda: _rung(bench, number)})
    rate = rounds.median("timers")
    return at_least(
        f"{number:,} timers that are due at once: closed, each stamped with its time",
        rate,
        500,
        f"{rate:,.0f} tickets/s",
        "-",
        "tickets/s",
    )


def _rung(bench: Bench, number: int) -> float:
    with bench.scratch() as folder, _desk(folder / "desk", number) as desk:
        tickets = _tickets(desk, number)
        for n, ticket in enumerate(tickets):
            command = Assign(team="network", assignee=f"a{n % AGENTS}")
            desk.execute(command, on=ticket, actor=DESK)
            desk.execute(Solve(), on=ticket, actor=DESK)
        runner = desk.policies()
        runner.run_until(0)
        due = desk.load(tickets[-1]).solved_at + 4 * DAY
        with stopwatch() as seconds:
            runner.run_until(due)
        taken = seconds()
        assert all(desk.load(each).status == "closed" for each in tickets)
    return number / taken


def _breaching(bench: Bench) -> Figure:
    """Tickets that nobody touches, whose targets are used up one after the other while the desk
    runs as a process of its own; seen in the log by this one."""
    number = bench.sized(10_000, 20)
    spread = bench.sized(60, 1) * SECOND
    with bench.scratch() as folder, init_desk(folder / "desk") as desk:
        desk.settings_apply(PROMISE, actor=BOSS)
        desk.policies().run_until(0)
        first = _now() + bench.sized(60, 2) * SECOND
        start = desk.log.ends()

        def client(client: int) -> None:
            for n in range(client, number, CLIENTS):
                created = first + n * spread // number - HOUR
                command = CreateTicket(subject=f"The VPN drops {n}")
                desk.execute(command, actor=DESK, channel="mail", occurred_at=created)

        clients(client, CLIENTS, number // CLIENTS)
        ready = _now()
        with _running(folder / "desk"):
            late = [(_now() - at) / SECOND for at in islice(_breaches(desk, start), number)]
    assert ready < first, "the machine was too slow to prepare the tickets in time"
    p99 = percentile(late, 0.99)
    return at_most(
        f"a breach is in the log after it was due, {number:,} in {spread // SECOND} s, p99",
        p99,
        1,
        f"{p99:.2f} s (p50 {percentile(late, 0.5):.2f} s, at most {max(late):.2f} s)",
        "a limit",
        "s",
    )


def _breaches(desk: Desk, start: tuple[int, ...]) -> Iterator[int]:
    """When each was due."""
    for each in desk.subscribe(start):
        if isinstance(each.event, SlaBreached):
            yield each.event.at


@contextmanager
def _running(folder: Path) -> Iterator[None]:
    ticketlog = Path(sys.executable).with_name("ticketlog")
    command = [str(ticketlog), "--desk", str(folder), "run"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _now() -> int:
    return time.time_ns() // 1_000


def _remembering(bench: Bench) -> Figure:
    """What a process grows by when it learns when everything is due."""
    few, many = bench.sized(10_000, 10), bench.sized(1_000_000, 1_000)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        little, _ = pool.apply(grown, (few,))
        much, asked = pool.apply(grown, (many,))
    return at_most(
        f"memory of {many:,} timers",
        much,
        16,
        f"{much:.1f} MB; 50 that are due next are found in {asked:.2f} ms",
        f"{few:,} timers: {little:.1f} MB",
        "MB",
    )


def grown(timers: int) -> tuple[float, float]:
    """Megabytes, and milliseconds for a page of what is due."""
    table, before = DueIndex(), _resident()
    for n in range(timers):
        table.put(f"ticket/{n * 7_919 % timers:012}", n * 104_729 % (timers * SECOND))
    after = _resident()
    with stopwatch() as seconds:
        found = table.due(FAR, 50)
    assert len(found) == min(50, timers)
    return (after - before) / 1e6, seconds() * 1e3


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
