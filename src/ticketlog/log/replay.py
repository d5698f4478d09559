"""The acceptance rule run over a whole partition: to make the index anew, and to check it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Any, NamedTuple

import pysqlite3.dbapi2 as sqlite

from ticketlog.domain.base import instant
from ticketlog.log import index
from ticketlog.log.commit import Head, Json, Verdict, accept, canonical, parse
from ticketlog.log.index import Index, Kept, kept
from ticketlog.log.port import Record


class Judged(NamedTuple):
    """A record with what the rule says of it, computed from the records before it alone."""

    record: Record
    envelope: Json | None
    verdict: Verdict
    clock: int
    ordinal: int


def judged(records: Iterable[Record], partitions: int) -> Iterator[Judged]:
    """Runs the rule over one partition's records from its first. Raises NewerFormat."""
    heads: dict[str, Head] = {}
    ids: set[tuple[str, str]] = set()
    clock = ordinal = 0
    for record in records:
        envelope = parse(record.data)
        verdict = accept(
            envelope,
            partition=record.partition,
            partitions=partitions,
            offset=record.offset,
            head=lambda stream: heads.get(stream, Head(0, 0)),
            known=lambda stream, id: (stream, id) in ids,
        )
        if envelope is not None and verdict is not Verdict.MALFORMED:
            clock = max(clock, instant(envelope["recorded_at"]))
        if verdict is Verdict.ACCEPTED:
            assert envelope is not None
            version = envelope["expects"] + len(envelope["events"])
            heads[envelope["stream"]] = Head(version, envelope["settings"])
            ids.add((envelope["stream"], envelope["id"]))
            ordinal += len(envelope["events"])
        yield Judged(record, envelope, verdict, clock, ordinal)


def reindex(connection: sqlite.Connection, partitions: int) -> None:
    """Makes the caches of an index anew in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("DROP TABLE IF EXISTS entry")
        for statement in index.CACHES.split(";"):
            connection.execute(statement)
        for partition in range(partitions):
            records = (one.record for one in kept(connection, partition))
            for each in judged(records, partitions):
                _put(connection, each)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def problems(log: Index) -> Iterator[str]:
    """What is wrong with a log: a missing or foreign genesis, missing offsets, bytes that aren't
    canonical, and an index that says anything else than the rule does over the records."""
    for partition in range(log.partitions):
        entries: set[tuple[Any, ...]] = set()
        expected = 0
        records, kept = tee(log.kept(partition))
        for each, mine in zip(judged((one.record for one in records), log.partitions), kept, strict=True):
            offset = each.record.offset
            where = f"{log.name} {partition}:{offset}"
            if offset != expected:
                yield f"{where}: the records from offset {expected} are missing"
            expected = offset + 1
            for problem in _wrong(log, each, mine):
                yield f"{where}: {problem}"
            if each.verdict is Verdict.ACCEPTED and each.envelope is not None:
                entries.add(index.entry_row(each.envelope, partition, offset))
        if expected == 0:
            yield f"{log.name} {partition}:0: the partition has no records"
        for stream in sorted({row[1] for row in entries.symmetric_difference(log.entries(partition))}):
            yield f"{log.name}: the index of {stream} differs from the records"


def _wrong(log: Index, each: Judged, kept: Kept) -> Iterator[str]:
    """What is wrong with one record, or with what the index keeps of it."""
    record = each.record
    if record.offset == 0 and not _is_ours(log, each):
        yield "the partition doesn't begin with this log's genesis record"
    if each.verdict is not record.verdict:
        yield (
            f"the index says {record.verdict.name.lower()}, "
            f"the rule says {each.verdict.name.lower()}"
        )
    if (each.clock, each.ordinal) != (kept.clock, kept.ordinal):
        yield "the index counts other events or another time up to here than there are"
    if each.verdict is Verdict.ACCEPTED and each.envelope is not None:
        if canonical(each.envelope) != record.data:
            yield "the record's bytes are not canonical"


def _is_ours(log: Index, each: Judged) -> bool:
    ours = {
        "desk": log.desk,
        "log": log.name,
        "partition": each.record.partition,
        "partitions": log.partitions,
    }
    return each.verdict is Verdict.GENESIS and (each.envelope or {}).get("genesis") == ours


def _put(connection: sqlite.Connection, each: Judged) -> None:
    partition, offset = each.record.partition, each.record.offset
    connection.execute(
        f"UPDATE record_{partition} SET verdict = ?, clock = ?, ordinal = ? WHERE offset = ?",
        (each.verdict, each.clock, each.ordinal, offset),
    )
    if each.verdict is Verdict.ACCEPTED and each.envelope is not None:
        connection.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
            index.entry_row(each.envelope, partition, offset),
        )
