"""Single things over HTTP: `GET /KINDs/ID`, and what happened to them: `GET /KINDs/ID/history`."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.application.as_of import Past
from ticketlog.application.explaining import explain
from ticketlog.application.inbox_document import inbox_document
from ticketlog.application.party_documents import (
    agent_document,
    organisation_document,
    person_document,
)
from ticketlog.application.sla_documents import sla_document
from ticketlog.application.ticket_documents import history_of, ticket_document
from ticketlog.desk import Desk
from ticketlog.documents import parties, sla, ticket_rows, tickets
from ticketlog.documents.base import Document
from ticketlog.documents.events import History
from ticketlog.documents.explained import EXPLAINED
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Actor, instant, kind_and_id
from ticketlog.http.answers import Answer
from ticketlog.http.commands import plural, stream_named
from ticketlog.http.documented import example_id, read_operation
from ticketlog.http.moments import awaited, read_past, wait_for
from ticketlog.http.parameters import Parameter, read_parameters
from ticketlog.http.queries import reading_parameters, seen
from ticketlog.http.served import Served, actor_of

Asked: TypeAlias = Mapping[str, Any]
"""The parameters of a request."""
Made: TypeAlias = Callable[[Desk | Past, str, Actor, Asked], Document]
"""(the desk or its past, the stream, who asks, the parameters): the document."""


class ThingRead(NamedTuple):
    """A read of one thing: `GET /KINDs/ID` and PART."""

    kind: str
    part: str
    document: type[Document]
    about: str
    made: Made
    basis: bool = False
    more: tuple[Parameter, ...] = ()


def _remark(text: str) -> None:
    """A remark beside an answer, which the command line shows on standard error."""
    logging.getLogger("ticketlog.http").warning("%s", text)


def _at(asked: Asked) -> str | None:
    """The moment in the words of the asker."""
    return asked.get("as_of") or asked.get("occurred_as_of")


def _now(source: Desk | Past, asked: Asked) -> int:
    """The instant that is asked about, in microseconds."""
    text = _at(asked)
    if text is not None and "-" in text:
        return instant(text)
    return source.now if isinstance(source, Past) else time.time_ns() // 1000


def _ticket(source: Desk | Past, stream: str, actor: Actor, asked: Asked) -> Document:
    return ticket_document(source, stream, at=_at(asked), remark=_remark, actor=actor)


def _person(source: Desk | Past, stream: str, actor: Actor, asked: Asked) -> Document:
    id = kind_and_id(stream)[1]
    return person_document(source, id, at=_at(asked), remark=_remark, actor=actor)


def _organisation(source: Desk | Past, stream: str, actor: Actor, asked: Asked) -> Document:
    return organisation_document(source, kind_and_id(stream)[1], at=_at(asked), actor=actor)


def _agent(source: Desk | Past, stream: str, actor: Actor, asked: Asked) -> Document:
    return agent_document(source, kind_and_id(stream)[1], at=_at(asked), actor=actor)


def _history(source: Desk | Past, stream: str, actor: Actor, asked: Asked) -> Document:
    further: list[str] = []
    if kind_and_id(stream)[0] == "person":
        from ticketlog.projections.views.persons import MergedPersons

        merged = source.query(MergedPersons(person=kind_and_id(stream)[1]), actor=actor)
        further = [f"person/{each}" for each in merged]
    events = history_of(source, stream, further=further, at=_at(asked), actor=actor)
    since = asked.get("since")
    if since is not None:
        events = [each for each in events if each.originator_version > since]
    return History.made(stream, events)


def _sla(source: Desk | Past, stream: str, actor: Actor, asked: Asked) -> Document:
    recomputed = None if asked.get("basis", "was") == "was" else source.settings.position
    now = _now(source, asked)
    return sla_document(source, stream, now=now, recomputed=recomputed, remark=_remark, actor=actor)


def _explained(source: Desk | Past, stream: str, actor: Actor, asked: Asked) -> Document:
    return explain(source, stream, _now(source, asked), actor=actor)


def _inbox(source: Desk | Past, stream: str, actor: Actor, asked: Asked) -> Document:
    agent, limit = kind_and_id(stream)[1], asked.get("limit", 50)
    selves = source.selves(agent) if isinstance(source, Desk) else []
    now = _now(source, asked)
    return inbox_document(source, agent, now=now, selves=selves, limit=limit, actor=actor)


_LIMIT = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 50},
    False,
    "Rows of each list at most.",
    int,
)
_SINCE = Parameter(
    "since",
    {"type": "integer", "minimum": 0},
    False,
    "Only what came after this version.",
    int,
)
READS: tuple[ThingRead, ...] = (
    ThingRead("ticket", "", tickets.Ticket, "A ticket as it is, or was.", _ticket, basis=True),
    ThingRead("person", "", parties.Person, "A person, with all who were merged in.", _person),
    ThingRead("organisation", "", parties.Organisation, "An organisation.", _organisation),
    ThingRead("agent", "", parties.Agent, "An agent: presence, shifts, settings.", _agent),
    ThingRead(
        "ticket", "/sla", sla.TicketSla, "The promises to a ticket, and its clocks.", _sla, True
    ),
    ThingRead(
        "ticket",
        "/explanation",
        EXPLAINED,
        "The SLA policy and the rules that match a ticket, and why the rest don't.",
        _explained,
    ),
    ThingRead(
        "agent",
        "/inbox",
        ticket_rows.Inbox,
        "The tickets that wait for an agent, those that nobody has, and those snoozed.",
        _inbox,
        more=(_LIMIT,),
    ),
)


def router(served: Served) -> APIRouter:
    """The routes of single things and of histories."""
    routes = APIRouter()
    histories = [
        ThingRead(
            kind,
            "/history",
            History,
            "Everything that happened to it, in order.",
            _history,
            basis=kind == "ticket",
            more=(_SINCE,),
        )
        for kind, aggregate in AGGREGATES.items()
        if not aggregate.internal
    ]
    for each in (*READS, *histories):
        common = reading_parameters(basis=each.basis)
        known = {one.name: one for one in (*each.more, *common)}
        name = f"{plural(each.kind)}.{each.part.strip('/') or 'show'}"
        routes.add_api_route(
            f"/{plural(each.kind)}/{{id}}{each.part}",
            _endpoint(served, each, known),
            methods=["GET"],
            response_model=each.document,
            **read_operation(
                name,
                each.about,
                known.values(),
                tag=plural(each.kind),
                paths={"id": example_id(each.kind)},
                statuses=(404,),
                versioned=True,
            ),
        )
    return routes


def _endpoint(
    served: Served, read: ThingRead, known: Mapping[str, Parameter]
) -> Callable[[Request], Awaitable[Response]]:
    aggregate = AGGREGATES[read.kind]

    async def show(request: Request) -> Response:
        actor = await actor_of(request)
        asked = read_parameters(request, known)
        await wait_for(served, awaited(asked))
        stream = stream_named(aggregate, request.path_params["id"])
        moment = (asked.get("as_of"), asked.get("occurred_as_of"), asked.get("basis", "was"))
        answer = partial(_answer, served, read, stream, actor, asked)
        return (await served.read(read_past, served.desk, moment, answer)).response(request)

    return show


def _answer(
    served: Served,
    read: ThingRead,
    stream: str,
    actor: Actor,
    asked: Asked,
    source: Desk | Past,
) -> Answer:
    position = str(served.desk.cut())
    document = read.made(source, stream, actor, asked)
    version = _version(document, source, stream, actor)
    fields = asked.get("fields")
    return Answer(seen(served, actor, document), position, version=version, fields=fields)


def _version(document: Document, source: Desk | Past, stream: str, actor: Actor) -> int | None:
    """The version of the stream that a document is about, as it says it itself where it does."""
    told = getattr(document, "version", None)
    if isinstance(told, int):
        return told
    version: int = source.load(stream, actor=actor).version
    return version if version >= 0 else None
