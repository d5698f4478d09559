"""The topics of a log: made with the right settings, and checked at every start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import (
    KafkaError,
    RetriableError,
    TopicAlreadyExistsError,
    UnknownBrokerIdError,
)

from ticketlog.errors import Unfit, Unreachable
from ticketlog.log.kafka.client import connect_client
from ticketlog.log.kafka.url import KafkaAddress

Answer = TypeVar("Answer")
BROKER_TIMEOUT_S = 15
"""Seconds to wait for brokers when a log is opened."""
_SPREAD_S = 3
"""Seconds after which all brokers know of a new topic."""
REPLICAS = 3
"""The replication factor, where the cluster has as many brokers; of fewer, each keeps a copy."""
IN_SYNC = 2
MAX_BYTES = 2 << 20
TOPIC_CONFIG: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": str(MAX_BYTES),
    "unclean.leader.election.enable": "false",
    "message.timestamp.type": "CreateTime",
}
"""Nothing is ever deleted, compacted or lost with a leader; `min.insync.replicas` joins them."""


class Topic(NamedTuple):
    """A topic as the cluster knows it; `id` is another one when it is made again."""

    name: str
    id: str
    cluster: str
    partitions: int


@contextmanager
def admin(address: KafkaAddress) -> Iterator[KafkaAdminClient]:
    """A client that is closed at the end. Raises Unreachable."""
    limits: dict[str, Any] = dict.fromkeys(
        ("bootstrap_timeout_ms", "request_timeout_ms"), BROKER_TIMEOUT_S * 1000
    )
    client = connect_client(KafkaAdminClient, address, **limits)
    try:
        yield client
    except KafkaError as error:
        raise unreachable_error(address, error) from error
    finally:
        client.close()


def ask_brokers(address: KafkaAddress, question: Callable[[KafkaAdminClient], Answer]) -> Answer:
    """The brokers' answer to a question, which is asked again for a while where a broker is going
    or coming: the client may pick one that is gone. Raises Unreachable."""
    until = time.monotonic() + BROKER_TIMEOUT_S
    with admin(address) as client:
        while True:
            try:
                return question(client)
            except (RetriableError, UnknownBrokerIdError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)


def unreachable_error(address: KafkaAddress, error: Exception) -> Unreachable:
    why = str(error) or type(error).__name__
    return Unreachable(f"no answer from {','.join(address.brokers)}: {why}. Is the broker up?")


def create_topics(client: KafkaAdminClient, topics: Mapping[str, int]) -> None:
    """Makes the topics that don't exist: names with their numbers of partitions."""
    brokers = len(client.describe_cluster()["brokers"])
    configs = {**TOPIC_CONFIG, "min.insync.replicas": str(in_sync(brokers))}
    for name, partitions in topics.items():
        wanted = {
            "num_partitions": partitions,
            "replication_factor": min(REPLICAS, brokers),
            "configs": configs,
        }
        try:
            client.create_topics(
                {name: wanted}, timeout_ms=BROKER_TIMEOUT_S * 1000, wait_for_metadata=True
            )
        except TopicAlreadyExistsError:
            continue


def in_sync(brokers: int) -> int:
    return IN_SYNC if brokers >= REPLICAS else 1


def describe_topic(client: KafkaAdminClient, name: str) -> Topic | None:
    (topic,) = client.describe_topics([name])
    if topic["error_code"]:
        return None
    cluster = client.describe_cluster()
    return Topic(name, str(topic["topic_id"]), cluster["cluster_id"], len(topic["partitions"]))


def partition_bounds(client: KafkaAdminClient, topic: Topic) -> list[tuple[int, int]]:
    """Per partition the first offset, and the one that its next record takes."""
    places = [TopicPartition(topic.name, p) for p in range(topic.partitions)]
    firsts, ends = (
        client.list_partition_offsets(dict.fromkeys(places, which))
        for which in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
    )
    return [(firsts[place].offset, ends[place].offset) for place in places]


def replication_factor(client: KafkaAdminClient, topic: Topic) -> int:
    """The largest number of copies that a partition of the topic has."""
    (described,) = client.describe_topics([topic.name])
    return max(len(partition["replica_nodes"]) for partition in described["partitions"])


def checked_topics(
    client: KafkaAdminClient, address: KafkaAddress, names: Sequence[str], partitions: int | None
) -> dict[str, Topic]:
    """The topics, after a check that they keep everything. `partitions`: the number that the first
    one must have.

    Raises Unfit with the setting and the command that mends it.
    """
    cluster = client.describe_cluster()
    described, configs = _descriptions(client, names), _configurations(client, names)
    for name in names:
        topic = described[name]
        if topic["error_code"]:
            raise Unfit(
                f"there is no topic {name}: `ticketlog init --log` makes it, or the URL is wrong"
            )
        values = {key: config["value"] for key, config in configs[name].items()}
        _check_settings(name, values, len(cluster["brokers"]), address)
        _check_replicas(topic, [int(broker["broker_id"]) for broker in cluster["brokers"]], address)
    have = len(described[names[0]]["partitions"])
    if partitions is not None and have != partitions:
        raise Unfit(
            f"{names[0]} has {have} partitions, the URL says {partitions}: the number is fixed "
            f"when a log is made. Write partitions={have}, or take another prefix."
        )
    return {
        name: Topic(
            name, str(topic["topic_id"]), cluster["cluster_id"], len(described[name]["partitions"])
        )
        for name, topic in described.items()
    }


def _descriptions(client: KafkaAdminClient, names: Sequence[str]) -> dict[str, Any]:
    """The brokers' descriptions of these topics."""

    def described() -> dict[str, Any]:
        return {topic["name"]: topic for topic in client.describe_topics(list(names))}

    return _ask_until_known(described, lambda each: not each["error_code"])


def _configurations(client: KafkaAdminClient, names: Sequence[str]) -> dict[str, Any]:
    """The settings of these topics: none, where the broker that answers doesn't know a topic."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]

    def configured() -> dict[str, Any]:
        return dict(client.describe_configs(resources, config_filter="all")["topic"])

    return _ask_until_known(configured, bool)


def _ask_until_known(
    question: Callable[[], dict[str, Any]], known: Callable[[Any], bool]
) -> dict[str, Any]:
    """The answers for each topic, asked again for a while: a broker may not know of a new topic
    yet."""
    until = time.monotonic() + _SPREAD_S
    while True:
        answer = question()
        if all(map(known, answer.values())) or time.monotonic() > until:
            return answer
        time.sleep(0.1)


def _check_settings(
    name: str, values: Mapping[str, str], brokers: int, address: KafkaAddress
) -> None:
    needed = {**TOPIC_CONFIG, "min.insync.replicas": str(in_sync(brokers))}
    for key, wanted in needed.items():
        value = values.get(key, "")
        numeric = key in ("max.message.bytes", "min.insync.replicas")
        fits = int(value or 0) >= int(wanted) if numeric else value == wanted
        if not fits and not (key == "cleanup.policy" and value == ""):
            raise Unfit(
                f"{name} has {key}={value}, so it isn't fit to keep a log; it must be {wanted}"
                f"{' or more' if numeric else ''}: {_admin(address)} configs alter -r topic "
                f"-n {name} -c {key}={wanted}"
            )


def _check_replicas(
    topic: Mapping[str, Any], brokers: Sequence[int], address: KafkaAddress
) -> None:
    wanted = min(REPLICAS, len(brokers))
    placed = {each["partition_index"]: each["replica_nodes"] for each in topic["partitions"]}
    fewest = min(map(len, placed.values()))
    if fewest < wanted:
        more = " ".join(
            f"-r {topic['name']}:{partition}={','.join(map(str, _filled(held, brokers, wanted)))}"
            for partition, held in sorted(placed.items())
            if len(held) < wanted
        )
        raise Unfit(
            f"{topic['name']} has replication factor {fewest}, so it isn't fit to keep a log; it "
            f"must be {wanted} or more: {_admin(address)} partitions alter-reassignments {more}"
        )


def _filled(held: Sequence[int], brokers: Sequence[int], wanted: int) -> list[int]:
    """The brokers that have a partition, with as many further ones as it takes, so that each broker
    gets its share."""
    at = max(held)
    spare = sorted(set(brokers) - set(held), key=lambda broker: (broker < at, broker))
    return [*held, *spare][:wanted]


def _admin(address: KafkaAddress) -> str:
    return f"kafka-python admin -b {','.join(address.brokers)}"
