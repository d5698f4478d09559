"""The views of a desk: brought up before they are asked, made anew, compared with the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from inspect import signature
from typing import Any

from sqlalchemy import Engine

from ticketlog.config import Config
from ticketlog.errors import Usage
from ticketlog.log.commit import leaf
from ticketlog.opening import Logs
from ticketlog.projections import PROJECTIONS, database, named, view_of
from ticketlog.projections.base import Projection
from ticketlog.projections.bulk import Progress, fill
from ticketlog.projections.database import Build
from ticketlog.projections.moment import Moment
from ticketlog.projections.rebuild import rebuild
from ticketlog.projections.runner import Runner

_SCHEME = "sqlite:///"


class Views:
    """Thread-safe."""

    def __init__(self, logs: Logs, config: Config) -> None:
        self._logs = logs
        self._engine = database.open_views(_url(config))
        self._runner = Runner(logs.tickets, self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def refresh(self, names: Collection[str] | None = None) -> None:
        """Returns once everything that the log holds now is in the views (or in those named)."""
        self._runner.catch_up(names)

    def follow(self, stop: threading.Event) -> None:
        """Keeps the views up until `stop` is set."""
        self._runner.run(stop)

    def query(self, function: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
        """What a view's query function says of everything that the log holds now."""
        return self.answer(function, parameters)[0]

    def answer(
        self, function: Callable[..., Any], parameters: Mapping[str, Any]
    ) -> tuple[Any, tuple[int, ...]]:
        """The same, with the ends of the log's partitions that it speaks of."""
        view = _view_of(function)
        self.refresh((view.name,))
        with database.reading(self._engine) as connection:
            build = database.live(connection, view)
            assert build is not None
            ends = tuple(at.next for at in database.positions(connection, build))
            return _asked(function, connection, build.tables, parameters), ends

    def at(self, moment: Moment) -> PastViews:
        return PastViews(self, self._logs, moment)

    def rebuild(
        self, names: Collection[str] = (), progress: Callable[[Progress], None] | None = None
    ) -> None:
        """Makes views anew from the log (all, or those named) and takes over; queries read the
        old ones meanwhile. Raises Usage for an unknown view, Poison, Conflict."""
        rebuild(self._logs.tickets, self._engine, _chosen(names), progress=progress)

    def status(self) -> list[dict[str, Any]]:
        """Where each view stands; keys are stable."""
        return [
            {
                "view": each.view,
                "version": each.version,
                "build": each.build,
                "positions": list(each.positions),
                "behind": each.behind,
                "parked": [
                    {
                        "stream": row.stream,
                        "position": f"{row.partition}:{row.offset}",
                        "error": row.error,
                    }
                    for row in each.parked
                ],
            }
            for each in self._runner.status()
        ]

    def retry(self, name: str) -> list[dict[str, Any]]:
        """Tries the parked streams of a view again; those that still can't be taken come back.
        Raises Usage for an unknown view."""
        rows = self._runner.retry(_named(name).name)
        return [{"stream": row.stream, "error": row.error} for row in rows]

    def problems(self) -> list[str]:
        """Views that stand behind a record which isn't there any more, or is another one now."""
        found = []
        with database.reading(self._engine) as connection:
            for view in PROJECTIONS:
                build = database.live(connection, view)
                for partition, at in enumerate(
                    database.positions(connection, build) if build else ()
                ):
                    records = self._logs.tickets.records(partition, at.next - 1, 1)
                    if at.next and (not records or leaf(records[0].data) != at.leaf):
                        found.append(
                            f"view {view.name} was made from another record at "
                            f"{partition}:{at.next - 1} than the one that is there"
                        )
        return found


def _url(config: Config) -> str:
    """The views' URL with the file's whole path. Raises Usage."""
    name = config.views_url.removeprefix(_SCHEME)
    if name == config.views_url or not name:
        raise Usage(f"[views] url is {config.views_url!r}: this release knows {_SCHEME}FILE")
    return f"{_SCHEME}{(config.folder / name).absolute()}"


def _view_of(function: Callable[..., Any]) -> Projection:
    try:
        return view_of(function)
    except KeyError:
        raise Usage(f"{function.__name__} is no query of a view") from None


class PastViews:
    """Views as of a moment. What the live rows can't answer is made from the log, once."""

    def __init__(self, views: Views, logs: Logs, moment: Moment) -> None:
        self._views = views
        self._logs = logs
        self._moment = moment
        self._made: dict[str, tuple[Engine, Build]] = {}

    def query(self, function: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
        """What a view's query function says of the moment."""
        if "moment" in signature(function).parameters:
            return self._views.query(function, {**parameters, "moment": self._moment})
        view = _view_of(function)
        if view.name not in self._made:
            self._made[view.name] = self._make(view)
        engine, build = self._made[view.name]
        with database.reading(engine) as connection:
            return _asked(function, connection, build.tables, parameters)

    def _make(self, view: Projection) -> tuple[Engine, Build]:
        log = self._logs.tickets
        engine = database.scratch()
        with database.writing(engine) as connection:
            build = database.create(connection, view, log.partitions)
        fill(log, engine, [build], self._moment, park=True)
        with database.writing(engine) as connection:
            database.finish(connection, build)
        return engine, build


def _chosen(names: Collection[str]) -> tuple[Projection, ...]:
    return tuple(map(_named, names)) if names else PROJECTIONS


def _named(name: str) -> Projection:
    try:
        return named(name)
    except KeyError:
        known = ", ".join(view.name for view in PROJECTIONS)
        raise Usage(f"there is no view {name!r}; there are {known}") from None


def _asked(function: Callable[..., Any], connection: Any, tables: Any, given: Any) -> Any:
    try:
        signature(function).bind(connection, tables, **given)
        return function(connection, tables, **given)
    except (ValueError, TypeError) as error:
        raise Usage(f"{function.__name__}: {error}") from error
