"""An index of routes by their paths. The framework tries one route after the other, which takes
longer than all the rest of a short answer where there are a hundred."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, get_type_hints

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_ROUTE = "ticketlog.route"
_PLAIN = "ticketlog.plain"
TEMPLATE = "ticketlog.template"
"""The key of the whole template of a path in the scope of a request."""
_TRACED = "fastapi.telemetry"
"""The key of the framework's own measurements, where somebody has switched them on."""
_Mask = tuple[bool, ...]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class _Indexed(NamedTuple):
    """The route of a path, with the methods of all its routes."""

    template: str
    route: BaseRoute
    methods: frozenset[str]
    names: Mapping[str, int]
    """The parameters of the path, and which of its parts they are."""
    plain: Mapping[str, APIRoute]
    """Of each method, the route that can be called without the framework."""


class RouteIndex(BaseRoute):
    """A route in the place of many: it finds the one that a path names by the path's parts.

    Paths whose parameters span several parts aren't for it (`takes`).
    """

    def __init__(self) -> None:
        self._masks: dict[int, dict[_Mask, None]] = {}
        self._routes: dict[tuple[str | None, ...], list[_Indexed]] = {}

    @staticmethod
    def takes(path: str) -> bool:
        """Whether each parameter of a path is one whole part of it."""
        return all(
            "{" not in part or (part[0] == "{" and part[-1] == "}" and ":" not in part)
            for part in path.split("/")
        )

    def add(
        self,
        path: str,
        route: BaseRoute,
        methods: frozenset[str],
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        """Adds the routes of one path. `routes`: they themselves, of which `route` is all."""
        parts = path.split("/")
        mask = tuple("{" not in part for part in parts)
        self._masks.setdefault(len(parts), {})[mask] = None
        key = tuple(part if literal else None for part, literal in zip(parts, mask, strict=True))
        names = {part[1:-1]: n for n, part in enumerate(parts) if "{" in part}
        plain = {
            method: each
            for each in reversed(routes)
            if isinstance(each, APIRoute) and _is_plain(each)
            for method in each.methods or ()
        }
        self._routes.setdefault(key, []).append(_Indexed(path, route, methods, names, plain))

    def _named(self, path: str) -> Iterator[_Indexed]:
        """The routes whose path this may be, those with the most literal parts first."""
        parts = path.split("/")
        masks = self._masks.get(len(parts), ())
        for mask in sorted(masks, reverse=True):
            key = tuple(
                part if literal else None for part, literal in zip(parts, mask, strict=True)
            )
            yield from self._routes.get(key, ())

    def methods_of(self, path: str) -> set[str]:
        """All methods that a path takes."""
        return set().union(*(each.methods for each in self._named(path)))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        partial: tuple[Match, Scope] | None = None
        if scope["type"] != "http":
            return Match.NONE, {}
        path: str = scope["path"]
        for template, route, methods, names, plain in self._named(path):
            short = None if _TRACED in scope else plain.get(scope["method"])
            if short is not None:
                parts = path.split("/")
                values = {name: parts[n] for name, n in names.items()}
                if all(values.values()):
                    return Match.FULL, {
                        "endpoint": short.endpoint,
                        "path_params": values,
                        "route": short,
                        _PLAIN: short.endpoint,
                        TEMPLATE: template,
                    }
            match, child = route.matches(scope)
            if match is Match.NONE:
                continue
            found = match, {**child, _ROUTE: route, TEMPLATE: template}
            if match is Match.FULL and scope["method"] in methods:
                return found
            partial = partial or (Match.PARTIAL, found[1])
        return partial or (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain: Endpoint | None = scope.get(_PLAIN)
        if plain is not None:
            response = await plain(Request(scope, receive, send))
            await response(scope, receive, send)
            return
        route: BaseRoute = scope[_ROUTE]
        await route.handle(scope, receive, send)


def _is_plain(route: APIRoute) -> bool:
    """Whether a route is a function of the request alone that gives a response: the framework has
    nothing to make for it, and takes longer over that than over all the rest."""
    needs = route.dependant
    more = (
        needs.path_params,
        needs.query_params,
        needs.header_params,
        needs.cookie_params,
        needs.body_params,
        needs.dependencies,
        needs.http_connection_param_name,
        needs.response_param_name,
        needs.background_tasks_param_name,
        needs.security_scopes_param_name,
    )
    if any(more) or needs.request_param_name != "request":
        return False
    if not inspect.iscoroutinefunction(route.endpoint):
        return False
    made = get_type_hints(route.endpoint).get("return")
    return isinstance(made, type) and issubclass(made, Response)


def include(app: FastAPI, index: RouteIndex, router: APIRouter, prefix: str = "") -> list[Any]:
    """Includes the routes of a router in an application, by the index where it takes them. The
    routes as the OpenAPI document wants them."""
    made: list[Any] = []
    for path, routes in _by_path(router).items():
        part = APIRouter()
        part.routes.extend(routes)
        before = len(app.router.routes)
        app.include_router(part, prefix=prefix)
        made += app.router.routes[before:]
        if index.takes(path):
            methods = frozenset(
                method for each in routes for method in getattr(each, "methods", None) or ()
            )
            for each in app.router.routes[before:]:
                index.add(prefix + path, each, methods, routes)
            del app.router.routes[before:]
    return made


def _by_path(router: APIRouter) -> dict[str, list[BaseRoute]]:
    found: dict[str, list[BaseRoute]] = {}
    for route in router.routes:
        found.setdefault(getattr(route, "path", "/{rest:path}"), []).append(route)
    return found
