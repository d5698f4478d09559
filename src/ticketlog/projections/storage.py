"""The database that holds the views: how it is opened, its transactions, its errors as ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from ticketlog.errors import Damaged, Unreachable
from ticketlog.projections.database import META
from ticketlog.support.scratch_sqlite import nameless

_BUSY_SECONDS = 60
"""To wait for another writer: the indexes of a large view are made in one transaction."""
_LOOK_SECONDS = 0.5
"""Between looks whether to go on waiting."""


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
        options = connection.get_execution_options()
        if options.get("immediate"):
            _take_turn(connection, options.get("goes_on", lambda: None))
        else:
            connection.exec_driver_sql("BEGIN")

    with writing(engine) as connection:
        META.create_all(connection)
    return engine


def interruptible(engine: Engine, goes_on: Callable[[], None]) -> Engine:
    """The same database, where whoever waits to write calls `goes_on` now and then; what that
    raises ends the wait."""
    return engine.execution_options(goes_on=goes_on)


def _take_turn(connection: Connection, goes_on: Callable[[], None]) -> None:
    """Begins a transaction that writes, once nobody else does."""
    deadline = time.monotonic() + _BUSY_SECONDS
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {_LOOK_SECONDS * 1000:.0f}")
    try:
        while not _has_turn(connection, last=time.monotonic() > deadline):
            goes_on()
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")


def _has_turn(connection: Connection, last: bool) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if last or getattr(error.orig, "sqlite_errorcode", None) != sqlite.SQLITE_BUSY:
            raise
        return False
    return True


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
