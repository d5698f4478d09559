"""The log as a persistence module of `eventsourcing`: the library's own tests, then ours."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from unittest import TestCase
from uuid import uuid4

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.tests import persistence as library
from eventsourcing.utils import Environment

from tests.log.commits import a_commit, streams_in
from ticketlog.domain.catalogue import find
from ticketlog.domain.ticket.classification import TagsChanged
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.eventsourcing.recorder import (
    LogAggregateRecorder,
    LogApplicationRecorder,
    LogFactory,
)
from ticketlog.log.eventsourcing.snapshots import SnapshotRecorder
from ticketlog.log.index.indexed_log import IndexedLog


class WithLog(TestCase):
    """A log of one partition, and str ids from version 0."""

    INITIAL_VERSION = 0
    insert_num = 1000

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.log = self.create_log()
        self.addCleanup(self.log.close)

    def create_log(self) -> IndexedLog:
        return EmbeddedLog.create(
            self.folder / "log.db", RecordCodec(), name="t", desk="d", partitions=1
        )

    def new_originator_id(self) -> str:
        return f"thing/{uuid4()}"


class TestAggregateRecorder(WithLog, library.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return LogAggregateRecorder(self.log)


class TestApplicationRecorder(WithLog, library.ApplicationRecorderTestCase[LogApplicationRecorder]):
    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.log)

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNotificationIdsDoNotInterleave(WithLog, library.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return LogApplicationRecorder(self.log)


class TestSnapshotRecorder(WithLog, library.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        recorder = SnapshotRecorder(self.folder / "snapshots.db")
        self.addCleanup(recorder.close)
        return recorder


class TestFactory(WithLog, library.InfrastructureFactoryTestCase[LogFactory]):
    def setUp(self) -> None:
        WithLog.setUp(self)
        self.env = Environment("Things")
        self.env["PERSISTENCE_MODULE"] = "ticketlog.log.eventsourcing.recorder"
        self.env.update(self.place())
        library.InfrastructureFactoryTestCase.setUp(self)

    def place(self) -> dict[str, str]:
        """What the environment says of the log."""
        return {"LOG_PATH": str(self.folder / "log.db")}

    def expected_factory_class(self) -> type[LogFactory]:
        return LogFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return LogAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return LogApplicationRecorder

    def expected_tracking_recorder_class(self) -> Any:
        raise AssertionError("a log keeps no positions")

    tracking_recorder_subclass = expected_tracking_recorder_class
    expected_process_recorder_class = expected_tracking_recorder_class

    def test_create_tracking_recorder(self) -> None:
        with pytest.raises(NotImplementedError, match="view's database"):
            self.factory.tracking_recorder(TrackingRecorder)

    def test_create_process_recorder(self) -> None:
        with pytest.raises(NotImplementedError, match="view's database"):
            self.factory.process_recorder()


@dataclass(frozen=True)
class Counted:
    originator_id: str
    originator_version: int
    amount: int


def total(initial: Any, events: Any) -> Any:
    for event in events:
        initial = (initial or 0) + event.amount
    return initial


class Counters(Application[str]):
    def count(self, id: str, version: int, *amounts: int) -> list[int]:
        saved = self.save(*[Counted(id, version + i, n) for i, n in enumerate(amounts)])
        return [recording.notification.id for recording in saved]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "ticketlog.log.eventsourcing.recorder",
        "LOG_PATH": str(tmp_path / "things.db"),
    }


def test_an_application_of_the_library_runs_on_a_log(env: dict[str, str]) -> None:
    with Counters(env) as app:
        assert app.count("counter/a", 0, 1, 2) == [1, 2]
        assert app.count("counter/b", 0, 10) == [3]
        assert app.count("counter/a", 2, 3) == [4]
        with pytest.raises(IntegrityError):
            app.count("counter/a", 2, 5)

    with Counters(env) as app:
        assert app.repository.get("counter/a", projector_func=total) == 6
        assert app.repository.get("counter/a", version=1, projector_func=total) == 3
        section = app.notification_log["1,10"]
        assert [n.originator_id for n in section.items] == ["counter/a"] * 2 + [
            "counter/b",
            "counter/a",
        ]


def stored(stream: str, *versions: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "topic", b"") for version in versions]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    log = EmbeddedLog.create(tmp_path / "log.db", RecordCodec(), name="t", desk="d", partitions=3)
    yield log
    log.close()


def test_an_application_sees_its_partition_alone(log: EmbeddedLog) -> None:
    (here,), (there,) = streams_in(1, 3, 1), streams_in(2, 3, 1)
    recorder = LogApplicationRecorder(log, 1)
    log.append(a_commit(there, 0, 4))

    assert recorder.insert_events(stored(here, 0, 1)) == [1, 2]
    assert [n.originator_id for n in recorder.select_notifications(1, 10)] == [here, here]
    with pytest.raises(ProgrammingError, match="lives in partition 2, not in 1"):
        recorder.insert_events(stored(there, 4))


def test_a_batch_is_one_commit_on_one_stream(log: EmbeddedLog) -> None:
    first, second = streams_in(0, 3, 2)
    recorder = LogApplicationRecorder(log, 0)

    with pytest.raises(ProgrammingError, match="one stream"):
        recorder.insert_events(stored(first, 0) + stored(second, 0))
    with pytest.raises(IntegrityError, match="follow"):
        recorder.insert_events(stored(first, 0, 2))
    assert log.ends() == (1, 1, 1)


def test_void_records_and_pages_leave_no_gap_in_the_ids(log: EmbeddedLog) -> None:
    """A page of notifications may begin and end in the middle of a commit."""
    names = streams_in(0, 3, 5)
    recorder = LogApplicationRecorder(log, 0)
    for number, name in enumerate(names):
        recorder.insert_events(stored(name, *range(number + 1)))

    everything = recorder.select_notifications(None, 100)
    assert [n.id for n in everything] == [*range(1, 16)]
    for start in range(1, 16):
        for limit in range(1, 5):
            page = recorder.select_notifications(start, limit)
            assert page == everything[start - 1 : start - 1 + limit]


def test_a_topic_that_is_rare_is_found(log: EmbeddedLog) -> None:
    (name,) = streams_in(0, 3, 1)
    recorder = LogApplicationRecorder(log, 0)
    for version in range(30):
        recorder.insert_events([StoredEvent(name, version, f"topic{version % 10}", b"")])

    found = recorder.select_notifications(None, 2, topics=["topic7"])
    assert [n.id for n in found] == [8, 18]
    found = recorder.select_notifications(18, 5, inclusive_of_start=False, topics=["topic7"])
    assert [n.id for n in found] == [28]


def test_a_subscription_is_woken_and_stopped_from_other_threads(log: EmbeddedLog) -> None:
    (name,) = streams_in(0, 3, 1)
    recorder = LogApplicationRecorder(log, 0)
    seen: list[int] = []
    with recorder.subscribe() as subscription:

        def read() -> None:
            for notification in subscription:
                seen.append(notification.id)
                if len(seen) == 3:
                    subscription.stop()

        reader = Thread(target=read)
        reader.start()
        for version in range(3):
            recorder.insert_events(stored(name, version))
        reader.join()

    assert seen == [1, 2, 3]


def test_our_own_events_come_out_typed(log: EmbeddedLog) -> None:
    tagged = TagsChanged(new=("vpn",))
    log.append(a_commit("ticket/A", events=[tagged]))

    (event,) = LogAggregateRecorder(log, None, RecordCodec(find=find)).select_events("ticket/A")
    assert event.event == tagged
    (foreign,) = LogAggregateRecorder(log, None).select_events("ticket/A")
    assert (foreign.topic, foreign.state) == (TagsChanged.NAME, b'{"new":["vpn"]}')


def test_a_log_that_cant_be_written_is_an_operational_error(log: EmbeddedLog) -> None:
    recorder = LogApplicationRecorder(log, 0)
    (name,) = streams_in(0, 3, 1)
    log.close()

    with pytest.raises(OperationalError, match="closed"):
        recorder.insert_events(stored(name, 0))


def test_the_factory_opens_the_partition_that_the_environment_names(
    log: EmbeddedLog, tmp_path: Path
) -> None:
    (name,) = streams_in(2, 3, 1)
    env = Environment("Things")
    env["PERSISTENCE_MODULE"] = "ticketlog.log.eventsourcing.recorder"
    env["LOG_PATH"] = str(tmp_path / "log.db")
    env["LOG_PARTITION"] = "2"
    factory = InfrastructureFactory.construct(env)

    assert factory.application_recorder().insert_events(stored(name, 0)) == [1]
    factory.close()
    assert log.head(name).version == 1
