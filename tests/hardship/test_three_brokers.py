"""Three brokers, replication factor 3, min.insync.replicas 2, of which one or all are killed."""

from __future__ import annotations

import random
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, cycle
from pathlib import Path

import orjson
import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from broker.cluster import Cluster
from tests.hardship.judgement import judge
from tests.hardship.writers import Crew, crew, opened
from tests.kafka import fresh_url
from tests.log.commits import a_commit
from tests.log.kafka_backend import NAME
from ticketlog.errors import InDoubt, Unfit, Unreachable
from ticketlog.log.commit import Commit
from ticketlog.log.kafka import pending_append, topics
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.partitioner import partition_of

pytestmark = pytest.mark.service
PARTITIONS = 4


@pytest.fixture
def url(cluster3: Cluster) -> str:
    url = f"{fresh_url(cluster3.bootstrap)}?partitions={PARTITIONS}"
    create_or_join(KafkaAddress.parse(url), {NAME: PARTITIONS, "settings": 1}, "desk-1")
    return url


def leader(where: KafkaAddress, partition: int) -> int:
    """The broker, counted from 0, that leads a partition of the log."""
    with topics.admin(where) as admin:
        (topic,) = admin.describe_topics([where.topic(NAME)])
    return int(topic["partitions"][partition]["leader_id"]) - 1


def hardships(
    brokers: Cluster, where: KafkaAddress, writers: Crew, some: int, dice: random.Random
) -> Iterator[None]:
    """One after the other for ever; `some`: commits between any two blows."""
    for name in cycle(["leader", "long", "leader", "all"]):
        if name == "all":
            brokers.kill()
            brokers.start()
        else:
            broker = leader(where, dice.randrange(PARTITIONS))
            brokers.kill(broker)
            writers.go_on(some if name == "leader" else 3 * some)
            brokers.start(broker)
        writers.go_on(some)
        yield


@pytest.mark.parametrize(
    ("commits", "some"),
    [
        (10_000, 500),
        pytest.param(100_000, 2_000, marks=[pytest.mark.soak, pytest.mark.timeout(3000)]),
    ],
)
def test_whoever_of_three_brokers_dies_nothing_is_lost_and_nothing_doubled(
    cluster3: Cluster, url: str, tmp_path: Path, commits: int, some: int
) -> None:
    streams = [f"ticket/{number}" for number in range(500)]
    dice = random.Random(commits)
    with crew(url, tmp_path, writers=2, threads=16, streams=streams) as writers:
        writers.go_on(some)
        blows = 0
        for _ in hardships(cluster3, KafkaAddress.parse(url), writers, some, dice):
            blows += 1
            if blows >= 4 and writers.accepted() >= commits:
                break
        told = writers.finish()
        indexes = [writer.work.index for writer in writers.writers]
    figures = judge(url, told, indexes, tmp_path / "fresh.db")
    print(figures, f"{blows} blows")
    assert figures.accepted >= commits


def test_the_commands_that_refusals_name_make_any_topic_fit(
    cluster3: Cluster, tmp_path: Path
) -> None:
    url = f"{fresh_url(cluster3.bootstrap)}?partitions={PARTITIONS}"
    where = KafkaAddress.parse(url)
    wrong = {
        "cleanup.policy": "compact",
        "retention.ms": "1000",
        "retention.bytes": "1000",
        "max.message.bytes": "1000",
        "unclean.leader.election.enable": "true",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "1",
    }
    made = {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": wrong}
    with topics.admin(where) as admin:
        admin.create_topics({where.topic(NAME): made})
    named = []
    for _ in range(len(wrong) + 1):
        with pytest.raises(Unfit, match=f"{where.topic(NAME)} has ") as refused:
            create_or_join(where, {NAME: PARTITIONS, "settings": 1}, "desk-1")
        told, _, command = str(refused.value).partition(": kafka-python ")
        named.append(told)
        subprocess.run(
            [Path(sys.executable).with_name("kafka-python"), *shlex.split(command)], check=True
        )
    for each in (*(f"{key}={value}" for key, value in wrong.items()), "replication factor 1"):
        assert sum(f" has {each}, " in told for told in named) == 1
    create_or_join(where, {NAME: PARTITIONS, "settings": 1}, "desk-1")
    with closing(opened(url, tmp_path / "index.db")) as log:
        log.append(a_commit("ticket/A"))


def require_in_sync(where: KafkaAddress, replicas: int) -> None:
    values = {"min.insync.replicas": str(replicas)}
    resource = ConfigResource(ConfigResourceType.TOPIC, where.topic(NAME), configs=values)
    with topics.admin(where) as admin:
        admin.alter_configs([resource])


def beside(stream: str) -> str:
    """Another stream of its partition: leaders learn of a lost replica partition by partition."""
    numbered = (f"ticket/{number}" for number in count())
    return next(
        s for s in numbered if partition_of(s, PARTITIONS) == partition_of(stream, PARTITIONS)
    )


def refusal(log: KafkaLog, commit: Callable[[], Commit]) -> str:
    """What is said once the brokers know that a replica is gone, which takes them seconds: until
    then a commit goes through, or is in doubt because it may stand in the log of the leader. In
    doubt is also one whose last attempt is under way when its time is up."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            log.append(commit())
        except InDoubt:
            continue
        except Unreachable as error:
            return str(error)
    raise AssertionError("with a broker less it still takes commits")


def test_with_too_few_replicas_in_sync_nothing_is_recorded_until_there_are_enough(
    cluster3: Cluster, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_append, "DEADLINE_S", 3.0)
    where = KafkaAddress.parse(url)
    with closing(opened(url, tmp_path / "index.db")) as log:
        log.append(a_commit("ticket/A"))
        require_in_sync(where, 3)
        cluster3.kill(2)
        why = refusal(log, lambda: a_commit("ticket/A", log.head("ticket/A").version))
        assert f"{where.topic(NAME)} has fewer replicas in sync than min.insync.replicas" in why
        mine = a_commit(beside("ticket/A"))
        assert "nothing was recorded" in refusal(log, lambda: mine)

        cluster3.start(2)
        monkeypatch.undo()
        placed = log.append(mine)

        assert not placed.repeated
        ids = [orjson.loads(kept.data).get("id") for kept in log.indexed_records(placed.partition)]
        assert ids.count(mine.id) == 1
