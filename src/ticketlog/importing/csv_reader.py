"""Rows of a CSV file, streamed."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import add, itemgetter
from typing import Any, TypeAlias

from ticketlog.errors import Usage
from ticketlog.importing.file_source import BROKEN, Source, broken, recognised
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.row import Found, Raw, RowProblem

_LONGEST = 1 << 20
"""Characters of a cell at most: an unclosed quote would otherwise swallow the whole file."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DELIMITERS = (",", ";", "\t", "|")
"""The separators of most files."""
_UNDECODED = re.compile("[\udc80-\udcff]")
_MANY = re.compile(r"(.+)\[([1-9]\d*)?\]", re.DOTALL)
_Content: TypeAlias = Callable[[list[str]], str]


class CsvRows:
    """`names` are those of the header, and those of its columns that the mapping numbers or takes
    together; iterating gives the rows below it."""

    def __init__(self, source: Source, mapping: Mapping) -> None:
        """Reads the header. Raises Usage where there is none, or a column is missing."""
        self._source = source
        csv.field_size_limit(_LONGEST)
        if source.workbook:
            raise Usage(f"{source.path} is no CSV file.{recognised(source, 'csv')}")
        text = io.TextIOWrapper(
            source.stream, _encoding(source, mapping), errors="surrogateescape", newline=""
        )
        hint = recognised(source, "csv")
        self._reader = csv.reader(text, delimiter=mapping.delimiter, strict=True)
        self._skipped = mapping.file.skip
        try:
            for _ in range(mapping.file.skip):
                text.readline()
            lines = [next(self._reader, []) for _ in range(mapping.file.header)]
        except (csv.Error, UnicodeError, *BROKEN) as error:
            raise Usage(
                f"{source.path}:1: the header can't be read: {_why(error)}{hint}"
            ) from error
        self.header = merged(lines)
        if not self.header:
            raise Usage(f"{source.path} is empty: it has no line that names its columns")
        self._more = gathered(self.header, mapping)
        check_columns(source, mapping, self.header, hint or _parted(lines[-1], mapping))
        self.names = [*self.header, *(name for name, _ in self._more)]

    def __iter__(self) -> Found:
        reader, width, content = self._reader, len(self.header), _content(self.header)
        more = [at for _, at in self._more]
        while True:
            line = reader.line_num + 1
            try:
                cells: list[Any] = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield from self._unreadable(line, error)
                continue
            except (UnicodeError, *BROKEN) as error:
                yield RowProblem(line + self._skipped, _kind(error), _why(error), lost=True)
                return
            line += self._skipped
            if len(cells) != width:
                if cells:
                    why = f"the row has {len(cells)} cells, the header {width}"
                    yield RowProblem(line, "bad-row", why, lost=True)
                continue
            before = partial(content, cells)
            if not "".join(cells).isascii() and _UNDECODED.search("".join(cells)):
                yield from self._undecoded(line, cells)
                cells = list(map(_legible, cells))
            if more:
                cells = [*cells, *(_picked(cells, at) for at in more)]
            yield Raw(line, line, cells, before)

    def _unreadable(self, line: int, error: csv.Error) -> Iterator[RowProblem]:
        """The problems of a row; each line that it has swallowed is a row that is lost."""
        first = line + self._skipped
        if "end of data" in str(error):
            kind, why = "cut-off", "the file ends inside a quoted cell"
        else:
            kind, why = "bad-row", f"the row can't be read: {error}"
        yield RowProblem(first, kind, why, lost=True)
        for more in range(line + 1, self._reader.line_num + 1):
            said = f"swallowed by the row at line {first}, whose quote isn't closed there"
            yield RowProblem(more + self._skipped, kind, said, lost=True)

    def _undecoded(self, line: int, cells: list[str]) -> Iterator[RowProblem]:
        for name, cell in zip(self.header, cells, strict=True):
            if _legible(cell) != cell:
                read = cell.encode("utf-8", "surrogateescape")
                why = f"{read[:40]!r} is not in the mapping's encoding"
                yield RowProblem(line, "bad-encoding", why, name)


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


def merged(lines: Sequence[Sequence[str]]) -> list[str]:
    """The names of a header of several lines: what stands above spans the columns to its right up
    to the next one, and is put before the name below it."""
    names = list(lines[-1])
    for line in reversed(lines[:-1]):
        above = ""
        for at, cell in enumerate(line[: len(names)]):
            above = cell.strip() or above
            if above and names[at].strip():
                names[at] = f"{above} / {names[at]}"
            elif cell.strip():
                names[at] = cell
    return names


def gathered(header: Sequence[str], mapping: Mapping) -> list[tuple[str, int | tuple[int, ...]]]:
    """The names that mean several columns of one name, or one of them by its number, with where
    they stand."""
    found: dict[str, int | tuple[int, ...]] = {}
    for _, name in mapping.used():
        many = _MANY.fullmatch(name)
        if many is None or name in header:
            continue
        at = tuple(i for i, each in enumerate(header) if each == many[1])
        if many[2] is None and at:
            found[name] = at
        elif many[2] is not None and int(many[2]) <= len(at):
            found[name] = at[int(many[2]) - 1]
    return list(found.items())


def _picked(cells: Sequence[Any], at: int | tuple[int, ...]) -> Any:
    return cells[at] if isinstance(at, int) else tuple([cells[i] for i in at])


def check_columns(source: Source, mapping: Mapping, header: Sequence[str], hint: str = "") -> None:
    """Every column that the mapping names is there, once. Raises Usage."""
    more = {name for name, _ in gathered(header, mapping)}
    for path, name in mapping.used():
        if header.count(name) == 1 or name in more:
            continue
        fault = "is no column of"
        if name in header:
            fault = f"occurs more than once (name it {name + '[1]'!r}, or all {name + '[]'!r}) in"
        raise Usage(
            f"{mapping.where(path)}: {name!r} {fault} {source.path}, which has: "
            f"{', '.join(header)}.{hint}"
        )


def _parted(names: Sequence[str], mapping: Mapping) -> str:
    """The delimiter that a header of one name seems to have."""
    if len(names) != 1:
        return ""
    found = max(DELIMITERS, key=names[0].count)
    if found not in names[0]:
        return ""
    written = "\\t" if found == "\t" else found
    return f' Its cells seem to be parted by {found!r}: set delimiter = "{written}".'


def _content(names: list[str]) -> _Content:
    """All that is filled of a row, by which release 0.1.0 told rows apart."""
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
