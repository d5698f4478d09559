"""Durable appends, one client and many, beside the eventsourcing library's own SQLite recorder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks.measure import Bench, Figure, Rounds, at_least, clients, in_turn
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit
from ticketlog.log.embedded import EmbeddedLog

NOW = 1_780_000_000_000_000
MANY = 32
LENGTH = 8
"""Commits of a ticket, as in real histories."""
BODY = "Hello, the VPN drops every few minutes since the update on Tuesday, and I lose my session."


def run(bench: Bench) -> Iterator[Figure]:
    one = in_turn(
        bench,
        {
            "ticketlog": lambda: _ours(bench, 1, bench.sized(4000, 40)),
            "the library": lambda: _theirs(bench, 1, bench.sized(4000, 40)),
        },
    )
    yield _figure("durable append, 1 client", one, 1)
    each = bench.sized(400, 4)
    many = in_turn(
        bench,
        {
            "ticketlog": lambda: _ours(bench, MANY, each),
            "the library": lambda: _theirs(bench, MANY, each),
        },
    )
    yield _figure(f"durable append, {MANY} clients", many, 3)


def _figure(what: str, rounds: Rounds, target: float) -> Figure:
    ratio = rounds.ratio("ticketlog", "the library")
    return at_least(
        what,
        ratio,
        target,
        f"{ratio:.2f} x ({rounds.median('ticketlog'):,.0f} commits/s)",
        f"SQLiteApplicationRecorder: {rounds.median('the library'):,.0f} events/s",
        "x",
    )


def commit(stream: str, number: int, id: str) -> Commit:
    """A reply of ordinary length, as the `number`-th event of its ticket."""
    return Commit(
        id=id,
        command="ticket.reply",
        digest="0" * 64,
        stream=stream,
        expects=number,
        events=[
            Replied(
                data_subject="P0",
                author="P0",
                author_kind="requester",
                body=BODY,
                direction="inbound",
            )
        ],
        occurred_at=NOW,
        recorded_at=NOW,
        actor=Actor("P0", "person", "requester"),
        channel="email",
        settings=1,
    )


def _ours(bench: Bench, threads: int, each: int) -> float:
    """Commits per second, made durable one by one; what is encoded is part of it."""
    commits = [
        [commit(f"ticket/{n:04}{i // LENGTH:08}", i % LENGTH, f"{n}-{i}") for i in range(each)]
        for n in range(threads)
    ]
    with bench.scratch() as folder:
        log = EmbeddedLog.create(
            folder / "log.db", RecordCodec(), name="tickets", desk="bench", partitions=12
        )

        def client(number: int) -> None:
            for one in commits[number]:
                log.append(one)

        try:
            return clients(client, threads, each)
        finally:
            log.close()


def _theirs(bench: Bench, threads: int, each: int) -> float:
    """The same bytes as the state of one stored event each."""
    state = RecordCodec().encode(commit("ticket/000000000001", 1, "1-1"))
    streams = [[uuid4() for _ in range(0, each, LENGTH)] for _ in range(threads)]
    events = [
        [
            [StoredEvent(streams[n][i // LENGTH], i % LENGTH, "ticket.replied.v1", state)]
            for i in range(each)
        ]
        for n in range(threads)
    ]
    with bench.scratch() as folder:
        recorder = _recorder(folder / "library.db")

        def client(number: int) -> None:
            for one in events[number]:
                recorder.insert_events(one)

        try:
            return clients(client, threads, each)
        finally:
            recorder.datastore.close()


def _recorder(path: Path) -> SQLiteApplicationRecorder:
    """The library's recorder as its users get it, on a file, as durable as ours."""
    datastore = SQLiteDatastore(str(path), pool_size=MANY, max_overflow=MANY)
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    with datastore.transaction(commit=False) as cursor:
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone()[0] == 2, f"SQLite {sqlite3.sqlite_version} isn't at FULL"
    return recorder
