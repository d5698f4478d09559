"""Files of histories as rows to record: CSV, XLSX, JSON, JSON Lines, XML and XES, plain, gzipped
or alone in a ZIP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from ticketlog.importing.csv_reader import CsvRows
from ticketlog.importing.document_reader import JsonLines, JsonRows, XmlRows
from ticketlog.importing.file_source import Source
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.row import Found, ImportRow, Raw, RowProblem
from ticketlog.importing.row_translator import Translator
from ticketlog.importing.xes_reader import XesRows
from ticketlog.importing.xlsx_reader import XlsxRows


class _Reader(Protocol):
    """Rows as they stand in a file; `names` are those of their cells."""

    names: list[str]

    def __iter__(self) -> Found: ...


_READERS: dict[str, Callable[[Source, Mapping], _Reader]] = {
    "csv": CsvRows,
    "xlsx": XlsxRows,
    "json": JsonRows,
    "jsonl": JsonLines,
    "xml": XmlRows,
    "xes": XesRows,
}


class FileRows:
    """The rows of a file in the mapping's order, each after the problems that it has. To be read
    once. An order other than the file's keeps all rows in memory."""

    def __init__(self, source: Source, mapping: Mapping, secret: bytes = b"") -> None:
        self._source = source
        self._mapping = mapping
        self._found = _READERS[mapping.format](source, mapping)
        self._translator = Translator(mapping, self._found.names, secret)

    @property
    def done(self) -> int:
        """The number of bytes of the file that were read so far."""
        return self._source.done

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._source.size

    @property
    def swallowed(self) -> Counter[tuple[str, str]]:
        """The cells that `empty` took for no value so far, counted by column and text."""
        return self._translator.swallowed

    @property
    def left_out(self) -> int:
        """The number of rows that don't meet [rows] when."""
        return self._translator.left_out

    def __iter__(self) -> Iterator[ImportRow | RowProblem]:
        try:
            yield from mapping_problems(self._mapping)
            if self._mapping.order == "file":
                yield from self._in_file_order()
            else:
                yield from self._in_other_order()
        finally:
            self._source.close()

    def _in_file_order(self) -> Iterator[ImportRow | RowProblem]:
        for found in self._found:
            if isinstance(found, RowProblem):
                yield found
            else:
                yield from self._translator(found)

    def _in_other_order(self) -> Iterator[ImportRow | RowProblem]:
        groups: list[list[ImportRow]] = []
        for raw in self._found:
            rows: list[ImportRow] = []
            for found in (raw,) if isinstance(raw, RowProblem) else self._translator(raw):
                if isinstance(found, RowProblem):
                    yield found
                else:
                    rows.append(found)
            if rows:
                groups.append(rows)
        if self._mapping.order == "reverse":
            groups.reverse()
        ordered = [row for group in groups for row in group]
        groups.clear()
        if self._mapping.order == "time":
            ordered.sort(key=lambda row: row.at)
        yield from ordered


def mapping_problems(mapping: Mapping) -> Iterable[RowProblem]:
    """Doubts about a mapping: what is likely to mean something else than it says."""
    for column, word in mapping.like_patterns():
        yield RowProblem(
            1,
            "pattern-word",
            f"{word!r} under `empty` means cells that are exactly this; "
            "patterns stand under `empty_patterns`",
            column,
        )


def read_rows(path: Path, mapping: Mapping, secret: bytes = b"") -> FileRows:
    """`secret`: what the ids of persons are made with (`people.person_id`).

    Raises Usage where the file can't be read at all, or lacks a column of the mapping.
    """
    source = Source(path)
    try:
        return FileRows(source, mapping, secret)
    except BaseException:
        source.close()
        raise


def raw_rows(path: Path, mapping: Mapping) -> tuple[list[str], list[Raw | RowProblem]]:
    """The names and cells of a whole file as they stand in it. Raises Usage."""
    source = Source(path)
    try:
        reader = _READERS[mapping.format](source, mapping)
        return reader.names, list(reader)
    finally:
        source.close()
