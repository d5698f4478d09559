"""The log in Kafka as a persistence module of `eventsourcing`: the same tests again."""

from __future__ import annotations

from pathlib import Path

import pytest
from eventsourcing.persistence import InfrastructureFactory, IntegrityError
from eventsourcing.utils import Environment

from tests.kafka import fresh_url, write
from tests.log.commits import streams_in
from tests.log.eventsourcing import test_recorder as recorders
from tests.log.kafka_backend import InKafka
from ticketlog.errors import Unfit
from ticketlog.log.eventsourcing.recorder import LogApplicationRecorder
from ticketlog.log.index.indexed_log import IndexedLog

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def shared(kafka: str) -> None:
    InKafka.bootstrap = kafka


class KafkaLogs(recorders.WithLog):
    def create_log(self) -> IndexedLog:
        return InKafka.create(self.folder, 1)


class TestAggregateRecorder(KafkaLogs, recorders.TestAggregateRecorder):
    pass


class TestApplicationRecorder(KafkaLogs, recorders.TestApplicationRecorder):
    pass


class TestNotificationIdsDoNotInterleave(KafkaLogs, recorders.TestNotificationIdsDoNotInterleave):
    pass


class TestFactory(KafkaLogs, recorders.TestFactory):
    def place(self) -> dict[str, str]:
        url = fresh_url(InKafka.bootstrap)
        return {"LOG_URL": url, "LOG_PATH": str(self.folder / "things.db")}


@pytest.fixture
def env(kafka_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "ticketlog.log.eventsourcing.recorder",
        "LOG_URL": kafka_url,
        "LOG_PATH": str(tmp_path / "index.db"),
    }


def test_an_application_of_the_library_runs_on_a_log_in_kafka(env: dict[str, str]) -> None:
    recorders.test_an_application_of_the_library_runs_on_a_log(env)


def test_two_applications_share_a_log_each_with_an_index_of_its_own(
    env: dict[str, str], tmp_path: Path
) -> None:
    other = {**env, "LOG_PATH": str(tmp_path / "other.db")}
    with recorders.Counters(env) as here, recorders.Counters(other) as there:
        assert here.count("counter/a", 0, 1, 2) == [1, 2]
        with pytest.raises(IntegrityError):
            there.count("counter/a", 0, 5)
        assert there.count("counter/a", 2, 3) == [3]
        with pytest.raises(IntegrityError):
            here.count("counter/a", 2, 5)
        assert here.repository.get("counter/a", projector_func=recorders.total) == 6


def test_void_records_take_no_notification_id(tmp_path: Path) -> None:
    log = InKafka.create(tmp_path, 1)
    recorder = LogApplicationRecorder(log)
    recorder.insert_events(recorders.stored("thing/a", 0))
    url = (tmp_path / "url").read_text()
    write(url, "tickets", 0, b"no commit", log.records(0, 1, 1)[0].data)
    log.sync()
    assert recorder.insert_events(recorders.stored("thing/a", 1)) == [2]
    assert [each.id for each in recorder.select_notifications(None, 10)] == [1, 2]
    assert log.ends() == (5,)
    log.close()


def test_the_environment_names_the_partition_and_the_url_their_number(env: dict[str, str]) -> None:
    (name,) = streams_in(2, 3, 1)
    env |= {"LOG_URL": env["LOG_URL"] + "?partitions=3", "LOG_PARTITION": "2"}
    factory = InfrastructureFactory.construct(Environment("Things", env))
    assert factory.application_recorder().insert_events(recorders.stored(name, 0)) == [1]
    factory.close()
    with pytest.raises(Unfit, match="has 3 partitions"):
        InfrastructureFactory.construct(
            Environment("Things", {**env, "LOG_URL": env["LOG_URL"].replace("=3", "=5")})
        )
