"""A bulk of many tickets: its preview, its run, and its undo."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import TypeVar

from benchmarks.measure import Bench, Figure, at_least, at_most, stopwatch
from ticketlog import Desk, init_desk
from ticketlog.application.batch_executor import execute_all
from ticketlog.application.executor import new_id, request
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.creation import CreateTicket

ANN = Actor("ann", "agent")
_AT_ONCE = 1_000
T = TypeVar("T")


def run(bench: Bench) -> Iterator[Figure]:
    number = bench.sized(10_000, 50)
    with bench.scratch() as folder, init_desk(folder / "desk", admin=ANN) as desk:
        ids = _created(desk, number)
        bulks = desk.bulks
        planned = bulks.plan(Tag(add=("outage",)), ids=ids, actor=ANN)
        seen, _ = _timed(lambda: bulks.show(planned.id, ANN))
        sent, done = _timed(lambda: bulks.run(planned.id, actor=ANN))
        undo = bulks.undo(planned.id, actor=ANN)
        back, taken = _timed(lambda: bulks.run(undo.id, actor=ANN))
        assert done.changed == taken.changed == number
        small, large = _memory(desk, ids[: number // 10]), _memory(desk, ids)
    of = f"{number:,} tickets with one tag more"
    yield at_most("preview of a bulk", seen, 2, f"{seen:.2f} s", of, "s")
    for what, seconds in (("run of a bulk", sent), ("undo of a bulk", back)):
        rate = number / seconds
        yield at_least(what, rate, 3_000, f"{rate:,.0f} tickets/s", of, "tickets/s")
    ratio = large / small
    yield at_most(
        "memory of a run, of ten times as many tickets",
        ratio,
        2,
        f"{ratio:.2f} x",
        f"{small / 2**20:.1f} MiB at its peak for a tenth of them",
        "x",
    )


def _created(desk: Desk, number: int) -> list[str]:
    ids: list[str] = []
    for start in range(0, number, _AT_ONCE):
        requests = [
            request(
                CreateTicket(subject=f"VPN drops at desk {each}"),
                None,
                id=new_id(),
                received_at=desk.now(),
                occurred_at=None,
                actor=ANN,
                channel="api",
                fresh=True,
            )
            for each in range(start, min(start + _AT_ONCE, number))
        ]
        execute_all(desk._executor, requests)
        ids += [each.stream.partition("/")[2] for each in requests]
    return ids


def _memory(desk: Desk, ids: list[str]) -> int:
    """The peak of what Python holds beyond the start of a run, in bytes."""
    planned = desk.bulks.plan(Tag(add=(f"of-{len(ids)}",)), ids=ids, actor=ANN)
    tracemalloc.start()
    try:
        desk.bulks.run(planned.id, actor=ANN)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    with stopwatch() as seconds:
        done = work()
    return seconds(), done
