"""Files of histories as rows to record: CSV and XES, plain or gzipped, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Mapping_
from pathlib import Path

from ticketlog.importing.csvrows import CsvRows
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.rows import Problem, Row
from ticketlog.importing.source import Source
from ticketlog.importing.translate import Translator
from ticketlog.importing.xesrows import XesRows


class Rows:
    """The rows of a file in its order, each after the problems that it has. To be read once."""

    def __init__(self, source: Source, mapping: Mapping, secret: bytes = b"") -> None:
        self._source = source
        reader = CsvRows if mapping.format == "csv" else XesRows
        self._found = reader(source, mapping)
        self._translator = Translator(mapping, self._found.names, secret)

    @property
    def done(self) -> int:
        """How many bytes of the file were read so far."""
        return self._source.done

    @property
    def swallowed(self) -> Mapping_[tuple[str, str], int]:
        """Column and cell -> how often `empty` made it no value."""
        return self._translator.swallowed

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._source.size

    def __iter__(self) -> Iterator[Row | Problem]:
        try:
            for found in self._found:
                if isinstance(found, Problem):
                    yield found
                else:
                    yield from self._translator(found)
        finally:
            self._source.close()


def read_rows(path: Path, mapping: Mapping, secret: bytes = b"") -> Rows:
    """`secret`: what the ids of persons are made with (`people.person_id`).

    Raises Usage where the file can't be read at all, or lacks a column of the mapping.
    """
    source = Source(path)
    try:
        return Rows(source, mapping, secret)
    except BaseException:
        source.close()
        raise
