"""Proof that the live views are what the log says: replayed beside them, compared row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from ticketlog.errors import Damaged, Usage
from ticketlog.log.port import Log
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.as_of import past
from ticketlog.projections.engine.build_store import Build, Parked
from ticketlog.projections.engine.comparison import Compared, Side, compare
from ticketlog.projections.engine.fill import ProgressCallback, Report, fill
from ticketlog.projections.engine.moment import Cut, Moment
from ticketlog.projections.engine.projection import Projection


class VerifiedView(NamedTuple):
    """A live view against a replay up to the same position."""

    view: str
    version: int
    ends: tuple[int, ...]
    tables: tuple[Compared, ...]
    parked: tuple[Parked, ...]
    damage: str | None = None
    """Further faults: the index of words doesn't fit the texts."""

    @property
    def same(self) -> bool:
        return self.damage is None and all(table.same for table in self.tables)


def verify(
    log: Log,
    engine: Engine,
    projections: Sequence[Projection] = PROJECTIONS,
    *,
    progress: Report | None = None,
) -> list[VerifiedView]:
    """Replays views into a scratch database and compares them with the live ones.

    What is live is read in one transaction, so it may move on meanwhile. Streams that are parked
    in a live view count as far as they got. Raises Usage for a view that was never built.
    """
    damage = {view.name: _damage(engine, view) for view in projections}
    with storage.reading(engine) as connection:
        together: dict[tuple[int, ...], list[Build]] = {}
        for view in projections:
            build = build_store.live(connection, view)
            if build is None:
                raise Usage(f"view {view.name} was never built: `ticketlog replay rebuild` does it")
            ends = tuple(at.next for at in build_store.positions(connection, build))
            together.setdefault(ends, []).append(build)
        found = [
            result._replace(damage=damage[result.view])
            for ends, builds in together.items()
            for result in _verify(log, connection, builds, ends, progress)
        ]
    order = [view.name for view in projections]
    return sorted(found, key=lambda result: order.index(result.view))


def _verify(
    log: Log,
    live: Connection,
    builds: Sequence[Build],
    ends: tuple[int, ...],
    progress: Report | None,
) -> list[VerifiedView]:
    scratch = storage.scratch()
    try:
        with storage.writing(scratch) as connection:
            fresh = [build_store.create(connection, b.view, log.partitions) for b in builds]
        fill(log, scratch, fresh, Cut(ends), progress=progress, park=True)
        with storage.reading(scratch) as connection:
            return [
                VerifiedView(
                    build.view.name,
                    build.view.version,
                    ends,
                    tuple(
                        compare(build.view, Side(connection, anew.tables), Side(live, build.tables))
                    ),
                    tuple(build_store.parked(live, build)),
                )
                for build, anew in zip(builds, fresh, strict=True)
            ]
    finally:
        scratch.dispose()


def _damage(engine: Engine, view: Projection) -> str | None:
    try:
        with storage.writing(engine) as connection:
            build = build_store.live(connection, view)
            if build is not None:
                view.check(connection, build.tables)
    except Damaged as error:
        return str(error)
    return None


def differences(
    log: Log,
    view: Projection,
    first: Moment,
    second: Moment,
    on_progress: ProgressCallback | None = None,
) -> list[Compared]:
    """The differences of a view between two moments: per table the rows that went (missing), came
    (extra) and changed."""
    with (
        past(log, view, first, on_progress=on_progress) as (before, old),
        past(log, view, second, on_progress=on_progress) as (after, new),
    ):
        return compare(view, Side(before, old), Side(after, new))
