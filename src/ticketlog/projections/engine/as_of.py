"""Any view as of a moment: the log up to there, folded into a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from ticketlog.log.port import Log
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.basis import Basis
from ticketlog.projections.engine.fill import ProgressCallback, fill, reporting_progress
from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.projection import Projection, Tables


@contextmanager
def past(
    log: Log,
    view: Projection,
    moment: Moment,
    basis: Basis | None = None,
    stream: str | None = None,
    on_progress: ProgressCallback | None = None,
) -> Iterator[tuple[Connection, Tables]]:
    """A view's tables as they were, or as they would have been on another `basis`, in a scratch
    database; of all streams, or of one. What was redacted since is not in them.

    A query that takes `moment` needs no such tables: it finds in the live rows what they were.
    """
    engine = storage.scratch()
    try:
        with storage.writing(engine) as connection:
            build = build_store.create(connection, view, log.partitions)
        with reporting_progress(on_progress, f"replaying {view.name}") as progress:
            fill(
                log,
                engine,
                [build],
                moment,
                park=True,
                past=True,
                basis=basis,
                stream=stream,
                progress=progress,
            )
        with storage.writing(engine) as connection:
            build_store.finish(connection, build)
        with storage.reading(engine) as connection:
            yield connection, build.tables
    finally:
        engine.dispose()
