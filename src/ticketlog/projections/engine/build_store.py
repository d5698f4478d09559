"""The store of the views: builds of their tables, which of them is live, the position of each.

A build is one set of a view's tables. Queries read the live one; a rebuild fills another beside it
and takes over by moving one pointer. A position belongs to a build and a partition of the log.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)

from ticketlog.errors import Conflict, NewerFormat
from ticketlog.projections.engine.projection import Projection, Rows, Tables

META = MetaData()
BUILDS = Table(
    "ticketlog_builds",
    META,
    Column("build", Integer, primary_key=True, autoincrement=True),
    Column("view", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),  # building, live, retired
    Column("beat", BigInteger, nullable=False),  # seconds since 1970; when it last moved on
    sqlite_autoincrement=True,
)
POSITIONS = Table(
    "ticketlog_positions",
    META,
    Column("build", Integer, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next", BigInteger, nullable=False),
    Column("leaf", LargeBinary),
)
PARKED = Table(
    "ticketlog_parked",
    META,
    Column("build", Integer, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
)


class Position(NamedTuple):
    """The next offset of a partition to be applied, and the leaf hash of the record before it."""

    next: int = 0
    leaf: bytes | None = None


class Build(NamedTuple):
    """One set of a view's tables."""

    number: int
    view: Projection
    tables: Tables


class Parked(NamedTuple):
    """A stream that a view doesn't follow, from the record that it couldn't take."""

    build: int
    stream: str
    partition: int
    offset: int
    error: str


class Overtaken(Exception):
    """Another runner, rebuild or retry was first; what is read again goes on from there."""


@lru_cache(maxsize=256)
def tables_of(view: Projection, number: int) -> Tables:
    """The tables of a build. The same objects each time, so that SQLAlchemy compiles once."""
    meta = MetaData()
    return {
        spec.name: _table(spec, f"{view.name}_{spec.name}_{number}", meta) for spec in view.tables
    }


def _table(spec: Rows, name: str, meta: MetaData) -> Table:
    number = [Column("row", Integer, primary_key=True)] if spec.numbered else []
    columns = [
        Column(column, type_, nullable=column not in spec.key)
        for column, type_ in spec.columns.items()
    ]
    for each in columns:
        each.name = str(each.name)  # rows' keys; orjson takes none of SQLAlchemy's own kind
    return Table(name, meta, *number, *columns)


def indexes_of(spec: Rows, table: Table) -> list[Index]:
    """Made anew for each call: an index that hangs on its table would be made with it."""
    copy = table.to_metadata(MetaData())
    return [
        Index(f"{table.name}_key", *(copy.c[name] for name in spec.key), unique=True),
        *(
            Index(f"{table.name}_{n}", *(copy.c[name] for name in columns))
            for n, columns in enumerate(spec.indexes, 1)
        ),
    ]


def create(connection: Connection, view: Projection, partitions: int) -> Build:
    """A new build with empty tables, without their indexes, before the log's first record."""
    values = {"view": view.name, "version": view.version, "state": "building", "beat": _now()}
    number = connection.execute(
        insert(BUILDS).values(values).returning(BUILDS.c.build)
    ).scalar_one()
    build = Build(number, view, tables_of(view, number))
    for table in build.tables.values():
        table.create(connection)
    rows = [{"build": number, "partition": p, "next": 0} for p in range(partitions)]
    connection.execute(insert(POSITIONS), rows)
    return build


def finish(connection: Connection, build: Build) -> None:
    """Makes what is made last because it is quicker so: the indexes. Raises Conflict."""
    beat(connection, build)
    for spec in build.view.tables:
        for index in indexes_of(spec, build.tables[spec.name]):
            index.create(connection)
    build.view.finish(connection, build.tables)


def live(connection: Connection, view: Projection) -> Build | None:
    """The build that queries read. None: there is none of this version yet.

    Raises NewerFormat where a newer release has taken over.
    """
    found = _standing(connection, view)
    if found is None or found.version < view.version:
        return None
    if found.version > view.version:
        raise NewerFormat(
            f"view {view.name} is at version {found.version} here, this release has "
            f"{view.version}: upgrade ticketlog, or go back by `ticketlog replay rebuild`"
        )
    return Build(found.build, view, tables_of(view, found.build))


def _standing(connection: Connection, view: Projection) -> Any:
    query = select(BUILDS.c.build, BUILDS.c.version).where(
        BUILDS.c.view == view.name, BUILDS.c.state == "live"
    )
    return connection.execute(query).first()


def building(connection: Connection, view: Projection, seconds: int) -> int | None:
    """A build of this view that a process fills right now: it moved on within `seconds`."""
    query = select(func.max(BUILDS.c.build)).where(
        BUILDS.c.view == view.name,
        BUILDS.c.version == view.version,
        BUILDS.c.state == "building",
        BUILDS.c.beat > _now() - seconds,
    )
    number: int | None = connection.execute(query).scalar()
    return number


def beat(connection: Connection, build: Build) -> None:
    """Says that the build goes on. Raises Conflict where a newer one has replaced it."""
    mine = (BUILDS.c.build == build.number) & (BUILDS.c.state == "building")
    if connection.execute(update(BUILDS).where(mine).values(beat=_now())).rowcount != 1:
        raise Conflict(f"another rebuild of {build.view.name} was started; this one stops")


def give_up(connection: Connection, builds: Sequence[Build]) -> None:
    """Says that these builds don't go on, so that nobody waits for them."""
    mine = BUILDS.c.build.in_([build.number for build in builds]) & (BUILDS.c.state == "building")
    connection.execute(update(BUILDS).where(mine).values(beat=0))


def take_over(
    connection: Connection, build: Build, at: Sequence[Position], ends: Sequence[int]
) -> bool:
    """Makes the build, which has come to `at`, the live one; those before it can be dropped.

    False where the one that is live has come further in a log that reaches to `ends`.
    """
    beat(connection, build)
    old = _standing(connection, build.view)
    if old is not None:
        old_positions = positions(connection, Build(old.build, build.view, {}))
        for mine, their, end in zip(at, old_positions, ends, strict=False):
            if mine.next < their.next <= end:
                return False
        retired = update(BUILDS).where(BUILDS.c.build == old.build).values(state="retired")
        connection.execute(retired)
    connection.execute(update(BUILDS).where(BUILDS.c.build == build.number).values(state="live"))
    return True


def leftovers(connection: Connection, view: Projection) -> list[int]:
    """Builds of the view that nobody reads: retired ones, and ones that were never finished."""
    query = select(BUILDS.c.build).where(BUILDS.c.view == view.name, BUILDS.c.state != "live")
    return list(connection.execute(query).scalars())


def drop(connection: Connection, view: Projection, number: int) -> None:
    """Takes a build away with everything that belongs to it."""
    names = inspect(connection).get_table_names()
    mine = [
        name for name in names if name.startswith(f"{view.name}_") and name.endswith(f"_{number}")
    ]
    if mine:
        view.discard(connection, tables_of(view, number))
    for name in mine:
        Table(name, MetaData()).drop(connection)
    for table in (BUILDS, POSITIONS, PARKED):
        connection.execute(delete(table).where(table.c.build == number))


def positions(connection: Connection, build: Build) -> tuple[Position, ...]:
    """The build's position in each partition, in their order."""
    query = (
        select(POSITIONS.c.next, POSITIONS.c.leaf)
        .where(POSITIONS.c.build == build.number)
        .order_by(POSITIONS.c.partition)
    )
    return tuple(Position(next, leaf) for next, leaf in connection.execute(query))


def move(
    connection: Connection, build: Build, old: Sequence[Position], new: Sequence[Position]
) -> None:
    """Moves the build on. Raises Overtaken where it no longer stands where it stood."""
    at = POSITIONS.c
    for partition, (was, now) in enumerate(zip(old, new, strict=True)):
        if was == now:
            continue
        mine = (at.build == build.number) & (at.partition == partition)
        same = (at.next == was.next) & (at.leaf.is_not_distinct_from(was.leaf))
        values = {"next": now.next, "leaf": now.leaf}
        if connection.execute(update(POSITIONS).where(mine & same).values(values)).rowcount != 1:
            raise Overtaken


def states(connection: Connection, builds: Sequence[Build]) -> set[str | None]:
    """The states that these builds have; None for one that was dropped."""
    query = select(BUILDS.c.build, BUILDS.c.state)
    found = {row.build: row.state for row in connection.execute(query)}
    return {found.get(build.number) for build in builds}


def parked(connection: Connection, build: Build) -> list[Parked]:
    query = select(PARKED).where(PARKED.c.build == build.number).order_by(PARKED.c.stream)
    return [Parked(*row) for row in connection.execute(query)]


def park(connection: Connection, rows: Sequence[Parked]) -> None:
    if rows:
        connection.execute(insert(PARKED), [row._asdict() for row in rows])


def unpark(connection: Connection, build: Build, stream: str) -> None:
    mine = (PARKED.c.build == build.number) & (PARKED.c.stream == stream)
    connection.execute(delete(PARKED).where(mine))


def _now() -> int:
    return int(time.time())
