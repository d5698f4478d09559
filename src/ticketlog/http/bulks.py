"""Bulks over HTTP: one command for many tickets, planned, looked at and taken back. Their run is
started, paused and resumed by commands; the workers of the server carry it on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ticketlog.documents.base import Document
from ticketlog.documents.bulks import BulkRows, BulkStatus, BulkTicket
from ticketlog.domain.bulk import BulkState
from ticketlog.http.answers import encoded
from ticketlog.http.bodies import fitted, read_body
from ticketlog.http.bulk import COMMANDS, NDJSON
from ticketlog.http.commands import key_of
from ticketlog.http.documented import path_parameter, problems_of
from ticketlog.http.parameters import filled, parameters_of, read_parameters
from ticketlog.http.problems import Problem
from ticketlog.http.served import Served, actor_of

_JSON = "application/json"
_ID = path_parameter("id", "4F7K2M9QABCD")
Route = Callable[[Request], Awaitable[Response]]
MOST_IDS = 50_000
"""Ids in a request at most."""


class BulkPlan(BaseModel):
    """The plan of a bulk: the command of a ticket, and the tickets: by conditions or by ids."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    command: str = Field(max_length=100, examples=["ticket.tag"])
    arguments: dict[str, Any] = Field({}, examples=[{"add": ["outage"]}])
    where: tuple[str, ...] | None = Field(None, max_length=100, examples=[("team is network",)])
    """Conditions as 'FIELD OPERATOR VALUE', of which all must hold; none: all tickets."""
    ids: tuple[str, ...] | None = Field(None, max_length=MOST_IDS)
    notices: bool = False
    """Recipients are told of each ticket, instead of all in one digest."""
    reason: str | None = Field(None, max_length=1_000)


class UndoBody(BaseModel):
    """The reason for which a bulk is taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reason: str | None = Field(None, max_length=1_000)


class BulkParameters(BaseModel):
    """The parameters of the list of bulks."""

    state: BulkState | None = Field(None, description="Only those in this state.")
    limit: int = Field(50, ge=1, le=1_000, description="Bulks at most.")


_EXAMPLE = {
    "command": "ticket.tag",
    "arguments": {"add": ["outage"]},
    "where": ["team is network"],
}
PARAMETERS = {each.name: each for each in parameters_of(BulkParameters)}


def router(served: Served) -> APIRouter:
    """The routes of bulks."""
    routes = APIRouter()
    for path, method, made, model, status, about in (
        ("/bulks", "GET", _list, BulkRows, 200, "Bulks and how far each is, the latest first."),
        ("/bulks", "POST", _plan, BulkStatus, 201, "Plans a command for many tickets."),
        ("/bulks/{id}", "GET", _show, BulkStatus, 200, "What a bulk would do, or has done."),
        ("/bulks/{id}/tickets", "GET", _tickets, None, 200, "A line for each ticket of a bulk."),
        ("/bulks/{id}/undo", "POST", _undo, BulkStatus, 201, "Plans to take a bulk back."),
    ):
        operation = _operation(path, method, model, about)
        endpoint = made(served)
        routes.add_api_route(path, endpoint, methods=[method], status_code=status, **operation)
    return routes


def _answer(document: Document, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    if status == 201 and isinstance(document, BulkStatus):
        headers["Location"] = f"/api/v1/bulks/{document.bulk}"
    return Response(encoded(document), status, headers, _JSON)


def _list(served: Served) -> Route:
    async def bulks(request: Request) -> Response:
        actor = await actor_of(request)
        given = filled(BulkParameters, read_parameters(request, PARAMETERS))
        found = await served.read(served.desk.bulks.listed, actor, **given.model_dump())
        return _answer(found)

    return bulks


def _plan(served: Served) -> Route:
    async def plan(request: Request) -> Response:
        actor = await actor_of(request)
        body = await read_body(request, BulkPlan)
        model = COMMANDS.get(body.command)
        if model is None or not body.command.startswith("ticket."):
            raise Problem(422, "invalid", f"there is no command {body.command!r} for a ticket")
        command, of = fitted(model, body.arguments), served.desk.bulks
        planned = await served.write(
            of.plan,
            command,
            actor=actor,
            where=body.where,
            ids=body.ids,
            id=key_of(request),
            notices=body.notices,
            reason=body.reason,
        )
        return _answer(await served.read(of.show, planned.id, actor, unknown=planned.unknown), 201)

    return plan


def _show(served: Served) -> Route:
    async def bulk(request: Request) -> Response:
        actor = await actor_of(request)
        return _answer(await served.read(served.desk.bulks.show, request.path_params["id"], actor))

    return bulk


def _tickets(served: Served) -> Route:
    async def tickets(request: Request) -> Response:
        actor = await actor_of(request)
        rows = served.desk.bulks.rows(request.path_params["id"], actor)
        first = await served.read(next, rows, None)

        def lines() -> Iterator[bytes]:
            if first is not None:
                yield encoded(first) + b"\n"
            for each in rows:
                yield encoded(each) + b"\n"

        return StreamingResponse(lines(), media_type=NDJSON, headers={"Cache-Control": "no-store"})

    return tickets


def _undo(served: Served) -> Route:
    async def undo(request: Request) -> Response:
        actor = await actor_of(request)
        body, of = await read_body(request, UndoBody), served.desk.bulks
        bulk, key = request.path_params["id"], key_of(request)
        planned = await served.write(of.undo, bulk, actor=actor, id=key, reason=body.reason)
        return _answer(await served.read(of.show, planned.id, actor), 201)

    return undo


def _operation(path: str, method: str, model: type[Document] | None, about: str) -> dict[str, Any]:
    """The description of a route, for `add_api_route`."""
    parameters = [_ID] if "{id}" in path else []
    if (path, method) == ("/bulks", "GET"):
        parameters += [each.documented() for each in PARAMETERS.values()]
    extra: dict[str, Any] = {"parameters": parameters}
    statuses = [404] if "{id}" in path else []
    responses: dict[int | str, Any] = {}
    if method == "POST":
        body = BulkPlan if path == "/bulks" else UndoBody
        schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
        content = {"schema": schema, "example": _EXAMPLE if path == "/bulks" else {}}
        extra["requestBody"] = {"required": True, "content": {_JSON: content}}
        statuses += [409, 413, 415]
    if model is None:
        schema = BulkTicket.model_json_schema(
            ref_template="#/components/schemas/{model}", mode="serialization"
        )
        responses[200] = {"description": about, "content": {NDJSON: {"schema": schema}}}
    return {
        "operation_id": f"{method.lower()}{path}".replace("/", "-")
        .replace("{", "")
        .replace("}", ""),
        "summary": about,
        "tags": ["bulk"],
        "response_model": model,
        "response_class": Response,
        "responses": {**responses, **problems_of(*statuses)},
        "openapi_extra": extra,
    }
