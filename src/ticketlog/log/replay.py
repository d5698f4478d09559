"""The acceptance rule run over a whole partition: to make the index anew, and to check it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pysqlite3.dbapi2 as sqlite

from ticketlog.domain.base import instant
from ticketlog.log import index
from ticketlog.log.commit import Head, Json, Verdict, accept, canonical, parse
from ticketlog.log.port import Log, Record


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
            for each in judged(_stored(connection, partition), partitions):
                _put(connection, each)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def problems(log: Log) -> Iterator[str]:
    """What is wrong with a log: verdicts that the rule doesn't give, bytes that aren't canonical,
    a missing genesis or offset, streams whose index differs from the records."""
    for partition in range(log.partitions):
        versions: dict[str, list[int]] = {}
        expected = 0
        for each in judged(_all(log, partition), log.partitions):
            where = f"{log.name} {partition}:{each.record.offset}"
            if each.record.offset != expected:
                yield f"{where}: the records from offset {expected} are missing"
            expected = each.record.offset + 1
            if each.record.offset == 0 and each.verdict is not Verdict.GENESIS:
                yield f"{where}: the partition doesn't begin with its genesis record"
            if each.verdict is not each.record.verdict:
                yield (
                    f"{where}: the index says {each.record.verdict.name.lower()}, the rule says "
                    f"{each.verdict.name.lower()}"
                )
            if each.verdict is Verdict.ACCEPTED and each.envelope is not None:
                if canonical(each.envelope) != each.record.data:
                    yield f"{where}: the record's bytes are not canonical"
                versions.setdefault(each.envelope["stream"], []).append(each.record.offset)
        indexed = {
            stream: [record.offset for record in records]
            for stream, records in log.streams(partition)
        }
        for stream in versions.keys() | indexed.keys():
            if versions.get(stream) != indexed.get(stream):
                yield f"{log.name}: the index of {stream} differs from the records"


def _all(log: Log, partition: int) -> Iterator[Record]:
    offset = 0
    while page := log.records(partition, offset, 1000):
        yield from page
        offset = page[-1].offset + 1


def _stored(connection: sqlite.Connection, partition: int) -> Iterator[Record]:
    offset = 0
    while rows := connection.execute(
        f"SELECT offset, data, verdict FROM record_{partition} WHERE offset >= ? "
        "ORDER BY offset LIMIT 1000",
        (offset,),
    ).fetchall():
        for at, data, verdict in rows:
            yield Record(partition, at, data, Verdict(verdict))
        offset = rows[-1][0] + 1


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
