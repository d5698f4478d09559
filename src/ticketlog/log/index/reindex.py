"""Reindexing: the acceptance rule run over whole partitions, to make an index's caches anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pysqlite3.dbapi2 as sqlite

from ticketlog.log.acceptance import EnvelopeFields, accept
from ticketlog.log.commit import Head, Verdict
from ticketlog.log.index import reader
from ticketlog.log.index.reader import IndexedRecord


class JudgedRecord(NamedTuple):
    """A record with the rule's verdict, computed from the records before it alone.

    `max_recorded_at` and `ordinal`: as `IndexedRecord` has them, computed in the same way."""

    indexed: IndexedRecord
    verdict: Verdict
    envelope: EnvelopeFields | None
    max_recorded_at: int
    ordinal: int


def judge_records(records: Iterable[IndexedRecord], partitions: int) -> Iterator[JudgedRecord]:
    """Runs the rule over one partition's records from its first. Raises NewerFormat."""
    heads: dict[str, Head] = {}
    ids: set[tuple[str, str]] = set()
    max_recorded_at = ordinal = 0
    for indexed in records:
        verdict, envelope, recorded_at = accept(
            indexed.data,
            partition=indexed.partition,
            partitions=partitions,
            offset=indexed.offset,
            head=lambda stream: heads.get(stream, Head(0, 0)),
            known=lambda stream, id: (stream, id) in ids,
        )
        max_recorded_at = max(max_recorded_at, recorded_at)
        if envelope is not None and verdict is Verdict.ACCEPTED:
            heads[envelope.stream] = Head(
                envelope.expects + len(envelope.events), envelope.settings
            )
            ids.add((envelope.stream, envelope.id))
            ordinal += len(envelope.events)
        yield JudgedRecord(indexed, verdict, envelope, max_recorded_at, ordinal)


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


def _put(connection: sqlite.Connection, each: JudgedRecord) -> None:
    partition, offset = each.indexed.partition, each.indexed.offset
    connection.execute(
        f"UPDATE record_{partition} SET verdict = ?, clock = ?, ordinal = ? WHERE offset = ?",
        (each.verdict, each.max_recorded_at, each.ordinal, offset),
    )
    if each.verdict is Verdict.ACCEPTED and each.envelope is not None:
        connection.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
            reader.entry_row(each.envelope, partition, offset),
        )
