"""The acceptance rule run over a whole partition: to make the index anew, and to check it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pysqlite3.dbapi2 as sqlite

from ticketlog.log.acceptance import EnvelopeFields, accept
from ticketlog.log.commit import Head, Verdict, canonical, genesis_of, parse
from ticketlog.log.index import reader
from ticketlog.log.index.reader import IndexedRecord, IndexReader


class JudgedRecord(NamedTuple):
    """A record with what the rule says of it, computed from the records before it alone."""

    kept: IndexedRecord
    verdict: Verdict
    form: EnvelopeFields | None
    clock: int
    ordinal: int


def judge_records(records: Iterable[IndexedRecord], partitions: int) -> Iterator[JudgedRecord]:
    """Runs the rule over one partition's records from its first. Raises NewerFormat."""
    heads: dict[str, Head] = {}
    ids: set[tuple[str, str]] = set()
    clock = ordinal = 0
    for kept in records:
        verdict, form, recorded_at = accept(
            kept.data,
            partition=kept.partition,
            partitions=partitions,
            offset=kept.offset,
            head=lambda stream: heads.get(stream, Head(0, 0)),
            known=lambda stream, id: (stream, id) in ids,
        )
        clock = max(clock, recorded_at)
        if form is not None and verdict is Verdict.ACCEPTED:
            heads[form.stream] = Head(form.expects + len(form.events), form.settings)
            ids.add((form.stream, form.id))
            ordinal += len(form.events)
        yield JudgedRecord(kept, verdict, form, clock, ordinal)


def reindex(connection: sqlite.Connection, partitions: int) -> None:
    """Makes the caches of an index anew in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("DROP TABLE IF EXISTS entry")
        for statement in reader.CACHES.split(";"):
            connection.execute(statement)
        for partition in range(partitions):
            for each in judge_records(reader.iter_records(connection, partition), partitions):
                _put(connection, each)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def problems(log: IndexReader) -> Iterator[str]:
    """What is wrong with a log: a foreign or missing genesis, missing records, bytes that aren't
    canonical, and an index that says anything else than the rule does over the records."""
    for partition in range(log.partitions):
        entries: set[tuple[Any, ...]] = set()
        expected = 0
        for each in judge_records(log.kept(partition), log.partitions):
            offset = each.kept.offset
            where = f"{log.name} {partition}:{offset}"
            if offset != expected:
                yield f"{where}: the records from offset {expected} are missing"
            expected = offset + 1
            for problem in _wrong(log, each):
                yield f"{where}: {problem}"
            if each.verdict is Verdict.ACCEPTED and each.form is not None:
                entries.add(reader.entry_row(each.form, partition, offset))
        if not expected:
            yield f"{log.name} {partition}:0: the partition has no records"
        for stream in sorted({row[1] for row in entries ^ set(log.entries(partition))}):
            yield f"{log.name}: the index of {stream} differs from the records"


def _wrong(log: IndexReader, each: JudgedRecord) -> Iterator[str]:
    """What is wrong with one record, or with what the index keeps of it."""
    kept = each.kept
    if kept.offset == 0 and not _is_ours(log, each):
        yield "the partition doesn't begin with this log's genesis record"
    if each.verdict is not kept.verdict:
        yield (
            f"the index says {kept.verdict.name.lower()}, the rule says {each.verdict.name.lower()}"
        )
    if (each.clock, each.ordinal) != (kept.clock, kept.ordinal):
        yield "the index has counted other events up to here, or another time"
    if each.verdict is Verdict.ACCEPTED and canonical(parse(kept.data) or {}) != kept.data:
        yield "the record's bytes are not canonical"


def _is_ours(log: IndexReader, each: JudgedRecord) -> bool:
    ours = {
        "desk": log.desk,
        "log": log.name,
        "partition": each.kept.partition,
        "partitions": log.partitions,
    }
    return each.verdict is Verdict.GENESIS and genesis_of(each.kept.data) == ours


def _put(connection: sqlite.Connection, each: JudgedRecord) -> None:
    partition, offset = each.kept.partition, each.kept.offset
    connection.execute(
        f"UPDATE record_{partition} SET verdict = ?, clock = ?, ordinal = ? WHERE offset = ?",
        (each.verdict, each.clock, each.ordinal, offset),
    )
    if each.verdict is Verdict.ACCEPTED and each.form is not None:
        connection.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
            reader.entry_row(each.form, partition, offset),
        )
