"""Logs move into Kafka and back: the same records at the same places, whatever comes between."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import orjson
import pytest

from broker.cluster import Cluster
from tests.crash.harness import Victim, run_until_killed
from tests.kafka import fresh_url, write
from ticketlog import config
from ticketlog.desk import Desk, init_desk, open_desk, restore_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import AttachmentAdded
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Damaged, TicketlogError, Unfit, Unreachable, Usage
from ticketlog.log.backup import ExportLine, survey_export
from ticketlog.log.commit import Verdict, canonical
from ticketlog.log.compressed_lines import Lines, writing
from ticketlog.log.kafka import topic_writer, topics
from ticketlog.log.kafka.batch_producer import BatchProducer, Sendable
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.partitioner import partition_of

ROOT = Path(__file__).parents[3]
ANN = Actor("ann", "agent")
LOGS = ("tickets", "access", "settings")
SMALL = 4_000
"""Bytes of a page, so that a small log has many."""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a desk with some history."""
    folder = tmp_path_factory.mktemp("embedded") / "desk"
    with init_desk(folder, admin=ANN) as desk:
        desk.simulate(tickets=40, seed=3)
    return folder


@pytest.fixture(scope="module")
def export(embedded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export."""
    return written(embedded, tmp_path_factory.mktemp("export") / "desk.jsonl.zst")


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_writer, "PAGE_BYTES", SMALL)


def written(folder: Path, file: Path) -> Path:
    with open_desk(folder) as desk, writing(file, file.suffix) as out:
        out.writelines(desk.log_export())
    return file


def bring(folder: Path, file: Path, url: str, line: Connection) -> None:
    """A victim that imports in small pages, into Kafka or, where there is no URL, into files."""
    topic_writer.PAGE_BYTES = SMALL
    desk = restore_desk(
        folder, Lines(file), log_url=url or None, on_progress=lambda done, total: line.send(done)
    )
    desk.close()
    line.send("complete")


def content(desk: Desk) -> list[bytes]:
    return list(desk.log_export())


def views(desk: Desk) -> dict[str, list[str]]:
    """The digests of all tables of all views, positions and all."""
    desk.refresh()
    found = desk.views.verify()
    assert all(view.same for view in found)
    return {view.view: [table.digest for table in view.tables] for view in found}


def there(url: str) -> dict[str, list[int]]:
    """Which topics there are, and how far their partitions are."""
    where = KafkaAddress.parse(url)
    with topics.admin(where) as admin:
        known = {name: topics.describe_topic(admin, where.topic(name)) for name in LOGS}
        return {
            name: [end for _, end in topics.partition_bounds(admin, topic)]
            for name, topic in known.items()
            if topic is not None
        }


def refused(
    kind: type[TicketlogError], why: str, tmp_path: Path, lines: object, url: str | None
) -> None:
    """An import says why it isn't done, and leaves no desk."""
    with pytest.raises(kind, match=why):
        restore_desk(tmp_path / "refused", lines, log_url=url)  # type: ignore[arg-type]
    assert not (tmp_path / "refused" / "ticketlog.toml").exists()


@pytest.mark.service
class TestMoving:
    def test_a_desk_moves_into_kafka_works_there_and_moves_back(
        self, embedded: Path, export: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        with restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url) as moved:
            with open_desk(embedded) as old:
                assert content(moved) == content(old)
                assert moved.cut() == old.cut()
                assert views(moved) == views(old)
                assert moved.report("flow") == old.report("flow")
            made = moved.execute(CreateTicket(subject="Here now"), actor=ANN)
            partition = partition_of(made.stream, moved.log.partitions)
            again = moved.log.stream(made.stream)[0].data
            stale = canonical({**orjson.loads(again), "id": "another"})
            write(kafka_url, "tickets", partition, again, stale, b"\xff no commit", b"")
            moved.log.sync()
            expected = {Verdict.DUPLICATE: 1, Verdict.STALE: 1, Verdict.MALFORMED: 2}
            assert moved.log.voids() == expected
            in_kafka = content(moved)
            assert moved.log_verify().problems == []

        file = written(tmp_path / "moved", tmp_path / "back.jsonl.gz")
        with restore_desk(tmp_path / "back", Lines(file)) as back:
            assert content(back) == in_kafka
            assert back.log.voids() == expected
            assert back.log_verify().problems == []
            assert back.history(made.stream) != []
        other = fresh_url(",".join(KafkaAddress.parse(kafka_url).brokers))
        with restore_desk(tmp_path / "again", Lines(file), log_url=other) as again_moved:
            assert content(again_moved) == in_kafka

    def test_the_lines_of_the_page_move_a_desk(
        self, embedded: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        page = (ROOT / "docs" / "KAFKA.md").read_text(encoding="utf-8")
        (lines,) = re.findall(r"^## Moving a desk\n[^#]*?\n\n((?:    .*\n)+)", page, re.MULTILINE)
        assert lines.count("\n") == 3
        shutil.copytree(embedded, tmp_path / "desk")
        typed = lines.replace("kafka://broker:9092/ticketlog", kafka_url)
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            ["sh", "-ec", typed],
            cwd=tmp_path / "desk",
            env={**os.environ, "PATH": tools},
            check=True,
        )
        with open_desk(tmp_path / "bigger") as moved, open_desk(tmp_path / "desk") as old:
            assert moved.config.log_url == kafka_url
            assert content(moved) == content(old)
            attached = [
                e for e in moved.subscribe(follow=False) if type(e.event) is AttachmentAdded
            ]
            event, file = moved.attachment(attached[0].originator_id, attached[0].id)
            with file:
                assert len(file.read()) == event.size

    def test_the_desk_that_was_made_is_one_that_opens_by_itself(
        self, export: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url).close()
        with (
            open_desk(tmp_path / "moved") as desk,
            init_desk(tmp_path / "other", log_url=kafka_url) as joined,
        ):
            assert joined.log.desk == desk.log.desk
            assert joined.settings.position == desk.settings.position
            made = joined.execute(CreateTicket(subject="Joined"), actor=ANN)
            desk.log.sync()
            assert desk.history(made.stream) == joined.history(made.stream)

    def test_what_is_complete_is_left_as_it_is(
        self, export: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url).close()
        before = there(kafka_url)
        restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url).close()
        restore_desk(tmp_path / "second", Lines(export), log_url=kafka_url).close()
        assert there(kafka_url) == before
        with pytest.raises(Usage, match="is a desk already"):
            restore_desk(tmp_path / "moved", Lines(export))

    @pytest.mark.parametrize("cycles", [4, pytest.param(20, marks=pytest.mark.soak)])
    def test_an_import_goes_on_after_kill_9_at_any_instant(
        self, embedded: Path, export: Path, kafka: str, tmp_path: Path, cycles: int
    ) -> None:
        dice = random.Random(cycles)
        for cycle in range(cycles):
            url, folder = fresh_url(kafka), tmp_path / f"{cycle}"
            for _ in range(3):
                run_until_killed(bring, folder, export, url, dice=dice)
            with (
                restore_desk(folder, Lines(export), log_url=url) as moved,
                open_desk(embedded) as old,
            ):
                assert content(moved) == content(old)

    def test_attempts_without_an_answer_leave_no_gap_and_no_double(
        self,
        embedded: Path,
        export: Path,
        kafka_url: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        dice = random.Random(1)
        lost = {"request": 0, "answer": 0, "connection": 0}

        class Lossy(BatchProducer):
            def send(self, pages: Mapping[int, Sequence[Sendable]]) -> dict[int, int]:
                what = dice.choice(["nothing"] * 6 + list(lost))
                if what in lost:
                    lost[what] += 1
                if what == "connection":
                    raise Unreachable("no broker")
                acked = super().send(pages) if what != "request" else {}
                return acked if what == "nothing" else {}

        monkeypatch.setattr(topic_writer, "BatchProducer", Lossy)
        monkeypatch.setattr(topic_writer, "PAGE_BYTES", 10 * SMALL)
        monkeypatch.setattr(topic_writer, "SETTLE_S", 0.1)
        with (
            restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url) as moved,
            open_desk(embedded) as old,
        ):
            assert content(moved) == content(old)
        assert min(lost.values()) > 0

    def test_a_broker_that_is_killed_loses_and_doubles_nothing(
        self, embedded: Path, export: Path, own_broker: Cluster, tmp_path: Path, small_pages: None
    ) -> None:
        kills = [50, 400]

        def told(done: int, total: int) -> None:
            if kills and done > kills[0]:
                kills.pop(0)
                own_broker.kill()
                own_broker.start(wait=False)

        url = fresh_url(own_broker.bootstrap)
        with (
            restore_desk(tmp_path / "moved", Lines(export), log_url=url, on_progress=told) as moved,
            open_desk(embedded) as old,
        ):
            assert content(moved) == content(old)
        assert not kills

    @pytest.mark.soak
    def test_a_leader_that_is_killed_loses_and_doubles_nothing(
        self, embedded: Path, export: Path, cluster3: Cluster, tmp_path: Path, small_pages: None
    ) -> None:
        kills = {50: 0, 300: 1, 500: 2}

        def told(done: int, total: int) -> None:
            for at in [at for at in kills if at < done]:
                broker = kills.pop(at)
                cluster3.kill(broker)
                cluster3.start(broker, wait=False)

        url = fresh_url(cluster3.bootstrap)
        with (
            restore_desk(tmp_path / "moved", Lines(export), log_url=url, on_progress=told) as moved,
            open_desk(embedded) as old,
        ):
            assert content(moved) == content(old)
        assert not kills


@pytest.mark.service
class TestStrangers:
    def test_who_writes_meanwhile_is_noticed(
        self, export: Path, kafka_url: str, tmp_path: Path, small_pages: None
    ) -> None:
        def told(done: int, total: int) -> None:
            if done == total // 2:
                write(kafka_url, "tickets", 11, b"a stranger's")

        halfway = on_half(told)
        with pytest.raises((Damaged, Unfit), match=r"tickets\.v1 11:0.*another prefix"):
            restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url, on_progress=halfway)
        assert not (tmp_path / "moved" / "ticketlog.toml").exists()
        assert there(kafka_url)["tickets"][11] == 1

    def test_who_writes_between_two_pages_is_noticed(
        self, export: Path, kafka_url: str, tmp_path: Path, small_pages: None
    ) -> None:
        pages = []

        def told(done: int, total: int) -> None:
            pages.append(done)
            if len(pages) == 2:
                write(kafka_url, "tickets", 0, b"a stranger's")

        with pytest.raises(Damaged, match=r"tickets\.v1 0:\d+: somebody else has written"):
            restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url, on_progress=told)
        assert len(pages) == 2
        refused(Unfit, r"tickets\.v1 0.*another prefix", tmp_path, Lines(export), kafka_url)

    def test_who_writes_behind_the_last_record_is_noticed(
        self, export: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        def told(done: int, total: int) -> None:
            if done == total:
                write(kafka_url, "settings", 0, b"a stranger's")

        with pytest.raises(Damaged, match=r"settings\.v1 0:\d+: somebody else"):
            restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url, on_progress=told)

    def test_topics_of_an_import_that_is_not_complete_are_no_log(
        self, embedded: Path, export: Path, kafka_url: str, tmp_path: Path, small_pages: None
    ) -> None:
        victim = Victim(bring, tmp_path / "moved", export, kafka_url)
        victim.listen(3)
        victim.kill()
        before = there(kafka_url)
        with pytest.raises(Damaged, match="import into them isn't complete"):
            init_desk(tmp_path / "hasty", log_url=kafka_url)
        assert there(kafka_url)["tickets"] == before["tickets"]
        with (
            restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url) as moved,
            open_desk(embedded) as old,
        ):
            assert content(moved) == content(old)

    def test_another_desks_topics_are_refused(
        self, export: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        with init_desk(tmp_path / "other", log_url=kafka_url, admin=ANN) as desk:
            owner = desk.log.desk
        before = there(kafka_url)
        why = f"belongs to desk {owner}: import into another prefix. Nothing was written"
        refused(Unfit, why, tmp_path, Lines(export), kafka_url)
        assert there(kafka_url) == before

    def test_topics_that_hold_another_record_are_refused(
        self, embedded: Path, export: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        first = survey_export(Lines(export), LOGS)["tickets"][0].first
        with topics.admin(KafkaAddress.parse(kafka_url)) as admin:
            topics.create_topics(admin, {KafkaAddress.parse(kafka_url).topic("tickets"): 12})
        write(kafka_url, "tickets", 0, first, b"something else")
        refused(
            Unfit, "0:1 isn't the record that the export has", tmp_path, Lines(export), kafka_url
        )
        assert there(kafka_url)["tickets"] == [2] + [0] * 11

    def test_topics_that_hold_more_are_refused(
        self, export: Path, kafka_url: str, tmp_path: Path
    ) -> None:
        with restore_desk(tmp_path / "moved", Lines(export), log_url=kafka_url) as moved:
            moved.execute(CreateTicket(subject="Later"), actor=ANN)
        before = there(kafka_url)
        refused(Unfit, r"holds \d+ records, the export \d+", tmp_path, Lines(export), kafka_url)
        assert there(kafka_url) == before

    @pytest.mark.parametrize("partitions", [1, 7, 13])
    def test_another_number_of_partitions_is_refused(
        self, export: Path, kafka_url: str, tmp_path: Path, partitions: int
    ) -> None:
        wished = f"{kafka_url}?partitions={partitions}"
        why = f"has 12 partitions, the URL says {partitions}"
        refused(Unfit, why, tmp_path, Lines(export), wished)
        assert there(kafka_url) == {}
        where = KafkaAddress.parse(kafka_url)
        with topics.admin(where) as admin:
            topics.create_topics(admin, {where.topic("tickets"): partitions})
        why = rf"has {partitions} partitions, the export's log of tickets has 12"
        refused(Unfit, why, tmp_path, Lines(export), kafka_url)
        assert there(kafka_url) == {"tickets": [0] * partitions}


def on_half(told: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Tells once, when a half is done."""
    waiting = [True]

    def tell(done: int, total: int) -> None:
        if waiting and done >= total // 2:
            waiting.clear()
            told(total // 2, total)

    return tell


@pytest.mark.service
class TestDamage:
    @pytest.mark.parametrize("damage", ["cut", "byte", "line", "desk", "partition", "packing"])
    def test_a_damaged_export_is_refused_before_anything_is_written(
        self, export: Path, kafka_url: str, tmp_path: Path, damage: str
    ) -> None:
        lines = list(Lines(export))
        file = tmp_path / "damaged.jsonl"
        match damage:
            case "cut":
                lines = lines[:-1]
            case "byte":
                lines[100] = lines[100].replace(b"recorded_at", b"recorded_or", 1)
            case "line":
                del lines[100]
            case "desk":
                lines[0] = lines[0].replace(b'"desk":"', b'"desk":"0')
            case "partition":
                lines = [line for line in lines if b'"partition":4,' not in line]
        file.write_bytes(b"".join(lines))
        if damage == "packing":
            whole = export.read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
        refused(Damaged, "export", tmp_path, Lines(file), kafka_url)
        assert there(kafka_url) == {}


@pytest.mark.parametrize("cycles", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_an_import_into_files_can_be_done_again_after_kill_9(
    embedded: Path, export: Path, tmp_path: Path, cycles: int
) -> None:
    dice = random.Random(cycles)
    for cycle in range(cycles):
        folder = tmp_path / f"{cycle}"
        victim = Victim(bring, folder, export, "")
        time.sleep(dice.random() * 0.4)
        victim.kill()
        with restore_desk(folder, Lines(export)) as moved, open_desk(embedded) as old:
            assert content(moved) == content(old)
        assert list(folder.glob(".import-*")) == []


def die_at(place: str, folder: Path, file: Path, line: Connection) -> None:
    """A victim that dies when the logs are made and not yet a desk."""
    link, linked = os.link, []

    def link_one(source: Path, target: Path) -> None:
        if linked:
            os._exit(9)
        linked.append(target)
        link(source, target)

    if place == "between the files":
        os.link = link_one  # type: ignore[assignment]
    else:
        config.write = lambda config: os._exit(9)
    restore_desk(folder, Lines(file))


@pytest.mark.parametrize("place", ["between the files", "before the desk's file"])
def test_files_that_a_killed_import_left_are_made_anew(
    embedded: Path, export: Path, tmp_path: Path, place: str
) -> None:
    victim = Victim(die_at, place, tmp_path / "desk", export)
    with pytest.raises(EOFError):
        victim.listen(1)
    victim.kill()
    assert (tmp_path / "desk" / "log.db").exists()
    with restore_desk(tmp_path / "desk", Lines(export)) as moved, open_desk(embedded) as old:
        assert content(moved) == content(old)
    assert list((tmp_path / "desk").glob(".import-*")) == []


def test_files_of_others_are_left_alone(export: Path, tmp_path: Path) -> None:
    (tmp_path / "log.settings.db").write_text("mine")
    with pytest.raises(Usage, match="exists already"):
        restore_desk(tmp_path, Lines(export))
    assert (tmp_path / "log.settings.db").read_text() == "mine"
    assert not (tmp_path / "log.db").exists()


def test_two_imports_into_one_folder_dont_meet(export: Path, tmp_path: Path) -> None:
    class Meanwhile(Lines):
        def __iter__(self) -> Iterator[bytes]:
            with pytest.raises(Usage, match="another import into"):
                restore_desk(tmp_path / "desk", Lines(export))
            yield from super().__iter__()

    restore_desk(tmp_path / "desk", Meanwhile(export)).close()


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".jsonl"])
def test_packed_files_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    lines = [b'{"n":%d,"text":"%s"}\n' % (n, b"x" * (n % 50)) for n in range(5000)]
    file = tmp_path / "packed"
    with writing(file, suffix) as out:
        out.writelines(lines)
    found = Lines(file)
    assert list(found) == list(found) == lines
    assert (file.stat().st_size < sum(map(len, lines))) == (suffix != ".jsonl")


def test_a_survey_says_what_an_export_holds(embedded: Path, export: Path) -> None:
    found = survey_export(Lines(export), LOGS)
    with open_desk(embedded) as desk:
        assert tuple(extent.end for extent in found["tickets"]) == desk.log.ends()
        first = desk.log.records(3, 0, 1)[0]
    assert found["tickets"][3].first == first.data
    assert ExportLine("tickets", *first[:3]).data == first.data
