"""A mapping for a file, guessed from its header and its cells, with comments on what is unsure."""

from __future__ import annotations

import codecs
import csv
import io
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from ticketlog.errors import Usage
from ticketlog.importing.csv_reader import DELIMITERS, merged
from ticketlog.importing.file_source import BROKEN, Source, broken, format_of
from ticketlog.importing.mapping import Mapping, Time
from ticketlog.importing.paths import keys, path
from ticketlog.importing.times import instants

_SAMPLE = 500
"""Rows that are looked at."""
_BYTES = 4 << 20
"""Bytes that are looked at."""

_FORMATS = (
    "iso",
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d.%m.%y %H:%M"),
    *("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d/%m/%y %H:%M"),
    *("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%m/%d/%y %H:%M"),
    *("%d/%m/%Y %I:%M %p", "%m/%d/%Y %I:%M %p", "%m/%d/%y %I:%M %p"),
    *("%d/%b/%y %I:%M %p", "%d/%b/%Y %I:%M %p", "%d-%b-%Y %H:%M:%S", "%d %b %Y %H:%M"),
    *("%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M"),
    *("%Y/%m/%d %H:%M:%S.%f", "%Y-%m-%d %H:%M %Z", "%Y-%m-%d %H:%M:%S %Z", "%b %d, %Y %I:%M %p"),
)
_AMBIGUOUS = re.compile("%[dm][/.-]%[dm]")

_TARGETS: tuple[tuple[str, str], ...] = (
    ("subject", r"subject|title|summary|short.?description|betreff"),
    ("description", r"description|details|beschreibung"),
    (
        "requester",
        r"requester|reporter|customer.?(mail|email|user|id)|caller|requested.?by|opened.?by|author|kunde",
    ),
    ("agent", r"owner|assignee|assigned.?to|agent|technician|responsible|bearbeiter"),
    ("team", r"queue|group|team|workgroup"),
    ("priority", r"prio"),
    ("impact", r"impact"),
    ("urgency", r"urgency"),
    ("category", r"category|topic"),
    ("product", r"product|project|service$"),
    ("organisation", r"organi[sz]ation|company|customer.?(id|name)?$"),
    ("site", r"location|site"),
    ("channel", r"channel|via|contact.?type|source$"),
    ("due", r"^due|due.?(at|date|on)?$|time.?to.?resolve"),
    ("tags", r"^tags?\b|labels?\b"),
    ("resolution_code", r"close.?code|resolution.?code"),
    ("activity", r"activity|action|event$"),
    ("actor", r"^user$|actor|resource|changed.?by|updated.?by|done.?by"),
)
_PERSONS = frozenset({"requester", "agent", "actor"})
_CASE = re.compile(r"ticket|issue|case|incident|bug|number|documentkey|\bsr\b|#", re.IGNORECASE)
_STATUS = re.compile(r"status|state$|^state", re.IGNORECASE)
_CREATED = re.compile(r"creat|open|report|submitt|raised|erstellt", re.IGNORECASE)
_CHANGED = re.compile(r"updat|chang|modif|time|stamp|date|when|^at$|geändert", re.IGNORECASE)
_CLOSED = re.compile(r"clos", re.IGNORECASE)
_SOLVED = re.compile(r"resol|solv|gelöst", re.IGNORECASE)
_FIELD = re.compile(r"field.?(name)?$|^attribute$", re.IGNORECASE)
_VALUE = re.compile(r"^(new.?)?value$|^to.?string$|^new$", re.IGNORECASE)

_STATUSES: tuple[tuple[str, str], ...] = (
    (
        "cancelled",
        r"cancel|reject|declin|unsuccessful|withdrawn|spam|won.?t|duplicate|merged|invalid",
    ),
    ("closed", r"^closed$|archiv|geschlossen|^7$"),
    ("solved", r"solv|resolv|done|complet|fixed|successful|closed|gelöst|^6$"),
    ("pending", r"pending|wait|await.*(user|customer)|info|on.?customer"),
    ("on-hold", r"hold|vendor|suspend|parked"),
    ("open", r"open|progress|active|assigned|accept|work|processing|started|offen|^2$"),
    ("new", r"^new$|to.?do|backlog|queued|submitted|logged|neu|^1$"),
)
_PRIORITIES: tuple[tuple[str, str], ...] = (
    ("critical", r"critic|urgent|very high|highest|blocker|emergency|^p?1\b"),
    ("low", r"low|minor|trivial|planning|^p?[45]\b"),
    ("high", r"high|major|^p?2\b"),
    ("medium", r"medium|moderate|normal|^p?3\b"),
)


_ZONES = {
    "CET": "+01:00",
    "CEST": "+02:00",
    "BST": "+01:00",
    "EST": "-05:00",
    "EDT": "-04:00",
    "PST": "-08:00",
    "PDT": "-07:00",
    "IST": "+05:30",
    "JST": "+09:00",
    "MSK": "+03:00",
}
"""The most frequent meanings of names of zones."""


@dataclass
class _Table:
    """A file as rows of cells: what it took to read it, its names, and a sample of its rows."""

    format: str
    names: list[str]
    rows: list[list[Any]]
    top: list[str] = field(default_factory=list)
    """Lines of the mapping before its tables."""
    file: list[str] = field(default_factory=list)
    """Lines of [file]."""

    def texts(self, name: str) -> list[str]:
        """The filled cells of a column."""
        at = self.names.index(name)
        return [text for row in self.rows for text in _flat(row[at]) if text.strip()]

    def filled(self, name: str) -> int:
        at = self.names.index(name)
        return sum(1 for row in self.rows if any(text.strip() for text in _flat(row[at])))


def guess(file: Path) -> str:
    """A mapping that the file can be read with. Raises Usage where it can't be read at all, or
    tells of no tickets."""
    source = Source(file)
    try:
        table = _table(source)
    finally:
        source.close()
    if not table.rows:
        raise Usage(f"{file} has no rows to guess from")
    text = "\n".join(_Guess(file, table).lines()) + "\n"
    Mapping.model_validate(tomllib.loads(text))
    return text


# Files as tables


def _table(source: Source) -> _Table:
    found = format_of(source)
    if found == "xls":
        raise Usage(f"{source.path} is a workbook of an old Excel: save it as .xlsx or as CSV")
    try:
        if found == "xlsx":
            return _workbook(source)
        if found in ("json", "jsonl"):
            return _documents(source, found)
        if found in ("xml", "xes"):
            return _xml(source, found)
        return _csv(source)
    except (*BROKEN, orjson.JSONDecodeError) as error:
        why = broken(error) if isinstance(error, BROKEN) else str(error)
        raise Usage(f"{source.path} can't be read: {why}") from error


def _csv(source: Source) -> _Table:
    data = source.stream.read(_BYTES)
    encoding, sure = _encoding(data)
    text = data.decode(encoding, "replace").lstrip("\ufeff")
    if len(data) == _BYTES:
        text = text[: text.rfind("\n") + 1]
    delimiter = max(DELIMITERS, key=lambda each: _fits(text, each))
    lines = [line for line in _parsed(text, delimiter, _SAMPLE + 50) if any(line)]
    if not lines:
        raise Usage(f"{source.path} is empty: it has no line that names its columns")
    width = Counter(map(len, lines)).most_common(1)[0][0]
    skip = next((at for at, line in enumerate(lines) if len(line) == width and all(line)), 0)
    table = _Table("csv", lines[skip], [line for line in lines[skip + 1 :] if len(line) == width])
    if encoding != "utf-8":
        unsure = "" if sure else "  # unsure: it is not UTF-8; what of letters with accents?"
        table.top.append(f"encoding = {_quoted(encoding)}{unsure}")
    if delimiter != ",":
        table.top.append(f"delimiter = {_quoted(delimiter)}")
    if skip:
        table.file.append(f"skip = {skip}  # lines before the header")
    return table


def _encoding(data: bytes) -> tuple[str, bool]:
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16")):
        if data.startswith(mark):
            return name, True
    if data.startswith(codecs.BOM_UTF16_BE):
        return "utf-16", True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return "cp1252", False
    return "utf-8", True


def _fits(text: str, delimiter: str) -> tuple[int, int]:
    """The number of rows of the most frequent width, and the width; 0 for a single column."""
    widths = Counter(len(line) for line in _parsed(text, delimiter, 50) if line)
    if not widths:
        return 0, 0
    width, count = widths.most_common(1)[0]
    return (count, width) if width > 1 else (0, 0)


def _parsed(text: str, delimiter: str, most: int) -> list[list[str]]:
    found: list[list[str]] = []
    with suppress(csv.Error):
        found.extend(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), most))
    return found


def _workbook(source: Source) -> _Table:
    from ticketlog.importing.xlsx_reader import cells_of, sheets

    names = sheets(source)
    lines = list(islice(cells_of(source, names[0]), _SAMPLE + 50))
    most = max((sum(map(bool, line)) for line in lines), default=0)
    skip = next((at for at, line in enumerate(lines) if sum(map(bool, line)) == most), 0)
    header = merged(lines[skip : skip + 1]) if lines else []
    width = max((at for at, cell in enumerate(header, 1) if cell), default=0)
    rows = [(line + [""] * width)[:width] for line in lines[skip + 1 :] if any(line)]
    table = _Table("xlsx", header[:width], rows)
    if len(names) > 1:
        rest = ", ".join(names[1:])
        table.file.append(f"sheet = {_quoted(names[0])}  # unsure: there are {rest}, too")
    if skip:
        table.file.append(f"skip = {skip}  # rows before the header")
    return table


def _documents(source: Source, format: str) -> _Table:
    records = ""
    if format == "jsonl":
        lines = islice(filter(bytes.strip, source.stream), _SAMPLE)
        documents = [orjson.loads(line.removeprefix(codecs.BOM_UTF8)) for line in lines]
    else:
        whole = orjson.loads(source.stream.read().removeprefix(codecs.BOM_UTF8))
        records, documents = _longest(whole, "")
        if not documents and isinstance(whole, dict):
            raise Usage(f"{source.path} is one document without a list of tickets")
    table = _of_documents(format, [each for each in documents if isinstance(each, dict)])
    if records:
        table.file.append(f"records = {_quoted(records)}")
    return table


def _longest(value: Any, prefix: str) -> tuple[str, list[Any]]:
    """The longest list of documents that isn't in another one, with its path."""
    if isinstance(value, list):
        return prefix, value if any(isinstance(each, dict) for each in value) else []
    found: tuple[str, list[Any]] = ("", [])
    for key, inner in value.items() if isinstance(value, dict) else ():
        deeper = _longest(inner, f"{prefix}.{key}" if prefix else key)
        found = max(found, deeper, key=lambda each: len(each[1]))
    return found


def _of_documents(format: str, documents: Sequence[Any]) -> _Table:
    names = [name for name in keys(list(documents[:_SAMPLE])) if name and name.count("[]") < 2]
    reads = [path(name) for name in names]
    rows = [[read(document)[0] for read in reads] for document in documents[:_SAMPLE]]
    return _Table(format, names, rows)


def _xml(source: Source, format: str) -> _Table:
    from ticketlog.importing.document_reader import elements, rows_in

    data = source.stream.read(_BYTES)
    if format == "xes":
        names = ["case:concept:name", "concept:name", "org:resource", "time:timestamp"]
        present = [name for name in names if f'"{name.removeprefix("case:")}"'.encode() in data]
        return _Table("xes", present, [["x"] * len(present)])
    records = rows_in(data)
    table = _of_documents("xml", list(elements(source, records, data)))
    table.file.append(f"records = {_quoted(records)}  # unsure: the element that is a ticket")
    return table


# What columns mean


class _Guess:
    """Chooses columns for what a mapping has, and writes it."""

    def __init__(self, file: Path, table: _Table) -> None:
        self._file = file
        self._table = table
        self._names = [
            name
            for name in dict.fromkeys(table.names)
            if name.strip() and table.names.count(name) == 1
        ]
        self._scalars = [name for name in self._names if "[]" not in name]
        self._times = dict(self._dated())
        self._taken: set[str] = set(self._times)
        self._used: set[str] = set()
        """Times that the mapping uses."""
        self._case, self._sure = self._ticket()
        self._taken.add(self._case)
        values = table.texts(self._case)
        self._history = len(set(values)) < len(values)

    def lines(self) -> Iterator[str]:
        table = self._table
        yield f"# Guessed from {self._file.name}, {len(table.rows)} rows of it. Look at each line,"
        yield "# above all at those that say unsure; then try it:"
        yield f"#   ticketlog import {self._file.name} --mapping THIS --check"
        yield ""
        source = re.sub(r"[^a-z0-9]+", "-", self._file.name.split(".")[0].lower()).strip("-")
        yield f"source = {_quoted(source or 'import')}  # the name of the system it comes from"
        yield f'format = "{table.format}"'
        kind = "state" if self._history else "event"
        said = "a row is the ticket after a change" if self._history else "a row is a ticket"
        yield f'rows = "{kind}"  # unsure: {said}'
        yield from table.top
        if table.file:
            yield from ("", "[file]", *table.file)
        main, rest = self._main_time()
        yield from self._columns()
        yield from self._time(main)
        yield from self._status(rest)
        yield from self._parts()
        yield from self._field_blocks()
        yield from self._events(rest)
        yield from self._left()

    def _ticket(self) -> tuple[str, bool]:
        """The column that names the ticket, and whether that is sure."""

        def fit(name: str) -> tuple[bool, bool, float]:
            values = self._table.texts(name)
            short = all(len(value) <= 100 for value in values)
            whole = self._table.filled(name) == len(self._table.rows) and short
            named = bool(_CASE.search(name)) or name.lower() in ("id", "key", "case:concept:name")
            return whole and name not in self._times, named, len(set(values))

        candidates = self._scalars or self._names
        if not candidates:
            raise Usage(f"{self._file} has no column that could name a ticket")
        best = max(candidates, key=fit)
        named = [name for name in candidates if fit(name)[:2] == (True, True)]
        best = named[0] if named else best
        return best, bool(named)

    def _dated(self) -> Iterator[tuple[str, list[str]]]:
        """Columns of times, with the formats that fit all of their cells."""
        for name in self._names:
            texts = self._table.texts(name)[:200]
            if self._table.format == "xes":
                if name == "time:timestamp":
                    yield name, ["iso"]
            elif texts and not all(text.strip().isdigit() for text in texts):
                fits = [each for each in _FORMATS if _reads(each, texts)]
                if fits:
                    yield name, fits

    def _main_time(self) -> tuple[str | None, list[str]]:
        """The time of the row itself, and the other times of rows."""
        times = [name for name in self._times if "[]" not in name]
        wanted = (_CHANGED, _CREATED) if self._history else (_CREATED, _CHANGED)
        for pattern in wanted:
            for name in times:
                full = self._table.filled(name) == len(self._table.rows)
                if full and pattern.search(name):
                    return name, [each for each in times if each != name]
        return (times[0] if times else None), times[1:]

    def _columns(self) -> Iterator[str]:
        yield from ("", "[columns]")
        unsure = "" if self._sure else "  # unsure: what names the ticket?"
        yield f"case = {_quoted(self._case)}{unsure}"
        if not self._history:
            yield f"external = {_quoted(self._case)}"
        worded: list[tuple[str, str]] = []
        for target, pattern in _TARGETS:
            name = self._named(target, pattern)
            if name is None:
                continue
            if target in ("priority", "impact", "urgency"):
                worded.append((target, name))
            else:
                yield self._column(target, name)
        for target, name in worded:
            yield from ("", f"[columns.{target}]", f"column = {_quoted(name)}")
            yield f"[columns.{target}.words]"
            yield from self._translated(name, _PRIORITIES, target)

    def _named(self, target: str, pattern: str) -> str | None:
        found = re.compile(pattern, re.IGNORECASE)
        lists = target == "tags"
        for name in self._names:
            plain = _plain(name)
            due = target == "due"
            if name in self._taken and not (due and name in self._times):
                continue
            if found.search(plain) and (("[]" not in name) or lists) and "[]." not in name:
                if due and name not in self._times:
                    continue
                self._taken.add(name)
                return name
        if lists:
            return self._repeated(found)
        return None

    def _repeated(self, pattern: re.Pattern[str]) -> str | None:
        counted = Counter(self._table.names)
        for name, count in counted.items():
            if count > 1 and pattern.search(name):
                self._taken.add(name)
                return name + "[]"
        return None

    def _column(self, target: str, name: str) -> str:
        texts = self._table.texts(name) if name in self._table.names else []
        if target in _PERSONS:
            addresses = sum("@" in text for text in texts)
            if texts and addresses * 2 > len(texts):
                both = any("<" in text for text in texts)
                by = "address-and-name" if both else "address"
                return f'{target} = {{ column = {_quoted(name)}, is = "{by}" }}'
            by = "id" if texts and all(text.isdigit() for text in texts) else "name"
            said = f'{{ column = {_quoted(name)}, is = "{by}" }}'
            return f"{target} = {said}  # unsure: is it a name, or an id?"
        if target == "tags" and "[]" not in name:
            split = next((each for each in (";", ",", " ") if any(each in t for t in texts)), ",")
            return f"tags = {{ column = {_quoted(name)}, split = {_quoted(split)} }}"
        if target == "due":
            self._used.add(name)
            return (
                f"due = {{ column = {_quoted(name)}, formats = {_listed(self._times[name][:1])} }}"
            )
        return f"{target} = {_quoted(name)}"

    def _translated(
        self, name: str, words: Sequence[tuple[str, str]], target: str
    ) -> Iterator[str]:
        for text in _distinct(self._table.texts(name)):
            to = _meaning(text, words)
            if target in ("impact", "urgency") and to == "critical":
                to = "high"
            line = f"{_quoted(text)} = {_quoted(to or 'medium')}"
            yield line if to else f"{line}  # unsure"

    def _time(self, main: str | None) -> Iterator[str]:
        yield from ("", "[time]")
        if main is None:
            yield 'value = "2000-01-01"  # unsure: the file tells no time; when was it taken?'
            yield 'zone = "UTC"'
            return
        yield f"column = {_quoted(main)}"
        self._used.add(main)
        fits = self._times[main]
        formats = [fits[0]]
        several = [each for each in fits if _AMBIGUOUS.match(each)]
        if several and {each[:2] for each in several} >= {"%d", "%m"}:
            yield "# unsure: is the day first, or the month?"
        if formats != ["iso"]:
            yield f"formats = {_listed(formats)}"
        yield 'zone = "UTC"  # unsure: the zone of times that name none'
        zones = sorted(_zone_names(self._table.texts(main)))
        if zones:
            yield "[time.zones]"
        for name in zones:
            yield f'{name} = "{_ZONES.get(name, "+00:00")}"  # unsure'

    def _status_column(self) -> str | None:
        found = [name for name in self._scalars if _STATUS.search(_plain(name))]
        found = [name for name in found if name not in self._times]
        few = [name for name in found if len(set(self._table.texts(name))) <= 40]
        return few[0] if few else None

    def _status(self, rest: Sequence[str]) -> Iterator[str]:
        """The words of the status with their meanings; of a list whose tickets tell when they
        ended, those that mean an end say nothing yet."""
        name = self._status_column()
        if name is None:
            return
        self._taken.add(name)
        ends = not self._history and any(_CLOSED.search(x) or _SOLVED.search(x) for x in rest)
        yield from ("", "[status]", f"column = {_quoted(name)}")
        yield from self._words(name, "status.words", ended=not ends)

    def _words(self, name: str, table: str, *, ended: bool) -> Iterator[str]:
        texts = _distinct(self._table.texts(name))
        for text in texts or ["open"]:
            to = _meaning(text, _STATUSES)
            yield from ("", f"[[{table}]]", f"status = {_quoted(text)}")
            if to is None:
                yield '# unsure: to = "open"'
            elif ended or to not in ("solved", "closed", "cancelled"):
                yield f'to = "{to}"'
                if to == "cancelled":
                    yield "cancelled = true"

    def _events(self, rest: Sequence[str]) -> Iterator[str]:
        if self._history:
            return
        for name in rest:
            if self._closing(name):
                yield from self._block(name)
                to = "closed" if _CLOSED.search(name) and self._solved(rest) else "solved"
                unsure = "" if _SOLVED.search(name) else "  # unsure: or closed, or cancelled?"
                yield f'status = "{to}"{unsure}'
        yield from self._comments()
        for name in self._commented():
            formats = self._formats(cell.partition(";")[0] for cell in self._cells(name))
            at = f"{{ column = {_quoted(name + '[].at')}, formats = {_listed(formats)} }}"
            who = f'{{ column = {_quoted(name + "[].who")}, is = "name" }}'
            yield from ("", "[[events]]", f"time = {at}", "# unsure: was it public?")
            text = _quoted(name + "[].text")
            yield f"comment = {{ column = {text}, public = true, author = {who} }}"

    def _cells(self, name: str) -> list[str]:
        at = [i for i, each in enumerate(self._table.names) if each == name]
        return [row[i] for row in self._table.rows for i in at if row[i].strip()]

    def _formats(self, texts: Iterable[str]) -> list[str]:
        found = list(texts)
        return [next((each for each in _FORMATS if _reads(each, found)), "iso")]

    def _solved(self, rest: Sequence[str]) -> bool:
        return any(_SOLVED.search(each) for each in rest)

    def _closing(self, name: str) -> bool:
        plain = name.rpartition(".")[2]
        return bool(_CLOSED.search(plain) or _SOLVED.search(plain)) and name not in self._due()

    def _due(self) -> set[str]:
        return {name for name in self._times if re.search("due|time to", name, re.IGNORECASE)}

    def _block(self, name: str) -> Iterator[str]:
        formats = _listed(self._times[name][:1])
        self._used.add(name)
        yield from ("", "[[events]]", f"time = {{ column = {_quoted(name)}, formats = {formats} }}")

    def _comments(self) -> Iterator[str]:
        """Lists in documents that hold times and texts."""
        for name in self._names:
            base, inside, _ = name.rpartition("[].")
            if inside and name in self._times:
                texts = [each for each in self._names if each.startswith(base + "[].")]
                plain = {each: each.rpartition("[].")[2] for each in texts}
                body = next(
                    (t for t in texts if re.search(r"body|text|notes|comment", plain[t])), None
                )
                if body is not None:
                    self._taken.add(body)
                    yield from self._block(name)
                    said = f"{{ column = {_quoted(body)}, public = true }}"
                    yield f"comment = {said}  # unsure: who said it, and was it public?"
                    return

    def _field_blocks(self) -> Iterator[str]:
        """A history of fields: a block for each field that is known by its name."""
        field = next((name for name in self._scalars if _FIELD.search(name)), None)
        value = next((name for name in self._scalars if _VALUE.search(name)), None)
        if field is None or value is None:
            return
        self._taken |= {field, value}
        at, to = self._table.names.index(field), self._table.names.index(value)
        for text in _distinct(self._table.texts(field)):
            values = _distinct(row[to] for row in self._table.rows if row[at].strip() == text)
            said = self._said_by(text, value, [each for each in values if each])
            mark = "" if said else "# unsure: "
            yield from ("", f"{mark}[[events]]")
            yield f"{mark}when = {{ column = {_quoted(field)}, is = {_quoted(text)} }}"
            yield said or f"# unsure: category = {_quoted(value)}"

    def _said_by(self, text: str, value: str, values: Sequence[str]) -> str | None:
        """The meaning of a field of this name, as a line of a block."""
        if _STATUS.search(text):
            words = [f"status = {_quoted(each)}{_to(each)}" for each in values]
            listed = ", ".join(f"{{ {each} }}" for each in words)
            return f"status = {{ column = {_quoted(value)}, words = [{listed}] }}"
        if re.search("comment|note|reply", text, re.IGNORECASE):
            public = "false" if re.search("work|internal|private", text, re.IGNORECASE) else "true"
            said = f"comment = {{ column = {_quoted(value)}, public = {public} }}"
            return f"{said}  # unsure: was it public?"
        for target, pattern in _TARGETS:
            if not re.search(pattern, text, re.IGNORECASE) or target in ("due", "activity"):
                continue
            if target in ("priority", "impact", "urgency"):
                meant = [
                    f"{_quoted(v)} = {_quoted(_meaning(v, _PRIORITIES) or 'medium')}"
                    for v in values
                ]
                return (
                    f"{target} = {{ column = {_quoted(value)}, words = {{ {', '.join(meant)} }} }}"
                )
            if target in _PERSONS:
                return (
                    f'{target} = {{ column = {_quoted(value)}, is = "name" }}  # unsure: or an id?'
                )
            return f"{target} = {_quoted(value)}"
        return None

    def _parts(self) -> Iterator[str]:
        """Columns of one name whose cells hold a date, who and a text."""
        name = next((each for each in self._commented()), None)
        if name is None:
            return
        self._taken.add(name)
        yield from ("", "[parts]")
        yield f"{_quoted(name + '[]')} = '(?P<at>[^;]*);(?P<who>[^;]*);(?P<text>.*)'"

    def _commented(self) -> Iterator[str]:
        counted = Counter(self._table.names)
        for name, count in counted.items():
            if count > 1 and re.search("comment|note", name, re.IGNORECASE):
                cells = self._cells(name)
                if cells and all(cell.count(";") >= 2 for cell in cells):
                    yield name

    def _left(self) -> Iterator[str]:
        left = [name for name in self._names if name not in self._taken]
        dates = [name for name in self._times if name not in self._used]
        if dates:
            yield from ("", "# Times that are not used: " + ", ".join(map(_quoted, dates)))
        if left:
            yield from ("", "# Columns that are not used: " + ", ".join(map(_quoted, left)))


def _plain(name: str) -> str:
    """The subject of a path: `fields.assignee.displayName` is about the assignee."""
    about = re.sub(r"\.(name|displayName|value)$", "", name)
    return about.rpartition(".")[2].removesuffix("[]")


def _reads(pattern: str, texts: Iterable[str]) -> bool:
    found = list(texts)
    zones = dict.fromkeys(_zone_names(found), "UTC")
    read = instants(Time(formats=(pattern,), zone="UTC", zones=zones))
    try:
        for text in found:
            read(text.strip())
    except (ValueError, OverflowError):
        return False
    return True


def _zone_names(texts: Iterable[str]) -> set[str]:
    """The names of zones at the ends of times."""
    found = (re.search(r"\d ([A-Z]{2,5})$", text.strip()) for text in texts)
    return {each[1] for each in found if each} - {"UTC", "GMT", "AM", "PM"}


def _to(word: str) -> str:
    """The meaning of a word of a status, for a line of words."""
    to = _meaning(word, _STATUSES)
    if to is None:
        return ""
    return f', to = "{to}"' + (", cancelled = true" if to == "cancelled" else "")


def _meaning(text: str, words: Sequence[tuple[str, str]]) -> str | None:
    return next((to for to, pattern in words if re.search(pattern, text, re.IGNORECASE)), None)


def _distinct(texts: Iterable[str]) -> list[str]:
    """Different texts, the most frequent first."""
    return [text for text, _ in Counter(" ".join(t.split()) for t in texts).most_common(60)]


def _flat(cell: Any) -> Iterator[str]:
    if isinstance(cell, str):
        yield cell
    else:
        for each in cell:
            yield from _flat(each)


def _quoted(text: str) -> str:
    """A text in TOML, which has JSON's escapes."""
    return orjson.dumps(text).decode().replace("\x7f", "\\u007f")


def _listed(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(_quoted, texts)) + "]"
