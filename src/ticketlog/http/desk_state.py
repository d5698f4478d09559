"""The state of the desk over HTTP: its status, the sizes of its logs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.desk import Desk
from ticketlog.documents import desks
from ticketlog.documents.base import Document
from ticketlog.http.answers import Answer
from ticketlog.http.documented import read_operation
from ticketlog.http.moments import AfterPosition, awaited, wait_for
from ticketlog.http.parameters import parameters_of, read_parameters
from ticketlog.http.queries import AFTER, FIELDS, seen
from ticketlog.http.served import Served, actor_of

_KNOWN = {each.name: each for each in (*parameters_of(AfterPosition), AFTER, FIELDS)}


def router(served: Served) -> APIRouter:
    """The routes of the desk's state."""
    routes = APIRouter()
    reads: tuple[tuple[str, str, str, type[Document], Callable[[Desk], Document]], ...] = (
        (
            *("/status", "desk.status", "What the desk holds, and how far its views are."),
            *(desks.DeskStatus, Desk.status),
        ),
        ("/log", "desk.log", "The sizes of the desk's logs.", desks.LogStat, Desk.log_stat),
    )
    for path, name, about, model, made in reads:
        routes.add_api_route(
            path,
            _endpoint(served, made),
            methods=["GET"],
            response_model=model,
            **read_operation(name, about, _KNOWN.values(), tag="desk"),
        )
    return routes


def _endpoint(
    served: Served, made: Callable[[Desk], Document]
) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        actor = await actor_of(request)
        asked = read_parameters(request, _KNOWN)
        await wait_for(served, awaited(asked))

        def answer() -> Answer:
            served.desk.viewer(actor)
            position = str(served.desk.cut())
            told = seen(served, actor, made(served.desk))
            return Answer(told, position, fields=asked.get("fields"))

        return (await served.read(answer)).response(request)

    return show
