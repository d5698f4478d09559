"""Documents as rows: the items of a JSON list, the lines of JSON Lines, the elements of an XML
list. Cells are what stands at the mapping's paths."""

from __future__ import annotations

import codecs
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from xml.parsers import expat

import orjson

from ticketlog.errors import Usage
from ticketlog.importing.file_source import BROKEN, Source, broken, recognised
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.paths import keys, path
from ticketlog.importing.row import Found, Raw, RowProblem

_CHUNK = 1 << 16
_KEPT = 20
"""Documents whose paths are named where one of the mapping's isn't there."""


class _Documents:
    """`names` are the paths that the mapping uses; iterating gives the documents."""

    FORMAT = "json"

    def __init__(self, source: Source, mapping: Mapping) -> None:
        if source.workbook:
            raise Usage(
                f"{source.path} is no file of this format.{recognised(source, mapping.format)}"
            )
        self.source = source
        self.mapping = mapping
        self.names = sorted({name for _, name in mapping.used()})
        self._hint = recognised(source, mapping.format)
        self._paths = [path(name) for name in self.names]
        self._there: set[str] = set()
        self._first: list[Any] = []

    def documents(self) -> Iterator[tuple[int, Any] | RowProblem]:
        """Each document with its line (JSON: its number)."""
        raise NotImplementedError

    def unreadable(self, why: str) -> Usage:
        return Usage(
            f"{self.source.path} can't be read as {self.mapping.format}: {why}{self._hint}"
        )

    def __iter__(self) -> Found:
        number = 0
        for found in self.documents():
            if isinstance(found, RowProblem):
                yield found
                continue
            line, document = found
            if not isinstance(document, dict):
                yield RowProblem(line, "bad-row", "it is no object with keys", lost=True)
                continue
            number += 1
            if len(self._first) < _KEPT:
                self._first.append(document)
            yield Raw(line, number, self._cells(document))
        yield from self._missing(number)

    def _cells(self, document: Any) -> list[Any]:
        cells = []
        for name, read in zip(self.names, self._paths, strict=True):
            cell, there = read(document)
            if there:
                self._there.add(name)
            cells.append(cell)
        return cells

    def _missing(self, number: int) -> Found:
        for place, name in self.mapping.used():
            if number and name not in self._there:
                known = ", ".join(keys(self._first))
                where = self.mapping.where(place)
                why = f"{where}: no document has {name!r}; they have: {known}"
                yield RowProblem(1, "missing-column", why, name)


class JsonRows(_Documents):
    """The items of the list that a JSON document is, or that stands at [file] records."""

    def documents(self) -> Iterator[tuple[int, Any] | RowProblem]:
        try:
            data = self.source.stream.read()
        except BROKEN as error:
            raise self.unreadable(broken(error)) from error
        try:
            whole = orjson.loads(_utf8(data, self.mapping.encoding))
        except (orjson.JSONDecodeError, UnicodeError) as error:
            raise self.unreadable(str(error)) from error
        yield from enumerate(self._records(whole), 1)

    def _records(self, whole: Any) -> list[Any]:
        records = self.mapping.file.records
        for key in records.split(".") if records else ():
            whole = whole.get(key) if isinstance(whole, dict) else None
        if isinstance(whole, list):
            return whole
        if isinstance(whole, dict):
            lists = [key for key, value in whole.items() if isinstance(value, list)]
            known = ", ".join(lists) or "none"
            why = f"it is one document; [file] records names the list in it. Lists it has: {known}"
        else:
            why = f"it has no list at [file] records = {records!r}"
        raise self.unreadable(why)


class JsonLines(_Documents):
    """A document a line; a line that can't be read is lost, all further ones are read."""

    def documents(self) -> Iterator[tuple[int, Any] | RowProblem]:
        line = good = 0
        try:
            for line, data in enumerate(self.source.stream, 1):
                if not data.strip():
                    continue
                try:
                    document = orjson.loads(_utf8(data, self.mapping.encoding))
                except (orjson.JSONDecodeError, UnicodeError) as error:
                    if not good and not data.lstrip().startswith(b"{"):
                        raise self.unreadable(str(error)) from error
                    why = f"it is no JSON ({error})"
                    yield RowProblem(line, "bad-row", why, lost=True)
                    continue
                good += 1
                yield line, document
        except BROKEN as error:
            kind = "cut-off" if isinstance(error, EOFError) else "damaged"
            yield RowProblem(line + 1, kind, broken(error), lost=True)


def _utf8(data: bytes, encoding: str) -> bytes:
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    return data if codecs.lookup(encoding).name == "utf-8" else data.decode(encoding).encode()


class XmlRows(_Documents):
    """The elements of the name [file] records, at any depth. An element's attributes are its keys
    with @ before them, its children those with their names; a name that occurs again is a list.
    Namespaces don't count. Document types are refused: entities could be anything, of any size."""

    def documents(self) -> Iterator[tuple[int, Any] | RowProblem]:
        assert self.mapping.file.records is not None
        handler = _Elements(self.mapping.file.records, self.source)
        try:
            while chunk := self.source.stream.read1(_CHUNK):
                handler.parser.Parse(chunk, False)
                yield from handler.taken()
            handler.parser.Parse(b"", True)
        except (LookupError, ValueError) as error:
            raise self.unreadable(str(error)) from error
        except (expat.ExpatError, *BROKEN) as error:
            yield from handler.taken()
            why = f"it is no valid XML here ({error})"
            if not isinstance(error, expat.ExpatError):
                why = broken(error)
            if not handler.count:
                raise self.unreadable(why) from error
            yield RowProblem(handler.parser.CurrentLineNumber, "damaged", why, lost=True)
        yield from handler.taken()
        if not handler.count:
            known = ", ".join(sorted(handler.tags)[:30])
            raise self.unreadable(f"no element is <{handler.wanted}>; it has: {known}")


class _Elements:
    """Handlers that expat calls."""

    def __init__(self, wanted: str, source: Source) -> None:
        self.wanted = wanted
        self.count = 0
        self.tags: set[str] = set()
        self._source = source
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._line = 0
        self._found: deque[tuple[int, Any]] = deque()
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype

    def taken(self) -> Iterator[tuple[int, Any]]:
        """The elements that are complete by now, once."""
        while self._found:
            yield self._found.popleft()

    def _doctype(self, *_: object) -> None:
        raise Usage(f"{self._source.path} declares a document type, which no list needs: refused")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self.tags.add(name)
        if not self._open:
            if name != self.wanted:
                return
            self._line = self.parser.CurrentLineNumber
        keys = {"@" + key.rpartition(":")[2]: value for key, value in attributes.items()}
        self._open.append((name, keys, []))

    def _text(self, data: str) -> None:
        if self._open:
            self._open[-1][2].append(data)

    def _end(self, tag: str) -> None:
        if not self._open:
            return
        name, keys, texts = self._open.pop()
        text = "".join(texts).strip()
        if not self._open:
            self.count += 1
            self._found.append((self._line, {**keys, "": text} if text else keys))
            return
        value: Any = keys if keys else text
        if keys and text:
            keys[""] = text
        parent = self._open[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]


def elements(source: Source, records: str, data: bytes) -> Iterator[Any]:
    """The elements of a name in the first bytes of a file, as documents."""
    handler = _Elements(records, source)
    with suppress(expat.ExpatError):
        handler.parser.Parse(data, False)
    for _, document in handler.taken():
        yield document


def rows_in(data: bytes) -> str:
    """The name that most elements just below the root, or below its children, have."""
    counted: Counter[tuple[int, str]] = Counter()
    depth = 0

    def start(tag: str, _: object) -> None:
        nonlocal depth
        depth += 1
        if depth in (2, 3):
            counted[depth, tag.rpartition(":")[2]] += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    with suppress(expat.ExpatError):
        parser.Parse(data, False)
    below = [(count, name) for (depth, name), count in counted.items() if depth == 2]
    deeper = [(count, name) for (depth, name), count in counted.items() if depth == 3]
    if below and (max(below)[0] > 1 or not deeper):
        return max(below)[1]
    return max(deeper)[1] if deeper else "ticket"
