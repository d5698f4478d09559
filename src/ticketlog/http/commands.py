"""Commands over HTTP: `POST /KINDs` creates, `POST /KINDs/ID/commands/NAME` does everything else.

The routes are made from the list of commands; a body is the command's model.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.desk import Outcome
from ticketlog.documents.events import Event
from ticketlog.documents.outcomes import Outcome as OutcomeDocument
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import (
    Actor,
    Aggregate,
    Command,
    Forbidden,
    Instant,
    NotFound,
    Stale,
    kind_and_id,
)
from ticketlog.http.answers import JSON, POSITION, VERSION, encoded
from ticketlog.http.bodies import read_body
from ticketlog.http.documented import command_operation
from ticketlog.http.parameters import Parameter, filled, parameters_of, read_parameters
from ticketlog.http.problems import Problem, problem_of
from ticketlog.http.served import Served, actor_of

_TAG = re.compile(r'(?:W/)?"(\d{1,18})(?:\.[0-9a-f]+)?"')
_ONLY_SERVICES = ("channel", "source", "occurred_at")
IDEMPOTENCY_KEY = "Idempotency-Key"


class Sending(BaseModel):
    """The parameters of every command, beside its body."""

    seen: int | None = Field(
        None,
        ge=0,
        description="The version that the sender saw, as `If-Match`: 409 with what has changed "
        "since, where it touches what the command does, or somebody has spoken.",
    )
    anyway: bool = Field(False, description="Whatever has come since `seen`, do it.")
    reason: str | None = Field(None, description="Why; it stands in the record.")
    correlation: str | None = Field(
        None, max_length=100, description="What it belongs to, in the words of the sender."
    )
    channel: str | None = Field(
        None, description="Where it came in: `mail`, `phone`, ... Services alone say it."
    )
    source: str | None = Field(
        None, description="Where in the channel it came from. Services alone say it."
    )
    occurred_at: Instant | None = Field(
        None, description="When it happened, where the channel knows. Services alone say it."
    )


SENDING: Mapping[str, Parameter] = {each.name: each for each in parameters_of(Sending)}


class CommandRoute(NamedTuple):
    """The route of a command."""

    path: str
    aggregate: Aggregate
    model: type[Command]

    @property
    def name(self) -> str:
        """The name that stands in the path and in the command line."""
        return self.model.NAME.partition(".")[2]


def plural(kind: str) -> str:
    """The collection of a kind of stream, as paths have it."""
    return f"{kind}s"


ELSEWHERE: Mapping[str, str] = {
    "ticket.attach": "its bytes come with it: POST /tickets/{id}/attachments",
}
"""Commands that have a route of another kind -> why."""


def is_sent_by_clients(model: type[Command]) -> bool:
    """Whether an actor outside the desk may send a command: some are for rules alone."""
    return model.NAME not in ELSEWHERE and not model.SPEC.who_may <= {"rule"}


def command_routes() -> Iterator[CommandRoute]:
    """The route of each command that a client may send."""
    for aggregate in AGGREGATES.values():
        if aggregate.internal:
            continue
        collection = f"/{plural(aggregate.kind)}"
        for model in filter(is_sent_by_clients, aggregate.commands):
            name = model.NAME.partition(".")[2]
            path = collection if model.SPEC.creates else f"{collection}/{{id}}/commands/{name}"
            yield CommandRoute(path, aggregate, model)


def router(served: Served) -> APIRouter:
    """The routes of all commands."""
    routes = APIRouter()
    for each in command_routes():
        routes.add_api_route(
            each.path,
            _endpoint(served, each),
            methods=["POST"],
            status_code=201 if each.model.SPEC.creates else 200,
            response_model=OutcomeDocument,
            **command_operation(each, SENDING.values()),
        )
    return routes


def _endpoint(served: Served, route: CommandRoute) -> Callable[[Request], Awaitable[Response]]:
    aggregate, model = route.aggregate, route.model

    async def send(request: Request) -> Response:
        actor = await actor_of(request)
        sending = sending_of(request, actor)
        command = await read_body(request, model)
        on = None if model.SPEC.creates else stream_named(aggregate, request.path_params["id"])
        try:
            outcome = await served.execute(command, on=on, actor=actor, **sending)
        except Stale as stale:
            raise await _told(served, stale, on, actor, sending["seen"]) from stale
        position = str(await served.read(served.desk.cut))
        return outcome_answer(outcome, position, created=model.SPEC.creates)

    return send


LONGEST_ID = 90
"""Characters of an id in a path; events name streams in 100."""


def check_id(kind: str, id: str) -> None:
    """Raises NotFound for what can be no id."""
    if not 0 < len(id) <= LONGEST_ID or not id.isprintable():
        raise NotFound(f"{kind} {id[:LONGEST_ID]!r} doesn't exist: that is no id")


def stream_named(aggregate: Aggregate, id: str) -> str:
    """The stream of an id in a path, which may be in small letters where the kind has capitals.
    Raises NotFound for what can be no id."""
    check_id(aggregate.kind, id)
    return f"{aggregate.kind}/{id.upper() if aggregate.in_any_case else id}"


def sending_of(request: Request, actor: Actor) -> dict[str, Any]:
    """The envelope of a command, from the parameters and headers of its request, as
    `Desk.execute` takes it. Raises Problem 422, Forbidden."""
    given = filled(Sending, read_parameters(request, SENDING))
    return envelope(given, actor) | {"id": key_of(request), "seen": seen_by(request, given)}


def key_of(request: Request) -> str | None:
    """The id of a command, which some clients write in quotes."""
    given = request.headers.get(IDEMPOTENCY_KEY)
    quoted = given is not None and len(given) > 1 and given[0] == given[-1] == '"'
    return given[1:-1] if given is not None and quoted else given


def seen_by(request: Request, given: Sending) -> int | None:
    """The version that the sender saw. Raises Problem 422."""
    seen = _matched(request.headers.get("if-match"))
    if seen is not None and given.seen not in (None, seen):
        raise Problem(422, "invalid", "If-Match and seen name different versions: say one")
    return given.seen if seen is None else seen


def envelope(given: Sending, actor: Actor, without: Sequence[str] = ()) -> dict[str, Any]:
    """The envelope as `Desk.execute` takes it, without some fields. Raises Forbidden where an actor
    says what only services may."""
    said = given.model_dump(exclude_none=True, exclude=set(without))
    for name in _ONLY_SERVICES:
        if name in said and actor.kind != "service":
            raise Forbidden(
                f"{actor.kind} {actor.id} can't say {name}: only a service knows how a message "
                f"came; leave {name} out"
            )
    said["channel"] = said.get("channel", "api")
    return said


def _matched(given: str | None) -> int | None:
    """The version that `If-Match` names. Raises Problem 422."""
    if given is None or given.strip() == "*":
        return None
    found = _TAG.fullmatch(given.strip())
    if found is None:
        raise Problem(
            422,
            "invalid",
            f'If-Match: {given[:100]!r} names no version; write "VERSION", or the ETag of the read',
        )
    return int(found[1])


async def _told(
    served: Served, stale: Stale, on: str | None, actor: Actor, seen: int | None
) -> Problem:
    """The problem of a stale screen, with the events that its sender hasn't seen."""
    problem = problem_of(stale)
    if on is not None and seen is not None:
        events = await served.read(served.desk.history, on, actor=actor)
        late = [each for each in events if each.originator_version > seen]
        problem.more["version"] = events[-1].originator_version if events else None
        problem.more["changes"] = [Event.made(each).plain() for each in late[-_CHANGES:]]
    return problem


_CHANGES = 50
"""Events at most that a refusal of a stale command shows, the latest."""


def outcome_answer(outcome: Outcome, position: str, *, created: bool = False) -> Response:
    """The answer to a command that was carried out."""
    body = encoded(OutcomeDocument.made(outcome))
    version = outcome.version
    headers = {"ETag": f'"{version}"', VERSION: str(version), POSITION: position}
    if created or outcome.follow_up_of:
        kind, id = kind_and_id(outcome.stream)
        headers["Location"] = f"/api/v1/{plural(kind)}/{id}"
    return Response(body, 201 if created else 200, headers, JSON)
