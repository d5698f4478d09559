"""From the answer to a command to the moment at which others see it in a view."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import select

from benchmarks.desks import simulated
from benchmarks.executing import AGENT, CREATE
from benchmarks.measure import Bench, Figure, at_most, percentile, stopwatch
from ticketlog import Desk, open_desk
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.views import queue

FOLLOWER = """
import sys, threading
from ticketlog import open_desk
with open_desk(sys.argv[1]) as desk:
    desk.views.refresh()
    print("up", flush=True)
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    desk.views.follow(stop)
"""
PAUSE = 0.005
"""Seconds between two commands: a desk of 200 commands a second."""


def run(bench: Bench) -> Iterator[Figure]:
    commands = bench.sized(1_000, 5)
    folder = bench.folder / "appearing"
    shutil.copytree(simulated(bench, bench.sized(8_000, 20)), folder)
    with open_desk(folder) as desk:
        seen = seen_by_another(desk, commands)
    yield _figure("append to visible in a view that another process keeps up", seen)
    with open_desk(folder) as desk:
        asked = [_asked(desk) for _ in range(commands)]
    yield _figure("append to the answer of a query that shows it", asked)


def seen_by_another(desk: Desk, commands: int) -> list[float]:
    """Milliseconds from each of so many commands until a process that keeps the views up shows
    what it did."""
    with _follower(desk.folder), closing(_Rows(desk.folder)) as rows:
        return [_seen(desk, rows) for _ in range(commands)]


def _figure(what: str, milliseconds: list[float]) -> Figure:
    p50, p99 = percentile(milliseconds, 0.5), percentile(milliseconds, 0.99)
    return at_most(f"{what}, p99", p99, 50, f"{p99:.1f} ms (p50 {p50:.1f} ms)", "a limit", "ms")


@contextmanager
def _follower(folder: Path) -> Iterator[None]:
    """Another process that keeps the views up."""
    process = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == "up\n"
    try:
        yield
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def _seen(desk: Desk, rows: _Rows) -> float:
    """Milliseconds until a ticket that was just created stands in the queue's rows, unasked."""
    made = desk.execute(CREATE, actor=AGENT, channel="phone")
    ticket = made.stream.partition("/")[2]
    with stopwatch() as seconds:
        while not rows.has(ticket):
            time.sleep(0.0005)
    time.sleep(PAUSE)
    return seconds() * 1e3


class _Rows:
    """The queue's rows as they are in the database, without a look at the log."""

    def __init__(self, folder: Path) -> None:
        self._engine = storage.open_views(f"sqlite:///{folder / 'views.db'}")

    def has(self, ticket: str) -> bool:
        with storage.reading(self._engine) as connection:
            build = build_store.live(connection, queue.VIEW)
            assert build is not None
            entries = build.tables["entries"]
            query = select(entries.c.ticket).where(entries.c.ticket == ticket)
            return connection.execute(query).first() is not None

    def close(self) -> None:
        self._engine.dispose()


def _asked(desk: Desk) -> float:
    """Milliseconds until a query has answered with a ticket that was just created."""
    made = desk.execute(CREATE, actor=AGENT, channel="phone")
    with stopwatch() as seconds:
        desk.query(queue.QueueCounts(by=("team",)))
    time.sleep(PAUSE)
    assert made.events
    return seconds() * 1e3
