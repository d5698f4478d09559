"""What subscribers see of a desk on a real broker, whatever happens to its publishers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaConsumer, TopicPartition

from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Unfit
from ticketlog.log.kafka import topics
from ticketlog.log.kafka.url import KafkaAddress

pytestmark = pytest.mark.service
ANN = Actor("ann", "agent", "agent")


@pytest.fixture
def desk(tmp_path: Path, kafka_url: str) -> Iterator[Desk]:
    with init_desk(tmp_path / "desk", log_url=kafka_url, admin=ANN) as desk:
        yield desk


def work(desk: Desk, tickets: int) -> None:
    for number in range(tickets):
        made = desk.execute(CreateTicket(subject=f"Ticket {number}"), actor=ANN)
        desk.execute(Reply(body="Which version?"), on=made.stream, actor=ANN)


def public(desk: Desk) -> list[Any]:
    """All records of the public topic, a partition after the other."""
    where = KafkaAddress.parse(desk.config.log_url)
    topic = where.public_topic("tickets")
    reader = KafkaConsumer(**where.client(), auto_offset_reset="earliest", enable_auto_commit=False)
    places = [TopicPartition(topic, p) for p in range(desk.log.partitions)]
    ends = reader.end_offsets(places)
    reader.assign(places)
    reader.seek_to_beginning(*places)
    found = []
    while any(reader.position(place) < ends[place] for place in places):
        for records in reader.poll(timeout_ms=200).values():
            found += records
    reader.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def seen(desk: Desk) -> dict[str, list[str]]:
    """What a subscriber has that skips ids it knows and checks each ticket's sequence."""
    known: set[str] = set()
    streams: dict[str, list[str]] = defaultdict(list)
    for record in public(desk):
        event = orjson.loads(record.value)
        if event["id"] not in known:
            known.add(event["id"])
            assert int(event["sequence"]) == len(streams[event["subject"]]), event
            streams[event["subject"]].append(event["id"])
    return dict(streams)


def logged(desk: Desk) -> dict[str, list[str]]:
    streams: dict[str, list[str]] = defaultdict(list)
    for recorded in desk.subscribe(follow=False):
        streams[recorded.originator_id].append(recorded.id)
    return dict(streams)


def test_every_accepted_event_is_there_once_and_in_order(desk: Desk) -> None:
    work(desk, 20)
    sent = desk.publisher().catch_up()

    records = public(desk)
    assert len(records) == sent == sum(map(len, logged(desk).values()))
    assert seen(desk) == logged(desk)
    for record in records:
        event = orjson.loads(record.value)
        assert record.key.decode() == event["subject"]
        assert event["position"].partition(":")[0] == str(record.partition)
        assert dict(record.headers)["content-type"].startswith(b"application/cloudevents+json")
    assert b"Which version?" not in b"".join(record.value for record in records)


def test_a_publisher_goes_on_where_the_last_one_stopped(desk: Desk) -> None:
    work(desk, 5)
    first = desk.publisher().catch_up()
    assert desk.publisher().catch_up() == 0
    work(desk, 5)
    assert desk.publisher().catch_up() == len(public(desk)) - first
    assert seen(desk) == logged(desk)
    assert len(public(desk)) == sum(map(len, logged(desk).values()))


def test_two_publishers_leave_no_gap(desk: Desk) -> None:
    stop = threading.Event()
    threads = [
        threading.Thread(target=desk.publisher().run, args=(stop,), daemon=True) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    try:
        work(desk, 30)
        wanted = logged(desk)
        deadline = time.monotonic() + 60
        while seen(desk) != wanted:
            assert time.monotonic() < deadline
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert seen(desk) == wanted


def test_a_publisher_that_is_killed_at_any_instant_leaves_no_gap(desk: Desk) -> None:
    script = "import sys, threading; from ticketlog import open_desk\n"
    script += "desk = open_desk(sys.argv[1]); print('up', flush=True)\n"
    script += "desk.publisher().run(threading.Event())"
    for cycle in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(desk.folder)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        work(desk, 10)
        time.sleep(cycle * 0.07)
        process.kill()
        process.wait()
        process.stdout.close()
    with open_desk(desk.folder) as another:
        another.publisher().catch_up()
    assert seen(desk) == logged(desk)


def test_a_topic_that_was_not_made_for_the_log_is_refused(desk: Desk) -> None:
    where = KafkaAddress.parse(desk.config.log_url)
    with topics.admin(where) as admin:
        topics.create_topics(admin, {where.public_topic("tickets"): 3})
    with pytest.raises(Unfit, match="has 3 partitions, the log has 12"):
        desk.publisher().catch_up()


@pytest.mark.parametrize("example", ["subscriber_kafka_python.py", "subscriber_confluent.py"])
def test_the_examples_keep_a_table(desk: Desk, tmp_path: Path, example: str) -> None:
    where = KafkaAddress.parse(desk.config.log_url)
    script = Path(__file__).parent.parent.parent / "examples" / example
    arguments = [",".join(where.brokers), where.public_topic("tickets"), str(tmp_path / "mine.db")]
    for _ in range(2):
        work(desk, 5)
        desk.publisher().catch_up()
        subprocess.run([sys.executable, str(script), *arguments], check=True, timeout=60)
        with closing(sqlite3.connect(tmp_path / "mine.db")) as db:
            kept = dict(db.execute("SELECT id, sequence FROM ticket"))
        assert kept == {stream: len(ids) - 1 for stream, ids in logged(desk).items()}
