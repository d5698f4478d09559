"""Problems over HTTP (RFC 9457): every refusal and failure as `application/problem+json`.

`type` is `/problems/CODE`, which the server answers with the meaning of the code; `detail` is the
text that the command line prints.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ticketlog.domain.base import Refused
from ticketlog.errors import (
    CommandReused,
    Conflict,
    InDoubt,
    TicketlogError,
    Unfit,
    Unreachable,
    Usage,
)
from ticketlog.http.next_steps import next_steps

MEDIA_TYPE = "application/problem+json"
TYPES = "/problems/"
_AGAIN_S = 1
"""Seconds after which a request is worth another try."""


class ProblemKind(NamedTuple):
    """A kind of problem: its status, and what it means."""

    status: int
    title: str


KINDS: Mapping[str, ProblemKind] = {
    "unreadable": ProblemKind(400, "The request can't be read."),
    "unauthenticated": ProblemKind(401, "Nobody is signed in."),
    "forbidden": ProblemKind(403, "The actor may not do this."),
    "cross-site": ProblemKind(403, "Another site had the browser send it."),
    "not-found": ProblemKind(404, "There is no such thing, or none for this actor."),
    "method-not-allowed": ProblemKind(405, "The path takes other methods; Allow names them."),
    "request-timeout": ProblemKind(408, "The request came too slowly."),
    "conflict": ProblemKind(
        409, "Other commits were always faster: send it again with the same key."
    ),
    "refused": ProblemKind(409, "A rule says no in the state that the thing is in."),
    "stale": ProblemKind(409, "The sender's screen was stale: `changes` has happened since."),
    "closed": ProblemKind(409, "The ticket is closed."),
    "illegal-transition": ProblemKind(409, "The workflow has no such transition for this actor."),
    "too-large": ProblemKind(413, "The body is too large."),
    "unsupported-media-type": ProblemKind(
        415, "The body has a type or an encoding that isn't taken."
    ),
    "range-not-satisfiable": ProblemKind(416, "The range lies behind the end."),
    "misdirected": ProblemKind(421, "The desk isn't at the host that the request names."),
    "invalid": ProblemKind(
        422, "A value isn't one that the request, the settings or the state take."
    ),
    "missing-fields": ProblemKind(422, "Fields must be filled in first."),
    "command-reused": ProblemKind(
        422, "The key was used for another command, or with other arguments."
    ),
    "too-many-requests": ProblemKind(
        429, "Too many requests: come again after Retry-After seconds."
    ),
    "headers-too-large": ProblemKind(431, "The headers are too large."),
    "internal": ProblemKind(500, "The server failed; its log says why."),
    "damaged": ProblemKind(500, "The desk's data are damaged, or newer than this release."),
    "unreachable": ProblemKind(503, "The log or the views don't answer: nothing was done."),
    "in-doubt": ProblemKind(
        503, "Whether it was done isn't known: send it again with the same key."
    ),
    "behind": ProblemKind(503, "This server hasn't come so far yet: ask again."),
    "stopping": ProblemKind(503, "The server is stopping: send it again with the same key."),
}
"""Every kind by its code."""
_BY_STATUS = {405: "method-not-allowed", 404: "not-found", 400: "unreadable"}


class Problem(Exception):
    """A problem to be answered. `more`: further members of the document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers = dict(headers or {})
        if status == 401:
            self.headers.setdefault("WWW-Authenticate", "Bearer")
        self.more = more

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        kind = KINDS.get(self.code)
        steps = {"next": found} if (found := next_steps(self.detail)) else {}
        return {
            "type": TYPES + self.code,
            "title": kind.title if kind else HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
            **steps,
        }

    def response(self) -> Response:
        body = orjson.dumps(self.document(), default=str, option=orjson.OPT_NON_STR_KEYS)
        return Response(body, self.status, self.headers, MEDIA_TYPE)


def problem_of(error: BaseException) -> Problem:
    """The problem of a refusal or a failure; of an unforeseen exception, `internal`."""
    match error:
        case Problem():
            return error
        case Refused():
            code = error.code if error.code in KINDS else "refused"
            facts = {"facts": dict(error.facts)} if error.facts else {}
            return Problem(KINDS[code].status, code, str(error), **facts)
        case TicketlogError():
            return _failure(error)
        case _:
            return Problem(500, "internal", "internal error: the server's log says more")


def _failure(error: TicketlogError) -> Problem:
    """The problem of an error that is no refusal by a rule."""
    again = {"Retry-After": str(_AGAIN_S)}
    match error:
        case Usage() | Unfit():
            return Problem(422, "invalid", str(error))
        case CommandReused():
            return Problem(422, "command-reused", str(error))
        case Conflict():
            return Problem(409, "conflict", str(error), headers=again)
        case InDoubt():
            return Problem(503, "in-doubt", str(error), headers=again)
        case Unreachable():
            return Problem(503, "unreachable", str(error), headers=again)
        case _:
            return Problem(500, "damaged", str(error))


def _allowed(request: Request) -> str:
    """The methods that the routes of a path take, for Allow."""
    return ", ".join(sorted(request.app.state.index.methods_of(request.url.path)))


async def _of_framework(request: Request, error: Exception) -> Response:
    """The answer to what the framework itself refuses."""
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, "unreadable")
    headers = dict(error.headers or {})
    detail = str(error.detail)
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
        detail = f"{request.url.path} takes {headers['Allow']}"
    elif error.status_code == 404:
        detail = f"there is nothing at {request.url.path}; /openapi.json tells what there is"
    return Problem(error.status_code, code, detail, headers=headers).response()


async def _of_values(request: Request, error: Exception) -> Response:
    """The answer to parameters that the framework can't take."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return Problem(422, "invalid", f"{where}: {first['msg']}").response()


async def _of_desk(request: Request, error: Exception) -> Response:
    return problem_of(error).response()


async def _of_the_gone(request: Request, error: Exception) -> Response:
    """The answer to a client that went before its body was whole, for the metrics: no failure of
    the server."""
    return Problem(400, "unreadable", "the body broke off: send it again, whole").response()


async def _of_nobody(request: Request, error: Exception) -> Response:
    """The answer to a failure of the server: its log has the traceback, the client hasn't."""
    logging.getLogger("ticketlog.http").error("%s fails", request.url.path, exc_info=error)
    return problem_of(error).response()


def handle_problems(app: FastAPI) -> None:
    """Adds the handlers of all errors."""
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(RequestValidationError, _of_values)
    for kind in (Problem, Refused, TicketlogError):
        app.add_exception_handler(kind, _of_desk)
    app.add_exception_handler(ClientDisconnect, _of_the_gone)
    app.add_exception_handler(Exception, _of_nobody)
