"""Commands through the public API: tickets created durably, a long ticket loaded cold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.desks import fresh
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
from ticketlog import open_desk
from ticketlog.domain.base import Actor, stream_key
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket

THREADS = 8
CLIENTS = 32
LONG = 1_000
"""Events of the long ticket."""
NOBODY = "ticket/000000000000"
AGENT = Actor("nadia", "agent", "agent")
BODY = "Hello, the VPN drops every few minutes since the update on Tuesday, and I lose my session."
CREATE = CreateTicket(
    subject="VPN drops every few minutes",
    description=BODY,
    type="incident",
    category="network/vpn",
    product="vpn",
    impact="team",
    urgency="high",
    team="network",
    fields={"operating-system": "linux"},
)


def run(bench: Bench) -> Iterator[Figure]:
    yield _creating(bench)
    yield _awaiting(bench)
    yield _loading(bench)


def _creating(bench: Bench) -> Figure:
    each = bench.sized(1_000, 4)
    rounds = in_turn(
        bench,
        {
            "ticketlog": lambda: _created(bench, each),
            "the library": lambda: _created_by_library(bench, each),
        },
    )
    rate = rounds.median("ticketlog")
    return at_least(
        f"create a ticket through the Python API, durable, {THREADS} threads",
        rate,
        3_000,
        f"{rate:,.0f} tickets/s",
        "Application.save of the library, an aggregate of two fields: "
        f"{rounds.median('the library'):,.0f}/s ({rounds.ratio('ticketlog', 'the library'):.2f} x)",
        "tickets/s",
    )


def _created(bench: Bench, each: int) -> float:
    with bench.scratch() as folder, fresh(folder / "desk") as desk:

        def client(number: int) -> None:
            for _ in range(each):
                desk.execute(CREATE, actor=AGENT, channel="phone")

        return clients(client, THREADS, each)


def _awaiting(bench: Bench) -> Figure:
    each = bench.sized(300, 4)
    cpu: dict[str, list[float]] = {"tasks": [], "threads": []}

    def measured(name: str, create: Callable[[Bench, int], float]) -> float:
        before = time.process_time()
        rate = create(bench, each)
        cpu[name].append((time.process_time() - before) / (CLIENTS * each) * 1e6)
        return rate

    rounds = in_turn(
        bench,
        {
            "tasks": lambda: measured("tasks", _created_by_tasks),
            "threads": lambda: measured("threads", _created_by_threads),
        },
    )
    ratio = rounds.ratio("tasks", "threads")
    spent = {name: percentile(taken, 0.5) for name, taken in cpu.items()}
    return Figure(
        f"create a ticket by {CLIENTS} tasks that await it, beside {CLIENTS} threads",
        f"{ratio:.2f} x ({rounds.median('tasks'):,.0f} tickets/s, {spent['tasks']:.0f} µs of CPU)",
        f"threads: {rounds.median('threads'):,.0f} tickets/s, {spent['threads']:.0f} µs",
        "",
        None,
    )


def _created_by_threads(bench: Bench, each: int) -> float:
    with bench.scratch() as folder, fresh(folder / "desk") as desk:

        def client(number: int) -> None:
            for _ in range(each):
                desk.execute(CREATE, actor=AGENT, channel="phone")

        return clients(client, CLIENTS, each)


def _created_by_tasks(bench: Bench, each: int) -> float:
    with bench.scratch() as folder, fresh(folder / "desk") as desk:

        async def client() -> None:
            for _ in range(each):
                await desk.execute_async(CREATE, actor=AGENT, channel="phone")

        async def all_of_them() -> float:
            with stopwatch() as seconds:
                await asyncio.gather(*(client() for _ in range(CLIENTS)))
            return CLIENTS * each / seconds()

        return asyncio.run(all_of_them())


class _Ticket(Aggregate):
    def __init__(self, subject: str, description: str) -> None:
        self.subject = subject
        self.description = description
        self.comments: list[str] = []

    @event("Replied")
    def reply(self, body: str) -> None:
        self.comments.append(body)


def _library(folder: Path) -> Application[UUID]:
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": str(folder / "library.db"),
    }
    return Application(env=environment)


def _created_by_library(bench: Bench, each: int) -> float:
    with bench.scratch() as folder:
        application = _library(folder)

        def client(number: int) -> None:
            for _ in range(each):
                application.save(_Ticket(CREATE.subject, BODY))

        try:
            return clients(client, THREADS, each)
        finally:
            application.close()


def _loading(bench: Bench) -> Figure:
    events = bench.sized(LONG, 20)
    with bench.scratch() as folder:
        stream = _long_ticket(folder / "desk", events)
        (folder / "desk" / "snapshots.db").unlink(missing_ok=True)
        application, id = _long_aggregate(folder, events)
        rounds = in_turn(
            bench,
            {
                "ticketlog": lambda: _median(bench, lambda: _loaded(folder / "desk", stream)),
                "the library": lambda: _median(bench, lambda: _loaded_by_library(application, id)),
            },
        )
        application.close()
    taken = rounds.median("ticketlog")
    return at_most(
        f"load a ticket of {events:,} events, cold, without a snapshot",
        taken,
        5,
        f"{taken:.1f} ms",
        "repository.get of the library, a declarative aggregate of as many events: "
        f"{rounds.median('the library'):.1f} ms",
        "ms",
    )


def _long_ticket(folder: Path, events: int) -> str:
    """A ticket that went back and forth: questions that set it pending, answers, notes."""
    with fresh(folder) as desk:
        requester = Actor("phone", "service", "service")
        made = desk.execute(CREATE.model_copy(update={"assignee": "jamal"}), actor=AGENT)
        assert made.stream == f"ticket/{stream_key(made.events[0].meta.commit)}"
        agent = Actor("jamal", "agent", "agent")
        while True:
            for command, actor in (
                (Reply(body=BODY, status="pending"), agent),
                (Note(body=BODY), agent),
                (Reply(body=BODY, status="open"), requester),
            ):
                made = desk.execute(command, on=made.stream, actor=actor)
                if made.version >= events - 1:
                    return made.stream


def _median(bench: Bench, load: Callable[[], float]) -> float:
    return percentile([load() for _ in range(bench.sized(20, 2))], 0.5)


def _loaded(folder: Path, stream: str) -> float:
    """Milliseconds in a desk that is at work, but has never seen this ticket."""
    with open_desk(folder) as desk:
        assert not desk.load(NOBODY).exists
        with stopwatch() as seconds:
            ticket = desk.load(stream)
        taken = seconds()
        assert ticket.exists
    return taken * 1e3


def _long_aggregate(folder: Path, events: int) -> tuple[Application[UUID], UUID]:
    application = _library(folder)
    ticket = _Ticket(CREATE.subject, BODY)
    for _ in range(events - 1):
        ticket.reply(BODY)
    application.save(ticket)
    return application, ticket.id


def _loaded_by_library(application: Application[UUID], id: UUID) -> float:
    with stopwatch() as seconds:
        application.repository.get(id)
    return seconds() * 1e3
