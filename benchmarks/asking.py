"""A page of the queue in a crowded desk, beside the same page in a small one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.desks import crowded
from benchmarks.measure import Bench, Figure, Rounds, in_turn, percentile, stopwatch
from ticketlog import Desk, open_desk
from ticketlog.projections.views import queue

CASES: Mapping[str, Mapping[str, Any]] = {
    "all": {},
    "of a team": {"team": "network"},
    "of an agent": {"assignee": "jamal"},
    "unassigned, of a team": {"team": "network", "unassigned": True},
    "new ones": {"status_category": "new"},
    "pending ones, which are rare": {"status_category": "pending"},
}
PAGE = 50


def run(bench: Bench) -> Iterator[Figure]:
    many, few = bench.sized(100_000, 400), bench.sized(1_000, 60)
    with ExitStack() as open:
        desks = {n: open.enter_context(open_desk(crowded(bench, n))) for n in (many, few)}
        for name, filters in CASES.items():
            slow: list[float] = []
            rounds = in_turn(
                bench,
                {
                    "many": partial(_asked, bench, desks[many], filters, slow),
                    "few": partial(_asked, bench, desks[few], filters, []),
                },
            )
            yield _figure(f"queue page of {PAGE}, {name}, {many:,} active tickets", rounds, slow)


def _figure(what: str, rounds: Rounds, slow: list[float]) -> Figure:
    taken, ratio = rounds.median("many"), rounds.ratio("many", "few")
    return Figure(
        what,
        f"{taken:.2f} ms, p99 {percentile(slow, 0.99):.2f} ms; {ratio:.2f} x",
        f"the same with a hundredth of them: {rounds.median('few'):.2f} ms",
        "<= 5 ms and <= 2 x",
        taken <= 5 and ratio <= 2,
    )


def _asked(bench: Bench, desk: Desk, filters: Mapping[str, Any], all: list[float]) -> float:
    """The median of many questions, in milliseconds, each with its look at the log."""
    taken: list[float] = []
    for _ in range(bench.sized(200, 3)):
        with stopwatch() as seconds:
            page = desk.query(queue.Queue(limit=PAGE, **filters))
        taken.append(seconds() * 1e3)
        assert page.rows
    all += taken
    return percentile(taken, 0.5)
