"""Three processes contend for twenty streams while their broker is killed and they are paused."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from broker.cluster import Cluster
from tests.hardship.judgement import judge
from tests.hardship.writers import Crew, crew
from tests.kafka import fresh_url
from tests.log.kafka_backend import NAME
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.url import KafkaAddress

pytestmark = pytest.mark.service
STREAMS = [f"ticket/{number}" for number in range(20)]


def harm(broker: Cluster, writers: Crew, dice: random.Random) -> None:
    """The broker dies and comes back, or a writer stands still for a while."""
    if dice.random() < 0.4:
        broker.kill()
        time.sleep(dice.random())
        broker.start()
    else:
        dice.choice(writers.writers).pause(dice.uniform(0.5, 6))
    writers.go_on(100)


@pytest.mark.parametrize(
    "seconds",
    [60, pytest.param(600, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_whatever_happens_to_them_writers_agree(
    own_broker: Cluster, tmp_path: Path, seconds: int
) -> None:
    url = f"{fresh_url(own_broker.bootstrap)}?partitions=4"
    create_or_join(KafkaAddress.parse(url), {NAME: 4, "settings": 1}, "desk-1")
    dice = random.Random(seconds)
    with crew(url, tmp_path, writers=3, threads=8, streams=STREAMS) as writers:
        until = time.monotonic() + seconds
        writers.go_on(100)
        while time.monotonic() < until:
            harm(own_broker, writers, dice)
        told = writers.finish()
        indexes = [writer.work.index for writer in writers.writers]
    figures = judge(url, told, indexes, tmp_path / "fresh.db")
    print(figures)
