"""The scopes of tickets where views are kept, and in the scratch databases of the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Column, Connection, Index, MetaData, Select, Table, select

from ticketlog.projections.engine import build_store
from ticketlog.projections.engine.projection import Projection, Rows, Tables
from ticketlog.projections.engine.scoping import COPIES, TICKETS, Limits, ScopedTables
from ticketlog.projections.views.persons import same
from ticketlog.projections.views.scope import TABLES
from ticketlog.projections.views.scope import VIEW as SCOPE

_TICKET = "ticket/"
_AT_ONCE = 10_000
_LENT = "scope_of_now_"


class LiveScope(NamedTuple):
    """The scopes of tickets as they are now. `unknown`: the tickets that the view couldn't take."""

    tables: Tables
    ends: tuple[int, ...]
    unknown: tuple[str, ...]


class LentScope(NamedTuple):
    """The scopes of a moment ago, in a database of its own, for one actor's limits."""

    tables: Tables
    ends: tuple[int, ...]
    limits: Limits
    resolved: Limits

    def limit(self, view: Projection, tables: Tables) -> Tables:
        """A view's tables without what is beyond the limits."""
        return ScopedTables(view.tables, tables, self.limits, lambda: (self.tables, self.resolved))


class ScopeBehind(Exception):
    """The scopes are older than the rows of another view, which may tell of a ticket what they
    don't know yet."""


def live_scope(connection: Connection, ends: Sequence[int]) -> LiveScope:
    """The scopes as they are now. Raises ScopeBehind where they are older than the `ends` to which
    another view has come."""
    build = build_store.live(connection, SCOPE)
    if build is None:
        raise ScopeBehind
    own = tuple(at.next for at in build_store.positions(connection, build))
    if any(at < end for at, end in zip(own, ends, strict=False)):
        raise ScopeBehind
    parked = (row.stream for row in build_store.parked(connection, build))
    unknown = (each.removeprefix(_TICKET) for each in parked if each.startswith(_TICKET))
    return LiveScope(build.tables, own, tuple(unknown))


def resolved(connection: Connection, scope: LiveScope, limits: Limits) -> Limits:
    """The limits with the ids of all who are one with the person who asks."""
    person = limits.sight.person
    selves = tuple(same(connection, scope.tables, person)) if person is not None else ()
    return limits._replace(selves=selves, unknown=scope.unknown)


def scoped(
    connection: Connection,
    view: Projection,
    tables: Tables,
    limits: Limits,
    ends: Sequence[int],
) -> Tables:
    """A view's tables, as they are at `ends`, without what is beyond the limits. One that takes the
    scopes raises ScopeBehind where those are older."""

    def scope() -> tuple[Tables, Limits]:
        found = live_scope(connection, ends)
        return found.tables, resolved(connection, found, limits)

    return ScopedTables(view.tables, tables, limits, scope, live=True)


def lent(connection: Connection, scope: LiveScope, into: Connection, limits: Limits) -> LentScope:
    """The scopes copied into another database: of restricted teams, where all else is seen, or
    all."""
    made: dict[str, Table] = {}
    for spec in TABLES:
        if spec.name not in (TICKETS, COPIES):
            continue
        table = made[spec.name] = _table(spec)
        table.drop(into, checkfirst=True)
        table.create(into)
        rows = connection.execute(_needed(scope.tables[spec.name], spec, limits))
        for part in rows.mappings().partitions(_AT_ONCE):
            into.execute(table.insert(), [dict(row) for row in part])
    return LentScope(made, scope.ends, limits, resolved(connection, scope, limits))


def _needed(table: Table, spec: Rows, limits: Limits) -> Select[tuple[object, ...]]:
    query = select(*(table.c[name] for name in spec.columns))
    if limits.sight.every and spec.name == TICKETS:
        return query.where(table.c.team.in_(sorted(limits.sight.closed)))
    return query


def _table(spec: Rows) -> Table:
    columns = [
        Column(name, type, primary_key=name in spec.key) for name, type in spec.columns.items()
    ]
    indexes = [Index(f"{_LENT}{spec.name}_by_{'_'.join(names)}", *names) for names in spec.indexes]
    return Table(f"{_LENT}{spec.name}", MetaData(), *columns, *indexes)
