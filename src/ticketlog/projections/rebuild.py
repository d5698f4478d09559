"""Views made anew from the log, beside the live ones: stream by stream, each folded once and its
rows written once, the indexes last; then the rest of the log, then one pointer moves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from ticketlog.errors import Conflict
from ticketlog.log.port import Log
from ticketlog.projections import PROJECTIONS, database
from ticketlog.projections.base import Projection
from ticketlog.projections.bulk import Report, fill
from ticketlog.projections.database import Build, Overtaken
from ticketlog.projections.lane import Lane
from ticketlog.projections.moment import Cut

BEAT = 10
"""Seconds without a sign of life after which a build counts as given up."""


def rebuild(
    log: Log,
    engine: Engine,
    projections: Sequence[Projection] = PROJECTIONS,
    *,
    progress: Report | None = None,
    polite: bool = False,
) -> None:
    """Makes views anew and takes over; until then queries read the old ones.

    May be interrupted at any time: what was begun is dropped by the next rebuild. A newer rebuild
    of the same view replaces one that runs, which then raises Conflict; a `polite` one raises
    Overtaken instead of replacing. Raises Poison where an event can't be taken: a rebuild parks
    nothing.
    """
    for apart in (False, True):
        views = [view for view in projections if view.apart is apart]
        if views:
            _rebuild(log, engine, views, progress, polite)


def _rebuild(
    log: Log, engine: Engine, views: Sequence[Projection], progress: Report | None, polite: bool
) -> None:
    with database.writing(engine) as connection:
        if polite and any(database.building(connection, view, BEAT) for view in views):
            raise Overtaken
        for view in views:
            for number in database.leftovers(connection, view):
                database.drop(connection, view, number)
        builds = [database.create(connection, view, log.partitions) for view in views]
    ends = log.ends()
    fill(log, engine, builds, Cut(ends), progress=progress)
    for build in builds:
        with database.writing(engine) as connection:
            database.finish(connection, build)
            database.beat(connection, build)
    lane = Lane(log, engine, builds, "building")
    while not _taken_over(engine, builds, lane, log.ends()):
        if lane.overtaken:
            raise Conflict(f"another rebuild of {views[0].name} was started; this one stops")
    for view in views:
        with database.writing(engine) as connection:
            for number in database.leftovers(connection, view):
                database.drop(connection, view, number)


def _taken_over(engine: Engine, builds: Sequence[Build], lane: Lane, ends: Sequence[int]) -> bool:
    """Catches up, then moves the pointers, unless the live views are further by then."""
    while lane.advance(ends):
        pass
    with database.writing(engine) as connection:
        for build in builds:
            old = database.live(connection, build.view)
            at = database.positions(connection, old) if old else ()
            if any(theirs.next > mine.next for theirs, mine in zip(at, lane.at, strict=False)):
                return False
        for build in builds:
            database.take_over(connection, build)
    return True
