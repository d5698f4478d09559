"""The application: the list of routers, and what holds for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from ticketlog.http import condition
from ticketlog.http.problems import handle_problems
from ticketlog.http.served import Served

API = "/api/v1"
"""The path below which the API lies."""
ROUTERS: tuple[Callable[[Served], APIRouter], ...] = (condition.router,)
"""The parts of the application, each a module with a `router`."""


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
    handle_problems(app)
    for router in ROUTERS:
        app.include_router(router(served))
    return app
