"""Row changes of a batch of events in a build's tables, written in few statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection, Table, and_, bindparam, delete, literal_column
from sqlalchemy.engine.interfaces import Dialect as SqlDialect

from ticketlog.projections.engine.build_store import Build
from ticketlog.projections.engine.dialects import dialect_of, named
from ticketlog.projections.engine.projection import Row, Rows, Sum


class Statements(NamedTuple):
    """A table's statements in the dialect's own SQL, for the driver's executemany."""

    insert: str
    upsert: str
    delete: str
    delete_zero: str


@lru_cache(maxsize=1024)
def statements_of(spec: Rows, table: Table, dialect: SqlDialect) -> Statements:
    """Parameters are positional: the spec's columns in their order; for deletes its key."""
    columns = list(spec.columns)
    plain = named(dialect.name).insert(table)
    sum_ = isinstance(spec, Sum)
    values = {
        name: table.c[name] + plain.excluded[name] if sum_ else plain.excluded[name]
        for name in (["n"] if sum_ else spec.values)
    }
    key = [table.c[name] for name in spec.key]
    upsert = (
        plain.on_conflict_do_update(index_elements=key, set_=values)
        if values
        else plain.on_conflict_do_nothing(index_elements=key)
    )
    gone = delete(table).where(and_(*(column == bindparam(column.name) for column in key)))
    zero = gone.where(table.c.n == literal_column("0")) if sum_ else gone
    return Statements(
        *(str(each.compile(dialect=dialect, column_keys=columns)) for each in (plain, upsert)),
        *(str(each.compile(dialect=dialect)) for each in (gone, zero)),
    )


class RowChanges:
    """The rows of one build that a batch changes; written in one transaction."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.upserts: list[list[Row]] = [[] for _ in build.view.tables]
        self.deletes: list[list[Row]] = [[] for _ in build.view.tables]
        self.sums: list[dict[Row, int]] = [{} for _ in build.view.tables]

    def replace(self, old: Sequence[list[Row]], new: Sequence[list[Row]]) -> None:
        """A stream had the rows `old` and has the rows `new` now."""
        for at, spec in enumerate(self.build.view.tables):
            was, now = old[at], new[at]
            if was == now:
                continue
            if isinstance(spec, Sum):
                add(self.sums[at], was, -1)
                add(self.sums[at], now, 1)
                continue
            length = len(spec.key)
            before = {row[:length]: row for row in was}
            self.upserts[at] += [row for row in now if before.pop(row[:length], None) != row]
            self.deletes[at] += before

    def write(self, connection: Connection) -> None:
        for at, spec in enumerate(self.build.view.tables):
            sql = statements_of(spec, self.build.tables[spec.name], connection.dialect)
            many(connection, sql.delete, self.deletes[at])
            many(connection, sql.upsert, self.upserts[at])
            changed = [(*key, n) for key, n in sorted(self.sums[at].items()) if n]
            many(connection, sql.upsert, changed)
            many(
                connection,
                sql.delete_zero,
                [row[: len(spec.key)] for row in changed if row[-1] < 0],
            )


def add(sums: dict[Row, int], rows: Iterable[Row], sign: int) -> None:
    for row in rows:
        key = row[:-1]
        sums[key] = sums.get(key, 0) + sign * row[-1]


def many(connection: Connection, sql: str, rows: Sequence[Row]) -> None:
    if rows:
        dialect_of(connection).write(connection, sql, rows)
