"""Cells and their meanings: each distinct cell is read once, as most columns repeat their cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Any, TypeAlias

from ticketlog.importing.mapping import (
    Column,
    FieldColumn,
    FileIs,
    Flag,
    StatusColumn,
    StatusWord,
    When,
    WorkedColumn,
)

Arguments: TypeAlias = dict[str, Any]
Text: TypeAlias = str | tuple[Any, ...]
"""A cell: its text, or those of all columns or list items of one name."""

_REMEMBERED = 10_000
"""Distinct values of a column whose meaning is kept; beyond, the column holds free text."""

_LARGEST = 1 << 53
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
_THOUSANDS = {
    ".": re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?"),
    ",": re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?"),
}
_CLOCK = re.compile(r"(\d+):([0-5]\d)(?::([0-5]\d))?")
_SPOKEN = re.compile(r"(?=\d)(?:(\d+) ?h)? ?(?:(\d+) ?m(?:in)?)? ?(?:(\d+) ?s)?")
_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}


class Says:
    """A cell that holds no value; `word` is what the mapping should know."""

    def __init__(self, problem: str = "", word: str | None = None) -> None:
        self.problem = problem
        self.word = word


class Swallowed(Says):
    """No value, since the cell is a word of `empty` or matches one of its patterns."""


NOTHING = Says()
NO_VALUE = Says()


class Blank:
    """The blanks of a column: exact words and patterns, with those of the whole file."""

    def __init__(self, file: FileIs, column: Column | None = None) -> None:
        self._words = frozenset(file.empty) | frozenset(column.empty if column else ())
        self._patterns = (*file.empty_patterns, *(column.empty_patterns if column else ()))

    def __call__(self, text: str) -> bool:
        return text in self._words or (bool(self._patterns) and _matches(text, self._patterns))


class Cell:
    """One target of the mapping: reads its cells, each distinct one once.

    `known.get(pick(cells))` is the meaning of what was read before, and None asks to `learn`:
    written out where rows are read, as a call for each cell would take a third of the time.
    """

    def __init__(
        self,
        column: Column,
        names: Sequence[str],
        file: FileIs,
        *,
        many: bool = False,
        lines: bool = False,
        besides: Sequence[str] = (),
        typed: Callable[..., Any] | None = None,
    ) -> None:
        """`many`: the target takes several values. `lines`: it keeps its line breaks. `typed`
        makes the value of the text, and of the texts of the columns `besides`."""
        self.column = column
        self.label = " + ".join(column.names) or None
        self.known: dict[Any, Any] = {}
        self._blank = Blank(file, column)
        self._many = many
        self._lines = lines or isinstance(column, FieldColumn)
        self._own = len(column.names)
        self._besides = len(besides)
        self._typed = typed
        at = [names.index(name) for name in (*column.names, *besides)]
        self.pick: Callable[[Sequence[Any]], Any] = itemgetter(*at) if at else _nowhere

    def read(self, cells: Sequence[Any]) -> Any:
        return self.known.get(self.pick(cells)) or self.learn(cells)

    def learn(self, cells: Sequence[Any]) -> Any:
        if len(self.known) > _REMEMBERED:
            self.known.clear()
        key = self.pick(cells)
        picked = key if self._own + self._besides != 1 else (key,)
        meaning = self.known[key] = self._meaning(picked[: self._own], picked[self._own :])
        return meaning

    def _meaning(self, own: Sequence[Text], besides: Sequence[Text]) -> Any:
        column = self.column
        if column.value is not None:
            return self._finished((column.value,), besides)
        texts = self._texts(own)
        swallowed = next((text for text in texts if text and self._blank(text)), None)
        if column.split is None and not self._many and not any(map(_listed, own)):
            if swallowed is not None:
                return Swallowed(word=swallowed)
            joined = self._spaced(column.join.join(filter(None, texts)))
            swallowed = joined if self._blank(joined) else None
            texts = [joined]
        kept = tuple(text for text in texts if text and not self._blank(text))
        if any(_matches(text, column.ignore) for text in kept):
            kept = tuple(text for text in kept if not _matches(text, column.ignore))
            if not kept:
                return NOTHING
        if not kept:
            return Swallowed(word=swallowed) if swallowed else NO_VALUE
        return self._finished(kept, besides)

    def _texts(self, own: Sequence[Text]) -> list[str]:
        cells = [text.strip() for cell in own for text in _flat(cell)]
        if self.column.split is not None:
            parted = (part for cell in cells for part in cell.split(self.column.split))
            cells = [part.strip() for part in parted]
        return cells if self._lines else list(map(self._spaced, cells))

    def _spaced(self, text: str) -> str:
        return text if self._lines else " ".join(text.split())

    def _finished(self, texts: tuple[str, ...], besides: Sequence[Text]) -> Any:
        column = self.column
        if column.take is not None:
            at = column.take - 1 if column.take > 0 else column.take
            texts = texts[at : at + 1 or None]
            if not texts:
                return NO_VALUE
        if column.words is not None:
            unknown = next((text for text in texts if text not in column.words), None)
            if unknown is not None:
                return Says(f"{unknown!r} is not among the mapping's words", unknown)
            texts = tuple(column.words[text] for text in texts)
        if self._many:
            return texts
        text = column.join.join(texts)
        if self._typed is not None:
            try:
                return self._typed(text, *(_joined(cell) for cell in besides))
            except ValueError as error:
                return Says(str(error))
        return text


def _nowhere(cells: Sequence[Any]) -> tuple[str, ...]:
    return ()


def _listed(cell: Text) -> bool:
    return not isinstance(cell, str)


def _flat(cell: Text) -> Iterator[str]:
    if isinstance(cell, str):
        yield cell
    else:
        for each in cell:
            yield from _flat(each)


def _joined(cell: Text) -> str:
    """The text of a cell that should hold one."""
    return " ".join(" ".join(_flat(cell)).split())


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def number(text: str, decimal: str) -> Decimal:
    """A number as people of the file's country write it. Raises ValueError."""
    plain = re.sub(r"[\s'\u2019\u00a0\u202f]", "", text)
    if _THOUSANDS[decimal].fullmatch(plain):
        plain = plain.replace("," if decimal == "." else ".", "")
    try:
        found = Decimal(plain.replace(",", ".") if decimal == "," else plain)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]!r} is no number") from error
    if not found.is_finite():
        raise ValueError(f"{text[:40]!r} is no number")
    return found


def field_value(kind: str, file: FileIs) -> Callable[[str], Any] | None:
    """Reads a custom field's text. The result raises ValueError."""
    if kind == "integer":
        return lambda text: _integer(text, file.decimal)
    return _boolean if kind == "boolean" else None


def _integer(text: str, decimal: str) -> int:
    try:
        found = number(text, decimal)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is no integer") from error
    if abs(found) > _LARGEST:
        raise ValueError(f"{text[:40]!r} is too large")
    if found != int(found):
        raise ValueError(f"{text[:40]!r} is no integer")
    return int(found)


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{text!r} is neither true nor false")


def rating(file: FileIs) -> Callable[[str], int]:
    return lambda text: round(number(text, file.decimal))


def worked(column: WorkedColumn, file: FileIs) -> Callable[[str], int]:
    """Seconds of a number of units, of 1:30 or of '1h 30m'. The result raises ValueError."""

    def read(text: str) -> int:
        clock, spoken = _CLOCK.fullmatch(text), _SPOKEN.fullmatch(text)
        parts = clock or (spoken if spoken and any(spoken.groups()) else None)
        if parts:
            hours, minutes, seconds = (int(part or 0) for part in parts.groups())
            return hours * 3600 + minutes * 60 + seconds
        return round(number(text, file.decimal) * _SECONDS[column.unit])

    return read


class Words:
    """The meanings of status words; a word that isn't in the mapping is reported each time."""

    def __init__(
        self, status: StatusColumn, words: Sequence[StatusWord], names: Sequence[str], file: FileIs
    ) -> None:
        self._status = names.index(status.column) if status.column else None
        self._substatus = names.index(status.substatus) if status.substatus else None
        self._words = {(word.status, word.substatus): word for word in words}
        self._blank = Blank(file)
        self._known: dict[tuple[Text, Text], tuple[Arguments, StatusWord | Says | None]] = {}
        if status.to is not None:
            said: Arguments = {"status": status.to}
            if status.cancelled:
                said["cancelled"] = True
            self._known["", ""] = said, None

    def read(self, cells: Sequence[Any]) -> tuple[Arguments, StatusWord | Says | None]:
        """The original words as they are recorded, and their meaning or what is wrong with them."""
        pair = (
            "" if self._status is None else cells[self._status],
            "" if self._substatus is None else cells[self._substatus],
        )
        try:
            return self._known[pair]
        except KeyError:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[pair] = found = self._meaning(*map(self._text, pair))
            return found

    def _text(self, cell: Text) -> str:
        text = _joined(cell)
        return "" if self._blank(text) else text

    def _meaning(self, status: str, substatus: str) -> tuple[Arguments, StatusWord | Says | None]:
        said: Arguments = {
            "original_status": status or None,
            "original_substatus": substatus or None,
        }
        if not status:
            return said, None
        word = self._words.get((status, substatus)) or self._words.get((status, None))
        if word is None:
            words = f"{status} / {substatus}" if substatus else status
            return said, Says(f"{words!r} is not among the mapping's status words", words)
        if word.to is not None:
            said["status"] = word.to
        if word.cancelled:
            said["cancelled"] = True
        return said, word


def flag(flag: bool | Flag, names: Sequence[str]) -> Callable[[Sequence[Any]], bool]:
    if isinstance(flag, bool):
        return lambda cells: flag
    at, words = names.index(flag.column), frozenset(flag.words or ())
    if flag.same_as:
        other = names.index(flag.same_as)
        return lambda cells: _joined(cells[at]) == _joined(cells[other]) != ""
    return lambda cells: _joined(cells[at]) in words


def holds(conditions: Sequence[When], names: Sequence[str]) -> Callable[[Sequence[Any]], bool]:
    """Whether a row meets all conditions."""
    tests = [(names.index(when.column), *_sets(when)) for when in conditions]
    return lambda cells: all((_joined(cells[at]) in words) is wanted for at, words, wanted in tests)


def _sets(when: When) -> tuple[frozenset[str], bool]:
    if when.words is not None:
        return frozenset(when.words), True
    return frozenset(when.excluded or ()), False
