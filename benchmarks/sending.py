"""The log in Kafka beside the bare client, with a broker on the same cores.

Bare is kafka-python's producer or consumer with the settings that the log uses: no index, no
verdict, no tail.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from kafka import KafkaProducer, TopicPartition

from benchmarks.appearing import PAUSE, seen_by_another
from benchmarks.appending import LENGTH, MANY, commit
from benchmarks.desks import fresh
from benchmarks.executing import AGENT, CREATE
from benchmarks.measure import (
    Bench,
    Figure,
    Rounds,
    at_least,
    at_most,
    clients,
    in_turn,
    percentile,
    stopwatch,
)
from broker.cluster import Cluster
from ticketlog import init_desk, open_desk
from ticketlog.importing.importer import BATCH
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.client import connect_client
from ticketlog.log.kafka.consumer import make_consumer
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.kafka.producer import PRODUCER
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.partitioner import partition_of

NAME = "tickets"
WARM = commit("warm", 0, "warm")
"""Sent before the clock starts, so that neither is measured while it looks for the broker."""
LATE = 150
"""Milliseconds after which a commit must be seen."""
SUBSCRIBER = """
import sys, time
from ticketlog.log.codec import RecordCodec
from ticketlog import open_desk
with open_desk(sys.argv[1]) as desk:
    start = desk.log.ends()
    print("up", flush=True)
    for recorded in desk.subscribe(start):
        print(recorded.meta.commit, time.time_ns(), flush=True)
"""
Send = Callable[[Commit], Any]


class Place:
    """Fresh topics on a broker, and what is done with them."""

    def __init__(self, bootstrap: str) -> None:
        self.url = f"kafka://{bootstrap}/bench-{uuid4().hex[:12]}"
        self.address = KafkaAddress.parse(self.url)
        self.topic = create_or_join(self.address, {NAME: 12, "settings": 1}, "bench")[NAME]

    @contextmanager
    def log(self, folder: Path) -> Iterator[KafkaLog]:
        log = KafkaLog.open(self.address, self.topic, folder / "index.db", NAME, RecordCodec())
        try:
            log.sync()
            yield log
        finally:
            log.close()

    @contextmanager
    def bare(self) -> Iterator[Send]:
        producer = connect_client(KafkaProducer, self.address, **PRODUCER)

        def send(commit: Commit) -> Any:
            partition = partition_of(commit.stream, self.topic.partitions)
            return producer.send(
                self.topic.name, value=RecordCodec().encode(commit), partition=partition
            )

        try:
            send(WARM).get()
            yield send
            producer.flush()
        finally:
            producer.close()


def run(bench: Bench) -> Iterator[Figure]:
    with bench.scratch() as folder, Cluster(folder) as cluster:
        kafka = cluster.bootstrap
        yield from _appending(bench, kafka)
        yield _fresh_index(bench, Place(kafka))
        yield from _seen(bench, Place(kafka).url)


def _appending(bench: Bench, kafka: str) -> Iterator[Figure]:
    each = bench.sized(1_000, 10)
    yield _one_client(_beside(bench, kafka, lambda send: _p50(send, each)))
    each = bench.sized(300, 2)
    yield _at_least_half(
        f"append, {MANY} clients",
        _beside(bench, kafka, lambda send: _rate(send, each)),
        "bare send and get, as many threads",
    )
    batches = bench.sized(10, 1)
    rounds = in_turn(
        bench,
        {
            "ticketlog": _ours(bench, kafka, lambda log: _bulk(log, batches)),
            "bare": _bare(kafka, lambda send: _sent(send, batches)),
        },
    )
    yield _at_least_half(
        f"bulk append, {BATCH:,} at a time",
        rounds,
        "bare asynchronous send, until all are acknowledged",
    )


def _beside(bench: Bench, kafka: str, measured: Callable[[Send], float]) -> Rounds:
    """The log's `append` and a bare `send` and `get`, in turn."""
    return in_turn(
        bench,
        {
            "ticketlog": _ours(bench, kafka, lambda log: measured(log.append)),
            "bare": _bare(kafka, lambda send: measured(lambda commit: send(commit).get())),
        },
    )


def _ours(bench: Bench, kafka: str, measured: Callable[[KafkaLog], float]) -> Callable[[], float]:
    def once() -> float:
        with bench.scratch() as folder, Place(kafka).log(folder) as log:
            log.append(WARM)
            return measured(log)

    return once


def _bare(kafka: str, measured: Callable[[Send], float]) -> Callable[[], float]:
    def once() -> float:
        with Place(kafka).bare() as send:
            return measured(send)

    return once


def _one_client(rounds: Rounds) -> Figure:
    ratio = rounds.ratio("ticketlog", "bare")
    return at_most(
        "append, 1 client, p50",
        ratio,
        1.5,
        f"{ratio:.2f} x ({rounds.median('ticketlog'):.2f} ms)",
        f"bare send and get: {rounds.median('bare'):.2f} ms",
        "x",
    )


def _at_least_half(what: str, rounds: Rounds, beside: str) -> Figure:
    ratio = rounds.ratio("ticketlog", "bare")
    return at_least(
        what,
        ratio,
        0.5,
        f"{ratio:.2f} x ({rounds.median('ticketlog'):,.0f} commits/s)",
        f"{beside}: {rounds.median('bare'):,.0f}/s",
        "x",
    )


def _p50(send: Send, times: int) -> float:
    """Milliseconds."""
    taken = []
    for one in _commits(0, times):
        with stopwatch() as seconds:
            send(one)
        taken.append(seconds() * 1e3)
    return percentile(taken, 0.5)


def _rate(send: Send, each: int) -> float:
    def client(number: int) -> None:
        for one in _commits(number, each):
            send(one)

    return clients(client, MANY, each)


def _commits(client: int, count: int) -> Iterator[Commit]:
    for i in range(count):
        stream = f"ticket/{client:04}{i // LENGTH:08}"
        yield commit(stream, i % LENGTH, f"{client}-{i}")


def _bulk(log: KafkaLog, batches: int) -> float:
    with stopwatch() as seconds:
        for number in range(batches):
            log.append_all(list(_commits(number, BATCH)))
    return batches * BATCH / seconds()


def _sent(send: Send, batches: int) -> float:
    with stopwatch() as seconds:
        sent = [send(one) for number in range(batches) for one in _commits(number, BATCH)]
        for each in sent:
            each.get()
    return batches * BATCH / seconds()


def _fresh_index(bench: Bench, place: Place) -> Figure:
    count = bench.sized(50, 1) * BATCH
    with place.bare() as send:
        _sent(send, count // BATCH)
    rounds = in_turn(
        bench,
        {
            "ticketlog": lambda: _indexed(bench, place, count),
            "bare": lambda: _polled(place, count),
        },
    )
    rate = rounds.median("ticketlog")
    return at_least(
        f"a fresh index of {count:,} commits",
        rate,
        30_000,
        f"{rate:,.0f} commits/s",
        f"bare poll: {rounds.median('bare'):,.0f}/s ({rounds.ratio('ticketlog', 'bare'):.2f} x)",
        "commits/s",
    )


def _indexed(bench: Bench, place: Place, count: int) -> float:
    with bench.scratch() as folder, stopwatch() as seconds, place.log(folder) as log:
        assert sum(log.ends()) > count
        return count / seconds()


def _polled(place: Place, count: int) -> float:
    places = [TopicPartition(place.topic.name, p) for p in range(place.topic.partitions)]
    with stopwatch() as seconds:
        reader = make_consumer(place.address, auto_offset_reset="earliest")
        reader.assign(places)
        found = 0
        while found < count:
            found += sum(map(len, reader.poll(timeout_ms=50).values()))
        taken = seconds()
    reader.close()
    return count / taken


def _seen(bench: Bench, url: str) -> Iterator[Figure]:
    commands = bench.sized(1_000, 5)
    folder = bench.folder / "sending"
    with fresh(folder, url) as desk:
        seen = seen_by_another(desk, commands)
    yield _late("append to visible in a view that another process keeps up", seen)
    with init_desk(bench.folder / "second", log_url=url):
        pass
    with open_desk(folder) as desk:
        answered = []
        with _subscriber(bench.folder / "second") as lines:
            for _ in range(commands):
                made = desk.execute(CREATE, actor=AGENT, channel="phone")
                now = time.time_ns()
                id, at = lines.readline().split()
                assert id == made.events[0].meta.commit
                answered.append((int(at) - now) / 1e6)
                time.sleep(PAUSE)
    yield _late("append to seen by a second process with an index of its own", answered)


def _late(what: str, milliseconds: list[float]) -> Figure:
    p50, p99 = percentile(milliseconds, 0.5), percentile(milliseconds, 0.99)
    return at_most(f"{what}, p99", p99, LATE, f"{p99:.0f} ms (p50 {p50:.0f} ms)", "a limit", "ms")


@contextmanager
def _subscriber(folder: Path) -> Iterator[Any]:
    command = [sys.executable, "-c", SUBSCRIBER, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        assert process.stdout.readline() == "up\n"
        yield process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
