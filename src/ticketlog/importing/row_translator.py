"""The translator of rows: from the cells of one, by the mapping, to the command that records it."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from operator import add, itemgetter
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.errors import Usage
from ticketlog.importing.cells import (
    NO_VALUE,
    NOTHING,
    Arguments,
    Blank,
    Cell,
    Says,
    Swallowed,
    Words,
    field_value,
    flag,
    holds,
    rating,
    worked,
)
from ticketlog.importing.directory import Directory
from ticketlog.importing.mapping import (
    Column,
    CommentColumns,
    FieldColumn,
    Happening,
    Mapping,
    PersonColumn,
    Targets,
    Time,
    TimeColumn,
)
from ticketlog.importing.people import NamedPerson
from ticketlog.importing.row import Content, ImportRow, Raw, RowProblem
from ticketlog.importing.times import bounds, instants
from ticketlog.log.commit import digest

_TARGETS = {"agent": "assignee", "worked": "worked_seconds"}
_NEVER_EMPTY = frozenset(
    {
        *("activity", "actor", "priority", "subject", "type", "external", "description"),
        *("channel", "rating", "rating_comment", "worked_seconds", "attachments", "tags"),
    }
)
_LINES = frozenset({"description", "rating_comment"})


class _Target(NamedTuple):
    """The target of a value, with the parts of its cell that are at work for each row."""

    id: str
    pick: Callable[[Sequence[Any]], Any]
    known: dict[Any, Any]
    cell: Cell


class _Reading:
    """The values of a row while it is read."""

    __slots__ = ("cells", "cleared", "line", "people", "said", "wrong")

    def __init__(self, line: int, cells: Sequence[Any], said: Arguments) -> None:
        self.line = line
        self.cells = cells
        self.said = said
        self.cleared: dict[str, None] = {}
        self.people: list[NamedPerson] = []
        self.wrong: list[RowProblem] = []


class _Shared(NamedTuple):
    """The context in which all parts of a mapping are read."""

    mapping: Mapping
    names: Sequence[str]
    directory: Directory
    swallowed: Counter[tuple[str, str]]
    now: int


class _Clock:
    """A reader of times: of the cell of a time, within its bounds."""

    def __init__(self, time: Time, shared: _Shared) -> None:
        self.label = time.column
        self._at = shared.names.index(time.column) if time.column else None
        self._blank = Blank(shared.mapping.file)
        self._instant = instants(_dated(time, shared.mapping))
        self.first, self.last = bounds(time, shared.now)
        self._stated = None
        if time.value is not None:
            self._stated = instants(time.model_copy(update={"formats": ("iso",)}))(time.value)

    def text(self, cells: Sequence[Any]) -> str:
        """The text of the cell; empty where it is."""
        if self._at is None:
            return "stated"
        cell = cells[self._at]
        text = cell.strip() if cell.__class__ is str else " ".join(cell).strip()
        return "" if self._blank(text) else text

    def read(self, text: str, line: int) -> int | RowProblem:
        """Microseconds since 1970 UTC, or why there are none."""
        if self._stated is not None:
            return self._stated
        try:
            at = self._instant(text)
        except (ValueError, OverflowError) as error:
            return RowProblem(line, "bad-time", str(error), self.label, lost=True)
        if self.first <= at <= self.last:
            return at
        late = at > self.last
        bound = "not_after" if late else "not_before"
        limit = "is later than rows can be" if late else "is earlier than rows can be"
        why = f"{text!r} {limit}; state {bound} under [time] where it is right"
        return RowProblem(line, "too-late" if late else "too-early", why, self.label, lost=True)


def _dated(time: Time, mapping: Mapping) -> Time:
    """With what the dates of a workbook are read as, whatever the form of its texts."""
    if mapping.format != "xlsx" or "iso" in time.formats:
        return time
    return time.model_copy(update={"formats": (*time.formats, "iso")})


class _What:
    """One part of a mapping that says something: the row itself, or a block of [[events]]."""

    def __init__(self, part: Mapping | Happening, targets: Targets, shared: _Shared) -> None:
        self._shared = shared
        mapping = shared.mapping
        self._state = mapping.state
        self._targets = [_target(name, each, shared) for name, each in targets.targets()]
        self._fields = [
            _of(
                id,
                Cell(each, shared.names, mapping.file, typed=field_value(each.kind, mapping.file)),
            )
            for id, each in part.fields.items()
        ]
        self._words = None
        self._status_column = None
        if part.status:
            words = mapping.words_of(part.status)
            self._words = Words(part.status, words, shared.names, mapping.file)
            self._status_column = part.status.column
        self._comment = _comment(part.comment, shared) if part.comment else None
        self._comment_column = part.comment.column if part.comment else None
        self._links = [
            (link.kind, Cell(link.column, shared.names, mapping.file, many=True))
            for link in part.links
        ]

    def read(self, reading: _Reading) -> None:
        self._read_targets(reading)
        if self._words:
            self._read_status(reading, self._words)
        if self._fields:
            fields = self._read_fields(reading)
            known = reading.said.get("fields")
            reading.said["fields"] = {**known, **fields} if known else fields
        if self._comment:
            self._comment(reading)
        for kind, cell in self._links:
            found = cell.read(reading.cells)
            if found.__class__ is tuple:
                known = reading.said.get("links", ())
                reading.said["links"] = (*known, *((kind, case) for case in found))
            else:
                self._no_value(reading, found, cell, "unknown-word")

    def _read_targets(self, reading: _Reading) -> None:
        """Fills in the values, and the targets that have none now."""
        cells, said = reading.cells, reading.said
        for target, pick, known, cell in self._targets:
            value = known.get(pick(cells))
            if value is None:
                value = cell.learn(cells)
            if value.__class__ is str:
                said[target] = value
            elif isinstance(value, Says):
                if self._no_value(reading, value, cell, "unknown-word") and self._state:
                    self._clear(reading, target)
            elif value.__class__ is NamedPerson:
                said[target] = value.id
                reading.people.append(value)
            else:
                said[target] = value
                if target == "tags" and self._state:
                    said["tags_whole"] = True
                if target == "worked_seconds" and getattr(cell.column, "total", False):
                    said["worked_whole"] = True

    def _clear(self, reading: _Reading, target: str) -> None:
        if target not in _NEVER_EMPTY:
            reading.cleared[target] = None
        elif target == "tags":
            reading.said["tags"], reading.said["tags_whole"] = (), True

    def _no_value(self, reading: _Reading, says: Says, cell: Cell, kind: str) -> bool:
        """Whether the cell says that there is no value; what is wrong with it is reported."""
        if says is NO_VALUE:
            return True
        if says.__class__ is Swallowed:
            self._shared.swallowed[cell.label or "", says.word or ""] += 1
            return True
        if says is not NOTHING:
            bad = kind if says.word is not None else "bad-value"
            problem = RowProblem(reading.line, bad, says.problem, cell.label, word=says.word)
            reading.wrong.append(problem)
        return False

    def _read_status(self, reading: _Reading, words: Words) -> None:
        given, meaning = words.read(reading.cells)
        reading.said.update(given)
        if meaning is None:
            return
        if isinstance(meaning, Says):
            why, word = meaning.problem, meaning.word
            column = self._status_column
            reading.wrong.append(RowProblem(reading.line, "unknown-status", why, column, word=word))
        elif meaning.agent is not None:
            reading.said.pop("assignee", None)
            reading.cleared.pop("assignee", None)
            if meaning.agent == "none":
                reading.cleared["assignee"] = None

    def _read_fields(self, reading: _Reading) -> Arguments:
        found: Arguments = {}
        cells = reading.cells
        for id, pick, known, cell in self._fields:
            value = known.get(pick(cells))
            if value is None:
                value = cell.learn(cells)
            if not isinstance(value, Says):
                found[id] = value
            elif self._no_value(reading, value, cell, "bad-value") and self._state:
                found[id] = None
        return found

    def column_of(self, target: object, id: object = None) -> str | None:
        """The label of the cell that a value came from."""
        cells = {each.id: each.cell for each in self._targets}
        cells |= {f"fields.{each.id}": each.cell for each in self._fields}
        cell = cells.get(f"fields.{id}" if target == "fields" else str(target))
        if cell is not None:
            return cell.label
        return self._comment_column if target == "comment" else self._status_column


def _of(id: str, cell: Cell) -> _Target:
    return _Target(id, cell.pick, cell.known, cell)


def _field(id: str, column: FieldColumn, shared: _Shared) -> _Target:
    file = shared.mapping.file
    return _of(id, Cell(column, shared.names, file, typed=field_value(column.kind, file)))


def _target(name: str, column: Any, shared: _Shared) -> _Target:
    mapping, names = shared.mapping, shared.names
    id = _TARGETS.get(name, name)
    if isinstance(column, TimeColumn):
        return _of(id, _due(column, shared))
    if isinstance(column, PersonColumn):
        kind = "agent" if name == "agent" else "person"
        return _of(id, _person(column, shared, kind))
    typed = None
    if name == "rating":
        typed = rating(mapping.file)
    elif name == "worked":
        typed = worked(column, mapping.file)
    many = name in Targets.LISTS
    lines = name in _LINES
    return _of(id, Cell(column, names, mapping.file, many=many, lines=lines, typed=typed))


def _due(column: TimeColumn, shared: _Shared) -> Cell:
    read = instants(_dated(column.under(shared.mapping.time), shared.mapping))
    source = Column(column=column.column, value=column.value)
    return Cell(source, shared.names, shared.mapping.file, typed=read)


def _person(column: PersonColumn, shared: _Shared, kind: str) -> Cell:
    typed = shared.directory.reader(column, kind)
    return Cell(column, shared.names, shared.mapping.file, besides=column.besides, typed=typed)


def _comment(comment: CommentColumns, shared: _Shared) -> Callable[[_Reading], None]:
    file, names = shared.mapping.file, shared.names
    text = Cell(comment, names, file, lines=True)
    public = flag(comment.public, names)
    by_requester = flag(comment.by_requester, names)
    person = _person(comment.author, shared, "person") if comment.author else None
    agent = _person(comment.author, shared, "agent") if comment.author else None

    def read(reading: _Reading) -> None:
        cells = reading.cells
        body = text.read(cells)
        if body.__class__ is not str:
            return
        asks = by_requester(cells)
        reading.said["comment"] = body
        reading.said["comment_public"] = public(cells)
        reading.said["comment_by_requester"] = asks
        author = person if asks else agent
        found = author.read(cells) if author else None
        if found.__class__ is NamedPerson:
            reading.people.append(found)
            found = found.id
        if found.__class__ is str:
            reading.said["comment_author"] = found

    return read


class _Event:
    """A block of [[events]] with a time of its own."""

    def __init__(self, at: int, block: Happening, shared: _Shared) -> None:
        mapping = shared.mapping
        assert block.time is not None
        self.what = _What(block, block, shared)
        self.clock = _Clock(block.time.under(mapping.time), shared)
        self.when = holds(block.when, shared.names)
        place = ("events", at)
        used = [(path, name) for path, name in mapping.named() if path[:2] == place]
        names = {name for _, name in used}
        listed = {name for path, name in used if path[2] not in ("tags", "attachments", "links")}
        self.levels = _levels(mapping, sorted(listed), shared.names, place)
        if mapping.rows.key is not None:
            each = {name for name in names if "[]" in name}
            names = {*mapping.rows.key, *each, *filter(None, [block.time.column])}
        names.update(mapping.columns.case.names)
        self.names = tuple(sorted(names))
        self.content = _content(self.names, shared.names)
        self.tag = f"@{block.time.column or block.time.value}"

    def items(self, cells: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """The row's cells, once for each item of the list that the block is about."""
        return _items(cells, self.levels)


def _items(cells: Sequence[Any], levels: Sequence[Sequence[int]]) -> Iterator[Sequence[Any]]:
    if not levels:
        yield cells
        return
    level, *deeper = levels
    if any(isinstance(cells[at], str) for at in level):
        # A column that is called so, and is no list.
        yield cells
        return
    for number in range(max((len(cells[at]) for at in level), default=0)):
        item = list(cells)
        for at in level:
            item[at] = cells[at][number] if number < len(cells[at]) else ""
        yield from _items(item, deeper)


def _levels(
    mapping: Mapping, used: Sequence[str], names: Sequence[str], place: tuple[str | int, ...]
) -> list[list[int]]:
    """The cells that are parted into items, from the outer list to the inner one."""
    listed = [name for name in used if "[]" in name]
    if not listed:
        return []
    if mapping.format in ("csv", "xlsx"):
        return [[names.index(name) for name in listed]]
    deepest = max(listed, key=lambda name: name.count("[]"))
    prefixes = _prefixes(deepest)
    for name in listed:
        if _prefixes(name) != prefixes[: name.count("[]")]:
            raise Usage(
                f"{mapping.where(place)}: {name!r} and {deepest!r} are items of two lists; "
                "each needs an [[events]] of its own"
            )
    return [
        [names.index(name) for name in listed if prefix in _prefixes(name)] for prefix in prefixes
    ]


def _prefixes(name: str) -> list[str]:
    """The lists that a path leads through."""
    ends = [found.end() for found in re.finditer(re.escape("[]"), name)]
    return [name[:end] for end in ends]


class _Parts:
    """Columns that the patterns of [parts] make of further ones."""

    def __init__(self, mapping: Mapping, names: Sequence[str]) -> None:
        self._patterns = [
            (names.index(name), re.compile(pattern, re.DOTALL), mapping.made(name))
            for name, pattern in mapping.parts.items()
        ]
        self._blank = Blank(mapping.file)
        self._labels = list(mapping.parts)
        self.names = [*names, *(made for name in mapping.parts for made in mapping.made(name))]

    def __call__(self, cells: Sequence[Any], line: int, wrong: list[RowProblem]) -> Sequence[Any]:
        if not self._patterns:
            return cells
        made = list(cells)
        for label, (at, pattern, groups) in zip(self._labels, self._patterns, strict=True):
            cell = cells[at]
            for text in _unmatched(cell, pattern, self._blank):
                why = f"{text[:60]!r} doesn't match its pattern under [parts]"
                wrong.append(RowProblem(line, "bad-value", why, label))
            made += [_parted(cell, pattern, group) for group in groups.values()]
        return made


def _unmatched(cell: Any, pattern: re.Pattern[str], blank: Blank) -> Iterator[str]:
    if not isinstance(cell, str):
        for each in cell:
            yield from _unmatched(each, pattern, blank)
    elif (text := cell.strip()) and not blank(text) and not pattern.fullmatch(text):
        yield text


def _parted(cell: Any, pattern: re.Pattern[str], group: str) -> Any:
    if not isinstance(cell, str):
        return tuple(_parted(each, pattern, group) for each in cell)
    found = pattern.fullmatch(cell.strip())
    return (found[group] or "") if found else ""


class Translator:
    """Reads rows as a mapping says; `names` are those of the rows' cells.

    `swallowed` counts, by column and word, the cells that `empty` has taken for no value.
    `left_out` is how many rows don't meet [rows] when.
    """

    def __init__(self, mapping: Mapping, names: Sequence[str], secret: bytes = b"") -> None:
        self._source = mapping.source
        self._seed = mapping.source.encode() + b"\0"
        self._parts = _Parts(mapping, names)
        self.swallowed: Counter[tuple[str, str]] = Counter()
        self.left_out = 0
        directory = Directory(mapping, secret)
        now = time.time_ns() // 1000
        shared = _Shared(mapping, self._parts.names, directory, self.swallowed, now)
        self._directory = directory
        self._taken = holds(mapping.rows.when, shared.names) if mapping.rows.when else None
        self._case = Cell(mapping.columns.case, shared.names, mapping.file)
        self._main = _What(mapping, mapping.columns, shared) if mapping.happens else None
        if mapping.happens:
            self._clock = _Clock(mapping.time, shared)
        self._besides = [
            (holds(block.when, shared.names), _What(block, block, shared))
            for block in mapping.events
            if block.time is None
        ]
        self._choices = _choices(mapping, shared.names)
        self._content = _content(_main_names(mapping), shared.names)
        blocks = [(at, block) for at, block in enumerate(mapping.events) if block.time]
        self._events = [_Event(at, block, shared) for at, block in blocks]
        self._tags = _tags(self._events)
        self._told: set[bytes] = set()

    def __call__(self, raw: Raw) -> Iterator[ImportRow | RowProblem]:
        """The rows, and before them what is wrong; a row without case or time is lost."""
        wrong: list[RowProblem] = []
        cells = self._parts(raw.cells, raw.line, wrong)
        if self._taken is not None and not self._taken(cells):
            self.left_out += 1
            return
        case = self._case.read(cells)
        if case.__class__ is not str:
            why = case.problem or "the row names no case"
            yield RowProblem(raw.line, "missing-case", why, self._case.label, lost=True)
            return
        rows: list[ImportRow] = []
        if self._main is not None:
            row = self._happened(raw, cells, case, self._main, wrong)
            if row is not None:
                rows.append(row)
        if self._events:
            for event, tag in zip(self._events, self._tags, strict=True):
                rows += self._events_of(raw, cells, case, event, tag, wrong)
        if wrong:
            yield from wrong
        if self._directory.findings:
            yield from self._directory.found(raw.line)
        if len(rows) > 1:
            rows.sort(key=_when)
        yield from rows

    def _happened(
        self, raw: Raw, cells: Sequence[Any], case: str, main: _What, wrong: list[RowProblem]
    ) -> ImportRow | None:
        at = self._clock.read(self._clock.text(cells), raw.line)
        if isinstance(at, RowProblem):
            wrong.append(at)
            return None
        reading = _Reading(raw.line, cells, self._said(raw, case))
        main.read(reading)
        for applies, more in self._besides:
            if applies(cells):
                more.read(reading)
        for choice in self._choices:
            choice(reading)
        key = self._key(case, self._content(cells))
        legacy = partial(self._key_before, case, raw.content) if raw.content else None
        return self._row(raw, reading, at, key, legacy, main, wrong)

    def _key_before(self, case: str, content: Content) -> bytes:
        return self._key(case, content().encode("utf-8", "surrogateescape"))

    def _events_of(
        self,
        raw: Raw,
        cells: Sequence[Any],
        case: str,
        event: _Event,
        tag: bytes,
        wrong: list[RowProblem],
    ) -> Iterator[ImportRow]:
        for item in event.items(cells):
            text = event.clock.text(item)
            if not text or not event.when(item):
                continue
            key = self._key(case, tag + event.content(item))
            if key in self._told:
                continue
            self._told.add(key)
            at = event.clock.read(text, raw.line)
            if isinstance(at, RowProblem):
                wrong.append(at)
                continue
            reading = _Reading(raw.line, item, self._said(raw, case))
            event.what.read(reading)
            row = self._row(raw, reading, at, key, None, event.what, wrong)
            if row is not None:
                yield row

    def _said(self, raw: Raw, case: str) -> Arguments:
        return {"source": self._source, "case": case, "row": raw.number}

    def _key(self, case: str, content: bytes) -> bytes:
        seed = b"%b%b\0%b" % (self._seed, case.encode(), content)
        return blake2b(seed, digest_size=16).digest()

    def _row(
        self,
        raw: Raw,
        reading: _Reading,
        at: int,
        key: bytes,
        legacy: Callable[[], bytes] | None,
        what: _What,
        wrong: list[RowProblem],
    ) -> ImportRow | None:
        said = reading.said
        if reading.cleared:
            said["cleared"] = tuple(reading.cleared)
        command = self._command(raw, said, what, reading.wrong)
        if reading.wrong:
            wrong += reading.wrong
        if command is None:
            return None
        del said["row"]
        mark = digest(command.NAME, said)
        said["row"] = raw.number
        for name in command.refitted:
            said[name] = getattr(command, name)
        return ImportRow(raw.line, at, key, said, mark, tuple(reading.people), legacy)

    def _command(
        self, raw: Raw, said: Arguments, what: _What, wrong: list[RowProblem]
    ) -> RecordActivity | None:
        """The command; values that are not valid are cut or left out, and reported."""
        while True:
            try:
                return _validate(said)
            except ValidationError as error:
                # A field's value is one of several types, each of which says what it misses.
                faults = {fault["loc"][:2]: fault for fault in reversed(error.errors())}
                for path, fault in faults.items():
                    why = f"{fault['msg']}: {str(fault['input'])[:60]!r}"
                    lost = path[0] == "case"
                    kind = "missing-case" if lost else "bad-value"
                    column = self._case.label if lost else what.column_of(*path)
                    wrong.append(RowProblem(raw.line, kind, why, column, lost))
                    if lost:
                        return None
                    _mend(said, fault)


_validate: Callable[[Arguments], RecordActivity] = (
    RecordActivity.__pydantic_validator__.validate_python
)
_when: Callable[[ImportRow], int] = itemgetter(ImportRow._fields.index("at"))
_TEXTS = {
    *("activity", "subject", "comment", "original_status", "original_substatus", "fields"),
    *("description", "rating_comment"),
}


def _mend(said: Arguments, fault: ErrorDetails) -> None:
    """Cuts a text that is too long; takes out any other value."""
    target, *rest = map(str, fault["loc"])
    values, key = (said["fields"], rest[0]) if target == "fields" and rest else (said, target)
    if fault["type"] == "string_too_long" and target in _TEXTS:
        values[key] = values[key][: fault["ctx"]["max_length"]]
    else:
        values.pop(key, None)


def _main_names(mapping: Mapping) -> tuple[str, ...]:
    """The columns that tell rows apart: those of [rows] key, or all that the mapping uses for
    the row itself. The rest may change from one export to the next."""
    if mapping.rows.key is not None:
        return tuple(sorted({*mapping.rows.key, *mapping.columns.case.names}))
    timed = {at for at, block in enumerate(mapping.events) if block.time}
    return tuple(
        sorted(
            {
                name
                for path, name in mapping.named()
                if not (path[0] == "events" and path[1] in timed) and path[0] != "rows"
            }
        )
    )


def _tags(events: Sequence[_Event]) -> list[bytes]:
    """Tags that tell events of one row apart that are read from the same columns."""
    counted: Counter[tuple[str, ...]] = Counter()
    tags = []
    for event in events:
        same = (event.tag, *event.names)
        tags.append(f"{event.tag}\x1d{counted[same] or ''}\x1e".encode())
        counted[same] += 1
    return tags


def _content(used: Sequence[str], names: Sequence[str]) -> Callable[[Sequence[Any]], bytes]:
    """The identity of rows: the filled cells with their columns' names, whatever the order of the
    columns, so that a column that joins later changes nothing where it is empty."""
    at = [names.index(name) for name in used]
    labels = [name + "\x1f" for name in used]
    lists = any("[]" in name for name in used)
    pick = itemgetter(*at) if len(at) > 1 else lambda cells: (cells[at[0]],)

    def content(cells: Sequence[Any]) -> bytes:
        picked = pick(cells)
        if lists:
            picked = tuple(map(_plain, picked))
        if "" not in picked:
            return "\x1e".join(map(add, labels, picked)).encode()
        return "\x1e".join(
            [label + cell for label, cell in zip(labels, picked, strict=True) if cell]
        ).encode()

    return content


def _plain(cell: Any) -> str:
    return cell if isinstance(cell, str) else "\x1c".join(map(_plain, cell))


def _choices(mapping: Mapping, names: Sequence[str]) -> list[Callable[[_Reading], None]]:
    """For each column by which blocks of [[events]] choose their rows: reports its words that no
    block knows, where all blocks that choose by it name the words they are for."""
    known: dict[str, set[str]] = {}
    open_ones: set[str] = set()
    for block in mapping.events:
        if block.time is None:
            for when in block.when:
                known.setdefault(when.column, set()).update(when.words or ())
                if when.words is None:
                    open_ones.add(when.column)
    return [
        _choice(column, names.index(column), words)
        for column, words in known.items()
        if column not in open_ones
    ]


def _choice(column: str, at: int, words: set[str]) -> Callable[[_Reading], None]:
    def choose(reading: _Reading) -> None:
        word = str(reading.cells[at]).strip()
        if word and word not in words:
            why = f"{word!r} is no word that [[events]] has a `when` for"
            problem = RowProblem(reading.line, "unknown-word", why, column, word=word)
            reading.wrong.append(problem)

    return choose
