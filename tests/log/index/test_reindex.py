"""The rule over whole partitions: what races leave in a log, and what damage does to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pysqlite3.dbapi2 as sqlite
import pytest

from tests.log.commits import NOON, a_commit, streams_in
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, Head, Verdict
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.eventsourcing.recorder import LogApplicationRecorder
from ticketlog.log.index.reindex import judge_records
from ticketlog.log.index.verify import find_problems

HERE, BESIDE = streams_in(0, 2, 2)
(ELSEWHERE,) = streams_in(1, 2, 1)

RACE: list[tuple[Commit | bytes, Verdict]] = [
    (a_commit(HERE, 0, 2, id="a", settings=1, recorded_at=NOON + 9), Verdict.ACCEPTED),
    (a_commit(HERE, 0, 1, id="b", settings=1), Verdict.STALE),
    (a_commit(HERE, 2, 1, id="a", settings=1), Verdict.DUPLICATE),
    (b"no record", Verdict.MALFORMED),
    (a_commit(ELSEWHERE, 0, 1, id="c"), Verdict.MALFORMED),
    (a_commit(BESIDE, 0, 3, id="a"), Verdict.ACCEPTED),
    (a_commit(HERE, 2, 1, id="d", settings=0), Verdict.STALE),
    (a_commit(HERE, 2, 1, id="b", settings=5, recorded_at=NOON + 1), Verdict.ACCEPTED),
    (a_commit(HERE, 3, 1, id="e", settings=5), Verdict.ACCEPTED),
    (a_commit(HERE, 3, 1, id="d", settings=5), Verdict.STALE),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A log whose first partition holds what many writers would leave in a shared log."""
    log = EmbeddedLog.create(tmp_path / "log.db", RecordCodec(), name="t", desk="d", partitions=2)
    log.close()
    change(
        tmp_path / "log.db",
        *[
            ("INSERT INTO record_0 VALUES (?, ?, 3, 0, 0)", (offset, bytes_of(each)))
            for offset, (each, _) in enumerate(RACE, 1)
        ],
        ("DROP TABLE entry", ()),
    )
    return tmp_path / "log.db"


def bytes_of(each: Commit | bytes) -> bytes:
    return each if isinstance(each, bytes) else RecordCodec().encode(each)


def change(file: Path, *statements: tuple[str, Any]) -> None:
    connection = sqlite.connect(str(file))
    for sql, values in statements:
        connection.execute(sql, values)
    connection.commit()
    connection.close()


@pytest.fixture
def log(file: Path) -> Iterator[EmbeddedLog]:
    log = EmbeddedLog.open(file, RecordCodec())
    yield log
    log.close()


def test_each_record_is_judged_by_those_before_it(log: EmbeddedLog) -> None:
    records = log.records(0, 0, 100)
    assert [record.verdict for record in records[1:]] == [verdict for _, verdict in RACE]
    assert [each.verdict for each in judge_records(log.indexed_records(0), 2)] == [
        r.verdict for r in records
    ]
    assert list(find_problems(log)) == []


def test_readers_skip_what_is_void(log: EmbeddedLog) -> None:
    assert log.head(HERE) == Head(4, 5)
    assert [record.offset for record in log.stream(HERE)] == [1, 8, 9]
    assert [name for name, _ in log.streams(0)] == sorted([HERE, BESIDE])
    assert log.head(ELSEWHERE) == Head(0, 0)
    assert log.voids() == {Verdict.STALE: 3, Verdict.DUPLICATE: 1, Verdict.MALFORMED: 2}
    assert log.voids(0) == log.voids()
    assert log.voids(1) == {}


def test_an_id_whose_first_attempt_was_stale_is_found_where_it_was_accepted(
    log: EmbeddedLog,
) -> None:
    found = log.find(HERE, "b")
    assert found is not None
    assert (found.offset, found.version) == (8, 2)
    assert log.find(HERE, "d") is None


def test_void_records_have_no_notifications(log: EmbeddedLog) -> None:
    recorder = LogApplicationRecorder(log, 0)
    notifications = recorder.select_notifications(None, 100)
    assert [n.id for n in notifications] == [1, 2, 3, 4, 5, 6, 7]
    assert [n.originator_id for n in notifications] == [HERE] * 2 + [BESIDE] * 3 + [HERE] * 2
    assert recorder.max_notification_id() == 7


def test_a_time_counts_void_records_too(log: EmbeddedLog) -> None:
    """The longest prefix that was never after it: void records have been recorded as well."""
    after = orjson.loads(log.records(0, 0, 1)[0].data)["recorded_at"]
    assert log.offset_at(0, 0) == 0
    assert after > "2026"
    assert log.offset_at(0, 2**62) == len(RACE) + 1


def test_writing_goes_on_behind_void_records(log: EmbeddedLog) -> None:
    assert log.append(a_commit(HERE, 4, settings=5)).offset == len(RACE) + 1
    assert log.append(a_commit(HERE, 0, id="b")).repeated
    assert list(find_problems(log)) == []


Damage = Callable[[Path], None]


def damaging(sql: str, *values: Any) -> Damage:
    return lambda file: change(file, (sql, values))


GENESIS = b'{"format":1,"genesis":{},"recorded_at":"2026-01-01T00:00:00.000000Z"}'


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damaging("DELETE FROM record_0 WHERE offset = 8"), "0:9: the records from offset 8"),
        (damaging("DELETE FROM record_0 WHERE offset = 0"), "0:1: the records from offset 0"),
        (damaging("DELETE FROM record_0"), "0:0: the partition has no records"),
        (damaging("UPDATE record_1 SET data = '{}' WHERE offset = 0"), "1:0"),
        (damaging("UPDATE record_0 SET data = 'x' WHERE offset = 1"), "the rule says malformed"),
        (damaging("UPDATE record_0 SET verdict = 0 WHERE offset = 2"), "says accepted"),
        (
            damaging("UPDATE record_0 SET data = CAST(data || ' ' AS BLOB) WHERE offset = 1"),
            "not canonical",
        ),
        (damaging("DELETE FROM entry WHERE offset = 8"), f"index of {HERE}"),
        (damaging("UPDATE entry SET offset = 9 WHERE offset = 8"), f"index of {HERE}"),
        (damaging("UPDATE entry SET settings = 9 WHERE offset = 8"), f"index of {HERE}"),
        (damaging("UPDATE entry SET hash = 9 WHERE offset = 8"), f"index of {HERE}"),
        (damaging("UPDATE entry SET events = 9 WHERE offset = 9"), f"index of {HERE}"),
        (damaging("UPDATE record_0 SET ordinal = 9 WHERE offset = 8"), "0:8"),
        (damaging("UPDATE record_0 SET clock = 9 WHERE offset = 8"), "0:8"),
        (damaging("UPDATE record_1 SET data = ?", GENESIS), "1:0"),
    ],
)
def test_damage_is_found_and_named(file: Path, damage: Damage, said: str) -> None:
    EmbeddedLog.open(file, RecordCodec()).close()
    damage(file)

    log = EmbeddedLog.open(file, RecordCodec())
    found = list(find_problems(log))
    log.close()

    assert found
    assert any(said in problem for problem in found), found
