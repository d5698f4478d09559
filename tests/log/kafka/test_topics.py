"""What happens to a log in Kafka when its topic isn't what it should be; `tests/hardship` has what
happens when its broker goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import orjson
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from broker.cluster import Cluster
from tests.log.commits import a_commit, encode, streams_in
from tests.log.kafka_backend import NAME, topic_of
from ticketlog.errors import Damaged, NewerFormat, Unfit, Usage
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import MAX_BYTES, Verdict
from ticketlog.log.kafka import consumer, topics
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Placed

pytestmark = pytest.mark.service
Open = Callable[[str], KafkaLog]


@pytest.fixture
def where(kafka_url: str) -> KafkaAddress:
    made = KafkaAddress.parse(f"{kafka_url}?partitions=1")
    create_or_join(made, {NAME: 1, "settings": 1}, "desk-1")
    return made


@pytest.fixture
def opened(where: KafkaAddress, tmp_path: Path) -> Iterator[Open]:
    """Opens the log with an index of that name."""
    logs: list[KafkaLog] = []

    def open(index: str) -> KafkaLog:
        logs.append(
            KafkaLog.open(where, topic_of(where), tmp_path / f"{index}.db", NAME, RecordCodec())
        )
        return logs[-1]

    yield open
    for log in logs:
        log.close()


def write(where: KafkaAddress, *values: bytes, **options: object) -> None:
    with KafkaProducer(**where.client(), **options) as producer:
        if "transactional_id" in options:
            producer.init_transactions()
            producer.begin_transaction()
        for value in values:
            producer.send(where.topic(NAME), value=value, partition=0)
        producer.flush(timeout=10)
        if "transactional_id" in options:
            producer.commit_transaction()


def configure(where: KafkaAddress, settings: dict[str, str]) -> None:
    with topics.admin(where) as admin:
        topic = ConfigResource(ConfigResourceType.TOPIC, where.topic(NAME), configs=settings)
        admin.alter_configs([topic])


def offsets(where: KafkaAddress) -> list[int]:
    """Of the records that the topic still holds."""
    place = TopicPartition(where.topic(NAME), 0)
    with closing(KafkaConsumer(**where.client(), auto_offset_reset="earliest")) as consumer:
        consumer.assign([place])
        held: list[int] = []
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            held += [record.offset for record in consumer.poll(timeout_ms=100).get(place, [])]
        return held


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it doesn't come to pass within a minute"
        time.sleep(0.02)


def stop_reported(log: KafkaLog, said: str) -> None:
    eventually(lambda: any(said in trouble for trouble in log.troubles()))


class TestStrangeRecords:
    def test_what_is_no_commit_is_void_and_counted(self, where: KafkaAddress, opened: Open) -> None:
        write(where, b"junk", b'{"half":', b"[1]", orjson.dumps({"format": 1, "id": "x"}))
        log = opened("one")
        assert log.append(a_commit("ticket/A")).offset == 5
        assert log.voids() == {Verdict.MALFORMED: 4}

    def test_a_commit_in_a_partition_that_is_not_its_streams_is_void(
        self, kafka_url: str, tmp_path: Path
    ) -> None:
        where = KafkaAddress.parse(f"{kafka_url}?partitions=2")
        create_or_join(where, {NAME: 2, "settings": 1}, "desk-1")
        here, there = (streams_in(partition, 2, 1)[0] for partition in (0, 1))
        write(where, encode(a_commit(there)), encode(a_commit(here)))
        with closing(
            KafkaLog.open(where, topic_of(where), tmp_path / "one.db", NAME, RecordCodec())
        ) as log:
            assert (log.head(there).version, log.head(here).version) == (0, 1)
            assert log.voids(0) == {Verdict.MALFORMED: 1}

    def test_a_newer_format_stops_the_reader(self, where: KafkaAddress, opened: Open) -> None:
        opened("one").append(a_commit("ticket/A"))
        write(where, orjson.dumps({"format": 99}), encode(a_commit("ticket/A", 1)))
        log = opened("two")
        with pytest.raises(NewerFormat, match="upgrade"):
            log.head("ticket/A")
        log.skip_sync()
        assert log.head("ticket/A").version == 1
        assert log.ends() == (2,)

    def test_a_transactional_producer_stops_the_partition(
        self, where: KafkaAddress, opened: Open
    ) -> None:
        log = opened("one")
        log.append(a_commit("ticket/A"))
        write(where, encode(a_commit("ticket/A", 1)), transactional_id="stranger")
        stop_reported(log, "transactional producer")
        with pytest.raises(Damaged, match="transactional"):
            log.append(a_commit("ticket/A", 2))

    def test_the_largest_commit_goes_in_and_a_larger_one_is_not_sent(self, opened: Open) -> None:
        log = opened("one")
        room = MAX_BYTES - len(encode(a_commit("ticket/A", id="long", reason="x"))) + 1
        log.append(a_commit("ticket/A", id="long", reason="x" * room))
        assert len(log.records(0, 1, 1)[0].data) == MAX_BYTES
        with pytest.raises(Usage, match="limit"):
            log.append(a_commit("ticket/A", 1, id="more", reason="x" * (room + 1)))
        assert log.ends() == log.latest_ends() == (2,)


class TestBulks:
    def test_a_bulk_among_strangers_commits_misses_none_of_them(
        self, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumer, "_BULK_RECORDS", 20)
        bulk, strange = opened("bulk"), opened("strange")
        placed: list[Placed] = []
        over = threading.Event()

        def write_along() -> None:
            while not over.is_set():
                version = len(placed)
                placed.append(strange.append(a_commit("ticket/strange", version)))
                time.sleep(0.005)

        thread = threading.Thread(target=write_along)
        thread.start()
        try:
            bulks = count()
            while (number := next(bulks)) < 10 or len(placed) < 5:
                streams = [f"ticket/{number}-{i}" for i in range(100)]
                outcomes = bulk.append_all(
                    [a_commit(stream, version) for version in range(4) for stream in streams]
                )
                assert all(isinstance(each, Placed) for each in outcomes)
        finally:
            over.set()
            thread.join()

        bulk.sync()
        fresh = opened("fresh")
        for log in (bulk, strange, fresh):
            assert log.head("ticket/strange").version == len(placed)
            assert list(log.indexed_records(0)) == list(bulk.indexed_records(0))
            assert log.ends() == log.latest_ends() == (1 + 400 * number + len(placed),)
        assert bulk.troubles() == strange.troubles() == []


class TestChangedTopics:
    def test_lost_first_records_are_reported(self, where: KafkaAddress, opened: Open) -> None:
        log = opened("one")
        log.append_all([a_commit("ticket/A", version) for version in range(5)])
        log.close()
        with topics.admin(where) as admin:
            admin.delete_records({TopicPartition(where.topic(NAME), 0): 3})
        log = opened("one")
        stop_reported(log, "records are gone")
        with pytest.raises(Damaged, match="first record is 3"):
            log.append(a_commit("ticket/A", 5))

    def test_a_topic_that_was_made_again_is_refused(
        self, where: KafkaAddress, opened: Open
    ) -> None:
        log = opened("one")
        log.append(a_commit("ticket/A"))
        with topics.admin(where) as admin:
            admin.delete_topics([where.topic(NAME)])
            eventually(lambda: topics.describe_topic(admin, where.topic(NAME)) is None)
        create_or_join(where, {NAME: 1, "settings": 1}, "desk-1")
        write(where, *[encode(a_commit("ticket/Z", version)) for version in range(5)])
        stop_reported(log, "made again")
        log.close()
        with pytest.raises(Damaged, match="Delete the index"):
            opened("one")

    def test_an_index_of_another_cluster_is_refused(
        self, where: KafkaAddress, opened: Open, own_broker: Cluster, tmp_path: Path
    ) -> None:
        opened("one").append(a_commit("ticket/A"))
        elsewhere = where._replace(brokers=(own_broker.bootstrap,))
        create_or_join(elsewhere, {NAME: 1, "settings": 1}, "desk-1")
        there = topic_of(elsewhere)
        with pytest.raises(Damaged, match=rf"cluster {there.cluster}, .* the URL leads elsewhere"):
            KafkaLog.open(elsewhere, there, tmp_path / "one.db", NAME, RecordCodec())

    def test_a_topic_that_was_compacted_is_no_log_any_more(
        self, where: KafkaAddress, opened: Open
    ) -> None:
        configure(where, {"segment.ms": "50"})
        with closing(opened("behind")) as behind:
            behind.append(a_commit("ticket/A"))
        log = opened("one")
        for version in range(1, 6):
            log.append(a_commit("ticket/A", version))
            time.sleep(0.1)
        configure(where, {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"})
        eventually(lambda: offsets(where) == [6])
        configure(where, {"cleanup.policy": "delete"})
        assert [line for line in log.differences() if "tickets 0:0: " in line and "lost" in line]
        behind = opened("behind")
        stop_reported(behind, "compacted")
        with pytest.raises(Damaged, match="compacted"):
            behind.append(a_commit("ticket/A", 6))
        behind.skip_sync()
        assert behind.ends() == (2,)
        with pytest.raises(Damaged, match=r"its first record is 6: .* compacted"):
            opened("fresh")

    @pytest.mark.parametrize(
        ("setting", "value"),
        [("retention.ms", "604800000"), ("cleanup.policy", "compact"), ("retention.bytes", "1")],
    )
    def test_a_topic_that_would_not_keep_a_log_is_refused(
        self, where: KafkaAddress, setting: str, value: str
    ) -> None:
        name = where.topic(NAME)
        configure(where, {setting: value})
        with pytest.raises(Unfit, match=f"{name} has {setting}=.*kafka-python admin .*{setting}"):
            topic_of(where)

    def test_another_number_of_partitions_is_refused(self, where: KafkaAddress) -> None:
        with pytest.raises(Unfit, match="has 1 partitions, the URL says 7"):
            topic_of(where._replace(partitions=7))

    def test_an_index_that_is_no_index_is_named(self, opened: Open, tmp_path: Path) -> None:
        (tmp_path / "one.db").write_bytes(b"no database" * 1000)
        with pytest.raises(Damaged, match=r"one\.db"):
            opened("one")


class TestWriters:
    def test_an_id_that_two_with_indexes_of_their_own_get_at_once_is_accepted_once(
        self, opened: Open
    ) -> None:
        logs = [opened("one"), opened("two")]
        for number in range(20):
            commit = a_commit(f"ticket/{number}", id="same")
            start = threading.Barrier(2)
            placed = []

            def append(log: KafkaLog, start: threading.Barrier = start) -> None:
                start.wait()
                placed.append(log.append(commit))  # noqa: B023

            threads = [threading.Thread(target=append, args=(log,), daemon=True) for log in logs]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            first, second = (each._replace(repeated=False) for each in placed)
            assert first == second
            assert [each.repeated for each in placed].count(True) == 1

    def test_indexes_of_all_are_the_same_and_so_is_a_fresh_one(self, opened: Open) -> None:
        one, two = opened("one"), opened("two")
        for version in range(30):
            log = (one, two)[version % 2]
            log.sync()
            log.append(a_commit("ticket/A", version))
        for log in (one, two):
            log.sync()
        contents = [list(log.indexed_records(0)) for log in (one, two, opened("three"))]
        assert contents[0] == contents[1] == contents[2]
        assert list(opened("four").differences()) == []


class Behind:
    """An admin client whose broker doesn't know the settings of a new topic at first, as one of
    three does now and then; which one answers can't be chosen."""

    def __init__(self, client: KafkaAdminClient) -> None:
        self.client = client
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.client, name)

    def describe_configs(self, *args: object, **options: object) -> object:
        self.asked += 1
        answer = self.client.describe_configs(*args, **options)
        if self.asked == 1:
            answer["topic"] = {name: {} for name in answer["topic"]}
        return answer


def test_a_broker_that_does_not_know_a_new_topic_yet_is_asked_again(where: KafkaAddress) -> None:
    with topics.admin(where) as client:
        behind = Behind(client)
        assert topics.checked_topics(behind, where, [where.topic(NAME)], 1)  # type: ignore[arg-type]
        assert behind.asked == 2
