"""The application: the list of routers, and what holds for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from ticketlog.http import (
    attachments,
    bulk,
    commands,
    condition,
    desk_state,
    documented,
    feed,
    problem_pages,
    queries,
    settings,
    signing_in,
    streams,
    webhooks,
)
from ticketlog.http.limits import BodyLimits
from ticketlog.http.problems import handle_problems
from ticketlog.http.route_index import RouteIndex, include
from ticketlog.http.served import Served
from ticketlog.http.telemetry import Telemetry
from ticketlog.http.zendesk import router as zendesk
from ticketlog.http.zendesk.paths import ZendeskPaths

API = "/api/v1"
"""The path below which the API lies."""
ROUTERS: tuple[Callable[[Served], APIRouter], ...] = (
    commands.router,
    queries.router,
    streams.router,
    feed.router,
    webhooks.router,
    attachments.router,
    bulk.router,
    settings.router,
    desk_state.router,
)
"""The parts of the API, each a module with a `router`; below `API`."""
BESIDE: tuple[Callable[[Served], APIRouter], ...] = (
    condition.router,
    problem_pages.router,
    signing_in.router,
    zendesk.router,
)
"""Routers whose paths are whole."""


def create_app(served: Served) -> FastAPI:
    """The ASGI application of a desk."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for each in served.at_start:
            await each()
        yield

    app = FastAPI(
        title="ticketlog",
        version=version("ticketlog"),
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.served = served
    index = RouteIndex()
    documented_routes = list(app.router.routes)
    app.router.routes.append(index)
    for router in ROUTERS:
        documented_routes += include(app, index, router(served), API)
    for router in BESIDE:
        documented_routes += include(app, index, router(served))
    app.state.index = index
    app.add_middleware(ZendeskPaths)
    app.add_middleware(Telemetry, metrics=served.metrics)
    handle_problems(app)
    app.add_middleware(BodyLimits, options=served.options, is_stopping=lambda: served.stopping)
    app.openapi = partial(documented.document, app, documented_routes)  # type: ignore[method-assign]
    return app
