"""Small files of histories, logs to import them into, and what the logs hold then."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.given import SETTINGS
from ticketlog.domain.base import Recorded
from ticketlog.importing import ImportReport, Mapping, import_file
from ticketlog.log.codec import RecordCodec
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.port import Log

_WHEN_AND_WHERE = {"recorded_at": 0, "partition": 0, "offset": 0}
HEADER = ("Case", "Time", "Status", "Sub", "Agent", "Note")

MAPPING: dict[str, Any] = {
    "source": "old",
    "format": "csv",
    "rows": "state",
    "columns": {"case": "Case", "agent": "Agent", "activity": "Status"},
    "time": {"column": "Time"},
    "status": {
        "column": "Status",
        "substatus": "Sub",
        "words": [
            {"status": "Accepted", "to": "open"},
            {"status": "Accepted", "substatus": "Wait", "to": "pending"},
            {"status": "Queued", "to": "open", "agent": "none"},
            {"status": "Completed", "to": "solved"},
            {"status": "Completed", "substatus": "Closed", "to": "closed", "agent": "keep"},
            {
                "status": "Completed",
                "substatus": "Cancelled",
                "to": "cancelled",
                "cancelled": True,
            },
            {"status": "Seen"},
        ],
    },
    "fields": {"note": "Note"},
    "accept": {"out_of_order": 1, "unknown_status": 1, "older_rows": 1},
}


def a_mapping(**changes: Any) -> Mapping:
    return Mapping.model_validate({**MAPPING, **changes})


class Line(NamedTuple):
    """A row of a file."""

    case: str = "A"
    time: str = "2026-01-01T09:00:00Z"
    status: str = "Accepted"
    sub: str = ""
    agent: str = "ann"
    note: str = ""


def at(minute: int) -> str:
    return f"2026-01-01T{9 + minute // 60:02}:{minute % 60:02}:00Z"


def csv_bytes(rows: Iterable[Sequence[str]], header: Sequence[str] = HEADER) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def a_file(folder: Path, content: bytes | Iterable[Line], name: str = "rows.csv") -> Path:
    """A file; gzipped where its name says so."""
    data = content if isinstance(content, bytes) else csv_bytes(content)
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def a_log(folder: Path, name: str = "log.db") -> EmbeddedLog:
    return EmbeddedLog.create(
        folder / name, RecordCodec(), name="tickets", desk="desk", partitions=4
    )


def imported(log: Log, path: Path, mapping: Mapping | None = None, **how: Any) -> ImportReport:
    return import_file(log, how.pop("settings", SETTINGS), path, mapping or a_mapping(), **how)


def histories(log: Log) -> dict[str, list[Recorded]]:
    """All events by stream."""
    return {
        stream: [
            event
            for record in records
            for event in RecordCodec().decode(record.data, record.partition, record.offset)
        ]
        for partition in range(log.partitions)
        for stream, records in log.streams(partition)
    }


def content(log: Log) -> dict[str, list[tuple[Any, ...]]]:
    """The recorded events, without the moments and places of recording."""
    return {
        stream: [
            (each.originator_version, each.event, each.meta._replace(**_WHEN_AND_WHERE))
            for each in events
        ]
        for stream, events in histories(log).items()
    }
