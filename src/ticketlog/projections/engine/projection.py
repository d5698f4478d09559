"""A projection: the tables of a view, and the fold that says which rows one stream has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import BigInteger, Boolean, Connection, Table, Text
from sqlalchemy.types import TypeEngine

from ticketlog.domain.base import Recorded, iso
from ticketlog.domain.time.business_hours import SECOND
from ticketlog.projections.views.shared.periods import QUARTER

if TYPE_CHECKING:
    from ticketlog.projections.engine.query import Query

_INSTANT = re.compile(r"(^|_)(at|since|until|clock|due|started|ended|snoozed)$")
_GROUPS = frozenset({"id", "group", "source"})
TEXT = Text()
INT = BigInteger()
BOOL = Boolean()

Row: TypeAlias = tuple[Any, ...]
Columns: TypeAlias = Mapping[str, TypeEngine[Any]]
Tables: TypeAlias = Mapping[str, Table]
"""A view's tables by the names that it gives them itself."""


class Whose(NamedTuple):
    """The owners of a table's rows: which of them an actor may read who doesn't see everything
    (`engine.scoping`)."""

    tickets: tuple[str, ...] = ()
    """Columns with ids of tickets, all of which the actor must see."""
    streams: tuple[str, ...] = ()
    """Columns with names of streams, KIND/ID: so of those that are tickets."""
    public: str = ""
    """The column that says whether end users may read the row."""
    persons: str = ""
    """The column with the person whom the row is about: other end users don't read it."""
    staff: bool = False
    """Nobody but who works on tickets reads it."""
    team: str = ""
    """The column with the team that the ticket is in, or that the counted tickets are in: so far as
    rows are those of now, restricted teams are told by it."""
    made_of: Callable[[Tables], Any] | None = None
    """The same columns, counted from the readable rows of other tables of the view."""


NOBODYS = Whose()
"""Rows that tell nothing by themselves: names of groups, which other rows refer to."""
OF_TICKET = Whose(("ticket",))
OF_STAFF = Whose(staff=True)


@dataclass(frozen=True, eq=False)
class Rows:
    """A table whose rows belong to one stream each: the first key column holds its id."""

    name: str
    key: Columns
    values: Columns = field(default_factory=dict)
    indexes: tuple[tuple[str, ...], ...] = ()
    numbered: bool = False
    """With an integer `row` of its own, for what refers to rows by number."""
    seconds: tuple[str, ...] = ()
    """The columns that hold durations in seconds."""
    microseconds: tuple[str, ...] = ()
    """The columns that hold durations in microseconds."""
    whose: Whose | None = None
    """None: nobody reads it who doesn't see everything."""

    @property
    def columns(self) -> Columns:
        return {**self.key, **self.values}

    def document(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row, or some of its columns, as documents have it: instants are ISO texts, durations
        are seconds and called so, and the numbers of groups are texts, since not every reader of
        JSON keeps them exact."""
        return dict(self._in_document(name, value) for name, value in row.items())

    def _in_document(self, name: str, value: Any) -> tuple[str, Any]:
        if name in self.seconds or name in self.microseconds:
            if name in self.microseconds and value is not None:
                value = value // SECOND if value % SECOND == 0 else value / SECOND
            return name if name == "seconds" else f"{name}_seconds", value
        if type(value) is int and name == "quarter":
            return name, iso(value * QUARTER)
        if type(value) is int and _INSTANT.search(name):
            return name, iso(value)
        return name, str(value) if type(value) is int and name in _GROUPS else value


@dataclass(frozen=True, eq=False)
class Sum(Rows):
    """A table of counts: a stream's rows, (*key, *values, number), are what it adds to them.

    The values follow from the key. Key columns hold no nulls; '' stands for nobody. A count of 0
    has no row.
    """

    @property
    def columns(self) -> Columns:
        return {**self.key, **self.values, "n": INT}


class Fold:
    """The fold of one stream for one view: what it keeps while the events pass by.

    It reads no clock, no settings and no other view, so that its rows follow from the stream's
    events alone.
    """

    __slots__ = ("id",)

    def __init__(self, id: str) -> None:
        self.id = id

    def step(self, recorded: Recorded, before: Any, after: Any) -> None:
        """One more event, with the aggregate's state before and after it. A fold that needs only
        the last state leaves this as it is."""

    def hide(self, text: str) -> None:
        """The text of the event of this id was redacted after the moment that is asked about:
        nobody may read it any more."""

    def rows(self, state: Any) -> tuple[list[Row], ...]:
        """The stream's rows now: one list per table of the view, in their order."""
        raise NotImplementedError

    def withdrawn(self, tables: int) -> tuple[list[Row], ...]:
        """The same for a ticket that was withdrawn with its import: it has none."""
        return tuple([] for _ in range(tables))


def nothing(connection: Connection, tables: Tables) -> None:
    """The parts of a view that most views have alike."""


@dataclass(frozen=True, eq=False)
class Projection:
    """A view. Whatever changes its rows or its tables raises its `version`."""

    name: str
    version: int
    tables: tuple[Rows, ...]
    folds: Mapping[str, type[Fold]]
    """Kind of stream -> its fold."""
    queries: tuple[type[Query[Any]], ...]
    """All that can be asked of it."""
    promises: bool = False
    """Its rows tell what became of promises, and can be made on another basis."""
    track: str = ""
    """Views of one track follow the log together, in one pass; those of another one neither wait
    for them nor hold them up."""
    finish: Callable[[Connection, Tables], None] = nothing
    """Run once the tables are filled and indexed: what SQLAlchemy's tables can't say."""
    discard: Callable[[Connection, Tables], None] = nothing
    """Run before the tables are dropped."""
    check: Callable[[Connection, Tables], None] = nothing
    """Raises a database error where what `finish` made doesn't fit the rows."""


def tracks(views: Sequence[Projection]) -> list[list[Projection]]:
    """The views by their tracks, in the order of the first of each."""
    found: dict[str, list[Projection]] = {}
    for view in views:
        found.setdefault(view.track, []).append(view)
    return list(found.values())
