"""Rows of a file that are to be recorded, and problems with their line numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ticketlog.domain.base import unchecked
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.importing.people import NamedPerson

Content = Callable[[], str]


class RowProblem(NamedTuple):
    """Something that can't be read as the mapping says. What can be read goes in nevertheless:
    the row without the value, or where `lost`, the file without the row."""

    line: int
    kind: str
    message: str
    column: str | None = None
    lost: bool = False
    word: str | None = None
    """The word of the cell that the mapping doesn't know."""


class Raw(NamedTuple):
    """A row as it stands in the file: its cells in the order of the reader's names. Cells are
    texts; those of names that end in [] are tuples of texts. `content` makes of it all that is
    filled, by which release 0.1.0 told rows of a case apart; None for what it couldn't read."""

    line: int
    number: int
    cells: list[Any]
    content: Content | None = None


class ImportRow(NamedTuple):
    """A row to record. `key` is the same for rows of a case whose mapped cells, or those of
    [rows] key, are equal; `said` is what its command says, checked; `digest` is that of the
    command, which follows from the mapping, but for the row's number."""

    line: int
    at: int
    key: bytes
    said: dict[str, Any]
    digest: str
    people: tuple[NamedPerson, ...] = ()
    """Whom its persons' ids stand for, as far as the file names or addresses them."""
    legacy: Callable[[], bytes] | None = None
    """Makes the key that release 0.1.0 gave it, under which it may be known."""

    @property
    def case(self) -> str:
        case: str = self.said["case"]
        return case

    @property
    def command(self) -> RecordActivity:
        """Made anew each time: a command takes many times the memory of what it says, and a file
        is looked through before any is needed."""
        return unchecked(RecordActivity, self.said)


Found = Iterator[Raw | RowProblem]
