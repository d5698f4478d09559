"""The views of a desk: brought up before they are asked, made anew, compared with the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from inspect import signature
from typing import Any

from ticketlog.config import Config
from ticketlog.errors import Usage
from ticketlog.log.port import Log
from ticketlog.projections import database, view_of
from ticketlog.projections.base import Projection
from ticketlog.projections.runner import Runner, Status

_SCHEME = "sqlite:///"


class Views:
    """Thread-safe."""

    def __init__(self, log: Log, config: Config) -> None:
        self._log = log
        self._engine = database.open_views(_url(config))
        self._runner = Runner(log, self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def refresh(self, names: Collection[str] | None = None) -> None:
        """Returns once everything that the log holds now is in the views (or in those named)."""
        self._runner.catch_up(names)

    def follow(self, stop: threading.Event) -> None:
        """Keeps the views up until `stop` is set."""
        self._runner.run(stop)

    def query(self, function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        """What a view's query function says of everything that the log holds now."""
        view = _view_of(function)
        self.refresh((view.name,))
        with database.reading(self._engine) as connection:
            build = database.live(connection, view)
            assert build is not None
            return _asked(function, connection, build.tables, parameters)

    def status(self) -> list[Status]:
        return self._runner.status()


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


def _asked(function: Callable[..., Any], connection: Any, tables: Any, given: Any) -> Any:
    try:
        signature(function).bind(connection, tables, **given)
        return function(connection, tables, **given)
    except (ValueError, TypeError) as error:
        raise Usage(f"{function.__name__}: {error}") from error
