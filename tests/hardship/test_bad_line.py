"""A connection to the broker that delays, cuts, half-sends and falls silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from broker import ports
from broker.cluster import Cluster
from broker.node import Ports
from tests.hardship.judgement import judge
from tests.hardship.proxy import Proxy
from tests.hardship.writers import LONGEST, crew, opened
from tests.kafka import fresh_url
from tests.log.commits import a_commit
from tests.log.kafka_backend import NAME
from ticketlog.errors import InDoubt, Unreachable
from ticketlog.log.kafka import pending_append
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Placed

pytestmark = pytest.mark.service
SEED = 7


class Line(NamedTuple):
    """A log behind a proxy, which is all that clients know of its broker."""

    url: str
    proxy: Proxy
    broker: Cluster


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with ExitStack() as until:
        clients, controller, through = ports.reserve(3, until)
        proxy = until.enter_context(Proxy(through, clients, SEED))
        broker = until.enter_context(
            Cluster(
                tmp_path / "kafka",
                at=[Ports(clients, controller)],
                settings={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{through}"},
            )
        )
        url = f"{fresh_url(f'127.0.0.1:{through}')}?partitions=4"
        create_or_join(KafkaAddress.parse(url), {NAME: 4, "settings": 1}, "desk-1")
        yield Line(url, proxy, broker)


@pytest.mark.parametrize(
    "seconds", [25, pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])]
)
def test_a_bad_line_loses_nothing_and_doubles_nothing(
    line: Line, tmp_path: Path, seconds: int
) -> None:
    streams = [f"ticket/{number}" for number in range(20)]
    with crew(line.url, tmp_path, writers=2, threads=8, streams=streams) as writers:
        writers.go_on(100)
        line.proxy.calm = False
        until = time.monotonic() + seconds
        while time.monotonic() < until or not all(line.proxy.harm.values()):
            writers.go_on(50)
            assert time.monotonic() < until + 300, line.proxy.harm
        line.proxy.calm = True
        told = writers.finish()
        indexes = [writer.work.index for writer in writers.writers]
    figures = judge(line.url, told, indexes, tmp_path / "fresh.db")
    print(figures, line.proxy.harm)
    assert figures.longest < LONGEST, figures


class Answer(NamedTuple):
    outcome: object
    seconds: float


def timed(act: Callable[[], object]) -> Answer:
    begun = time.monotonic()
    try:
        outcome = act()
    except Unreachable as error:
        outcome = error
    return Answer(outcome, time.monotonic() - begun)


def answers(log: KafkaLog, number: int) -> list[Answer]:
    """Of so many clients that append at once."""

    def append(n: int) -> Answer:
        return timed(lambda: log.append(a_commit(f"ticket/{n}", id=f"id-{n}")))

    with ThreadPoolExecutor(number) as threads:
        waiting = [threads.submit(append, n) for n in range(number)]
        return [each.result(timeout=3 * LONGEST) for each in waiting]


def accepted_once(log: KafkaLog, number: int) -> None:
    """The same commits, sent again, are there once each."""
    again = answers(log, number)
    assert all(isinstance(each.outcome, Placed) for each in again), again
    log.sync()
    for n in range(number):
        records = log.stream(f"ticket/{n}")
        assert [orjson.loads(record.data)["id"] for record in records] == [f"id-{n}"]


def test_on_a_line_that_falls_silent_everybody_is_told_in_time(line: Line, tmp_path: Path) -> None:
    log = opened(line.url, tmp_path / "index.db")
    log.append(a_commit("ticket/before"))
    line.proxy.hold()
    with ThreadPoolExecutor(1) as threads:
        behind = threads.submit(timed, lambda: log.append(a_commit("ticket/ahead", 5)))
        told = answers(log, 32)
        told_last = behind.result(timeout=LONGEST)
    line.proxy.release()
    assert type(told_last.outcome) is Unreachable, told_last
    assert "nothing was recorded: no answer" in str(told_last.outcome)
    assert told_last.seconds < LONGEST, told_last
    assert all(isinstance(each.outcome, InDoubt) for each in told), told
    assert max(each.seconds for each in told) < LONGEST, told
    accepted_once(log, 32)
    log.close()


def test_where_nothing_listens_everybody_is_told_in_time(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_append, "DEADLINE_S", 5.0)
    log = opened(line.url, tmp_path / "index.db")
    log.sync()
    line.broker.kill()
    told = answers(log, 32)
    told.append(timed(lambda: log.append_all([a_commit(f"ticket/{n}") for n in range(100)])))
    line.broker.start()
    monkeypatch.undo()
    assert all(type(each.outcome) is Unreachable for each in told), told
    assert max(each.seconds for each in told) < LONGEST, told
    log.sync()
    assert log.ends() == (1, 1, 1, 1)
    accepted_once(log, 32)
    log.close()


def test_what_is_under_way_at_the_deadline_is_in_doubt(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sooner than the attempt itself fails: an earlier one may have failed just before."""
    log = opened(line.url, tmp_path / "index.db")
    log.append(a_commit("ticket/before"))
    monkeypatch.setattr(pending_append, "DEADLINE_S", 2.0)
    line.proxy.hold()
    (told,) = answers(log, 1)
    line.proxy.release()
    assert isinstance(told.outcome, InDoubt), told
    assert "no answer within 2 s (no answer)" in str(told.outcome)
    monkeypatch.undo()
    accepted_once(log, 1)
    log.close()
