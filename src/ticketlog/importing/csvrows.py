"""Rows of a CSV file, streamed."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from operator import add, itemgetter
from typing import TypeAlias

from ticketlog.errors import Usage
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.rows import Found, Problem, Raw
from ticketlog.importing.source import BROKEN, Source, broken

_LONGEST = 1 << 20
"""Characters of a cell at most: an unclosed quote would otherwise swallow the whole file."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_UNDECODED = re.compile("[\udc80-\udcff]")
_Content: TypeAlias = Callable[[list[str]], str]


class CsvRows:
    """`names` are those of the header; iterating gives the rows below it."""

    def __init__(self, source: Source, mapping: Mapping) -> None:
        """Reads the header. Raises Usage where there is none, or a column is missing."""
        self._source = source
        csv.field_size_limit(_LONGEST)
        text = io.TextIOWrapper(
            source.stream, _encoding(source, mapping), errors="surrogateescape", newline=""
        )
        self._reader = csv.reader(text, delimiter=mapping.delimiter, strict=True)
        try:
            self.names: list[str] = next(self._reader, [])
        except (csv.Error, UnicodeError, *BROKEN) as error:
            raise Usage(f"{source.path}:1: the header can't be read: {_why(error)}") from error
        if not self.names:
            raise Usage(f"{source.path} is empty: it has no line that names its columns")
        _check(source, mapping, self.names)

    def __iter__(self) -> Found:
        reader, width, content = self._reader, len(self.names), _content(self.names)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _unreadable(line, error)
                continue
            except (UnicodeError, *BROKEN) as error:
                yield Problem(line, _kind(error), _why(error), lost=True)
                return
            if len(cells) != width:
                if cells:
                    why = f"the row has {len(cells)} cells, the header {width}"
                    yield Problem(line, "bad-row", why, lost=True)
                continue
            key = content(cells)
            try:
                yield Raw(line, line, cells, key.encode())
            except UnicodeEncodeError:
                yield from self._undecoded(line, cells)
                yield Raw(line, line, list(map(_legible, cells)), _bytes(key))

    def _undecoded(self, line: int, cells: list[str]) -> Iterator[Problem]:
        for name, cell in zip(self.names, cells, strict=True):
            if _legible(cell) != cell:
                why = f"{_bytes(cell)[:40]!r} is not in the mapping's encoding"
                yield Problem(line, "bad-encoding", why, name)


def _encoding(source: Source, mapping: Mapping) -> str:
    try:
        start = source.stream.peek(4)
    except BROKEN as error:
        raise Usage(f"{source.path}: {broken(error)}") from error
    wanted = codecs.lookup(mapping.encoding).name
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    if marked and not wanted.startswith(marked):
        raise Usage(
            f"{source.path} begins as {marked}, not as {wanted}: "
            f'set encoding = "{marked}" ({mapping.where(["encoding"])})'
        )
    return "utf-8-sig" if wanted == "utf-8" else wanted


def _check(source: Source, mapping: Mapping, names: list[str]) -> None:
    """Every column that the mapping names is there, once."""
    for path, name in mapping.used():
        if names.count(name) == 1:
            continue
        fault = "occurs more than once in" if name in names else "is no column of"
        hint = f" Is {mapping.delimiter!r} its delimiter?" if len(names) == 1 else ""
        raise Usage(
            f"{mapping.where(path)}: {name!r} {fault} {source.path}, which has: "
            f"{', '.join(names)}.{hint}"
        )


def _content(names: list[str]) -> _Content:
    """What tells rows apart: the filled cells with their columns' names, whatever the order of
    the columns, so that a column that joins later changes nothing where it is empty."""
    order = sorted(range(len(names)), key=lambda i: (names[i], i))
    labels = [names[i] + "\x1f" for i in order]
    if len(order) == 1:
        return lambda cells: labels[0] + cells[0]
    pick = itemgetter(*order)

    def content(cells: list[str]) -> str:
        if "" not in cells:
            return "\x1e".join(map(add, labels, pick(cells)))
        return "\x1e".join(
            [label + cell for label, cell in zip(labels, pick(cells), strict=True) if cell]
        )

    return content


def _unreadable(line: int, error: csv.Error) -> Problem:
    if "end of data" in str(error):
        return Problem(line, "cut-off", "the file ends inside a quoted cell", lost=True)
    return Problem(line, "bad-row", f"the row can't be read: {error}", lost=True)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _legible(text: str) -> str:
    """With a replacement character for each byte that could not be decoded."""
    return _UNDECODED.sub("\ufffd", text)


def _kind(error: BaseException) -> str:
    if isinstance(error, UnicodeError):
        return "bad-encoding"
    return "cut-off" if isinstance(error, EOFError) else "damaged"


def _why(error: BaseException) -> str:
    if isinstance(error, UnicodeError):
        return f"what follows is not in the mapping's encoding ({error})"
    return str(error) if isinstance(error, csv.Error) else broken(error)
