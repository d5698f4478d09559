"""Events of a XES file, streamed: IEEE 1849, traces that hold events that hold attributes.

Only what stands directly in an event or a trace is read; a trace's attributes come before its
events, as the standard's schema has them. Extensions, classifiers and globals say nothing
about what happened.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from pathlib import Path
from xml.parsers import expat

from ticketlog.errors import Usage
from ticketlog.importing.file_source import BROKEN, Source, broken
from ticketlog.importing.mapping import Mapping
from ticketlog.importing.row import Found, Raw, RowProblem

TRACE = "case:"
"""Before the key of a trace's attribute, as PM4Py writes it."""

_CHUNK = 1 << 16
_NOWHERE = -1
"""The depth of the trace or event that the parser is in, outside of any."""
_CUT_OFF = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
)


class XesRows:
    """`names` are the attributes that the mapping uses; iterating gives the events."""

    def __init__(self, source: Source, mapping: Mapping) -> None:
        self._source = source
        self._mapping = mapping
        self.names = sorted({name for _, name in mapping.used()})

    def __iter__(self) -> Found:
        handler = _Handler(self.names, self._source.path)
        parser = handler.parser
        try:
            while chunk := self._source.stream.read1(_CHUNK):
                parser.Parse(chunk, False)
                yield from handler.taken()
            parser.Parse(b"", True)
        except (LookupError, ValueError) as error:
            raise Usage(f"{self._source.path} can't be read: {error}") from error
        except (expat.ExpatError, *BROKEN) as error:
            yield from handler.taken()
            if not handler.is_log:
                why = _why(error) if self._source.size else "it is empty"
                raise Usage(f"{self._source.path} is no XES file: {why}") from error
            yield _problem(parser.CurrentLineNumber, error)
        yield from handler.taken()
        yield from self._missing(handler)

    def _missing(self, handler: _Handler) -> Found:
        for path, name in self._mapping.used():
            if handler.events and name not in handler.seen:
                known = ", ".join(sorted(handler.seen))
                why = f"{self._mapping.where(path)}: no event has {name!r}; they have: {known}"
                yield RowProblem(1, "missing-column", why, name)


class _Handler:
    """Handlers that expat calls. Document types are refused: entities could be of any size."""

    def __init__(self, names: list[str], path: Path) -> None:
        self.seen: set[str] = set()
        self.is_log = False
        self.events = 0
        self._names = names
        self._path = path
        self._depth = 0
        self._line = 0
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] | None = None
        self._inside = _NOWHERE
        self._found: deque[Raw] = deque()
        self.parser = parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype

    def taken(self) -> Found:
        """The events that are complete by now, once."""
        found = self._found
        while found:
            yield found.popleft()

    def _doctype(self, *_: object) -> None:
        raise Usage(f"{self._path} declares a document type, which no XES file needs: refused")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth = depth = self._depth + 1
        if depth == self._inside + 1:
            if "value" in attributes and "key" in attributes:
                if self._event is not None:
                    self._event[attributes["key"]] = attributes["value"]
                else:
                    self._trace[TRACE + attributes["key"]] = attributes["value"]
            elif depth == 3 and _is(tag, "event"):
                self._begin(depth)
        elif depth == 2:
            if _is(tag, "trace"):
                self._inside = 2
            elif _is(tag, "event"):
                self._begin(depth)
        elif depth == 1:
            self._root(tag)

    def _begin(self, depth: int) -> None:
        self._event = {}
        self._inside = depth
        self._line = self.parser.CurrentLineNumber

    def _end(self, tag: str) -> None:
        if self._depth == self._inside:
            if self._event is not None:
                self._take(self._event)
                self._event = None
                self._inside = 2 if self._depth == 3 else _NOWHERE
            else:
                self._trace = {}
                self._inside = _NOWHERE
        self._depth -= 1

    def _root(self, tag: str) -> None:
        if not _is(tag, "log"):
            raise Usage(f"{self._path} is no XES file: its root is <{tag}>, not <log>")
        self.is_log = True

    def _take(self, event: dict[str, str]) -> None:
        self.events += 1
        self.seen.update(event)
        content = partial(_content, dict(event))
        if self._trace:
            self.seen.update(self._trace)
            event.update(self._trace)
        cells = [event.get(name, "") for name in self._names]
        self._found.append(Raw(self._line, self.events, cells, content))


def _content(event: dict[str, str]) -> str:
    """All that is filled of an event, by which release 0.1.0 told events apart."""
    return "\x1e".join([f"{key}\x1f{event[key]}" for key in sorted(event) if event[key]])


def _is(tag: str, name: str) -> bool:
    return tag == name or tag.endswith(":" + name)


def _problem(line: int, error: Exception) -> RowProblem:
    cut = isinstance(error, EOFError) or getattr(error, "code", None) in _CUT_OFF
    return RowProblem(line, "cut-off" if cut else "damaged", _why(error), lost=True)


def _why(error: Exception) -> str:
    if isinstance(error, expat.ExpatError):
        cut = error.code in _CUT_OFF
        return "the file is cut off" if cut else f"it is no valid XML here ({error})"
    return broken(error)
