"""The judgement of a log after hardship, by the answers that its writers got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import orjson

from tests.hardship.writers import NAME, Told, opened
from ticketlog.log.commit import Verdict
from ticketlog.log.index.reader import IndexReader
from ticketlog.log.index.verify import find_problems
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.port import Placed


class Figures(NamedTuple):
    records: int
    accepted: int
    stale: int
    doubles: int
    doubts: int
    longest: float

    def __str__(self) -> str:
        return (
            f"{self.records:,} records: {self.accepted:,} accepted, {self.stale:,} stale, "
            f"{self.doubles:,} doubles; in doubt {self.doubts} times; longest append "
            f"{self.longest:.1f} s"
        )


def judge(url: str, told: Sequence[Told], indexes: Sequence[Path], fresh: Path) -> Figures:
    """Every acknowledged commit is accepted exactly once and where it was said, what was refused is
    not, nothing accepted is unanswered, and all indexes are the one that is built afresh."""
    log = opened(url, fresh)
    try:
        log.sync()
        assert list(find_problems(log)) == []
        assert list(log.differences()) == []
        accepted = _accepted(log)
        assert len({(each.stream, each.id) for each in told}) == len(told)
        for each in told:
            assert accepted.get((each.stream, each.id)) == _place(each), each
        unanswered = accepted.keys() - {(each.stream, each.id) for each in told}
        assert not unanswered
        for path in indexes:
            _same_once_it_is_caught_up(url, log, path)
        voids = log.voids()
        return Figures(
            sum(log.ends()) - log.partitions,
            len(accepted),
            voids.get(Verdict.STALE, 0),
            voids.get(Verdict.DUPLICATE, 0),
            sum(each.doubts for each in told),
            max(each.seconds for each in told),
        )
    finally:
        log.close()


def _place(told: Told) -> Placed | None:
    return told.placed._replace(repeated=False) if told.placed else None


def _accepted(log: IndexReader) -> dict[tuple[str, str], Placed]:
    """The place of every accepted commit, by one look at each record; versions have no gaps."""
    found: dict[tuple[str, str], Placed] = {}
    versions: Counter[str] = Counter()
    for partition in range(log.partitions):
        for kept in log.indexed_records(partition):
            if kept.verdict is not Verdict.ACCEPTED:
                continue
            envelope = orjson.loads(kept.data)
            stream, events = envelope["stream"], len(envelope["events"])
            assert (stream, envelope["id"]) not in found
            assert envelope["expects"] == versions[stream]
            versions[stream] += events
            placed = Placed(partition, kept.offset, envelope["expects"], events)
            found[stream, envelope["id"]] = placed
    return found


def _same_once_it_is_caught_up(url: str, log: KafkaLog, path: Path) -> None:
    """An attempt that was late may have come when its writer had gone."""
    other = opened(url, path)
    try:
        other.sync()
        log.sync()
        _same(log, other)
    finally:
        other.close()


def _same(one: IndexReader, other: IndexReader) -> None:
    """Records, verdicts and entries are the same, byte for byte."""
    for partition in range(one.partitions):
        for mine, theirs in zip_longest(_rows(one, partition), _rows(other, partition)):
            assert mine == theirs, f"{other.path} differs from {one.path} in {NAME} {partition}"


def _rows(index: IndexReader, partition: int) -> Iterator[object]:
    yield from index.indexed_records(partition)
    yield from index.entries(partition)
