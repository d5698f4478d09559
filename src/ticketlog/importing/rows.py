"""What a file holds: rows to record, and problems with their line numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ticketlog.domain.ticket.activity import RecordActivity


class Problem(NamedTuple):
    """Something that can't be read as the mapping says. What can be read goes in nevertheless:
    the row without the value, or where `lost`, the file without the row."""

    line: int
    kind: str
    message: str
    column: str | None = None
    lost: bool = False


class Raw(NamedTuple):
    """A row as it stands in the file: its cells in the order of the reader's names, and the
    content that tells it from other rows of its case."""

    line: int
    number: int
    cells: list[str]
    content: bytes


class Row(NamedTuple):
    """A row to record. `key` is the same for equal rows of a case, whatever the mapping says;
    `digest` is that of the command, which follows from the mapping, but for the row's number."""

    line: int
    at: int
    key: bytes
    command: RecordActivity
    digest: str


Found = Iterator[Raw | Problem]
