"""Where views are kept: builds of their tables, which of them is live, how far each has come.

A build is one set of a view's tables. Queries read the live one; a rebuild fills another beside it
and takes over by moving one pointer. A position belongs to a build and a partition of the log.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from ticketlog.errors import Conflict, Damaged, NewerFormat, Unreachable
from ticketlog.log.nameless import nameless
from ticketlog.projections.base import Projection, Rows, Tables

_META = MetaData()
BUILDS = Table(
    "ticketlog_builds",
    _META,
    Column("build", Integer, primary_key=True, autoincrement=True),
    Column("view", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),  # building, live, retired
    Column("beat", BigInteger, nullable=False),  # seconds since 1970; when it last moved on
    sqlite_autoincrement=True,
)
POSITIONS = Table(
    "ticketlog_positions",
    _META,
    Column("build", Integer, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next", BigInteger, nullable=False),
    Column("leaf", LargeBinary),
)
PARKED = Table(
    "ticketlog_parked",
    _META,
    Column("build", Integer, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
)
_BUSY_SECONDS = 60
"""To wait for another writer: the indexes of a large view are made in one transaction."""


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


def open_views(url: str) -> Engine:
    """The database of the views, made where it doesn't exist. Raises Unreachable, Damaged."""
    engine = create_engine(url, module=sqlite, connect_args={"check_same_thread": False})
    return _prepared(engine, "WAL")


def scratch() -> Engine:
    """A database that lasts as long as its engine and has one connection, for one thread after the
    other; what doesn't fit in memory goes to a file that nobody else sees."""
    engine = create_engine(
        "sqlite://",
        module=sqlite,
        creator=nameless,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
    )
    return _prepared(engine, "OFF")


def _prepared(engine: Engine, journal: str) -> Engine:
    _adapt()

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {_BUSY_SECONDS * 1000}",
            f"journal_mode = {journal}",
            "synchronous = NORMAL",  # views come back by replay
            "cache_size = -65536",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    with writing(engine) as connection:
        _META.create_all(connection)
    return engine


def _adapt() -> None:
    """Names these types' adapters: to find that there is none costs the driver 0.8 microseconds
    a value, more than to write it."""
    sqlite.register_adapter(type(None), lambda value: value)
    sqlite.register_adapter(bool, int)
    sqlite.register_adapter(bytes, bytes)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the views. Raises Unreachable, Damaged."""
    with translated(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it or nothing. Raises Unreachable, Damaged."""
    with translated(engine), engine.execution_options(immediate=True).begin() as connection:
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """The database's errors as ours."""
    where = engine.url.database or "the scratch database"
    try:
        yield
    except (OperationalError, sqlite.OperationalError) as error:
        raise Unreachable(f"the views in {where} can't be used: {_cause(error)}") from error
    except (DatabaseError, sqlite.DatabaseError) as error:
        if type(error) not in (DatabaseError, sqlite.DatabaseError):
            raise
        raise Damaged(
            f"the views in {where} are damaged ({_cause(error)}): delete that file, then "
            "`ticketlog replay rebuild` makes them anew from the log"
        ) from error


def _cause(error: Exception) -> object:
    return error.orig if isinstance(error, DBAPIError) else error


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
    """A build of this view that somebody fills right now: it moved on within `seconds`."""
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
        theirs = positions(connection, Build(old.build, build.view, {}))
        for mine, their, end in zip(at, theirs, ends, strict=False):
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
    """How far the build has come in each partition, in their order."""
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
