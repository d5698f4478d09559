"""The routes of the Zendesk API: one for each path of the modules of this room, to read only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.application.access_table import ROUTES
from ticketlog.domain.base import Actor, Forbidden
from ticketlog.http.problems import Problem
from ticketlog.http.served import Served, actor_of
from ticketlog.http.zendesk import desk_settings, exports, search, tickets, users
from ticketlog.http.zendesk.answers import Answering, Given, ZendeskRoute, answered
from ticketlog.http.zendesk.paths import PREFIX, ROOT
from ticketlog.http.zendesk.reading import Facade

PATHS: Mapping[str, Answering] = {
    **exports.PATHS,
    **search.PATHS,
    **tickets.PATHS,
    **users.PATHS,
    **desk_settings.PATHS,
}
"""Every path below `/api/v2`; those with fixed words go before those with ids."""


def right_of(path: str) -> str:
    """The right that a path takes; what it reads of single tickets and persons is asked besides.
    Raises Forbidden for a path that the table of access doesn't know."""
    right = ROUTES.get(f"GET {PREFIX}/{path}")
    if right is None:
        raise Forbidden(f"{PREFIX}/{path} is in no table of rights, so nobody may read it")
    return right


def router(served: Served) -> APIRouter:
    """The routes below `/api/v2`. The OpenAPI document hasn't them, since Zendesk's own describes
    them; docs/ZENDESK.md tells what of it is here."""
    routes = APIRouter(
        prefix=PREFIX, route_class=ZendeskRoute, include_in_schema=False, tags=["zendesk"]
    )
    ordered = sorted(PATHS, key=lambda path: ("{" in path, path))
    for path in ordered:
        routes.add_api_route(f"/{path}", _route(served, path), methods=["GET"])
    routes.add_api_route("/{rest:path}", _nothing, methods=["GET"])
    return routes


def _route(served: Served, path: str) -> Callable[[Request, Actor], Coroutine[Any, Any, Response]]:
    async def route(request: Request, actor: Actor = Depends(actor_of)) -> Response:
        return await served.read(_answer, served, path, request, actor)

    return route


def _answer(served: Served, path: str, request: Request, actor: Actor) -> Response:
    here = f"{request.url.scheme}://{request.url.netloc}"
    server = (served.options.public_url or here).rstrip("/")
    root = request.scope.get(ROOT, "")
    facade = Facade(served.desk, actor, server, root)
    facade.viewer.check(right_of(path))
    place = request.scope["path"].removeprefix(f"{PREFIX}/")
    given = Given(request.path_params, request.query_params, f"{place}.json")
    return answered(PATHS[path](facade, given))


async def _nothing(request: Request, actor: Actor = Depends(actor_of)) -> Response:
    raise Problem(
        404,
        "not-found",
        f"{request.scope['path']} isn't among what this desk has of Zendesk's API: docs/ZENDESK.md",
    )
