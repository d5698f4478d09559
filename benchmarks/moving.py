"""A desk that moves into Kafka, beside a producer that only sends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from kafka import KafkaProducer

from benchmarks.desks import simulated
from benchmarks.measure import Bench, Figure, at_least, in_turn, stopwatch
from broker.cluster import Cluster
from ticketlog import open_desk
from ticketlog.log.backup import Export, ExportLine
from ticketlog.log.compressed_lines import Lines, writing
from ticketlog.log.kafka import topics
from ticketlog.log.kafka.producer import PRODUCER
from ticketlog.log.kafka.restore import restore_topics
from ticketlog.log.kafka.url import KafkaAddress

_LOGS = ("tickets", "access", "settings")


def run(bench: Bench) -> Iterator[Figure]:
    file = bench.folder / "desk.jsonl.zst"
    with (
        open_desk(simulated(bench, bench.sized(8_000, 20))) as desk,
        writing(file, file.suffix) as out,
    ):
        for line in desk.log_export():
            out.write(line)
    records = list(Export(Lines(file), _LOGS).records())
    with Cluster(bench.folder / "kafka") as broker:
        rounds = in_turn(
            bench,
            {
                "ticketlog": lambda: _ours(broker, file, len(records)),
                "bare send": lambda: _bare(broker, records),
            },
        )
    ratio = rounds.ratio("ticketlog", "bare send")
    yield at_least(
        f"import of {len(records):,} records into Kafka",
        ratio,
        0.5,
        f"{ratio:.2f} x ({rounds.median('ticketlog'):,.0f} records/s)",
        f"the same records sent without waiting: {rounds.median('bare send'):,.0f} records/s",
        "x",
    )


def _address(broker: Cluster) -> KafkaAddress:
    return KafkaAddress.parse(f"kafka://{broker.bootstrap}/bench-{uuid4().hex[:8]}")


def _ours(broker: Cluster, file: Path, records: int) -> float:
    """Records per second, from a file to topics that hold it, reading it twice included."""
    with stopwatch() as seconds:
        restore_topics(_address(broker), Lines(file), _LOGS, lambda done, total: None)
    return records / seconds()


def _bare(broker: Cluster, records: list[ExportLine]) -> float:
    """Records per second of a producer with the same settings, from memory."""
    address = _address(broker)
    names = {name: address.topic(name) for name in _LOGS}
    with topics.admin(address) as admin:
        partitions = {"tickets": 12, "access": 1, "settings": 1}
        topics.create_topics(admin, {names[log]: n for log, n in partitions.items()})
    with KafkaProducer(**address.client(), **PRODUCER) as producer, stopwatch() as seconds:
        for line in records:
            producer.send(names[line.log], value=line.data, partition=line.partition)
        producer.flush(timeout=60)
    return len(records) / seconds()
