"""Keeps the views up with the log: rows and position move in one transaction, so each event counts
once in each view, however often it is delivered and however many runners compete."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import zip_longest
from typing import NamedTuple

from sqlalchemy import Engine

from ticketlog.errors import Conflict
from ticketlog.log.port import Log
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.build_store import Build, Overtaken, Parked, Position
from ticketlog.projections.engine.fill import (
    ProgressCallback,
    ReplayProgress,
    helpers,
    reporting_progress,
)
from ticketlog.projections.engine.projection import Projection, tracks
from ticketlog.projections.engine.rebuild import rebuild
from ticketlog.projections.engine.row_changes import RowChanges
from ticketlog.projections.engine.stream_fold import carefully
from ticketlog.projections.engine.view_group import ViewGroup

LARGE = 5_000
"""Records behind from which building anew, stream by stream, can be quicker than following."""
_PATIENCE = 0.5
"""Seconds to wait for the log before looking whether to stop."""
_POLL = 0.05
"""Seconds between looks at a build that another process makes."""


class Stopped(Exception):
    """It was asked to stop; what it has done is kept."""


class ViewStatus(NamedTuple):
    """The position of a view. `behind`: records of the log that it hasn't applied."""

    view: str
    version: int
    build: int | None
    positions: tuple[int, ...]
    behind: int
    parked: tuple[Parked, ...]


class ViewRunner:
    """Follows the log for views. May be used from several threads, and by several processes."""

    def __init__(
        self,
        log: Log,
        engine: Engine,
        projections: Sequence[Projection] = PROJECTIONS,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        """`on_progress`: how far it is where it builds views."""
        self._log = log
        self._engine = engine
        self._projections = tuple(projections)
        self._tracks = [_Track(log, engine, views, on_progress) for views in tracks(projections)]

    def catch_up(self, views: Collection[str] | None = None) -> None:
        """Applies all that the log holds now; returns once it is visible in the views (in all, or
        at least in the ones named). A view that doesn't exist yet is built.

        Raises Damaged where the log isn't the one that the views were made from.
        """
        wanted = [
            track for track in self._tracks if views is None or not track.names.isdisjoint(views)
        ]
        many = helpers(self._log.ends(), self._projections) > 0
        much = many and not any(track.stands for track in wanted)
        if len(wanted) > 1 and much:
            with ThreadPoolExecutor(len(wanted)) as pool:
                for done in [pool.submit(track.catch_up) for track in wanted]:
                    done.result()
            return
        for track in wanted:
            track.catch_up(alone=True)

    def run(self, stop: threading.Event) -> None:
        """Follows the log until `stop` is set. Each track has a thread of its own.

        What fails in any of them ends all and is raised here.
        """
        failures: list[BaseException] = []

        def ended() -> bool:
            return stop.is_set() or bool(failures)

        def follow(track: _Track) -> None:
            try:
                while not ended():
                    self._log.wait(track.catch_up(ended), _PATIENCE)
            except Stopped:
                pass
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=follow, args=(track,)) for track in self._tracks[1:]]
        for thread in threads:
            thread.start()
        for track in self._tracks[:1]:
            follow(track)
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    @property
    def last_pass_at(self) -> float:
        """The time at which all views had last applied what the log held, in seconds since 1970;
        0: they haven't yet since this was made."""
        return min(track.last_pass_at for track in self._tracks)

    def status(self, ends: Sequence[int] | None = None) -> list[ViewStatus]:
        """The position of each view, in a log that reaches to `ends`, or as far as it is read."""
        ends = self._log.ends() if ends is None else ends
        with storage.reading(self._engine) as connection:
            found = []
            for view in self._projections:
                build = build_store.live(connection, view)
                at = build_store.positions(connection, build) if build else ()
                parked = build_store.parked(connection, build) if build else []
                next = tuple(position.next for position in at)
                number = build.number if build else None
                behind = sum(max(end - at, 0) for end, at in zip_longest(ends, next, fillvalue=0))
                found.append(
                    ViewStatus(view.name, view.version, number, next, behind, tuple(parked))
                )
        return found

    def retry(self, view: str) -> list[Parked]:
        """Tries the parked streams of a view again; returns those that still can't be taken."""
        for track in self._tracks:
            if view in track.names:
                return track.retry(view)
        raise KeyError(view)


class _Track:
    """Views that are followed by one thread."""

    def __init__(
        self,
        log: Log,
        engine: Engine,
        views: Sequence[Projection],
        on_progress: ProgressCallback | None,
    ) -> None:
        self.names = frozenset(view.name for view in views)
        self.last_pass_at = 0.0
        self._log = log
        self._engine = storage.interruptible(engine, self._goes_on)
        self._views = tuple(views)
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._ended: Callable[[], bool] = lambda: False
        self._alone = False
        self._groups: list[ViewGroup] = []

    @property
    def stands(self) -> bool:
        """Whether it follows already; before that, there may be much to build."""
        return bool(self._groups)

    def catch_up(
        self, ended: Callable[[], bool] = lambda: False, *, alone: bool = False
    ) -> tuple[int, ...]:
        """Applies what the log holds at the call; returns how far that is. `alone`: no other track
        is at work.

        Raises Stopped soon after `ended` is true. What it knew of the views is forgotten where it
        fails, since they may be other ones when it is called again.
        """
        with self._lock:
            self._ended, self._alone = ended, alone
            try:
                ends = self._log.ends()
                while not self._caught_up(ends):
                    pass
            except BaseException:
                self._groups = []
                raise
            finally:
                self._ended = lambda: False
            self.last_pass_at = time.time()
            return ends

    def _goes_on(self) -> None:
        if self._ended():
            raise Stopped

    def _caught_up(self, ends: Sequence[int]) -> bool:
        self._ready(ends)
        for group in self._groups:
            while group.advance(ends):
                self._goes_on()
        if any(group.overtaken for group in self._groups):
            self._groups = []
            self._goes_on()
        stands = self.stands
        if len({group.at for group in self._groups}) < len(self._groups):
            self._groups = []
        return stands

    def _ready(self, ends: Sequence[int]) -> None:
        """Makes groups where there are none; builds what is missing or far behind."""
        if self._groups and self._behind(self._groups[0].at, ends) <= LARGE:
            return
        standing: dict[tuple[Position, ...], list[Build]] = {}
        missing: list[Projection] = []
        with storage.reading(self._engine) as connection:
            for view in self._views:
                build = build_store.live(connection, view)
                at = build_store.positions(connection, build) if build else ()
                behind = self._behind(at, ends)
                if build is None or (behind > LARGE and behind * 2 > sum(ends)):
                    missing.append(view)
                else:
                    standing.setdefault(at, []).append(build)
        if missing:
            self._groups = []
            try:
                self._build(missing, self._workers(ends))
            except (Overtaken, Conflict):
                time.sleep(_POLL)
                self._goes_on()
        elif not self._groups:
            self._groups = [
                ViewGroup(self._log, self._engine, builds, "live") for builds in standing.values()
            ]

    def _build(self, views: Sequence[Projection], workers: int) -> None:
        def goes_on(progress: ReplayProgress) -> None:
            self._goes_on()
            report(progress)

        what = views[0].name if len(views) == 1 else f"{len(views)} views"
        with reporting_progress(self._on_progress, f"making {what}") as report:
            rebuild(
                self._log, self._engine, views, workers=workers, progress=goes_on, automatic=True
            )

    def _workers(self, ends: Sequence[int]) -> int:
        """The number of processes that fold. Where there is much to fold and another track is at
        work, slow views are folded by a process of their own, so that quick ones don't share a core
        with them."""
        if self._alone:
            return helpers(ends, self._views)
        return min(helpers(ends, self._views), 1) if self._views[0].track else 0

    def _behind(self, at: Sequence[Position], ends: Sequence[int]) -> int:
        return sum(ends) - sum(position.next for position in at)

    def retry(self, name: str) -> list[Parked]:
        with self._lock:
            self._groups = []
            while True:
                with storage.reading(self._engine) as connection:
                    view = next(view for view in self._views if view.name == name)
                    build = build_store.live(connection, view)
                    if build is None:
                        return []
                    at = build_store.positions(connection, build)
                    rows = build_store.parked(connection, build)
                with suppress(Overtaken):
                    return self._retried(build, at, rows)

    def _retried(
        self, build: Build, at: tuple[Position, ...], rows: Sequence[Parked]
    ) -> list[Parked]:
        changes = RowChanges(build)
        still: list[Parked] = []
        for row in rows:
            history = [
                record
                for record in self._log.stream(row.stream)
                if record.offset < at[record.partition].next
            ]
            before = [record for record in history if record.offset < row.offset]
            old, _ = carefully(self._log.codec, build.view, row.stream, before)
            new, failure = carefully(self._log.codec, build.view, row.stream, history)
            changes.replace(old, new)
            if failure is not None:
                still.append(row._replace(offset=failure.record.offset, error=str(failure)))
        with storage.writing(self._engine) as connection:
            if build_store.positions(connection, build) != at:
                raise Overtaken
            changes.write(connection)
            for row in rows:
                build_store.unpark(connection, build, row.stream)
            build_store.park(connection, still)
        return still
