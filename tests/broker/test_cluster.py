"""Brokers start, die, and come back as they were."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from broker.cluster import BrokerError, Cluster
from broker.node import Ports

pytestmark = pytest.mark.service


def make_topic(cluster: Cluster, topic: str, replicas: int = 1) -> None:
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": replicas}})
    admin.close()


def send(producer: KafkaProducer, value: bytes) -> int:
    return int(producer.send("topic", value, partition=0).get(60).offset)


def producer_of(cluster: Cluster) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=cluster.bootstrap,
        acks="all",
        enable_idempotence=False,
        reconnect_backoff_max_ms=500,
    )


def values(bootstrap: str, count: int) -> list[bytes]:
    """The first so many records of the topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("topic", 0)])
    found = [next(consumer).value for _ in range(count)]
    consumer.close()
    return found


def test_a_killed_broker_comes_back_with_its_data_on_its_port(own_broker: Cluster) -> None:
    make_topic(own_broker, "topic")
    bootstrap = own_broker.bootstrap
    producer = producer_of(own_broker)
    assert send(producer, b"before") == 0
    own_broker.kill()
    assert not own_broker.is_running(0)
    own_broker.start()
    assert send(producer, b"after") == 1
    producer.close()
    own_broker.restart()
    assert own_broker.bootstrap == bootstrap
    assert values(bootstrap, 2) == [b"before", b"after"]


def test_a_stopped_process_answers_when_it_goes_on(own_broker: Cluster) -> None:
    make_topic(own_broker, "topic")
    producer = producer_of(own_broker)
    assert send(producer, b"before") == 0
    own_broker.pause(0)
    waits = producer.send("topic", b"meanwhile", partition=0)
    own_broker.resume(0)
    assert waits.get(60).offset == 1
    producer.close()


def test_of_three_brokers_another_one_leads_when_the_leader_dies(cluster3: Cluster) -> None:
    make_topic(cluster3, "topic", replicas=3)
    producer = producer_of(cluster3)
    assert send(producer, b"before") == 0
    leader = leader_of(cluster3.bootstrap)
    cluster3.kill(leader)
    assert send(producer, b"after") == 1
    assert leader_of(cluster3.bootstrap) != leader
    cluster3.start(leader)
    producer.close()
    assert values(cluster3.bootstrap, 2) == [b"before", b"after"]


def leader_of(bootstrap: str) -> int:
    """The broker, counted from 0."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    (topic,) = admin.describe_topics(["topic"])
    admin.close()
    return int(topic["partitions"][0]["leader_id"]) - 1


def test_two_clusters_are_two(own_broker: Cluster, kafka: str) -> None:
    ours, theirs = (cluster_id(bootstrap) for bootstrap in (own_broker.bootstrap, kafka))
    assert ours != theirs


def cluster_id(bootstrap: str) -> str:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    found = str(admin.describe_cluster()["cluster_id"])
    admin.close()
    return found


def test_a_broker_that_does_not_start_says_why(own_broker: Cluster, tmp_path: Path) -> None:
    port = int(own_broker.bootstrap.split(":")[1])
    second = Cluster(tmp_path / "second", at=[Ports(port, port + 1)])
    with pytest.raises(BrokerError, match="Address already in use"), second:
        pass
    assert not second.is_running(0)


STARTER = """
import sys
from pathlib import Path
from broker.cluster import Cluster
cluster = Cluster(Path(sys.argv[1]))
cluster.start()
print(cluster.pid(0), flush=True)
sys.stdin.read()
"""


def test_brokers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with starter:
        assert starter.stdout is not None
        broker = os.pidfd_open(int(starter.stdout.readline()))
        starter.send_signal(signal.SIGKILL)
    assert ends(broker)


def ends(process: int) -> bool:
    """Waits a minute at most for a process, given as Linux's handle of it."""
    found, _, _ = select.select([process], [], [], 60)
    os.close(process)
    return bool(found)
