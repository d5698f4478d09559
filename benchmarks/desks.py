"""The desks that are measured: a simulated one, a crowded one, and where the real data is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import ROOT, Bench
from ticketlog import Desk, init_desk
from ticketlog.demo import DemoStep
from ticketlog.demo.recorder import record
from ticketlog.demo.simulation import rules_text, settings_text, simulate
from ticketlog.demo.world import MINUTE, World
from ticketlog.domain.base import Actor
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import SetStatus

DATA = Path(os.environ.get("TICKETLOG_DATA") or ROOT.parent / "shared" / "data")
START = 1_780_000_000_000_000
RARE = 999
"""One ticket of so many is pending."""
LEAD = Actor("hanna", "agent", "supervisor")
ADMIN = Actor("privacy-officer", "agent")
TEAMS = {
    "service-desk": ("nadia", "tom", "sofia"),
    "network": ("jamal", "karin", "luc"),
    "applications": ("elena", "gareth", "vikram"),
    "hardware": ("bela", "chris", "anouk"),
}


def fresh(folder: Path, log_url: str | None = None) -> Desk:
    """An empty desk under the settings of the simulated one."""
    desk = init_desk(folder, log_url=log_url)
    desk.settings_apply(settings_text(), actor=ADMIN, reason="to be measured")
    return desk


def simulated(bench: Bench, tickets: int, *, promises: bool = True) -> Path:
    """The folder of a desk with a simulated history, in which `promises` are made to the
    requesters or none are; made once in a run."""
    folder = bench.folder / f"simulated-{tickets}{'' if promises else '-plain'}"
    if not folder.exists():
        bench.say(f"  simulating {tickets:,} tickets")
        with init_desk(folder) as desk:
            if promises:
                desk.simulate(tickets=tickets, seed=1)
            else:
                desk.settings_apply(f"{settings_text()}\n{rules_text()}", actor=ADMIN)
                desk.settings_apply("[sla_policies]", actor=ADMIN)
                steps = simulate(1, tickets, settings=desk.settings)
                record(desk.log, steps, "benchmarks")
    return folder


def crowded(bench: Bench, tickets: int) -> Path:
    """The folder of a desk with so many active tickets, its views up; made once in a run."""
    folder = bench.folder / f"crowded-{tickets}"
    if not folder.exists():
        bench.say(f"  opening {tickets:,} tickets")
        with fresh(folder) as desk:
            record(desk.log, _open_tickets(desk.settings, tickets), "benchmarks")
            desk.views.refresh()
    return folder


def _open_tickets(settings: Settings, tickets: int) -> Iterator[DemoStep]:
    """Tickets of all priorities: a third with an agent, a third with a team, a third with none."""
    world = World(settings, 1, tickets, START)
    assert settings.priorities is not None
    impacts, urgencies = settings.priorities.impacts, settings.priorities.urgencies
    for number in range(tickets):
        world.now += MINUTE * 1_000_000
        command = CreateTicket(
            subject=f"Ticket number {number}",
            description="It doesn't work any more, and yesterday it did.",
            type="incident",
            impact=impacts[number // 3 % 3],
            urgency=urgencies[number // 9 % 3],
        )
        ticket = world.begin(command, LEAD, "web")
        if number % 3:
            team = tuple(TEAMS)[number // 27 % len(TEAMS)]
            agent = TEAMS[team][number // 108 % 3] if number % 3 == 1 else None
            ticket = world.act(ticket, Assign(team=team, assignee=agent), LEAD, "web")
            if number % RARE == 1:
                world.act(ticket, SetStatus(status="pending"), LEAD, "web")
        yield from world.taken()
