"""Many commands in one request: JSON lines in, JSON lines out, each with its own outcome, in order.

A line is carried out when it has come, and answered at once; the next one sees what it did.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ticketlog.documents.bulks import BulkLine
from ticketlog.documents.outcomes import Outcome as OutcomeDocument
from ticketlog.domain.base import Actor, Command, Refused
from ticketlog.errors import TicketlogError
from ticketlog.http.bodies import check_media_type, fitted, json_of
from ticketlog.http.commands import Sending, check_id, command_routes, envelope
from ticketlog.http.documented import problems_of
from ticketlog.http.examples import example_of
from ticketlog.http.problems import Problem, problem_of
from ticketlog.http.served import Served, actor_of

NDJSON = "application/x-ndjson"
_TYPES = re.compile(r"application/(?:x-ndjson|jsonl|jsonlines|x-jsonlines)", re.IGNORECASE)
LONGEST_LINE = 1 << 20
"""Bytes of a line at most."""
MOST_LINES = 5_000
"""Lines of a request at most: a client that reads the answer only when it has sent all isn't
locked out by full buffers."""
COMMANDS: Mapping[str, type[Command]] = {each.model.NAME: each.model for each in command_routes()}


class BulkCommand(Sending):
    """A line: a command with its envelope."""

    model_config = ConfigDict(extra="forbid", strict=True)

    command: str = Field(description="The name of the command: `ticket.reply`.")
    on: str | None = Field(
        None,
        max_length=200,
        description="The thing that it is for, KIND/ID; nothing for one that creates.",
    )
    arguments: dict[str, Any] = Field({}, description="The command, as the body of its route.")
    id: str | None = Field(None, description="As `Idempotency-Key`.")


_OWN = ("command", "on", "arguments", "id", "seen")


def router(served: Served) -> APIRouter:
    """The route of many commands."""
    routes = APIRouter()

    async def bulk(request: Request) -> Response:
        """Carries out many commands in order, each by itself.

        A line of JSON in (`application/x-ndjson`) for each, a line out with its status and its
        outcome or its problem. The last line has the position."""
        actor = await actor_of(request)
        check_media_type(request, _TYPES, NDJSON)
        return _Lines(_answered(request, served, actor))

    routes.add_api_route(
        "/bulk",
        bulk,
        methods=["POST"],
        operation_id="bulk",
        tags=["bulk"],
        response_class=Response,
        responses={
            200: {
                "description": "A line for each command.",
                "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/BulkLine"}}},
            },
            **problems_of(408, 413, 415),
        },
        openapi_extra=_BODY,
    )
    return routes


class _Lines(Response):
    """A response of lines that are sent while the request still comes. The framework's own would
    read the request to hear when the client goes, and so take its lines away."""

    media_type = NDJSON

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            async for line in self._lines:
                await send({"type": "http.response.body", "body": line, "more_body": True})
        except ClientDisconnect:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _answered(request: Request, served: Served, actor: Actor) -> AsyncIterator[bytes]:
    """The lines of the answer."""
    number = 0
    try:
        async for line in _lines(request):
            if served.stopping:
                raise Problem(
                    503, "stopping", f"the server stops: lines from {number + 1} on weren't read"
                )
            if number == MOST_LINES:
                raise Problem(
                    413,
                    "too-large",
                    f"a bulk has {MOST_LINES} lines at most: send those from {number + 1} on anew",
                )
            number += 1
            yield await _done(served, actor, line, number)
    except Problem as problem:
        yield _line(number + 1, problem)
    position = str(await served.read(served.desk.cut))
    yield BulkLine.filled(position=position).model_dump_json(exclude_unset=True).encode() + b"\n"


async def _lines(request: Request) -> AsyncIterator[bytes]:
    """The lines of a body that aren't blank. Raises Problem 413 for one that is too long."""
    rest = b""
    async for chunk in request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > LONGEST_LINE:
            raise Problem(413, "too-large", f"a line has {LONGEST_LINE} bytes at most")
    if rest.strip():
        yield rest


async def _done(served: Served, actor: Actor, line: bytes, number: int) -> bytes:
    """Carries out a line; its answer."""
    try:
        asked = fitted(BulkCommand, json_of(line))
        model = COMMANDS.get(asked.command)
        if model is None:
            raise Problem(422, "invalid", f"there is no command {asked.command!r}")
        command = fitted(model, asked.arguments)
        if asked.on is not None:
            check_id(model.NAME.partition(".")[0], asked.on.rpartition("/")[2])
        sending = envelope(asked, actor, without=_OWN) | {"id": asked.id, "seen": asked.seen}
        outcome = await served.execute(command, on=asked.on, actor=actor, **sending)
    except (Problem, Refused, TicketlogError) as error:
        return _line(number, problem_of(error))
    created = model.SPEC.creates
    told = OutcomeDocument.made(outcome)
    return _encoded(BulkLine.filled(line=number, status=201 if created else 200, outcome=told))


def _line(number: int, problem: Problem) -> bytes:
    told = {"line": number, "status": problem.status, "problem": problem.document()}
    return orjson.dumps(told, default=str, option=orjson.OPT_NON_STR_KEYS) + b"\n"


def _encoded(line: BulkLine) -> bytes:
    return line.model_dump_json(exclude_unset=True).encode() + b"\n"


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            NDJSON: {
                "schema": {"$ref": "#/components/schemas/BulkCommand"},
                "example": {
                    "command": "ticket.create",
                    "arguments": example_of(COMMANDS["ticket.create"]),
                    "id": "import-17-row-1",
                },
            }
        },
    }
}
