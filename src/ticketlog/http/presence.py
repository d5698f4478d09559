"""Presence over HTTP: who has a ticket open now, and who types there.

A client that shows a ticket says so every few seconds (`PUT /tickets/ID/presence`); one that shows
tickets, one or a list of them, follows a stream (`GET /presence`). Agents are told of the tickets
that they see; end users of nobody. Servers of one folder tell each other (`application/presence`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.application.feed import FeedFilter
from ticketlog.application.presence import LASTS_S, PresenceBoard, PresentByTicket
from ticketlog.documents import presence as documents
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Actor, Forbidden, NotFound, Refused, kind_and_id
from ticketlog.errors import TicketlogError
from ticketlog.http.answers import JSON, encoded
from ticketlog.http.bodies import read_body
from ticketlog.http.commands import stream_named
from ticketlog.http.documented import example_id, path_parameter, problems_of
from ticketlog.http.feed import EventStream, wants_stream
from ticketlog.http.feed_hub import HEARTBEAT_S, Subscriber
from ticketlog.http.parameters import filled, parameters_of, read_parameters
from ticketlog.http.problems import Problem
from ticketlog.http.served import Served, actor_of
from ticketlog.publishing.cloudevent import STREAM_TYPE

RIGHT = "query:presence"
LOOK_S = 0.25
"""Seconds between two looks who is there, while somebody follows."""
_CHECK_S = 2.0
"""Seconds after which it is looked again whether who follows may still do so."""
_PATH = "/tickets/{id}/presence"
_UNKEPT = {"Cache-Control": "private, no-store"}
_MOST_RECORDED = 10_000


class PresenceBody(BaseModel):
    """A page with a ticket, as its client says it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    types: bool = Field(False, description="Whether the agent writes there.")
    page: str = Field("", max_length=100, description="Which of the agent's pages it is.")


class LeavingParameters(BaseModel):
    """The parameters of leaving."""

    page: str = Field("", max_length=100, description="Which of the agent's pages was closed.")


class PresenceParameters(BaseModel):
    """The parameters of a list of tickets."""

    ticket: tuple[str, ...] = Field((), description="Only these tickets, by their ids.")


_LEAVING = {each.name: each for each in parameters_of(LeavingParameters)}
_LISTED = {each.name: each for each in parameters_of(PresenceParameters)}


def router(served: Served) -> APIRouter:
    """The routes of presence."""
    routes = APIRouter()
    hub = PresenceHub(served)
    served.at_stop.append(hub.stop)

    async def tell(request: Request) -> Response:
        actor = await actor_of(request)
        body = await read_body(request, PresenceBody)
        ticket = await _ticket(request, served, hub, actor)
        await served.write(hub.board.tell, ticket, actor.id, body.page, body.types)
        return _answer(_of(ticket, await served.read(hub.board.present)))

    async def leave(request: Request) -> Response:
        actor = await actor_of(request)
        given = filled(LeavingParameters, read_parameters(request, _LEAVING))
        ticket = await _ticket(request, served, hub, actor)
        await served.write(hub.board.leave, ticket, actor.id, given.page)
        return Response(status_code=204, headers=_UNKEPT)

    async def look(request: Request) -> Response:
        actor = await actor_of(request)
        given = filled(PresenceParameters, read_parameters(request, _LISTED))
        tickets = frozenset(each.removeprefix("ticket/").upper() for each in given.ticket)
        await served.read(served.desk.access.check, actor, RIGHT)
        if wants_stream(request):
            wanted = FeedFilter(frozenset(), frozenset(), tickets)
            subscriber = Subscriber(actor, wanted, request)
            return EventStream(subscriber, hub.frames(subscriber), hub.leave)
        found = await served.read(hub.seen_by, actor, tickets)
        rows = [_of(ticket, found) for ticket in found]
        return _answer(documents.Presence(tickets=rows))

    routes.add_api_route(
        _PATH, tell, methods=["PUT"], response_model=documents.TicketPresence, **_telling()
    )
    routes.add_api_route(_PATH, leave, methods=["DELETE"], status_code=204, **_leaving())
    routes.add_api_route(
        "/presence", look, methods=["GET"], response_model=documents.Presence, **_looking()
    )
    return routes


def _answer(document: documents.TicketPresence | documents.Presence) -> Response:
    return Response(encoded(document), headers=_UNKEPT, media_type=JSON)


def _of(ticket: str, present: PresentByTicket) -> documents.TicketPresence:
    agents = [documents.PresentAgent.filled(**each._asdict()) for each in present.get(ticket, ())]
    return documents.TicketPresence(ticket=ticket, agents=agents)


async def _ticket(request: Request, served: Served, hub: PresenceHub, actor: Actor) -> str:
    """The id of the request's ticket. Raises NotFound where the actor sees none, Forbidden for who
    is no agent."""
    stream = stream_named(AGGREGATES["ticket"], request.path_params["id"])

    def check() -> str:
        served.desk.access.check(actor, RIGHT)
        if actor.kind != "agent":
            raise Forbidden(
                f"{actor.kind} {actor.id} can't be present on a ticket: only agents are; "
                "sign in as one"
            )
        if not hub.sees(actor, stream):
            raise NotFound(f"{stream} doesn't exist; check the id")
        return kind_and_id(stream)[1]

    return await served.read(check)


class PresenceHub:
    """The streams of presence of a server. For its event loop; `sees` and `seen_by` run in
    threads."""

    def __init__(self, served: Served) -> None:
        self.board = PresenceBoard(served.desk.folder)
        self._served = served
        self._open: dict[Subscriber, PresentByTicket | None] = {}
        """Each stream, with what its client was told last; None: nothing yet."""
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._trouble: str | None = None
        self._recorded: set[tuple[Actor, str]] = set()
        """Reads of restricted tickets that stand in the log of access."""

    async def stop(self) -> None:
        """Ends every stream."""
        self._is_stopping = True
        for each in tuple(self._open):
            each.end()
        if self._task is not None:
            self._task.cancel()
        await self._served.write(self.board.close)

    def sees(self, actor: Actor, stream: str) -> bool:
        """Whether an actor sees a ticket that exists; that they read a restricted one is recorded
        once. Raises Forbidden, Unreachable."""
        desk = self._served.desk
        state = desk.load(stream)
        if not state.exists or not desk.viewer(actor).sees_state(state, RIGHT):
            return False
        if desk.access.is_restricted(state) and (actor, stream) not in self._recorded:
            desk.access.read(actor, RIGHT, [stream])
            if len(self._recorded) >= _MOST_RECORDED:
                self._recorded.clear()
            self._recorded.add((actor, stream))
        return True

    def seen_by(self, actor: Actor, tickets: Collection[str]) -> PresentByTicket:
        """The agents who are there now, on these tickets (all, where none is named) that the actor
        sees."""
        return self._seen_of(actor, tickets, self.board.present())

    def _seen_of(
        self, actor: Actor, tickets: Collection[str], present: PresentByTicket
    ) -> PresentByTicket:
        return {
            ticket: agents
            for ticket, agents in present.items()
            if (not tickets or ticket in tickets) and self.sees(actor, f"ticket/{ticket}")
        }

    async def frames(self, subscriber: Subscriber) -> AsyncIterator[bytes]:
        """The frames of a subscriber: one for each ticket that somebody has open, then one for each
        change."""
        if self._is_stopping:
            return
        self._open[subscriber] = None
        subscriber.checked_at = subscriber.said_at = asyncio.get_running_loop().time()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._follow())
        yield b"retry: 1000\n\n"
        while frames := await subscriber.take():
            yield frames

    def leave(self, subscriber: Subscriber) -> None:
        """Forgets a subscriber whose stream has ended."""
        subscriber.end()
        self._open.pop(subscriber, None)

    async def _follow(self) -> None:
        """Tells changes until no stream is open."""
        told: PresentByTicket | None = None
        looked_at = 0.0
        while self._open and not self._is_stopping:
            now = asyncio.get_running_loop().time()
            try:
                present = await self._served.read(self.board.present)
                # Who may see a ticket is looked at with each change, and now and then.
                if present != told or now - looked_at >= _CHECK_S:
                    told, looked_at, new = present, now, tuple(self._open)
                else:
                    new = tuple(each for each, was in self._open.items() if was is None)
                for each in new:
                    await self._tell(each, present)
                self._trouble = None
            except TicketlogError as error:
                if self._trouble != str(error):
                    self._trouble = str(error)
                    logging.getLogger("ticketlog.http").error(
                        "presence can't be told, and is tried again: %s", error
                    )
            await asyncio.sleep(LOOK_S)
        self._task = None

    async def _tell(self, subscriber: Subscriber, present: PresentByTicket) -> None:
        now = asyncio.get_running_loop().time()
        if now - subscriber.checked_at >= _CHECK_S and not await self._may_still_read(subscriber):
            subscriber.end()
            return
        actor, tickets = subscriber.actor, subscriber.wanted.tickets
        try:
            seen = await self._served.read(self._seen_of, actor, tickets, present)
        except Refused:
            subscriber.end()
            return
        if subscriber not in self._open:
            return
        before = self._open[subscriber] or {}
        changed = [each for each in {**before, **seen} if before.get(each) != seen.get(each)]
        self._open[subscriber] = seen
        if changed:
            subscriber.put(b"".join(_frame(each, seen) for each in changed))
            subscriber.said_at = now
        elif now - subscriber.said_at >= HEARTBEAT_S:
            subscriber.put(b":\n\n")
            subscriber.said_at = now

    async def _may_still_read(self, subscriber: Subscriber) -> bool:
        assert subscriber.request is not None
        subscriber.checked_at = asyncio.get_running_loop().time()
        try:
            if await self._served.authenticate(subscriber.request) != subscriber.actor:
                return False
            await self._served.read(self._check, subscriber.actor)
        except (Problem, Refused):
            return False
        return True

    def _check(self, actor: Actor) -> None:
        self._served.desk.viewer(actor).check(RIGHT)


def _frame(ticket: str, present: PresentByTicket) -> bytes:
    return b"event: presence\ndata: %b\n\n" % encoded(_of(ticket, present))


def _operation(name: str, about: str, summary: str) -> dict[str, Any]:
    return {
        "operation_id": name,
        "summary": summary,
        "description": about,
        "tags": ["presence"],
        "responses": problems_of(404),
    }


def _telling() -> dict[str, Any]:
    about = (
        f"For the next {LASTS_S:.0f} seconds; a client says it again every few seconds while it "
        "shows the ticket, and at once when its agent begins or ends to write. It stands in no "
        "history."
    )
    schema = PresenceBody.model_json_schema()
    body = {"required": True, "content": {JSON: {"schema": schema, "example": {"types": True}}}}
    return {
        **_operation("presence.tell", about, "The agent has the ticket open."),
        "openapi_extra": {
            "parameters": [path_parameter("id", example_id("ticket"))],
            "requestBody": body,
        },
    }


def _leaving() -> dict[str, Any]:
    parameters = [path_parameter("id", example_id("ticket"))]
    return {
        **_operation("presence.leave", "At once.", "The agent has closed the ticket."),
        "openapi_extra": {
            "parameters": [*parameters, *(each.documented() for each in _LEAVING.values())]
        },
    }


def _looking() -> dict[str, Any]:
    about = (
        f"Where the client accepts `{STREAM_TYPE}`, a stream that goes on: a frame `presence` for "
        "each ticket on which somebody comes, goes, or begins or ends to write, within a second."
    )
    found = _operation("presence.list", about, "Who has which ticket open now.")
    answer = {
        "description": "The tickets that somebody has open, which the asker sees.",
        "content": {STREAM_TYPE: {"schema": {"type": "string"}}},
    }
    parameters = [each.documented() for each in _LISTED.values()]
    return {
        **found,
        "responses": {200: answer, **problems_of()},
        "openapi_extra": {"parameters": parameters},
    }
