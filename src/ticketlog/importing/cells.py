"""What cells say: each distinct one is read once, as most columns say the same things again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Any, TypeAlias

from ticketlog.importing.mapping import Column, FieldColumn, Flag, Status, StatusWord

Arguments: TypeAlias = dict[str, Any]

_REMEMBERED = 10_000
"""Distinct values of a column whose meaning is kept; beyond, the column holds free text."""

_LARGEST = 1 << 53
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})


class Says:
    """What a cell says when it isn't a value."""

    def __init__(self, problem: str = "", word: str | None = None) -> None:
        self.problem = problem
        self.word = word


NOTHING = Says()
NO_VALUE = Says()


class Cell:
    """One target of the mapping: reads its cells, each distinct one once.

    `known.get(pick(cells))` is the meaning of what was read before, and None asks to `learn`:
    written out where rows are read, as a call for each cell would take a third of the time.
    """

    def __init__(self, column: Column, names: Sequence[str]) -> None:
        self.column = column
        self.label = " + ".join(column.names) or None
        at = [names.index(name) for name in column.names]
        self.pick: Callable[[Sequence[str]], Any] = itemgetter(*at) if at else _nowhere
        self.known: dict[Any, Any] = {}

    def read(self, cells: Sequence[str]) -> Any:
        return self.known.get(self.pick(cells)) or self.learn(cells)

    def learn(self, cells: Sequence[str]) -> Any:
        if len(self.known) > _REMEMBERED:
            self.known.clear()
        key = self.pick(cells)
        meaning = self.known[key] = self._meaning(key)
        return meaning

    def _meaning(self, key: str | tuple[str, ...]) -> Any:
        column = self.column
        if column.value is not None:
            return column.value
        cells = (key,) if isinstance(key, str) else key
        if any(_matches(cell.strip(), column.empty) for cell in cells):
            return NO_VALUE
        text = column.join.join(filter(None, map(str.strip, cells)))
        if not isinstance(column, FieldColumn):
            text = " ".join(text.split())
        if _matches(text, column.ignore):
            return NOTHING
        if not text or _matches(text, column.empty):
            return NO_VALUE
        if column.words is not None:
            return column.words.get(text) or Says(
                f"{text!r} is not among the mapping's words", text
            )
        return _typed(text, column.kind) if isinstance(column, FieldColumn) else text


def _nowhere(cells: Sequence[str]) -> tuple[str, ...]:
    return ()


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _typed(text: str, kind: str) -> Any:
    if kind == "integer":
        try:
            number = int(text)
        except ValueError:
            return Says(f"{text[:40]!r} is no integer")
        return number if abs(number) <= _LARGEST else Says(f"{text[:40]!r} is too large")
    if kind == "boolean":
        word = text.lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        return Says(f"{text!r} is neither true nor false")
    return text


class Words:
    """What status words mean; what is not in the mapping is reported each time it comes."""

    def __init__(self, status: Status, names: Sequence[str]) -> None:
        self._status = names.index(status.column)
        self._substatus = names.index(status.substatus) if status.substatus else None
        self._words = {(word.status, word.substatus): word for word in status.words}
        self._known: dict[tuple[str, str], tuple[Arguments, StatusWord | str | None]] = {}

    def read(self, cells: Sequence[str]) -> tuple[Arguments, StatusWord | str | None]:
        """What goes in for the words, and what they mean or what is wrong with them."""
        pair = cells[self._status], "" if self._substatus is None else cells[self._substatus]
        try:
            return self._known[pair]
        except KeyError:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[pair] = found = self._meaning(*(" ".join(each.split()) for each in pair))
            return found

    def _meaning(self, status: str, substatus: str) -> tuple[Arguments, StatusWord | str | None]:
        said = {"original_status": status or None, "original_substatus": substatus or None}
        if not status:
            return said, None
        word = self._words.get((status, substatus)) or self._words.get((status, None))
        if word is None:
            words = f"{status} / {substatus}" if substatus else status
            return said, f"{words!r} is not among the mapping's status words"
        if word.to is not None:
            said["status"] = word.to
        if word.cancelled:
            said["cancelled"] = True  # type: ignore[assignment]
        return said, word


def flag(flag: bool | Flag, names: Sequence[str]) -> Callable[[Sequence[str]], bool]:
    if isinstance(flag, bool):
        return lambda cells: flag
    at, words = names.index(flag.column), frozenset(flag.words)
    return lambda cells: cells[at].strip() in words
