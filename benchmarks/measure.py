"""How figures are taken: several rounds, the contestants in turn, medians of what each round gave.

A shared machine is slower in one minute than in the next, so a rate says little and a ratio of
two rates of the same round says much.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

ROOT = Path(__file__).parent.parent
DATA = "TICKETLOG_DATA"


@dataclass(frozen=True)
class Figure:
    """One line of the table. `met` None: there is no target for it."""

    what: str
    value: str
    beside: str
    """The peer or the limit, with what it gave."""
    target: str
    met: bool | None


@dataclass(frozen=True)
class Bench:
    """Where to measure and how much."""

    folder: Path
    quick: bool
    log: TextIO = sys.stderr

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 5

    def sized(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of its own on the disk that is measured."""
        with TemporaryDirectory(dir=self.folder) as name:
            yield Path(name)

    def say(self, text: str) -> None:
        print(text, file=self.log, flush=True)


Contestant = Callable[[], float]
"""One round: what was reached, a rate or a time."""


@dataclass(frozen=True)
class Rounds:
    """What each contestant reached in each round."""

    taken: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        return statistics.median(self.taken[name])

    def ratio(self, one: str, other: str) -> float:
        """The median of the rounds' ratios."""
        pairs = zip(self.taken[one], self.taken[other], strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def in_turn(bench: Bench, contestants: Mapping[str, Contestant]) -> Rounds:
    """Every round asks each contestant once, and the next round begins with another one."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for round in range(bench.rounds):
        shift = round % len(names)
        for name in names[shift:] + names[:shift]:
            taken[name].append(contestants[name]())
            bench.say(f"  round {round + 1} of {bench.rounds}  {name}: {taken[name][-1]:,.4g}")
    return Rounds(taken)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Seconds since the block began; after it, how long it took."""
    started = time.perf_counter()
    ended: float | None = None

    def seconds() -> float:
        return (time.perf_counter() if ended is None else ended) - started

    try:
        yield seconds
    finally:
        ended = time.perf_counter()


def clients(client: Callable[[int], None], threads: int, each: int) -> float:
    """Calls per second of all clients together: `client` is given its number, from 0, and makes
    `each` calls in a thread of its own."""
    running = [threading.Thread(target=client, args=(n,)) for n in range(threads)]
    with stopwatch() as seconds:
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    return threads * each / seconds()


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def at_least(
    what: str, reached: float, target: float, value: str, beside: str, unit: str
) -> Figure:
    return Figure(what, value, beside, f">= {target:,g} {unit}".strip(), reached >= target)


def at_most(what: str, reached: float, target: float, value: str, beside: str, unit: str) -> Figure:
    return Figure(what, value, beside, f"<= {target:,g} {unit}".strip(), reached <= target)
