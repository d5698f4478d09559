"""What becomes of commits whose broker is silent for long, or whose producer is given up."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from broker.cluster import Cluster
from tests.hardship.writers import OPENING, opened
from tests.kafka import fresh_url
from tests.log.commits import a_commit
from tests.log.kafka_backend import NAME
from ticketlog.errors import Unreachable
from ticketlog.log.kafka import pending_append, producer
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.kafka.producer import PRODUCER
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Placed

pytestmark = pytest.mark.service


def test_a_bulk_comes_through_when_its_broker_does(own_broker: Cluster, tmp_path: Path) -> None:
    """All of it has failed once by then: one after the other would take too long."""
    url = f"{fresh_url(own_broker.bootstrap)}?partitions=4"
    create_or_join(KafkaAddress.parse(url), {NAME: 4, "settings": 1}, "desk-1")
    streams = [f"ticket/{number}" for number in range(2_000)]
    with closing(opened(url, tmp_path / "index.db")) as log, ThreadPoolExecutor(1) as threads:
        log.append(a_commit("ticket/before"))
        own_broker.pause(0)
        bulk = threads.submit(
            log.append_all, [a_commit(stream, id=f"of {stream}") for stream in streams]
        )
        with pytest.raises(TimeoutError):
            bulk.result(timeout=PRODUCER["delivery_timeout_ms"] / 1000 + 3)
        own_broker.kill()
        own_broker.start()
        outcomes = bulk.result(timeout=OPENING)
        assert all(isinstance(outcome, Placed) for outcome in outcomes)
        for stream in streams:
            ids = [orjson.loads(record.data)["id"] for record in log.stream(stream)]
            assert ids == [f"of {stream}"]


def test_a_producer_that_is_given_up_under_the_hands_of_many_costs_nobody_an_answer(
    kafka_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With so little patience each attempt of each thread may cost all of them their producer."""
    url = f"{kafka_url}?partitions=4"
    create_or_join(KafkaAddress.parse(url), {NAME: 4, "settings": 1}, "desk-1")
    with closing(opened(url, tmp_path / "index.db")) as log, ThreadPoolExecutor(16) as threads:
        log.append(a_commit("ticket/before"))
        monkeypatch.setattr(producer, "ATTEMPT_TIMEOUT_S", 0.02)
        working = [threads.submit(append, log, f"ticket/{number}", 30) for number in range(16)]
        for stream in working:
            stream.result(timeout=OPENING)
        for number in range(16):
            records = log.stream(f"ticket/{number}")
            ids = [orjson.loads(record.data)["id"] for record in records]
            assert ids == [f"{version}" for version in range(30)]


def test_what_tasks_append_comes_through_when_its_broker_does(
    own_broker: Cluster, tmp_path: Path
) -> None:
    url = f"{fresh_url(own_broker.bootstrap)}?partitions=4"
    create_or_join(KafkaAddress.parse(url), {NAME: 4, "settings": 1}, "desk-1")
    commits = [a_commit(f"ticket/{number}") for number in range(200)]

    async def work(log: KafkaLog) -> None:
        await log.append_async(a_commit("ticket/before"))
        own_broker.pause(0)
        appends = [asyncio.create_task(log.append_async(commit)) for commit in commits]
        done, _ = await asyncio.wait(appends, timeout=PRODUCER["delivery_timeout_ms"] / 1000 + 3)
        assert not done
        own_broker.kill()
        own_broker.start()
        for placed in await asyncio.gather(*appends, return_exceptions=True):
            assert isinstance(placed, Placed), placed

    with closing(opened(url, tmp_path / "index.db")) as log:
        asyncio.run(work(log))
        for commit in commits:
            ids = [orjson.loads(record.data)["id"] for record in log.stream(commit.stream)]
            assert ids == [commit.id]


def test_tasks_whose_broker_stays_away_are_told_so(
    own_broker: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in its own time; what may stand in the log is in doubt, and safe to send again."""
    url = f"{fresh_url(own_broker.bootstrap)}?partitions=4"
    create_or_join(KafkaAddress.parse(url), {NAME: 4, "settings": 1}, "desk-1")
    monkeypatch.setattr(pending_append, "DEADLINE_S", 6.0)
    commits = [a_commit(f"ticket/{number}") for number in range(20)]

    async def work(log: KafkaLog) -> None:
        await log.append_async(a_commit("ticket/before"))
        own_broker.kill()
        appends = [log.append_async(commit) for commit in commits]
        for told in await asyncio.gather(*appends, return_exceptions=True):
            assert isinstance(told, Unreachable), told
        own_broker.start()
        for placed in await asyncio.gather(*map(log.append_async, commits)):
            assert placed.version == 0

    with closing(opened(url, tmp_path / "index.db")) as log:
        asyncio.run(work(log))
        for commit in commits:
            ids = [orjson.loads(record.data)["id"] for record in log.stream(commit.stream)]
            assert ids == [commit.id]


def test_a_producer_that_is_given_up_under_the_hands_of_tasks_costs_none_an_answer(
    kafka_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{kafka_url}?partitions=4"
    create_or_join(KafkaAddress.parse(url), {NAME: 4, "settings": 1}, "desk-1")

    async def task(log: KafkaLog, stream: str) -> None:
        for version in range(20):
            commit = a_commit(stream, version, id=f"{version}")
            assert (await log.append_async(commit)).version == version

    async def work(log: KafkaLog) -> None:
        await asyncio.gather(*(task(log, f"ticket/{number}") for number in range(16)))

    with closing(opened(url, tmp_path / "index.db")) as log:
        log.append(a_commit("ticket/before"))
        monkeypatch.setattr(producer, "ATTEMPT_TIMEOUT_S", 0.02)
        monkeypatch.setattr(producer, "_CHECK_EVERY_S", 0.02)
        asyncio.run(work(log))
        for number in range(16):
            records = log.stream(f"ticket/{number}")
            ids = [orjson.loads(record.data)["id"] for record in records]
            assert ids == [f"{version}" for version in range(20)]


def append(log: KafkaLog, stream: str, number: int) -> None:
    for version in range(number):
        assert log.append(a_commit(stream, version, id=f"{version}")).version == version
