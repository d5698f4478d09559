"""What clocks cost: the same commands where something is promised, and where nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.measure import Bench, Figure, at_most, stopwatch
from ticketlog import Desk, init_desk
from ticketlog.domain.base import Actor, Command
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.priority import Prioritise

AGENT = Actor("jamal", "agent", "agent")
CALLER = Actor("phone", "service", "service")
DESK = """
[teams.network]
[agents.jamal]
teams = ["network"]
[calendars.berlin]
zone = "Europe/Berlin"
years = [2026, 2035]
holidays = [{ country = "DE" }]
week = { mon-fri = ["08:00-12:00", "13:00-18:00"] }
"""
PROMISES = """
[sla_policies.gold]
position = 1
when.all = [{ field = "tier", in = ["gold", "silver"] }]
calendar = "berlin"
targets = [{ metric = "first_reply_time", within = { high = "1h" }, business = true }]
[sla_policies.all]
position = 2
when.any = [{ field = "type", is = "incident" }, { field = "tags", contains = "vip" }]
calendar = "berlin"
targets = [
    { metric = "first_reply_time", within = { medium = "2h" }, business = true, warnings = ["1h"] },
    { metric = "next_reply_time", within = { high = "4h", medium = "8h" }, business = true },
    { metric = "requester_wait_time", within = { high = "1d", medium = "3d" }, business = true },
    { metric = "total_resolution_time", within = { high = "2d", medium = "5d" } },
]
"""
SAID = "Hello, the VPN drops every few minutes since the update on Tuesday, and I lose my session."


def run(bench: Bench) -> Iterator[Figure]:
    rounds = [_round(bench, bench.sized(150, 3)) for _ in range(bench.rounds)]
    share = 100 * median(1 - without / promised for promised, without in rounds)
    promised, without = (median(1 / each for each in side) for side in zip(*rounds, strict=True))
    yield at_most(
        "of a command's time for the clocks: four targets a ticket, three of them in business time",
        share,
        25,
        f"{share:.0f} % ({promised:,.0f} commands/s)",
        f"the same commands where nothing is promised: {without:,.0f}/s",
        "%",
    )


def _round(bench: Bench, tickets: int) -> tuple[float, float]:
    """Seconds per command with promises and without, one client, each durable before the next is
    sent. Ticket by ticket in turn, so that both have met the same machine."""
    with (
        bench.scratch() as folder,
        _desk(folder / "promised", DESK + PROMISES) as promised,
        _desk(folder / "plain", DESK) as plain,
    ):
        taken = {promised: 0.0, plain: 0.0}
        for _ in range(tickets):
            for desk in taken:
                with stopwatch() as seconds:
                    commands = _work(desk)
                taken[desk] += seconds()
        bench.say(f"  {taken[promised]:.2f} s with promises, {taken[plain]:.2f} s without")
    return taken[promised] / tickets / commands, taken[plain] / tickets / commands


def _desk(folder: Path, settings: str) -> Desk:
    desk = init_desk(folder)
    desk.settings_apply(settings, actor=AGENT)
    return desk


def _work(desk: Desk) -> int:
    """One ticket's life; how many commands that is."""
    create = CreateTicket(subject="VPN drops", description=SAID, type="incident")
    stream = desk.execute(create, actor=CALLER, channel="web").stream
    life: tuple[tuple[Command, Actor], ...] = (
        (Assign(team="network", assignee="jamal"), AGENT),
        (Note(body=SAID), AGENT),
        (Prioritise(priority="high", reason="the whole floor"), AGENT),
        (Reply(body=SAID, status="pending"), AGENT),
        (Reply(body=SAID), CALLER),
        (Note(body=SAID), AGENT),
        (Reply(body=SAID, status="pending"), AGENT),
        (Reply(body=SAID), CALLER),
        (Solve(resolution=SAID), AGENT),
    )
    for command, actor in life:
        desk.execute(command, on=stream, actor=actor)
    return 1 + len(life)
