"""The next ticket over HTTP: `POST /next` gives an agent the most urgent one that nobody has."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.documents.outcomes import Outcome as OutcomeDocument
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.assignment import Next
from ticketlog.http.bodies import read_body
from ticketlog.http.commands import SENDING, CommandRoute, outcome_answer, sending_of
from ticketlog.http.documented import command_operation
from ticketlog.http.served import Served, actor_of

ROUTE = CommandRoute("/next", AGGREGATES[TICKET], Next)


def router(served: Served) -> APIRouter:
    """The route of the next ticket."""
    routes = APIRouter()

    async def send(request: Request) -> Response:
        actor = await actor_of(request)
        sending = sending_of(request, actor)
        asked = await read_body(request, Next)
        outcome = await served.write(served.desk.next, actor=actor, team=asked.team, **sending)
        return outcome_answer(outcome, str(await served.read(served.desk.cut)))

    routes.add_api_route(
        ROUTE.path,
        send,
        methods=["POST"],
        response_model=OutcomeDocument,
        **command_operation(ROUTE, SENDING.values()),
    )
    return routes
