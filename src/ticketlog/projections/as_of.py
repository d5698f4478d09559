"""Any view as of a moment: the log up to there, folded into a database of its own, or, where a
query can tell from the live rows what they were, those."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

from sqlalchemy import Connection, Engine

from ticketlog.log.port import Log
from ticketlog.projections import database, view_of
from ticketlog.projections.base import Projection, Tables
from ticketlog.projections.filling import fill
from ticketlog.projections.moment import Cut, Moment


def ask_at(
    log: Log,
    engine: Engine,
    function: Callable[..., Any],
    moment: Moment,
    **parameters: Any,
) -> Any:
    """What a view's query function says of a moment. The live views must have come as far as the
    moment to be of help; otherwise the log is read."""
    view = view_of(function)
    if "moment" in signature(function).parameters:
        with database.reading(engine) as connection:
            build = database.live(connection, view)
            if build is not None and _covers(connection, build, moment, log):
                return function(connection, build.tables, moment=moment, **parameters)
    with past(log, view, moment) as (connection, tables):
        return function(connection, tables, **parameters)


def _covers(connection: Connection, build: database.Build, moment: Moment, log: Log) -> bool:
    """Whether the live rows hold all that is to be known about the moment."""
    ends = moment.ends if isinstance(moment, Cut) else log.ends()
    at = database.positions(connection, build)
    return all(mine.next >= end for mine, end in zip(at, ends, strict=True))


@contextmanager
def past(log: Log, view: Projection, moment: Moment) -> Iterator[tuple[Connection, Tables]]:
    """A view's tables as they were, in a scratch database. What was redacted since is not in
    them."""
    engine = database.scratch()
    try:
        with database.writing(engine) as connection:
            build = database.create(connection, view, log.partitions)
        fill(log, engine, [build], moment, park=True, past=True)
        with database.writing(engine) as connection:
            database.finish(connection, build)
        with database.reading(engine) as connection:
            yield connection, build.tables
    finally:
        engine.dispose()
