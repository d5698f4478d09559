"""The database that holds the views: opening it, its transactions, its errors as ticketlog's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event, make_url

from ticketlog.projections.engine.build_store import META
from ticketlog.projections.engine.dialects import EMBEDDED, dialect_of, named


def open_views(url: str) -> Engine:
    """The database of the views, made where it doesn't exist. Raises Unreachable, Damaged; KeyError
    for a database of which no dialect is known."""
    return _prepared(named(make_url(url).get_backend_name()).open(url))


def scratch() -> Engine:
    """A database of its own, for rows that live no longer than its engine."""
    return _prepared(EMBEDDED.scratch())


def _prepared(engine: Engine) -> Engine:
    dialect = dialect_of(engine)

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("writing"):
            dialect.begin_writing(connection, options.get("goes_on", lambda: None))
        else:
            dialect.begin(connection)

    with writing(engine) as connection:
        META.create_all(connection)
    return engine


def interruptible(engine: Engine, goes_on: Callable[[], None]) -> Engine:
    """The same database, where a thread that waits to write calls `goes_on` now and then; what that
    raises ends the wait."""
    return engine.execution_options(goes_on=goes_on)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the views. Raises Unreachable, Damaged."""
    with translated(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it or nothing. Raises Unreachable, Damaged."""
    with translated(engine), engine.execution_options(writing=True).begin() as connection:
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """The database's errors as those of ticketlog."""
    try:
        yield
    except Exception as error:
        where = engine.url.database or "the scratch database"
        failure = dialect_of(engine).failure(error, where)
        if failure is None:
            raise
        raise failure from error
