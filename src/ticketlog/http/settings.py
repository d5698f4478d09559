"""Settings over HTTP: read, tried, and put in force."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.application.settings_removal import moves
from ticketlog.desk import Desk
from ticketlog.documents import settings as documents
from ticketlog.documents.base import Document
from ticketlog.domain.base import Actor
from ticketlog.http.answers import JSON, POSITION, VERSION, Answer, encoded
from ticketlog.http.bodies import check_media_type
from ticketlog.http.commands import key_of
from ticketlog.http.documented import (
    answer_headers,
    problems_of,
    read_operation,
    sending_parameters,
)
from ticketlog.http.moments import awaited, read_past, wait_for
from ticketlog.http.parameters import Parameter, filled, parameters_of, read_parameters
from ticketlog.http.problems import Problem
from ticketlog.http.queries import FIELDS, reading_parameters, seen
from ticketlog.http.served import Served, actor_of

TOML = "application/toml"
_TYPES = re.compile(r"application/toml|text/plain", re.IGNORECASE)


class Applying(BaseModel):
    """The parameters of putting a settings file in force, or of trying it."""

    move: tuple[str, ...] = Field(
        (), description="Where tickets go of what is taken away: KIND:OLD=NEW."
    )
    strand: bool = Field(False, description="They stay where they are.")
    reason: str | None = Field(None, description="Why; it stands in the record.")


_APPLYING = {each.name: each for each in parameters_of(Applying)}
_MADE = Callable[[Desk, bytes, Actor, Applying, str | None], tuple[Document, int]]


def router(served: Served) -> APIRouter:
    """The routes of settings."""
    routes = APIRouter(tags=["settings"])
    _add_reads(served, routes)
    for path, name, made, model in (
        ("/settings/apply", "settings.apply", _applied, documents.AppliedSettings),
        ("/settings/check", "settings.check", _checked, documents.Checked),
    ):
        endpoint = _endpoint(served, made)
        endpoint.__doc__ = made.__doc__
        routes.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=model,
            operation_id=name,
            responses={
                200: {"description": "Done.", "headers": answer_headers("Ticketlog-Position")},
                **problems_of(404, 409, 413, 415),
            },
            openapi_extra=_BODY,
        )
    return routes


def _add_reads(served: Served, routes: APIRouter) -> None:
    known = {each.name: each for each in reading_parameters()}

    async def show(request: Request) -> Response:
        actor = await actor_of(request)
        asked = read_parameters(request, known)
        await wait_for(served, awaited(asked))
        moment = (asked.get("as_of"), asked.get("occurred_as_of"), "was")

        def answer() -> Answer:
            position = str(served.desk.cut())
            settings = read_past(served.desk, moment, lambda source: source.settings)
            told = seen(served, actor, documents.in_force(settings))
            return Answer(told, position, version=settings.position, fields=asked.get("fields"))

        return (await served.read(answer)).response(request)

    async def history(request: Request) -> Response:
        actor = await actor_of(request)
        asked = read_parameters(request, {FIELDS.name: FIELDS})

        def answer() -> Answer:
            position = str(served.desk.cut())
            told = documents.SettingsHistory.made(served.desk.settings_history())
            return Answer(seen(served, actor, told), position, fields=asked.get("fields"))

        return (await served.read(answer)).response(request)

    reads: tuple[tuple[str, str, Any, type[Document], str, list[Parameter]], ...] = (
        (
            *("/settings", "settings.show", show, documents.IN_FORCE),
            *("The settings in force, now or then.", list(known.values())),
        ),
        (
            *("/settings/history", "settings.history", history, documents.SettingsHistory),
            *("Who changed what of the settings, in order.", [FIELDS]),
        ),
    )
    for path, name, endpoint, model, about, parameters in reads:
        operation = read_operation(name, about, parameters, tag="settings")
        routes.add_api_route(path, endpoint, methods=["GET"], response_model=model, **operation)


def _endpoint(served: Served, made: _MADE) -> Callable[[Request], Awaitable[Response]]:
    async def put(request: Request) -> Response:
        actor = await actor_of(request)
        given = filled(Applying, read_parameters(request, _APPLYING))
        check_media_type(request, _TYPES, TOML)
        file = await request.body()
        _check_names_no_file(file)
        document, status = await served.write(
            made, served.desk, file, actor, given, key_of(request)
        )
        headers = {POSITION: str(await served.read(served.desk.cut))}
        headers[VERSION] = str(served.desk.settings.position)
        return Response(encoded(document), status, headers, JSON)

    return put


def _applied(
    desk: Desk, file: bytes, actor: Actor, given: Applying, id: str | None
) -> tuple[Document, int]:
    """Puts a settings file (TOML) in force; only what differs is recorded."""
    done = desk.settings_apply(
        file,
        actor=actor,
        reason=given.reason,
        id=id,
        moves=moves(given.move),
        strand=given.strand,
    )
    return done.document(), 200


def _checked(
    desk: Desk, file: bytes, actor: Actor, given: Applying, id: str | None
) -> tuple[Document, int]:
    """The changes that a settings file (TOML) would make, and what asks for a move. Nothing is
    recorded."""
    return desk.settings_check(file, actor=actor, moves=moves(given.move)).document(), 200


def _check_names_no_file(file: bytes) -> None:
    """Raises Problem 422 for settings that name iCal files: over HTTP they would be files of the
    server's machine. Raises nothing for what is no TOML, which the desk refuses in its words."""
    try:
        said = tomllib.loads(file.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return
    calendars = said.get("calendars")
    if _names_ical(calendars):
        raise Problem(
            422,
            "invalid",
            "calendars: a file of holidays can't be named over HTTP, since it would be one of the "
            "server's machine; name the country, or apply the settings there with "
            "`ticketlog settings apply FILE`",
        )


def _names_ical(value: Any) -> bool:
    if isinstance(value, dict):
        return "ical" in value or any(map(_names_ical, value.values()))
    return isinstance(value, list) and any(map(_names_ical, value))


_BODY: dict[str, Any] = {
    "parameters": [
        each for each in sending_parameters(_APPLYING.values()) if each["name"] != "If-Match"
    ],
    "requestBody": {
        "required": True,
        "content": {
            TOML: {
                "schema": {"type": "string"},
                "example": '[teams.network]\ntitle = "Network"\n',
            }
        },
    },
}
