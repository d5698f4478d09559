"""The pages that the `type` of a problem leads to."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ticketlog.http.problems import KINDS, TYPES, Problem
from ticketlog.http.served import Served


def router(served: Served) -> APIRouter:
    """The route of the pages, which nobody has to sign in for."""
    routes = APIRouter(include_in_schema=False)

    async def show(request: Request) -> Response:
        code = request.path_params["code"]
        kind = KINDS.get(code)
        if kind is None:
            raise Problem(404, "not-found", f"there is no problem {code!r}")
        return PlainTextResponse(f"{code} ({kind.status})\n\n{kind.title}\n")

    routes.add_api_route(f"{TYPES}{{code}}", show, methods=["GET"])
    return routes


def problems_table() -> str:
    """All problems as a table of docs/API.md."""
    rows = [f"| `{code}` | {kind.status} | {kind.title} |" for code, kind in KINDS.items()]
    return "\n".join(["| type `/problems/...` | status | |", "| --- | --- | --- |", *rows, ""])
