"""Tickets that a new one may repeat, asked for while a subject is typed, in a crowded desk."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from itertools import accumulate

from benchmarks.desks import ADMIN, LEAD, START, fresh
from benchmarks.measure import Bench, Figure, percentile, stopwatch
from ticketlog import Desk
from ticketlog.demo import DemoStep
from ticketlog.demo.recorder import record
from ticketlog.demo.simulation import settings_text
from ticketlog.demo.world import MINUTE, World
from ticketlog.domain.base import Actor
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.projections.views.alike import Alike

WORDS = 20_000
"""Words that texts are made of; the n-th is n times as rare as the first (Zipf's law)."""
_VOCABULARY = [f"w{number}" for number in range(WORDS)]
_SHARES = list(accumulate(1 / (number + 1) for number in range(WORDS)))
NARROW = Actor("nadia", "agent")
"""An agent, who doesn't see what is in restricted teams."""
RESTRICTED = "\n[teams.hr]\nrestricted = true\n"


def run(bench: Bench) -> Iterator[Figure]:
    tickets = bench.sized(100_000, 1_500)
    with fresh(bench.folder / "alike") as desk:
        chance = random.Random(1)
        desk.settings_apply(settings_text() + RESTRICTED, actor=ADMIN)
        record(desk.log, _tickets(desk.settings, tickets, chance), "benchmarks")
        with stopwatch() as seconds:
            desk.views.refresh(("alike",))
        made = seconds()
        with stopwatch() as seconds:
            desk.views.refresh(("search",))
        yield Figure(
            f"the view of alike tickets made of {tickets:,}",
            f"{tickets / made:,.0f} tickets/s",
            f"search: {tickets / seconds():,.0f} tickets/s",
            "",
            None,
        )
        for who, actor in (("who sees all", None), ("who doesn't see a team", NARROW)):
            taken = sorted(map(partial(_typed, desk, actor), _subjects(bench, chance)))
            slow = percentile(taken, 0.95)
            yield Figure(
                f"alike tickets of {tickets:,} while typing, asked by one {who}",
                f"{percentile(taken, 0.5):.1f} ms, p95 {slow:.1f} ms",
                "",
                "p95 <= 50 ms",
                slow <= 50,
            )


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_VOCABULARY, cum_weights=_SHARES, k=words))


def _tickets(settings: Settings, tickets: int, chance: random.Random) -> Iterator[DemoStep]:
    """Open tickets, each of a title and a description."""
    world = World(settings, 1, tickets, START)
    for _ in range(tickets):
        world.now += MINUTE * 1_000_000
        subject, description = _text(chance, 6), _text(chance, 40)
        world.begin(CreateTicket(subject=subject, description=description), LEAD, "web")
        yield from world.taken()


def _subjects(bench: Bench, chance: random.Random) -> Iterator[str]:
    """Subjects as far as they are typed."""
    for _ in range(bench.sized(100, 3)):
        words = _text(chance, chance.randint(1, 8))
        yield words[: len(words) - chance.randint(0, 2)]


def _typed(desk: Desk, actor: Actor | None, subject: str) -> float:
    """Milliseconds of one question, with its look at the log."""
    with stopwatch() as seconds:
        desk.query(Alike(subject=subject, now=START), actor=actor)
    return seconds() * 1e3
