"""The log in Kafka as a backend of the conformance suite."""

from __future__ import annotations

from pathlib import Path

from tests.kafka import fresh_url
from ticketlog.log.codec import RecordCodec
from ticketlog.log.kafka import topics
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.kafka.url import KafkaAddress

NAME = "tickets"


class InKafka:
    """A topic of its own for each folder, and the index in it; who opens the folder shares it."""

    index = "index.db"
    bootstrap = ""

    @classmethod
    def create(cls, folder: Path, partitions: int) -> KafkaLog:
        url = f"{fresh_url(cls.bootstrap)}?partitions={partitions}"
        (folder / "url").write_text(url)
        create_or_join(KafkaAddress.parse(url), {NAME: partitions, "settings": 1}, "desk-1")
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> KafkaLog:
        where = KafkaAddress.parse((folder / "url").read_text())
        return KafkaLog.open(where, topic_of(where), folder / cls.index, NAME, RecordCodec())

    @classmethod
    def forget(cls, folder: Path) -> None:
        for file in folder.glob("index*"):
            file.unlink()


def topic_of(where: KafkaAddress) -> topics.Topic:
    with topics.admin(where) as client:
        name = where.topic(NAME)
        return topics.checked_topics(client, where, [name], where.partitions)[name]
