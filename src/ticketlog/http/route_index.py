"""An index of routes by their paths. The framework tries one route after the other, which takes
longer than all the rest of a short answer where there are a hundred."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_ROUTE = "ticketlog.route"
TEMPLATE = "ticketlog.template"
"""The key of the whole template of a path in the scope of a request."""
_Mask = tuple[bool, ...]


class _Indexed(NamedTuple):
    """The route of a path, with the methods of all its routes."""

    template: str
    route: BaseRoute
    methods: frozenset[str]


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

    def add(self, path: str, route: BaseRoute, methods: frozenset[str]) -> None:
        """Adds the routes of one path."""
        parts = path.split("/")
        mask = tuple("{" not in part for part in parts)
        self._masks.setdefault(len(parts), {})[mask] = None
        key = tuple(part if literal else None for part, literal in zip(parts, mask, strict=True))
        self._routes.setdefault(key, []).append(_Indexed(path, route, methods))

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
        for template, route, methods in self._named(scope["path"]):
            match, child = route.matches(scope)
            if match is Match.NONE:
                continue
            found = match, {**child, _ROUTE: route, TEMPLATE: template}
            if match is Match.FULL and scope["method"] in methods:
                return found
            partial = partial or (Match.PARTIAL, found[1])
        return partial or (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: BaseRoute = scope[_ROUTE]
        await route.handle(scope, receive, send)


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
                index.add(prefix + path, each, methods)
            del app.router.routes[before:]
    return made


def _by_path(router: APIRouter) -> dict[str, list[BaseRoute]]:
    found: dict[str, list[BaseRoute]] = {}
    for route in router.routes:
        found.setdefault(getattr(route, "path", "/{rest:path}"), []).append(route)
    return found
