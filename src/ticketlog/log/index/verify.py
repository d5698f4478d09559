"""Verification of a log: its records, and its index against the acceptance rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ticketlog.log.commit import Verdict, canonical, genesis_of, parse
from ticketlog.log.index import reader
from ticketlog.log.index.reader import IndexReader
from ticketlog.log.index.reindex import JudgedRecord, judge_records


def find_problems(log: IndexReader) -> Iterator[str]:
    """The problems of a log, a line each: a foreign or missing genesis, missing records, bytes that
    aren't canonical, and an index that differs from the rule's verdicts on the records."""
    for partition in range(log.partitions):
        entries: set[tuple[Any, ...]] = set()
        expected = 0
        for each in judge_records(log.indexed_records(partition), log.partitions):
            offset = each.indexed.offset
            where = f"{log.name} {partition}:{offset}"
            if offset != expected:
                yield f"{where}: the records from offset {expected} are missing"
            expected = offset + 1
            for problem in _problems_of(log, each):
                yield f"{where}: {problem}"
            if each.verdict is Verdict.ACCEPTED and each.envelope is not None:
                entries.add(reader.entry_row(each.envelope, partition, offset))
        if not expected:
            yield f"{log.name} {partition}:0: the partition has no records"
        for stream in sorted({row[1] for row in entries ^ set(log.entries(partition))}):
            yield f"{log.name}: the index of {stream} differs from the records"


def _problems_of(log: IndexReader, each: JudgedRecord) -> Iterator[str]:
    """The problems of a record, and of its row in the index."""
    indexed = each.indexed
    if indexed.offset == 0 and not _is_own_genesis(log, each):
        yield "the partition doesn't begin with this log's genesis record"
    if each.verdict is not indexed.verdict:
        said, ruled = indexed.verdict.name.lower(), each.verdict.name.lower()
        yield f"the index says {said}, the rule says {ruled}"
    if (each.max_recorded_at, each.ordinal) != (indexed.max_recorded_at, indexed.ordinal):
        yield "the index has counted other events up to here, or another time"
    if each.verdict is Verdict.ACCEPTED and canonical(parse(indexed.data) or {}) != indexed.data:
        yield "the record's bytes are not canonical"


def _is_own_genesis(log: IndexReader, each: JudgedRecord) -> bool:
    expected = {
        "desk": log.desk,
        "log": log.name,
        "partition": each.indexed.partition,
        "partitions": log.partitions,
    }
    return each.verdict is Verdict.GENESIS and genesis_of(each.indexed.data) == expected
