"""The desk that is served, with all that its routes share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from starlette.requests import Request

from ticketlog.desk import Desk, Outcome
from ticketlog.domain.base import Actor, Command, Forbidden
from ticketlog.http.limits import Rates
from ticketlog.http.options import ServeOptions
from ticketlog.http.problems import Problem
from ticketlog.http.route_index import TEMPLATE
from ticketlog.service.metrics import ServerMetrics
from ticketlog.service.service import DeskService

P = ParamSpec("P")
T = TypeVar("T")
Authenticate = Callable[[Request], Awaitable[Actor]]
Hook = Callable[[], Awaitable[None]]
_WRITES, _READS = 40, 8
"""Threads at most: a write waits for the disk, a read for the processor."""


async def nobody(request: Request) -> Actor:
    """The authentication of a server that knows no way to sign in. Raises Problem."""
    raise Problem(
        401,
        "unauthenticated",
        "this server knows no way to sign in",
        headers={"WWW-Authenticate": "Bearer"},
    )


@dataclass
class Served:
    """A desk that is served. One for each server; of one event loop."""

    desk: Desk
    options: ServeOptions = field(default_factory=ServeOptions)
    authenticate: Authenticate = nobody
    """The actor of a request. Raises Problem 401."""
    service: DeskService | None = None
    """The workers that the process runs, if it does: their health is told at /ready."""
    at_start: list[Hook] = field(default_factory=list)
    """Called in turn before the first request."""
    at_stop: list[Hook] = field(default_factory=list)
    """Called when the server is to stop, while requests are under way: they end open streams."""
    metrics: ServerMetrics = field(default_factory=ServerMetrics)
    """The metrics of routes, and the numbers that parts of the API add."""
    shared: dict[str, Any] = field(default_factory=dict)
    """The things that a part of the API keeps for the server's life, by the part's name."""

    def __post_init__(self) -> None:
        self.rates = Rates(self.options)
        self.stopping = False
        """Whether the server is about to stop: streams end, and nothing long begins."""
        self._writes = ThreadPoolExecutor(_WRITES, "write")
        self._reads = ThreadPoolExecutor(_READS, "read")

    async def execute(self, command: Command, **given: Any) -> Outcome:
        """The outcome of a command, as `Desk.execute` says it."""
        return await self.desk.execute_async(command, **given)

    async def write(self, function: Callable[P, T], *args: P.args, **given: P.kwargs) -> T:
        """The result of a function that may wait for the disk or a broker, in a thread."""
        return await _in_thread(self._writes, partial(function, *args, **given))

    async def read(self, function: Callable[P, T], *args: P.args, **given: P.kwargs) -> T:
        """The result of a function that asks views or loads streams, in a thread."""
        return await _in_thread(self._reads, partial(function, *args, **given))


async def _in_thread(threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    """The result of a call in a thread. A task that is cancelled meanwhile ends after the call: the
    desk isn't closed below it."""
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(threads, copy_context().run, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        raise


def served_of(request: Request) -> Served:
    """The desk that a request is for."""
    served: Served = request.app.state.served
    return served


async def actor_of(request: Request) -> Actor:
    """The signed-in actor of a request, whom `Desk` is told: a dependency of routes. Raises
    Problem 401, 429."""
    state = request.scope.setdefault("state", {})
    actor: Actor | None = state.get("actor")
    if actor is None:
        actor = state["actor"] = await _signed_in(request)
    return actor


async def _check_right(served: Served, method: str, path: str, actor: Actor) -> None:
    """Raises Forbidden for a route of the API that has no entry in the table of access, and where
    the route itself asks for the actor's right."""
    from ticketlog.http.route_rights import BY_ROUTE, right_of

    right = right_of(method, path)
    if right is None and path.startswith("/api/v1/"):
        raise Forbidden(f"{method} {path} has no entry in the table of access: nobody may ask it")
    if right in BY_ROUTE:
        await served.read(served.desk.check_may_ask, actor, right)


async def _signed_in(request: Request) -> Actor:
    served = served_of(request)
    served.rates.check_stranger(request)
    try:
        actor = await served.authenticate(request)
    except Problem as problem:
        if problem.status == 401:
            served.rates.failed(request)
        raise
    path = request.scope.get(TEMPLATE, request.scope["path"])
    await _check_right(served, request.method, path, actor)
    served.rates.check(f"{actor.kind}/{actor.id} {actor.authenticated}", f"{request.method} {path}")
    return actor
