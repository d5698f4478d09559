"""The tables of a view as a limited actor reads them: without the rows that aren't for them.

A query gets these in the place of the tables, under the same names and with the same columns, so
that none can forget to leave something out. Who sees which ticket is said by the view of scopes,
as it is now, whatever moment the query asks about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    union,
)

from ticketlog.domain.sight import Sight
from ticketlog.projections.engine.projection import Rows, Tables, Whose

TICKETS, COPIES = "tickets", "copies"
_TICKET = "ticket/"


class Limits(NamedTuple):
    """The limits of what an actor reads: the tickets that they see; `selves`: as whom else, being
    one with them by merges; `end_user`: whether they read public rows alone, and those about
    themselves; `unknown`: the tickets of which the scope isn't known."""

    sight: Sight
    selves: tuple[str, ...] = ()
    end_user: bool = False
    unknown: tuple[str, ...] = ()

    @property
    def by_team(self) -> bool:
        """Whether a ticket's team alone says whether it is seen."""
        sight = self.sight
        return sight.every and sight.person is None and not (sight.everything or self.end_user)

    @property
    def hide(self) -> bool:
        """Whether anything may have to be left out."""
        return self.sight.limited or self.end_user


class ScopedTables(Mapping[str, Table]):
    """The tables of a view without the rows that are beyond the limits."""

    def __init__(
        self,
        specs: tuple[Rows, ...],
        tables: Tables,
        limits: Limits,
        scope: Callable[[], tuple[Tables, Limits]],
        *,
        live: bool = False,
    ) -> None:
        """`scope`: the scopes of tickets, and the limits in their terms; asked where it takes them.
        `live`: the rows are those of now."""
        self._specs = {spec.name: spec for spec in specs}
        self._tables = tables
        self._limits = limits
        self._scope_of = scope
        self._by_team = live and limits.by_team
        self._made: dict[str, Table] = {}

    @cached_property
    def _resolved(self) -> tuple[Tables, Limits]:
        return self._scope_of()

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __getitem__(self, name: str) -> Table:
        if name not in self._made:
            self._made[name] = self._scoped(name)
        return self._made[name]

    def _scoped(self, name: str) -> Table:
        """A subquery that stands for the table: queries ask of a table only what every selectable
        has, and its name, by which the database's index of words is found."""
        table, whose = self._tables[name], self._specs[name].whose
        if whose is None:
            return _as_table(select(table).where(false()), table.name)
        if whose.team and self._by_team:
            return _outside(table, whose.team, self._limits.sight.closed)
        if whose.made_of is not None:
            return _as_table(whose.made_of(self), table.name)
        conditions = list(self._conditions(table, whose))
        if not conditions:
            return table
        return _as_table(select(table).where(and_(*conditions)), table.name)

    def _conditions(self, table: Table, whose: Whose) -> Iterator[ColumnElement[bool]]:
        limits = self._limits
        if limits.end_user:
            limits = self._resolved[1]
        for column in whose.tickets:
            yield from self._seen(table.c[column])
        for column in whose.streams:
            stream = func.coalesce(table.c[column], "")
            hidden = [not_(each) for each in self._seen(stream, _TICKET)]
            if hidden:
                yield not_(and_(stream.startswith(_TICKET), or_(*hidden)))
        if limits.end_user:
            if whose.staff:
                yield false()
            if whose.public:
                yield table.c[whose.public]
            if whose.persons:
                yield table.c[whose.persons].in_(limits.selves)

    def _seen(self, column: Any, prefix: str = "") -> Iterator[ColumnElement[bool]]:
        """The conditions under which a ticket is seen, of which a column holds the name."""
        if self._limits.sight.everything:
            return
        scopes, limits = self._resolved
        sight, scope = limits.sight, scopes[TICKETS].c
        named = (literal(prefix) + scope.ticket) if prefix else scope.ticket
        own = scope.requester.in_(limits.selves) if limits.selves else false()
        if not sight.every:
            copies = scopes[COPIES].c
            copied = (literal(prefix) + copies.ticket) if prefix else copies.ticket
            allowed = select(named).where(or_(own, *self._held(scope)))
            in_copy = select(copied).where(copies.person.in_(limits.selves))
            yield column.in_(union(allowed, in_copy) if limits.selves else allowed)
        if sight.closed:
            hidden = select(named).where(scope.team.in_(sorted(sight.closed)))
            if limits.selves:
                hidden = hidden.where(or_(scope.requester.is_(None), not_(own)))
            yield column.not_in(hidden)
        if limits.unknown:
            yield column.not_in([prefix + each for each in limits.unknown])

    def _held(self, scope: Any) -> Iterator[ColumnElement[bool]]:
        sight = self._limits.sight
        if sight.agent is not None:
            yield scope.assignee == sight.agent
        if sight.teams:
            yield scope.team.in_(sorted(sight.teams))
        if sight.organisations:
            yield scope.organisation.in_(sorted(sight.organisations))


@lru_cache(maxsize=256)
def _outside(table: Table, column: str, teams: frozenset[str]) -> Table:
    """The rows of tickets that are in none of these teams. Each team is compared by itself: a list
    of values is written into the statement anew each time, which takes longer than a page's
    rows."""
    team = table.c[column]
    outside = and_(*(team != each for each in sorted(teams)))
    return _as_table(select(table).where(or_(team.is_(None), outside)), table.name)


def _as_table(query: Any, name: str) -> Table:
    return cast("Table", query.subquery(name))


def named_tickets(
    connection: Connection, scope: Tables, ids: list[str], teams: frozenset[str]
) -> list[str]:
    """The tickets among these that are in one of the teams now."""
    table, found = scope[TICKETS].c, list[str]()
    for start in range(0, len(ids), _AT_ONCE):
        query = select(table.ticket).where(
            table.ticket.in_(ids[start : start + _AT_ONCE]), table.team.in_(sorted(teams))
        )
        found += connection.execute(query).scalars()
    return sorted(found)


_AT_ONCE = 500
"""Values that one query asks about."""
