"""Logs as JSON lines, byte for byte: to keep them elsewhere, and to make the same logs again.

The first line says whose logs these are; then comes a line per record, void ones too, in log
order; the last one holds the number of records and the SHA-256 of all lines before it. Offsets
are kept, so every position that was ever cited means the same.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pysqlite3.dbapi2 as sqlite

from ticketlog.errors import Damaged
from ticketlog.log import index
from ticketlog.log.commit import FORMAT
from ticketlog.log.index import Index
from ticketlog.log.replay import reindex

KIND = "ticketlog-records.v1"


def exported(logs: Sequence[Index]) -> Iterator[bytes]:
    """The lines, each with its line feed. Raises Unreachable, Damaged."""
    digest = hashlib.sha256()
    count = 0
    ends = [log.ends() for log in logs]
    about = [{"name": log.name, "partitions": log.partitions} for log in logs]
    head = _line({"kind": KIND, "desk": logs[0].desk, "logs": about})
    digest.update(head)
    yield head
    for log, reach in zip(logs, ends, strict=True):
        for partition, end in enumerate(reach):
            for record in log.kept(partition):
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


def imported(lines: Iterable[bytes], path_of: Callable[[str], Path]) -> int:
    """Makes the logs of an export in new files; returns the number of records.

    The files are complete once this returns; where it raises, they are of no use. Raises Damaged
    where a line is missing, changed or no part of an export, Unreachable.
    """
    checked = _checked(lines)
    head = next(checked)
    count = 0
    waiting: dict[str, Any] | None = next(checked, None)
    for each in head["logs"]:
        about = {**each, "desk": head["desk"], "format": FORMAT}
        path = path_of(each["name"])
        try:
            connection = index.connect(path)
            try:
                connection.execute("BEGIN IMMEDIATE")
                index.make(connection, about)
                ends = [0] * each["partitions"]
                while waiting is not None and waiting["log"] == each["name"]:
                    _insert(connection, waiting, ends)
                    count += 1
                    waiting = next(checked, None)
                connection.execute("COMMIT")
                reindex(connection, each["partitions"])
            finally:
                connection.close()
        except sqlite.Error as error:
            raise index.translated(error, path) from error
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"a line of the export is no record: {error}") from error
    if waiting is not None:
        raise Damaged(f"the export holds records of a log that it doesn't name: {waiting['log']}")
    return count


def _checked(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The documents of an export but its last, once the digest is known to be right at the end."""
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


def _insert(connection: sqlite.Connection, line: dict[str, Any], ends: list[int]) -> None:
    partition, offset = line["partition"], line["offset"]
    if not 0 <= partition < len(ends) or offset != ends[partition]:
        raise Damaged(f"the export lacks what stands before {partition}:{offset}")
    ends[partition] += 1
    data = b64decode(line["base64"]) if "base64" in line else line["record"].encode()
    connection.execute(f"INSERT INTO record_{partition} VALUES (?, ?, 0, 0, 0)", (offset, data))


def _content(data: bytes) -> dict[str, str]:
    try:
        return {"record": data.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode("ascii")}


def _line(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
