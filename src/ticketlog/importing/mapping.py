"""What the columns of a file mean: a mapping in TOML, as docs/IMPORT.md describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from ticketlog.domain.base import Key
from ticketlog.errors import Usage

Name = Annotated[str, Field(min_length=1)]
"""The name of a column (CSV) or the key of an attribute (XES; of the trace: 'case:KEY')."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Part):
    """Where a value comes from; a bare text is the name of a column.

    One column, several that are joined, or one `value` for all rows. `words` translates what
    the column says, and reports what it doesn't know. Cells that match a pattern of `empty`
    hold no value; those that match one of `ignore` say nothing.
    """

    column: Name | None = None
    columns: Annotated[tuple[Name, ...] | None, Field(min_length=2)] = None
    join: str = " "
    value: Name | None = None
    words: dict[str, Name] | None = None
    empty: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: object) -> object:
        return {"column": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(x is not None for x in (self.column, self.columns, self.value)) != 1:
            raise ValueError("it needs one of column, columns and value")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return self.columns or ((self.column,) if self.column is not None else ())


class FieldColumn(Column):
    """Where a custom field comes from, and what its text is read as."""

    kind: Literal["text", "integer", "boolean"] = "text"


class Columns(_Part):
    case: Column
    activity: Column | None = None
    actor: Column | None = None
    agent: Column | None = None
    team: Column | None = None
    priority: Column | None = None
    impact: Column | None = None
    urgency: Column | None = None
    category: Column | None = None
    product: Column | None = None
    requester: Column | None = None
    organisation: Column | None = None
    subject: Column | None = None
    type: Column | None = None


def zone_of(name: str) -> tzinfo:
    """'UTC', an offset such as '+01:00', or a name such as 'Europe/Rome'. Raises ValueError."""
    if name == "UTC":
        return UTC
    if name[:1] in ("+", "-"):
        offset = datetime.strptime(name, "%z").utcoffset()
        return timezone(offset or timedelta(0))
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone that this machine knows") from error


def _zone(name: str) -> str:
    zone_of(name)
    return name


def _format(pattern: str) -> str:
    if pattern == "iso":
        return pattern
    sample = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    try:
        datetime.strptime(sample.strftime(pattern), pattern)  # noqa: DTZ007 (a trial)
    except ValueError as error:
        raise ValueError(f"{pattern!r} is neither 'iso' nor a pattern of strptime") from error
    if "%" not in pattern:
        raise ValueError(f"{pattern!r} is neither 'iso' nor a pattern of strptime")
    return pattern


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is no encoding of texts") from error
    return name


class Time(_Part):
    """When a row happened. `zone` is that of times which name none themselves."""

    column: Name
    formats: Annotated[tuple[Annotated[str, AfterValidator(_format)], ...], Field(min_length=1)] = (
        "iso",
    )
    zone: Annotated[str, AfterValidator(_zone)] | None = None


class StatusWord(_Part):
    """What a status (with its substatus; without: with any) means.

    `to` is a status of ours; without it the word is known and says nothing about the status.
    """

    status: Name
    substatus: Name | None = None
    to: Key | None = None
    agent: Literal["keep", "none"] | None = None
    """keep: whoever acted, who works on the ticket stays the same; none: nobody works on it."""
    cancelled: bool = False
    """It ended without being solved; `to` is a status of category closed."""

    @model_validator(mode="after")
    def _ended(self) -> Self:
        if self.cancelled and self.to is None:
            raise ValueError("a cancelled one needs `to`, a status of category closed")
        return self


class Status(_Part):
    column: Name
    substatus: Name | None = None
    words: Annotated[tuple[StatusWord, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _once(self) -> Self:
        seen: set[tuple[str, str | None]] = set()
        for word in self.words:
            pair = (word.status, word.substatus)
            if pair in seen:
                raise ValueError(f"{_phrase(*pair)} is there twice")
            if word.substatus is not None and self.substatus is None:
                raise ValueError(f"{_phrase(*pair)} has a substatus; say which column holds it")
            seen.add(pair)
        return self


def _phrase(status: str, substatus: str | None) -> str:
    return repr(status if substatus is None else f"{status} / {substatus}")


class Flag(_Part):
    """True where the column holds one of `words`."""

    column: Name
    words: Annotated[tuple[str, ...], Field(min_length=1)]


class Comment(_Part):
    """What was said in a row: publicly or internally, by the requester or by the actor."""

    column: Name
    public: bool | Flag
    by_requester: bool | Flag = False


Share = Annotated[float, Field(ge=0, le=1)]


class Accept(_Part):
    """How large a share of the new rows may be so, from 0 to 1, before the file is refused."""

    out_of_order: Share = 0.2
    """Older than a row before it of its case."""
    unknown_status: Share = 0.1
    """With status words that the mapping doesn't have."""
    older_rows: Share = 0.0
    """Older than what the desk has of their case already."""


class Mapping(_Part):
    """What a file's columns mean."""

    source: Key
    """The name of the system the history comes from: part of what every ticket's id is made of."""
    format: Literal["csv", "xes"]
    rows: Literal["event", "state"]
    """event: a row is an event, and an empty cell says nothing. state: a row is the state after a
    change, and an empty cell says that there is no value now."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    columns: Columns
    time: Time
    status: Status | None = None
    fields: dict[Key, FieldColumn] = Field(default_factory=dict)
    comment: Comment | None = None
    accept: Accept = Accept()

    _file: Path | None = PrivateAttr(default=None)
    _text: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _of_csv(self) -> Self:
        if self.format == "xes" and self.model_fields_set & {"encoding", "delimiter"}:
            raise ValueError("encoding and delimiter are for csv; a XES file names its own")
        return self

    def used(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Each name of a column that the mapping uses, with the place where it does."""
        for field in Columns.model_fields:
            column = getattr(self.columns, field)
            for name in column.names if column else ():
                yield ("columns", field), name
        yield ("time", "column"), self.time.column
        if self.status:
            yield ("status", "column"), self.status.column
            if self.status.substatus:
                yield ("status", "substatus"), self.status.substatus
        for field, column in self.fields.items():
            for name in column.names:
                yield ("fields", field), name
        if self.comment:
            yield ("comment", "column"), self.comment.column
            for field in ("public", "by_requester"):
                flag = getattr(self.comment, field)
                if isinstance(flag, Flag):
                    yield ("comment", field), flag.column

    def where(self, path: Sequence[str | int]) -> str:
        """FILE:LINE:COLUMN of a key, for messages."""
        if self._file is None:
            return "the mapping"
        return _where(self._file, self._text, path)


def load_mapping(path: Path) -> Mapping:
    """Reads and checks a mapping. Raises Usage, with the file, line and column at fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Usage(f"the mapping {path} can't be read: {reason}") from error
    try:
        mapping = Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Usage(f"the mapping {path} is no TOML: {error}") from error
    except ValidationError as error:
        raise Usage(_explained(path, text, error)) from error
    mapping._file, mapping._text = path, text
    return mapping


def _explained(file: Path, text: str, error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_input=False)
    # A key that is misspelt explains one that is missing.
    first, *others = sorted(errors, key=lambda each: each["type"] != "extra_forbidden")
    more = f" (and {len(others)} more)" if others else ""
    key = ".".join(map(str, first["loc"])) or "the mapping"
    reason = {
        "missing": "is missing",
        "extra_forbidden": "is no key that a mapping knows; docs/IMPORT.md lists them",
    }.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return f"{_where(file, text, first['loc'])}: {key}: {reason}{more}"


def _where(file: Path, text: str, path: Sequence[str | int]) -> str:
    """The place of a key, or of the nearest one around it: the statement by which the part of
    the file so far holds it."""
    lines = text.split("\n")
    start = line = 1
    depth = 0
    for end in range(1, len(lines) + 1):
        try:
            part = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if _depth(part, path) > depth:
            depth, line = _depth(part, path), start
            name = next((str(key) for key in reversed(path[:depth]) if isinstance(key, str)), "")
            while line < end and name not in lines[line - 1]:
                line += 1
        start = end + 1
    column = lines[line - 1].find(name) if depth else 0
    return f"{file}:{line}:{max(column, 0) + 1}"


def _depth(data: Any, path: Sequence[str | int]) -> int:
    for depth, key in enumerate(path):
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)
