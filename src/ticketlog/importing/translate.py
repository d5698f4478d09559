"""From the cells of a row to what it says, in our words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ticketlog.domain.ticket.activity import RecordActivity
from ticketlog.importing.cells import NO_VALUE, NOTHING, Arguments, Cell, Says, Words, flag
from ticketlog.importing.mapping import Column, Comment, Mapping
from ticketlog.importing.rows import Problem, Raw, Row
from ticketlog.importing.times import instants
from ticketlog.log.commit import digest

_TARGETS = {"agent": "assignee"}
_ORIGINAL = ("original_status", "original_substatus")
_NEVER_EMPTY = frozenset({"activity", "actor", "priority", "subject", "type"})


class _Target(NamedTuple):
    """Where a value goes, and the parts of its cell that are at work for each row."""

    id: str
    pick: Callable[[Sequence[str]], Any]
    known: dict[Any, Any]
    cell: Cell


def _target(id: str, column: Column, names: Sequence[str]) -> _Target:
    cell = Cell(column, names)
    return _Target(id, cell.pick, cell.known, cell)


class Translator:
    """Reads rows as a mapping says; `names` are those of the rows' cells."""

    def __init__(self, mapping: Mapping, names: Sequence[str], secret: bytes = b"") -> None:
        self._source = mapping.source
        self._secret = secret
        self.swallowed: Counter[tuple[str, str]] = Counter()
        """Column and cell -> how often `empty` made it no value."""
        self._seed = mapping.source.encode() + b"\0"
        self._state = mapping.rows == "state"
        self._case = Cell(mapping.columns.case, names)
        self._targets = [
            _target(_TARGETS.get(field, field), column, names)
            for field, column in mapping.columns
            if column is not None and field != "case"
        ]
        self._fields = [_target(id, column, names) for id, column in mapping.fields.items()]
        self._words = Words(mapping.status, names) if mapping.status else None
        self._status_column = mapping.status.column if mapping.status else None
        self._comment = _comment(mapping.comment, names) if mapping.comment else None
        self._comment_column = mapping.comment.column if mapping.comment else None
        self._time_at = names.index(mapping.time.column)
        self._time_column = mapping.time.column
        self._instant = instants(mapping.time)

    def __call__(self, raw: Raw) -> Iterator[Row | Problem]:
        """The row, and before it what is wrong with it; a row without case or time is lost."""
        cells = raw.cells
        case = self._case.read(cells)
        if case.__class__ is not str:
            why = case.problem or "the row names no case"
            yield Problem(raw.line, "missing-case", why, self._case.label, lost=True)
            return
        try:
            at = self._instant(cells[self._time_at].strip())
        except (ValueError, OverflowError) as error:
            yield Problem(raw.line, "bad-time", str(error), self._time_column, lost=True)
            return
        wrong: list[Problem] = []
        arguments = self._arguments(raw, case, wrong)
        command = self._command(raw, arguments, wrong)
        yield from wrong
        if command is not None:
            seed = b"%b%b\0%b" % (self._seed, case.encode(), raw.content)
            key = blake2b(seed, digest_size=16).digest()
            del arguments["row"]
            yield Row(raw.line, at, key, command, digest(command.NAME, arguments))

    def _arguments(self, raw: Raw, case: str, wrong: list[Problem]) -> Arguments:
        said: Arguments = {"source": self._source, "case": case, "row": raw.number}
        cleared = self._read_targets(raw, said, wrong)
        if self._words:
            self._read_status(raw, self._words, said, cleared, wrong)
        if cleared:
            said["cleared"] = tuple(cleared)
        if self._fields:
            said["fields"] = self._read_fields(raw, wrong)
        if self._comment:
            said.update(self._comment(raw.cells))
        return said

    def _read_targets(self, raw: Raw, said: Arguments, wrong: list[Problem]) -> dict[str, None]:
        """Fills in the values; gives the targets that have none now."""
        cleared: dict[str, None] = {}
        cells = raw.cells
        for target, pick, known, cell in self._targets:
            value = known.get(pick(cells))
            if value is None:
                value = cell.learn(cells)
            if value.__class__ is str:
                said[target] = value
            elif value is NO_VALUE:
                if cell.column.empty and (said_so := str(pick(cells))):
                    self.swallowed[cell.label or target, said_so] += 1
                if self._state and target not in _NEVER_EMPTY:
                    cleared[target] = None
            elif value is not NOTHING:
                wrong.append(
                    Problem(raw.line, "unknown-word", value.problem, cell.label, word=value.word)
                )
        return cleared

    def _read_status(
        self,
        raw: Raw,
        words: Words,
        said: Arguments,
        cleared: dict[str, None],
        wrong: list[Problem],
    ) -> None:
        given, meaning = words.read(raw.cells)
        said.update(given)
        if isinstance(meaning, str):
            word = " / ".join(filter(None, (given.get(n) for n in _ORIGINAL)))
            wrong.append(
                Problem(raw.line, "unknown-status", meaning, self._status_column, word=word)
            )
        elif meaning is not None and meaning.agent is not None:
            said.pop("assignee", None)
            cleared.pop("assignee", None)
            if meaning.agent == "none":
                cleared["assignee"] = None

    def _read_fields(self, raw: Raw, wrong: list[Problem]) -> Arguments:
        found: Arguments = {}
        cells = raw.cells
        for id, pick, known, cell in self._fields:
            value = known.get(pick(cells))
            if value is None:
                value = cell.learn(cells)
            if value.__class__ is not Says:
                found[id] = value
            elif value is NO_VALUE:
                if cell.column.empty and (said_so := str(pick(cells))):
                    self.swallowed[cell.label or id, said_so] += 1
                if self._state:
                    found[id] = None
            elif value is not NOTHING:
                wrong.append(Problem(raw.line, "bad-value", value.problem, cell.label))
        return found

    def _command(self, raw: Raw, said: Arguments, wrong: list[Problem]) -> RecordActivity | None:
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
                    wrong.append(Problem(raw.line, kind, why, self._column_of(*path), lost))
                    if lost:
                        return None
                    _mend(said, fault)

    def _column_of(self, target: object, id: object = None) -> str | None:
        cells = {"case": self._case} | {each.id: each.cell for each in self._targets}
        cells |= {f"fields.{each.id}": each.cell for each in self._fields}
        cell = cells.get(f"fields.{id}" if target == "fields" else str(target))
        if cell is None:
            return self._comment_column if target == "comment" else self._status_column
        return cell.label


_validate: Callable[[Arguments], RecordActivity] = (
    RecordActivity.__pydantic_validator__.validate_python
)
_TEXTS = {"activity", "subject", "comment", "original_status", "original_substatus", "fields"}


def _mend(said: Arguments, fault: ErrorDetails) -> None:
    """Cuts a text that is too long; takes out any other value."""
    target, *rest = map(str, fault["loc"])
    values, key = (said["fields"], rest[0]) if target == "fields" and rest else (said, target)
    if fault["type"] == "string_too_long" and target in _TEXTS:
        values[key] = values[key][: fault["ctx"]["max_length"]]
    else:
        values.pop(key, None)


def _comment(comment: Comment, names: Sequence[str]) -> Callable[[Sequence[str]], Arguments]:
    at = names.index(comment.column)
    public = flag(comment.public, names)
    by_requester = flag(comment.by_requester, names)

    def read(cells: Sequence[str]) -> Arguments:
        text = cells[at].strip()
        if not text:
            return {}
        return {
            "comment": text,
            "comment_public": public(cells),
            "comment_by_requester": by_requester(cells),
        }

    return read
