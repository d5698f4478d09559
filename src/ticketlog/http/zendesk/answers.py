"""Answers as Zendesk's API gives them: one path's function, its errors, and its routes."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, TypeAlias

import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.domain.base import Refused, instant
from ticketlog.errors import TicketlogError
from ticketlog.http.problems import Problem, problem_of
from ticketlog.http.zendesk.reading import Facade

MOST = 1_000
"""Things of a page at most."""
_NO_STORE = {"Cache-Control": "no-store"}
_NAMES = {401: "Unauthorized", 403: "Forbidden", 404: "RecordNotFound", 422: "RecordInvalid"}
_LATEST_S = 253_402_300_799
"""The end of the year 9999."""


class Given(NamedTuple):
    """The parts of a request: those of its path, its parameters, and the path itself."""

    path: Mapping[str, str]
    query: QueryParams
    place: str

    @property
    def number(self) -> int:
        """The number in the path. Raises Problem 404 for what is none."""
        return whole(self.path["id"], 404, "not-found", "an id is a whole number")

    def numbers(self, name: str) -> list[int]:
        """The numbers of a parameter, between commas. Raises Problem 422."""
        said = [each for each in self.query.get(name, "").split(",") if each.strip()]
        if len(said) > 100:
            raise Problem(422, "invalid", f"{name}: 100 at once at most, not {len(said)}")
        return [whole(each, 422, "invalid", f"{name}: ids are whole numbers") for each in said]

    def size(self, name: str, default: int = 100, most: int = MOST) -> int:
        """The number of things that a page may have. Raises Problem 422."""
        said = self.query.get(name)
        if said is None:
            return default
        size = whole(said, 422, "invalid", f"{name}: it is a whole number from 1 on")
        if size < 1:
            raise Problem(422, "invalid", f"{name}: it is a whole number from 1 on, not {size}")
        return min(size, most)

    def moment(self, name: str) -> int | None:
        """An instant that is given in seconds since 1970, or as an ISO time: microseconds. Raises
        Problem 422."""
        said = self.query.get(name)
        return None if said is None else moment_of(said, name)


Answering: TypeAlias = Callable[[Facade, Given], Mapping[str, Any]]
"""The answer of a path, as JSON has it."""


def whole(said: str, status: int, code: str, why: str) -> int:
    """The whole number that a text says. Raises Problem."""
    text = said.strip()
    if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 19:
        raise Problem(status, code, f"{why}; {said[:40]!r} is none")
    return int(text)


def moment_of(said: str, name: str) -> int:
    """The instant, in microseconds, of seconds since 1970 or an ISO time. Raises Problem 422."""
    try:
        seconds = float(said)
    except ValueError:
        try:
            return instant(said)
        except ValueError as error:
            raise Problem(422, "invalid", f"{name}: {error}") from None
    if not math.isfinite(seconds) or not 0 <= seconds <= _LATEST_S:
        raise Problem(422, "invalid", f"{name}: it is in seconds since 1970, and {said[:40]} isn't")
    return int(seconds * 1_000_000)


class ZendeskRoute(APIRoute):
    """A route that tells every problem as Zendesk does: `error` and `description`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return failed(Problem(422, "invalid", str(error.errors()[0]["msg"])))
            except HTTPException as error:
                return failed(Problem(error.status_code, "unreadable", str(error.detail)))
            except (Problem, Refused, TicketlogError) as error:
                return failed(problem_of(error))

        return handled


def failed(problem: Problem) -> Response:
    """A problem in the words of Zendesk's API. A refusal of rights is an object with a title and a
    message, as its clients look for one."""
    error: Any = _NAMES.get(problem.status, problem.code)
    if problem.status == 403:
        error = {"title": "Forbidden", "message": problem.detail}
    body = {"error": error, "description": problem.detail}
    headers = {**problem.headers, **_NO_STORE}
    return Response(orjson.dumps(body), problem.status, headers, "application/json")


def answered(body: Mapping[str, Any]) -> Response:
    """An answer that nobody keeps."""
    return Response(orjson.dumps(body), 200, _NO_STORE, "application/json")
