"""Makes the topics of a new log and writes their first records, or joins a log that is there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from ticketlog.errors import Damaged, Unfit
from ticketlog.log.commit import genesis, genesis_of
from ticketlog.log.kafka.client import connect_client
from ticketlog.log.kafka.consumer import first_records
from ticketlog.log.kafka.producer import PRODUCER
from ticketlog.log.kafka.topics import (
    BROKER_TIMEOUT_S,
    Topic,
    ask_brokers,
    checked_topics,
    create_topics,
    unreachable_error,
)
from ticketlog.log.kafka.url import KafkaAddress


def create_or_join(address: KafkaAddress, logs: Mapping[str, int], desk: str) -> dict[str, Topic]:
    """The topics of the named logs, with their numbers of partitions, each partition with a first
    record. What exists already is joined: its first record names the desk that it belongs to.

    Any number of processes may do this at once: the one that wrote the first record of the last
    log (which has one partition) has named the desk, and the rest take that name.

    Raises Unreachable, Unfit, Damaged where a topic holds something else.
    """
    names = {name: address.topic(name) for name in logs}

    def made(client: KafkaAdminClient) -> dict[str, Topic]:
        create_topics(client, {names[name]: partitions for name, partitions in logs.items()})
        return checked_topics(client, address, list(names.values()), address.partitions)

    described = ask_brokers(address, made)
    topics = {name: described[topic] for name, topic in names.items()}
    anchor = list(logs)[-1]
    _check_whole(address, list(topics.values()))
    desk = _desks(address, anchor, topics[anchor], desk)[0]
    for name, topic in topics.items():
        _check_desk(_desks(address, name, topic, desk), desk, topic, topics[anchor])
    return topics


def join_added_log(address: KafkaAddress, name: str, anchor: str, anchored: Topic) -> Topic:
    """The topic of a log of one partition that desks of earlier releases haven't: it is made where
    there is none, for the desk that the first record of another of its logs names. `anchor`: that
    log's name, `anchored` its topic. Any number of processes may do this at once.

    Raises Unreachable, Unfit where it may not be made or wouldn't keep a log, Damaged where it
    belongs to another desk.
    """
    topic_name = address.topic(name)
    about = genesis_of(first_records(address, anchored).get(0, b"")) or {}
    if about.get("log") != anchor:
        raise Damaged(f"{anchored.name} begins with no first record of a log of {anchor}")

    def made(client: KafkaAdminClient) -> Topic:
        try:
            create_topics(client, {topic_name: 1})
        except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError) as error:
            raise Unfit(
                f"{topic_name} is missing, which this release keeps besides, and this user may not "
                "make it: somebody with CREATE makes it by `ticketlog init DIR --log URL`, which "
                "joins the desk in a folder of its own"
            ) from error
        return checked_topics(client, address, [topic_name], None)[topic_name]

    topic = ask_brokers(address, made)
    _check_desk(_desks(address, name, topic, about["desk"]), about["desk"], topic, anchored)
    return topic


def _check_desk(found: Sequence[str], desk: str, topic: Topic, anchored: Topic) -> None:
    """Raises Damaged where a topic's first records name another desk."""
    strangers = set(found) - {desk}
    if strangers:
        raise Damaged(
            f"{topic.name} belongs to desk {strangers.pop()}, and {anchored.name} to {desk}: they "
            "are not the logs of one desk. Take another prefix."
        )


def _check_whole(address: KafkaAddress, topics: Sequence[Topic]) -> None:
    """Raises Damaged where an import isn't complete: its last record to be written is the last
    log's first (restore.py), which is the first that is written here."""
    *before, anchor = topics
    if first_records(address, anchor):
        return
    for topic in before:
        for first in first_records(address, topic).values():
            about = genesis_of(first) or {}
            raise Damaged(
                f"{topic.name} holds a part of the log of desk {about.get('desk')}, and "
                f"{anchor.name} is empty: an import into them isn't complete. Run `ticketlog log "
                "import` again, which goes on, or take another prefix"
            )


def _desks(address: KafkaAddress, name: str, topic: Topic, desk: str) -> list[str]:
    """The desks that the first records of a topic's partitions name: `desk` where there was
    none."""
    firsts = first_records(address, topic)
    missing = [p for p in range(topic.partitions) if p not in firsts]
    if missing:
        _write(address, name, topic, missing, desk)
        firsts = first_records(address, topic)
    found = []
    for partition in range(topic.partitions):
        about = genesis_of(firsts[partition])
        expected = {"log": name, "partition": partition, "partitions": topic.partitions}
        if about is None or {key: about[key] for key in expected} != expected:
            raise Damaged(
                f"{topic.name} {partition}:0 is no first record of a log of {name}: another "
                "program writes to that topic. Take another prefix."
            )
        found.append(str(about["desk"]))
    return found


def _write(
    address: KafkaAddress, name: str, topic: Topic, partitions: Sequence[int], desk: str
) -> None:
    now = time.time_ns() // 1000
    try:
        with connect_client(KafkaProducer, address, **PRODUCER) as producer:
            for partition in partitions:
                first = genesis(desk, name, partition, topic.partitions, now)
                producer.send(topic.name, value=first, partition=partition)
            producer.flush(timeout=BROKER_TIMEOUT_S)
    except KafkaError as error:
        raise unreachable_error(address, error) from error
