"""Views made anew from the log, beside the live ones: stream by stream, each folded once and its
rows written once, the indexes last; then the rest of the log, then one pointer moves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Engine

from ticketlog.errors import TicketlogError
from ticketlog.log.port import Log
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.build_store import Overtaken
from ticketlog.projections.engine.fill import Report, fill
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.engine.projection import Projection, tracks
from ticketlog.projections.engine.view_group import ViewGroup

BEAT = 60
"""Seconds without a sign of life after which a build counts as given up."""


def rebuild(
    log: Log,
    engine: Engine,
    projections: Sequence[Projection] = PROJECTIONS,
    *,
    workers: int | None = None,
    progress: Report | None = None,
    automatic: bool = False,
) -> None:
    """Makes views anew and takes over; until then queries read the old ones.

    May be interrupted at any time: an unfinished build is dropped by the next rebuild. One that is
    started by hand replaces one that runs, which then raises Conflict, and raises Poison where an
    event can't be taken. An `automatic` one, of a runner, raises Overtaken where one runs, and
    parks what can't be taken. `workers`: see `fill`.
    """
    for views in tracks(projections):
        _rebuild(log, engine, views, workers, progress, automatic)


def _rebuild(
    log: Log,
    engine: Engine,
    views: Sequence[Projection],
    workers: int | None,
    progress: Report | None,
    automatic: bool,
) -> None:
    with storage.writing(engine) as connection:
        if automatic and any(build_store.building(connection, view, BEAT) for view in views):
            raise Overtaken
        for view in views:
            for number in build_store.leftovers(connection, view):
                build_store.drop(connection, view, number)
        builds = [build_store.create(connection, view, log.partitions) for view in views]
    try:
        fill(
            log, engine, builds, Cut(log.ends()), park=automatic, workers=workers, progress=progress
        )
        for build in builds:
            with storage.writing(engine) as connection:
                build_store.finish(connection, build)
        group = ViewGroup(log, engine, builds, "building")
        while not _taken_over(log, engine, group):
            pass
    except BaseException:
        with suppress(TicketlogError), storage.writing(engine) as connection:
            build_store.give_up(connection, builds)
        raise
    for view in views:
        with storage.writing(engine) as connection:
            for number in build_store.leftovers(connection, view):
                build_store.drop(connection, view, number)


def _taken_over(log: Log, engine: Engine, group: ViewGroup) -> bool:
    """Catches up, then moves the pointers; False where the live views have gone on by then."""
    ends = log.ends()
    while group.advance(ends):
        pass
    try:
        with storage.writing(engine) as connection:
            for build in group.builds:
                if not build_store.take_over(connection, build, group.at, log.ends()):
                    raise Overtaken
    except Overtaken:
        return False
    return True
