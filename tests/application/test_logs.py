"""The logs of a desk: that of access beside the others, in a desk of any age."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import pytest
from kafka.errors import TopicAuthorizationFailedError

from tests.helpdesk import ANN, create
from tests.kafka import write
from ticketlog.application.logs import ACCESS, SETTINGS, TICKETS
from ticketlog.desk import Desk, init_desk, open_desk, restore_desk
from ticketlog.errors import Damaged, TicketlogError, Unfit, Unreachable, Usage
from ticketlog.log.backup import export_lines
from ticketlog.log.commit import genesis
from ticketlog.log.kafka import bootstrap, topics
from ticketlog.log.kafka.bootstrap import create_or_join
from ticketlog.log.kafka.url import KafkaAddress


def as_earlier(desk: Desk) -> list[bytes]:
    """The desk's export as an earlier release wrote it: without a log of access."""
    return list(export_lines([desk._logs.tickets, desk._logs.settings]))


def reads(desk: Desk) -> list[str]:
    """Who read something restricted."""
    found = desk.access_log.entries(about="ticket/X").entries
    return [each.meta.actor.id for each in found]


def made_by_an_earlier_release(folder: Path) -> Path:
    """The folder of a desk that has no log of access, and never had one."""
    lines = _copied(folder)
    old = folder.with_name("old")
    restore_desk_without_access(old, lines)
    return old


def _copied(folder: Path) -> Sequence[bytes]:
    with open_desk(folder) as desk:
        return as_earlier(desk)


def restore_desk_without_access(folder: Path, lines: Sequence[bytes]) -> None:
    from ticketlog.application.restore import restore
    from ticketlog.config import Config
    from ticketlog.log.codec import RecordCodec

    restore(Config(folder), lines, RecordCodec(), lambda done, total: None)
    assert not (folder / "log.access.db").exists()


class TestInFiles:
    def test_a_new_desk_has_one(self, tmp_path: Path) -> None:
        with init_desk(tmp_path / "new") as desk:
            counted = desk.log_stat()
        assert [part.end for part in counted.access.partitions] == [1]
        assert (tmp_path / "new" / "log.access.db").exists()

    def test_a_desk_of_an_earlier_release_gets_one_when_it_is_opened(self, folder: Path) -> None:
        old = made_by_an_earlier_release(folder)
        with open_desk(old) as desk:
            desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
            assert desk.log_verify().problems == []
            create(desk)
        with open_desk(old) as desk:
            assert reads(desk) == ["ann"]

    def test_many_may_open_it_at_once(self, folder: Path) -> None:
        old = made_by_an_earlier_release(folder)
        failures: list[Exception] = []

        def work() -> None:
            try:
                with open_desk(old) as desk:
                    desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
            except TicketlogError as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        with open_desk(old) as desk:
            assert reads(desk) == ["ann"] * 6

    def test_one_that_was_taken_away_is_missed(self, folder: Path) -> None:
        open_desk(folder).close()
        (folder / "log.access.db").unlink()
        with pytest.raises(Unreachable, match="this desk had one, of who saw what"):
            open_desk(folder)

    def test_one_of_another_desk_is_refused(self, folder: Path, tmp_path: Path) -> None:
        init_desk(tmp_path / "other").close()
        (tmp_path / "other" / "log.access.db").replace(folder / "log.access.db")
        with pytest.raises(Damaged, match="not the logs of one desk"):
            open_desk(folder)

    def test_a_changed_record_is_found_by_verification(self, folder: Path) -> None:
        from ticketlog.log.index.reader import connect

        with open_desk(folder) as desk:
            desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
            desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
        connection = connect(folder / "log.access.db")
        connection.execute("DELETE FROM record_0 WHERE offset = 1")
        connection.close()
        with open_desk(folder) as desk:
            problems = desk.log_verify().problems
        assert "access 0:2: the records from offset 1 are missing" in problems


class TestExports:
    def test_an_export_of_an_earlier_release_is_restored(
        self, folder: Path, tmp_path: Path
    ) -> None:
        lines = _copied(folder)
        with restore_desk(tmp_path / "new", lines) as desk:
            assert as_earlier(desk) == lines
            desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
        with restore_desk(tmp_path / "new", lines) as again:
            assert reads(again) == ["ann"]

    def test_what_an_export_holds_of_access_is_compared_too(
        self, folder: Path, tmp_path: Path
    ) -> None:
        with open_desk(folder) as desk:
            lines = list(desk.log_export())
        with restore_desk(tmp_path / "new", lines) as desk:
            assert list(desk.log_export()) == lines
        with restore_desk(tmp_path / "new", lines) as desk:
            desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
        with pytest.raises(Usage, match="hold other records"):
            restore_desk(tmp_path / "new", lines)

    def test_the_order_of_the_logs_is_part_of_it(self, folder: Path, tmp_path: Path) -> None:
        with open_desk(folder) as desk:
            wrong = list(export_lines(tuple(desk._logs)))
        assert [each["name"] for each in orjson.loads(wrong[0])["logs"]] == [
            *(TICKETS, SETTINGS, ACCESS)
        ]
        with pytest.raises(Damaged, match="a desk has those of tickets, access, settings"):
            restore_desk(tmp_path / "new", wrong)


@pytest.fixture
def old_in_kafka(folder: Path, kafka_url: str) -> str:
    """The URL of a desk that an earlier release made: no topic of access."""
    where = KafkaAddress.parse(kafka_url)
    with open_desk(folder) as desk:
        named = desk.log.desk
        partitions = desk.log.partitions
    create_or_join(where, {TICKETS: partitions, SETTINGS: 1}, named)
    return kafka_url


def topic_there(url: str, name: str) -> bool:
    where = KafkaAddress.parse(url)
    with topics.admin(where) as client:
        return topics.describe_topic(client, where.topic(name)) is not None


@pytest.mark.service
class TestInKafka:
    def join(self, folder: Path, url: str) -> None:
        """A folder that names the topics, as a release without a log of access left it."""
        folder.mkdir()
        lines = f'[log]\nurl = "{url}"\n\n[views]\nurl = "sqlite:///views.db"\n'
        (folder / "ticketlog.toml").write_text(lines)

    def test_a_desk_of_an_earlier_release_gets_its_topic(
        self, old_in_kafka: str, tmp_path: Path
    ) -> None:
        self.join(tmp_path / "one", old_in_kafka)
        self.join(tmp_path / "two", old_in_kafka)
        assert not topic_there(old_in_kafka, ACCESS)
        with open_desk(tmp_path / "one") as one, open_desk(tmp_path / "two") as two:
            assert topic_there(old_in_kafka, ACCESS)
            one.access_log.read(ANN, "query:queue", on=["ticket/X"])
            two.access_log.read(ANN, "query:queue", on=["ticket/X"])
            assert len(reads(one)) == len(reads(two)) == 2
            assert one.log_verify().problems == []
        (tmp_path / "one" / "index.access.db").unlink()
        with open_desk(tmp_path / "one") as one:
            assert len(reads(one)) == 2

    def test_many_may_open_it_at_once(self, old_in_kafka: str, tmp_path: Path) -> None:
        failures: list[Exception] = []

        def work(folder: Path) -> None:
            try:
                with open_desk(folder) as desk:
                    desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
            except TicketlogError as error:
                failures.append(error)

        folders = [tmp_path / f"{number}" for number in range(4)]
        for folder in folders:
            self.join(folder, old_in_kafka)
        threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        with open_desk(folders[0]) as desk:
            assert len(reads(desk)) == 4

    def test_a_topic_of_another_desk_is_refused(self, old_in_kafka: str, tmp_path: Path) -> None:
        where = KafkaAddress.parse(old_in_kafka)
        with topics.admin(where) as client:
            topics.create_topics(client, {where.topic(ACCESS): 1})
        write(old_in_kafka, ACCESS, 0, genesis("stranger", ACCESS, 0, 1, 0))
        self.join(tmp_path / "one", old_in_kafka)
        with pytest.raises(Damaged, match="belongs to desk stranger"):
            open_desk(tmp_path / "one")

    def test_a_topic_that_is_gone_is_missed(self, old_in_kafka: str, tmp_path: Path) -> None:
        self.join(tmp_path / "one", old_in_kafka)
        open_desk(tmp_path / "one").close()
        where = KafkaAddress.parse(old_in_kafka)
        with topics.admin(where) as client:
            client.delete_topics([where.topic(ACCESS)])
        with pytest.raises(TicketlogError):
            open_desk(tmp_path / "one")
        assert not topic_there(old_in_kafka, ACCESS)

    def test_who_may_not_make_the_topic_is_told_who_does(
        self, old_in_kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def denied(*_: object) -> None:
            raise TopicAuthorizationFailedError

        monkeypatch.setattr(bootstrap, "create_topics", denied)
        self.join(tmp_path / "one", old_in_kafka)
        with pytest.raises(Unfit, match=r"access\.v1 is missing, .* somebody with CREATE"):
            open_desk(tmp_path / "one")
        monkeypatch.undo()
        with init_desk(tmp_path / "two", log_url=old_in_kafka) as joined:
            named = joined.log.desk
        with open_desk(tmp_path / "one") as desk:
            assert desk.log.desk == named

    def test_it_is_checked_as_the_others_are(self, old_in_kafka: str, tmp_path: Path) -> None:
        from kafka.admin import ConfigResource, ConfigResourceType

        self.join(tmp_path / "one", old_in_kafka)
        open_desk(tmp_path / "one").close()
        where = KafkaAddress.parse(old_in_kafka)
        with topics.admin(where) as client:
            topic = ConfigResource(
                ConfigResourceType.TOPIC, where.topic(ACCESS), configs={"retention.ms": "1000"}
            )
            client.alter_configs([topic])
        with pytest.raises(Unfit, match=r"access\.v1 has retention\.ms=1000"):
            open_desk(tmp_path / "one")

    def test_an_export_of_an_earlier_release_is_restored(
        self, folder: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        lines = _copied(folder)
        with restore_desk(tmp_path / "new", lines, log_url=kafka_url) as desk:
            desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
            assert as_earlier(desk) == lines
            assert desk.log_verify().problems == []
        with restore_desk(tmp_path / "new", lines, log_url=kafka_url) as desk:
            assert reads(desk) == ["ann"]

    def test_beside_the_access_of_another_desk_it_is_not(
        self, folder: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        where = KafkaAddress.parse(kafka_url)
        with topics.admin(where) as client:
            topics.create_topics(client, {where.topic(ACCESS): 1})
        write(kafka_url, ACCESS, 0, genesis("stranger", ACCESS, 0, 1, 0))
        with pytest.raises(Unfit, match="belongs to desk stranger"):
            restore_desk(tmp_path / "new", _copied(folder), log_url=kafka_url)
        assert not topic_there(kafka_url, TICKETS)

    def test_an_export_with_access_moves_there_and_back(
        self, folder: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        with open_desk(folder) as desk:
            desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
            lines = list(desk.log_export())
        with restore_desk(tmp_path / "there", lines, log_url=kafka_url) as there:
            assert list(there.log_export()) == lines
            assert reads(there) == ["ann"]
            moved = list(there.log_export())
        with restore_desk(tmp_path / "back", moved) as back:
            assert list(back.log_export()) == moved

    def test_while_no_broker_answers_there_is_no_answer(
        self, own_broker_desk: Desk, own_broker: object
    ) -> None:
        own_broker.stop()  # type: ignore[attr-defined]
        with pytest.raises(Unreachable, match="no answer, since it can't be recorded"):
            own_broker_desk.access_log.read(ANN, "query:queue", on=["ticket/X"])


@pytest.fixture
def own_broker_desk(own_broker: object, tmp_path: Path) -> Iterator[Desk]:
    url = f"kafka://{own_broker.bootstrap}/desk?partitions=1"  # type: ignore[attr-defined]
    with init_desk(tmp_path / "desk", log_url=url, admin=ANN) as desk:
        desk.access_log.read(ANN, "query:queue", on=["ticket/X"])
        yield desk
