"""Export and import of logs as JSON lines, byte for byte.

The first line names the desk and its logs; then comes a line per record, void ones too, a partition
after the other in log order; the last one holds the number of records and the SHA-256 of all
lines before it. Offsets are kept, so every position that was ever cited means the same.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pysqlite3.dbapi2 as sqlite

from ticketlog.errors import Damaged
from ticketlog.log.commit import FORMAT, genesis_of
from ticketlog.log.index import reader
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.index.reindex import reindex

KIND = "ticketlog-records.v1"


class ExportLine(NamedTuple):
    """A record of an export."""

    log: str
    partition: int
    offset: int
    data: bytes


class PartitionExtent(NamedTuple):
    """A partition in an export: its first record, and its number of records."""

    first: bytes
    end: int


def export_lines(logs: Sequence[IndexedLog], *, simulation: bool = False) -> Iterator[bytes]:
    """The lines of an export of all records until now, each with its line feed. `simulation`:
    whether the desk is made for it, which the first line says. Raises Unreachable, Damaged."""
    digest = hashlib.sha256()
    count = 0
    for log in logs:
        log.sync()
    ends = [log.ends() for log in logs]
    about = [{"name": log.name, "partitions": log.partitions} for log in logs]
    more = {"simulation": True} if simulation else {}
    head = _line({"kind": KIND, "desk": logs[0].desk, "logs": about, **more})
    digest.update(head)
    yield head
    for log, log_ends in zip(logs, ends, strict=True):
        for partition, end in enumerate(log_ends):
            for record in log.indexed_records(partition):
                if record.offset >= end:
                    break
                line = _line(
                    {"log": log.name, "partition": partition, "offset": record.offset}
                    | _content(record.data)
                )
                digest.update(line)
                count += 1
                yield line
    yield _line({"records": count, "sha256": digest.hexdigest()})


class Export:
    """The lines of an export of the named logs while they are read, once. `lacking`: those that
    exports of earlier releases don't hold. Raises Damaged."""

    def __init__(
        self, lines: Iterable[bytes], names: Collection[str], lacking: Collection[str] = ()
    ) -> None:
        self._documents = _checked(lines)
        head = next(self._documents)
        try:
            self.desk: str = head["desk"]
            self.partitions: dict[str, int] = {
                each["name"]: each["partitions"] for each in head["logs"]
            }
        except (KeyError, TypeError) as error:
            raise Damaged(f"the export doesn't say whose logs it holds: {error}") from error
        if tuple(self.partitions) not in (
            tuple(names),
            tuple(name for name in names if name not in lacking),
        ):
            raise Damaged(
                f"the export holds the logs of {', '.join(self.partitions) or 'nothing'}, a desk "
                f"has those of {', '.join(names)}"
            )

    def records(self) -> Iterator[ExportLine]:
        """All records in the order of their logs, partitions and offsets.

        Raises Damaged where one is missing or changed; that none is, is known at the end.
        """
        awaited = iter([(name, p) for name, n in self.partitions.items() for p in range(n)])
        place, next_offset = ("", -1), 0
        for document in self._documents:
            line = _record(document)
            if line.offset == 0:
                place, next_offset = next(awaited, ("", -1)), 0
            if (line.log, line.partition) != place or line.offset != next_offset:
                raise Damaged(
                    f"the export lacks what stands before {line.log} {line.partition}:{line.offset}"
                )
            if line.offset == 0:
                self._check_first(line)
            next_offset += 1
            yield line
        for name, partition in awaited:
            raise Damaged(f"the export lacks partition {partition} of the log of {name}")

    def _check_first(self, line: ExportLine) -> None:
        expected = {
            "desk": self.desk,
            "log": line.log,
            "partition": line.partition,
            "partitions": self.partitions[line.log],
        }
        if genesis_of(line.data) != expected:
            raise Damaged(
                f"the export's record {line.log} {line.partition}:0 doesn't begin a log of desk "
                f"{self.desk}: it is no export of a whole log"
            )


def survey_export(
    lines: Iterable[bytes], names: Collection[str], lacking: Collection[str] = ()
) -> dict[str, list[PartitionExtent]]:
    """The extents of the partitions of each log in an export. `lacking`: as for `Export`. Raises
    Damaged where it isn't whole."""
    export = Export(lines, names, lacking)
    found: dict[str, list[PartitionExtent]] = {name: [] for name in export.partitions}
    for line in export.records():
        extents = found[line.log]
        if line.offset == 0:
            extents.append(PartitionExtent(line.data, 0))
        extents[-1] = PartitionExtent(extents[-1].first, line.offset + 1)
    return found


def import_lines(
    lines: Iterable[bytes], paths: Mapping[str, Path], lacking: Collection[str] = ()
) -> None:
    """Makes the logs of an export in new files, by the names of the logs. `lacking`: as for
    `Export`.

    The files are complete once this returns; where it raises, they are of no use. Raises Damaged
    where a line is missing, changed or no part of an export, Unreachable.
    """
    export = Export(lines, paths, lacking)
    for name, records in groupby(export.records(), key=attrgetter("log")):
        partitions = export.partitions[name]
        about = {"name": name, "desk": export.desk, "partitions": partitions, "format": FORMAT}
        path = paths[name]
        try:
            connection = reader.connect(path)
            try:
                connection.execute("BEGIN IMMEDIATE")
                reader.create_tables(connection, about)
                for line in records:
                    connection.execute(
                        f"INSERT INTO record_{line.partition} VALUES (?, ?, 0, 0, 0)",
                        (line.offset, line.data),
                    )
                connection.execute("COMMIT")
                reindex(connection, partitions)
            finally:
                connection.close()
        except sqlite.Error as error:
            raise reader.storage_error(error, path) from error


def _checked(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The documents of an export without its last one, whose digest is checked at the end."""
    digest = hashlib.sha256()
    number = 0
    last: dict[str, Any] | None = None
    for number, line in enumerate(lines, 1):
        if last is not None:
            raise Damaged(f"line {number} of the export stands behind its end")
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Damaged(f"line {number} of the export is cut off or changed") from error
        if type(document) is not dict or (number == 1 and document.get("kind") != KIND):
            raise Damaged(f"this is no export of a log: line {number} is none of {KIND}")
        if "sha256" in document:
            last = document
            continue
        digest.update(line)
        yield document
    if last != {"records": number - 2, "sha256": digest.hexdigest()}:
        why = "ends too early" if last is None else "was changed: its digest differs"
        raise Damaged(f"the export {why}; take another copy of it")


def _record(document: dict[str, Any]) -> ExportLine:
    try:
        text = document.get("record")
        data = text.encode() if text is not None else b64decode(document["base64"], validate=True)
        return ExportLine(document["log"], document["partition"], document["offset"], data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Damaged(f"a line of the export is no record: {error}") from error


def _content(data: bytes) -> dict[str, str]:
    try:
        return {"record": data.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode("ascii")}


def _line(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
