"""The mapping: the meaning of a file's columns in TOML, as docs/IMPORT.md describes it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from ticketlog.domain.base import Key
from ticketlog.domain.ticket.state import LinkKind
from ticketlog.errors import Usage

Name = Annotated[str, Field(min_length=1)]
"""The name of a column (CSV, XLSX), the key of an attribute (XES; of the trace: 'case:KEY') or a
path in a document (JSON, XML). 'NAME[]' is all of that name, 'NAME[2]' the second."""
Words = Annotated[tuple[Name, ...], Field(min_length=1)]

ALWAYS_UTC = ("UTC", "GMT")
"""The names of zones that mean the same everywhere."""
_PATTERN = re.compile(r"(?=.*[^\W_])(?:.*[*?]|.*\[.+\])")
NUMBERS = ("excel", "unix", "unix-ms")
"""Times as numbers: days of Excel, seconds and milliseconds since 1970 UTC."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    BARE: ClassVar[str | None] = None
    """The key that a bare text fills, where one stands for the whole table."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: object) -> object:
        return {cls.BARE: given} if cls.BARE and isinstance(given, str) else given


def _as_words(given: object) -> object:
    return [given] if isinstance(given, str) else given


_SomeWords = Annotated[tuple[str, ...] | None, BeforeValidator(_as_words)]


class Column(_Part):
    """The origin of a value; a bare text is the name of a column.

    One column, several that are joined, or one `value` for all rows. `words` translates what
    the column says, and reports what it doesn't know. Cells that are a word of `empty`, or match
    one of `empty_patterns`, hold no value; those that match a pattern of `ignore` say nothing.
    `split` parts a cell; `take` is the number of the part that counts, from 1 or, from the end,
    from -1.
    """

    BARE = "column"
    column: Name | None = None
    columns: Annotated[tuple[Name, ...] | None, Field(min_length=2)] = None
    join: str = " "
    value: Name | None = None
    words: dict[str, Name] | None = None
    empty: tuple[str, ...] = ()
    empty_patterns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    split: Name | None = None
    take: int | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(x is not None for x in (self.column, self.columns, self.value)) != 1:
            raise ValueError("it needs one of column, columns and value")
        if self.take is not None and (self.split is None or self.take == 0):
            raise ValueError("take is the number of a part, from 1 or from -1, and needs split")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return self.columns or ((self.column,) if self.column is not None else ())


class PersonColumn(Column):
    """The origin of a person. `is` says by what the file tells persons apart: their address,
    their name, both in one cell (`Kim Lee <kim@example.org>`), or an id of the source's.

    A person gets an id that is derived from it, and `name` and `address`, other columns, are kept
    as personal values. Without `is`, the cell is the id itself.
    """

    by: Annotated[
        Literal["address", "name", "address-and-name", "id"] | None, Field(alias="is")
    ] = None
    name: Name | None = None
    address: Name | None = None

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if self.by is None and (self.name or self.address):
            raise ValueError('name and address need `is`, such as is = "id"')
        return self

    @property
    def besides(self) -> tuple[str, ...]:
        """Further columns that are read with the person's own."""
        return tuple(filter(None, (self.name, self.address)))


class FieldColumn(Column):
    """The origin of a custom field, and the type that its text is read as."""

    kind: Literal["text", "integer", "boolean"] = "text"


class WorkedColumn(Column):
    """The origin of the time worked: a number of units, or hours and minutes such as 1:30.
    `total`: it is all that was worked on the ticket so far."""

    unit: Literal["seconds", "minutes", "hours"] = "minutes"
    total: bool = False


def zone_of(name: str) -> tzinfo:
    """'UTC', an offset such as '+01:00', or a name such as 'Europe/Rome'. Raises ValueError."""
    if name in ALWAYS_UTC:
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
    if pattern == "iso" or pattern in NUMBERS:
        return pattern
    sample = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    try:
        datetime.strptime(sample.strftime(pattern), pattern)  # noqa: DTZ007 (a trial)
        wrong = "%" not in pattern
    except ValueError:
        wrong = True
    if wrong:
        known = ", ".join(map(repr, NUMBERS))
        raise ValueError(f"{pattern!r} is neither 'iso', {known} nor a pattern of strptime")
    return pattern


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is no encoding of texts") from error
    return name


Zone = Annotated[str, AfterValidator(_zone)]
Formats = Annotated[tuple[Annotated[str, AfterValidator(_format)], ...], Field(min_length=1)]
Bound = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d")]


class Time(_Part):
    """The time of a row: a column, or one stated `value` for all rows.

    `zone` is that of times which name none themselves, `zones` what names of zones in cells mean.
    """

    column: Name | None = None
    value: Bound | None = None
    formats: Formats = ("iso",)
    zone: Zone | None = None
    zones: dict[Name, Zone] = Field(default_factory=dict)
    not_before: Bound | None = None
    not_after: Bound | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.column is not None and self.value is not None:
            raise ValueError("it needs one of column and value")
        for name in ALWAYS_UTC:
            if name in self.zones:
                raise ValueError(f"{name} means the same everywhere; leave it out of zones")
        return self


class TimeColumn(_Part):
    """The origin of a time; what it doesn't say is as under [time]."""

    BARE = "column"
    column: Name | None = None
    value: Bound | None = None
    formats: Formats | None = None
    zone: Zone | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) == (self.value is None):
            raise ValueError("it needs one of column and value")
        return self

    def under(self, time: Time) -> Time:
        changes = self.model_dump(exclude_none=True, exclude={"column", "value"})
        return time.model_copy(update={**changes, "column": self.column, "value": self.value})


class StatusWord(_Part):
    """The meaning of a status (with its substatus; without: with any).

    `to` is a status of the desk; without it the word is known and says nothing about the status.
    """

    status: Name
    substatus: Name | None = None
    to: Key | None = None
    agent: Literal["keep", "none"] | None = None
    """keep: the assignee stays the same, whichever person acted; none: nobody works on it."""
    cancelled: bool = False
    """It ended without being solved; `to` is a status of category closed."""

    @model_validator(mode="after")
    def _ended(self) -> Self:
        if self.cancelled and self.to is None:
            raise ValueError("a cancelled one needs `to`, a status of category closed")
        return self


class StatusColumn(_Part):
    """The origin of the status: a column whose words are translated, or the one status `to`
    that every such row means (a bare text). Under [[events]], without words, those of [status]."""

    BARE = "to"
    column: Name | None = None
    substatus: Name | None = None
    words: tuple[StatusWord, ...] = ()
    to: Key | None = None
    cancelled: bool = False

    @model_validator(mode="after")
    def _once(self) -> Self:
        if (self.column is None) == (self.to is None):
            raise ValueError("it needs one of column and to")
        if self.to is not None and (self.words or self.substatus):
            raise ValueError("words and substatus are for a column")
        if self.cancelled and self.to is None:
            raise ValueError("cancelled is for `to`; a word says it for itself")
        seen: set[tuple[str, str | None]] = set()
        for word in self.words:
            pair = (word.status, word.substatus)
            if pair in seen:
                raise ValueError(f"{_phrase(*pair)} is there twice")
            if word.substatus is not None and self.substatus is None:
                raise ValueError(f"{_phrase(*pair)} has a substatus; say which column holds it")
            seen.add(pair)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.column, self.substatus)))


def _phrase(status: str, substatus: str | None) -> str:
    return repr(status if substatus is None else f"{status} / {substatus}")


class Flag(_Part):
    """True where the column holds one of `words`, or the same as another column does."""

    column: Name
    words: Words | None = None
    same_as: Name | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.words is None) == (self.same_as is None):
            raise ValueError("it needs one of words and same_as")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return (self.column, self.same_as) if self.same_as else (self.column,)


class When(_Part):
    """Holds where the column is one of the words of `is`, or none of those of `is_not`."""

    column: Name
    words: Annotated[_SomeWords, Field(alias="is")] = None
    excluded: Annotated[_SomeWords, Field(alias="is_not")] = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.words is None) == (self.excluded is None):
            raise ValueError("it needs one of is and is_not")
        return self


def _as_conditions(given: object) -> object:
    return [given] if isinstance(given, dict) else given


Conditions = Annotated[tuple[When, ...], BeforeValidator(_as_conditions)]
"""All of them must hold; a single one may stand without a list."""


class CommentColumns(Column):
    """The comment of a row: said publicly or internally, by the requester or by the actor."""

    public: bool | Flag
    by_requester: bool | Flag = False
    author: PersonColumn | None = None

    @property
    def besides(self) -> tuple[str, ...]:
        flags = [flag for flag in (self.public, self.by_requester) if isinstance(flag, Flag)]
        author = (*self.author.names, *self.author.besides) if self.author else ()
        return (*(name for flag in flags for name in flag.names), *author)


class LinkColumn(_Part):
    """A link to another ticket: `kind` says which, the column names the case."""

    kind: LinkKind
    column: Column

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, given: object) -> object:
        if isinstance(given, dict):
            rest = {key: value for key, value in given.items() if key != "kind"}
            plain = set(rest) <= {"column"} and not isinstance(rest.get("column"), str)
            return given if plain else {"kind": given.get("kind"), "column": rest}
        return given


class Targets(_Part):
    """The facts that a row can tell of a ticket, and the origin of each."""

    activity: Column | None = None
    actor: PersonColumn | None = None
    agent: PersonColumn | None = None
    team: Column | None = None
    priority: Column | None = None
    impact: Column | None = None
    urgency: Column | None = None
    category: Column | None = None
    product: Column | None = None
    requester: PersonColumn | None = None
    organisation: Column | None = None
    subject: Column | None = None
    type: Column | None = None
    external: Column | None = None
    description: Column | None = None
    tags: Column | None = None
    channel: Column | None = None
    site: Column | None = None
    asset: Column | None = None
    language: Column | None = None
    resolution_code: Column | None = None
    due: TimeColumn | None = None
    rating: Column | None = None
    rating_comment: Column | None = None
    worked: WorkedColumn | None = None
    attachments: Column | None = None

    LISTS: ClassVar[frozenset[str]] = frozenset({"tags", "attachments"})

    def targets(self) -> Iterator[tuple[str, Any]]:
        """Each target with where it comes from."""
        for name in Targets.model_fields:
            column = getattr(self, name)
            if column is not None:
                yield name, column


class Columns(Targets):
    case: Column


class Happening(Targets):
    """[[events]]: with `time`, something of its own that happened then, as far as the cell holds a
    time; without, what a row says besides where `when` holds."""

    time: TimeColumn | None = None
    when: Conditions = ()
    status: StatusColumn | None = None
    fields: dict[Key, FieldColumn] = Field(default_factory=dict)
    comment: CommentColumns | None = None
    links: tuple[LinkColumn, ...] = ()

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.time is None and not self.when:
            raise ValueError("it needs a time of its own, or `when`: which rows it is about")
        return self


class RowsAre(_Part):
    """[rows]: what a row is, what tells rows apart, and in which order they stand."""

    BARE = "kind"
    kind: Literal["event", "state"]
    """event: a row is an event, and an empty cell says nothing. state: a row is the state after a
    change, and an empty cell says that there is no value now."""
    key: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    order: Literal["time", "file", "reverse"] | None = None
    when: Conditions = ()
    """Rows that don't meet it are left out."""


class FileIs(_Part):
    """[file]: how the file is written, and what holds for all of its columns."""

    skip: Annotated[int, Field(ge=0, le=1000)] = 0
    """Lines before the header."""
    header: Annotated[int, Field(ge=1, le=5)] = 1
    """Lines of the header; names that stand above further ones are put before them, with ' / '."""
    sheet: Name | None = None
    records: Name | None = None
    """JSON: the path to the list of documents. XML: the name of the elements that are rows."""
    decimal: Literal[".", ","] = "."
    empty: tuple[str, ...] = ()
    empty_patterns: tuple[str, ...] = ()


class PeopleFile(_Part):
    """[people]: a second file, which tells names and addresses of the ids in the first."""

    file: Name
    key: Name
    name: Name | None = None
    address: Name | None = None
    format: Literal["csv", "json", "jsonl", "xlsx", "xml"] = "csv"
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    records: Name | None = None
    sheet: Name | None = None

    @model_validator(mode="after")
    def _tells(self) -> Self:
        if self.name is None and self.address is None:
            raise ValueError("it needs a name, an address or both")
        return self


Share = Annotated[float, Field(ge=0, le=1)]


class Accept(_Part):
    """The share of the new rows that may be so, from 0 to 1, before the file is refused."""

    out_of_order: Share = 0.2
    """Older than a row before it of its case."""
    unknown_status: Share = 0.1
    """With status words that the mapping doesn't have."""
    older_rows: Share = 0.0
    """Older than what the desk has of their case already."""


class Mapping(_Part):
    """The meaning of a file's columns."""

    source: Key
    """The name of the system the history comes from: part of what every ticket's id is made of."""
    format: Literal["csv", "xlsx", "json", "jsonl", "xml", "xes"]
    rows: RowsAre
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    file: FileIs = FileIs()
    columns: Columns
    time: Time = Time()
    status: StatusColumn | None = None
    fields: dict[Key, FieldColumn] = Field(default_factory=dict)
    comment: CommentColumns | None = None
    links: tuple[LinkColumn, ...] = ()
    events: tuple[Happening, ...] = ()
    parts: dict[Name, Name] = Field(default_factory=dict)
    """Patterns with named groups: of the column NAME, a group is the column NAME.GROUP."""
    people: PeopleFile | None = None
    accept: Accept = Accept()

    _file: Path | None = PrivateAttr(default=None)
    _text: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _of_the_format(self) -> Self:
        if self.format == "xes" and self.model_fields_set & {"encoding", "delimiter"}:
            raise ValueError("encoding and delimiter are for csv; a XES file names its own")
        if self.format == "xml" and self.file.records is None:
            raise ValueError("xml needs [file] records, the name of the elements that are rows")
        return self

    @model_validator(mode="after")
    def _timed(self) -> Self:
        timed = [each for each in self.events if each.time]
        if self.time.column is None and self.time.value is None and not timed:
            raise ValueError(
                "[time] needs a column or, where the file tells no time, a value such as "
                '"2024-12-31" at which its rows count'
            )
        said = [name for name, _ in self.columns.targets()]
        if not self.happens and (said or self.fields or self.comment or self.links):
            raise ValueError(
                "without a time under [time], a row is only its [[events]]: put what they say "
                "there, and the case alone under [columns]"
            )
        return self

    @model_validator(mode="after")
    def _worded(self) -> Self:
        if self.status and self.status.column and not self.status.words:
            raise ValueError("[status] needs words")
        for each in self.events:
            known = each.status is None or each.status.to or each.status.words
            if not known and not (self.status and self.status.words):
                raise ValueError("a status under [[events]] needs words, there or under [status]")
        return self

    @model_validator(mode="after")
    def _patterned(self) -> Self:
        for name, pattern in self.parts.items():
            try:
                groups = re.compile(pattern).groupindex
            except re.error as error:
                raise ValueError(f"parts.{name} is no pattern: {error}") from error
            if not groups:
                raise ValueError(f"parts.{name} has no named group, such as (?P<code>[0-9]+)")
        return self

    @property
    def state(self) -> bool:
        """A row is the state after a change: an empty cell says that there is no value now."""
        return self.rows.kind == "state"

    @property
    def happens(self) -> bool:
        """A row is something that happened, not only its [[events]]."""
        return self.time.column is not None or self.time.value is not None

    @property
    def order(self) -> Literal["time", "file", "reverse"]:
        if self.rows.order is not None:
            return self.rows.order
        return "time" if any(each.time for each in self.events) else "file"

    def like_patterns(self) -> Iterator[tuple[str | None, str]]:
        """Words of `empty` that look like patterns, with their columns."""
        for word in self.file.empty:
            if _PATTERN.search(word):
                yield None, word
        parts: list[Targets] = [self.columns, *self.events]
        columns = [column for part in parts for _, column in part.targets()]
        columns += [self.columns.case, *self.fields.values()]
        columns += [column for each in self.events for column in each.fields.values()]
        for column in columns:
            for word in getattr(column, "empty", ()):
                if _PATTERN.search(word):
                    yield " + ".join(column.names) or None, word

    def words_of(self, status: StatusColumn) -> tuple[StatusWord, ...]:
        """The words of a status under [[events]], or else those of [status]."""
        return status.words or (self.status.words if self.status else ())

    def statuses(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each status of the desk that the mapping leads to, with its place."""
        places: list[tuple[tuple[str | int, ...], StatusColumn | None]] = [
            (("status",), self.status)
        ]
        places += [(("events", at, "status"), each.status) for at, each in enumerate(self.events)]
        for place, status in places:
            if status and status.to:
                yield (*place, "to"), status.to
            for at, word in enumerate(status.words if status else ()):
                if word.to is not None:
                    yield (*place, "words", at, "to"), word.to

    def used(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each name of a column in the file that the mapping uses, with the place where it does."""
        made = {made for name in self.parts for made in self.made(name)}
        for path, name in self.named():
            if name not in made:
                yield path, name
        for name in self.parts:
            yield ("parts", name), name

    def made(self, name: str) -> dict[str, str]:
        """The columns that the pattern of a column makes of it, with the groups they are."""
        groups = re.compile(self.parts[name]).groupindex
        return {f"{name}.{group}": group for group in groups}

    def named(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each name of a column that the mapping uses, also of those it makes, with its place."""
        for name in self.columns.case.names:
            yield ("columns", "case"), name
        yield from _names(self.columns, ("columns",))
        yield from _names_of(self, ())
        if self.time.column:
            yield ("time", "column"), self.time.column
        for at, each in enumerate(self.events):
            yield from _names(each, ("events", at))
            yield from _names_of(each, ("events", at))
            for when in each.when:
                yield ("events", at, "when"), when.column
            if each.time and each.time.column:
                yield ("events", at, "time"), each.time.column
        for when in self.rows.when:
            yield ("rows", "when"), when.column
        for name in self.rows.key or ():
            yield ("rows", "key"), name

    def beside(self, name: str) -> Path:
        """A file that the mapping names: relative to the mapping's own folder."""
        return (self._file.parent if self._file else Path()) / name

    @property
    def text(self) -> str:
        """The file that it was read from; one made in Python as JSON."""
        return self._text or self.model_dump_json()

    def where(self, path: Sequence[str | int]) -> str:
        """FILE:LINE:COLUMN of a key, for messages."""
        if self._file is None:
            return "the mapping"
        return _where(self._file, self._text, path)


def _names(targets: Targets, place: tuple[str | int, ...]) -> Iterator[tuple[Any, str]]:
    for target, column in targets.targets():
        names = (column.column,) if isinstance(column, TimeColumn) else column.names
        for name in (*names, *getattr(column, "besides", ())):
            if name is not None:
                yield (*place, target), name


def _names_of(part: Mapping | Happening, place: tuple[str | int, ...]) -> Iterator[tuple[Any, str]]:
    """The names under status, fields, comment and links."""
    found: list[tuple[tuple[str | int, ...], str | None]] = []
    if part.status:
        found += [(("status", "column"), part.status.column)]
        found += [(("status", "substatus"), part.status.substatus)]
    for field, column in part.fields.items():
        found += [(("fields", field), name) for name in column.names]
    if part.comment:
        found += [(("comment", "column"), name) for name in part.comment.names]
        found += [(("comment",), name) for name in part.comment.besides]
    for at, link in enumerate(part.links):
        found += [(("links", at), name) for name in link.column.names]
    for path, name in found:
        if name is not None:
            yield (*place, *path), name


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
    first, *rest = sorted(errors, key=lambda each: each["type"] != "extra_forbidden")
    more = f" (and {len(rest)} more)" if rest else ""
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
