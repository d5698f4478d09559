"""The feed over HTTP: `GET /events` answers a batch of CloudEvents behind a position, or, where the
client accepts `text/event-stream`, a stream of Server-Sent Events that goes on.

A frame's `id` is the position behind its event, so that a client that comes again with
`Last-Event-ID` gets exactly what it hasn't had. What a client can't take in time isn't dropped: its
stream is ended, and it comes again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ticketlog.application.feed import FeedFilter, FeedPage, FeedPosition
from ticketlog.domain.base import Actor
from ticketlog.http.answers import POSITION, PRIVATE
from ticketlog.http.documented import problems_of
from ticketlog.http.feed_hub import FeedHub, Subscriber
from ticketlog.http.moments import wait_for
from ticketlog.http.parameters import filled, parameters_of, read_parameters
from ticketlog.http.problems import Problem
from ticketlog.http.served import Served, actor_of
from ticketlog.publishing.cloudevent import BATCH_TYPE, PUBLIC, STREAM_TYPE

LAST_EVENT_ID = "Last-Event-ID"
PATH = "/events"
LONGEST_WAIT_S = 60
"""Seconds that a batch waits for events at most."""
_SCAN_S = 5.0
"""Seconds at most that one request looks for events that its filter wants."""


class FeedParameters(BaseModel):
    """The parameters of the feed."""

    after: str = Field(
        "start",
        max_length=24_000,
        description="The position behind which events are wanted: `Ticketlog-Position` of any "
        "answer, the `id` of a frame, `start` (before everything) or `now`. A stream's "
        "`Last-Event-ID` goes before it.",
    )
    limit: int = Field(100, ge=1, le=1_000, description="Events of a batch at most.")
    wait: int = Field(
        0,
        ge=0,
        le=LONGEST_WAIT_S,
        description="Seconds that the answer waits where there is nothing yet.",
    )
    type: tuple[str, ...] = Field((), description="Only events of these types.")
    team: tuple[str, ...] = Field((), description="Only tickets that are with these teams now.")
    ticket: tuple[str, ...] = Field((), description="Only these tickets, by their ids.")


PARAMETERS = {each.name: each for each in parameters_of(FeedParameters)}


def router(served: Served) -> APIRouter:
    """The route of the feed."""
    routes = APIRouter()
    hub = FeedHub(served)
    served.shared["feed"] = hub
    served.at_stop.append(hub.stop)
    served.metrics.gauge("feed_clients", "Open streams of the feed.", lambda: hub.clients)
    served.metrics.counter(
        "feed_clients_broken_off", "Streams that weren't read in time.", lambda: hub.broken_off
    )
    served.metrics.gauge("feed_clients", "Open streams of the feed.", lambda: hub.clients)

    async def events(request: Request) -> Response:
        actor = await actor_of(request)
        given = filled(FeedParameters, read_parameters(request, PARAMETERS))
        wanted = _filter(given)
        streams = _wants_stream(request)
        last = request.headers.get(LAST_EVENT_ID) if streams else None
        after = hub.feed.parse(last or given.after)
        await wait_for(served, after.cut)
        await served.read(hub.feed.admit, actor)
        if streams:
            return EventStream(hub, Subscriber(actor, wanted, request), after)
        return await _batch(served, hub, actor, given, wanted, after)

    routes.add_api_route(PATH, events, methods=["GET"], **_operation())
    return routes


def _filter(given: FeedParameters) -> FeedFilter:
    """Raises Problem 422."""
    for name in given.type:
        if name not in PUBLIC:
            raise Problem(
                422, "invalid", f"type: no event is called {name[:100]!r}; docs/EVENTS.md has all"
            )
    tickets = frozenset(each.removeprefix("ticket/").upper() for each in given.ticket)
    return FeedFilter(frozenset(given.type), frozenset(given.team), tickets)


def _wants_stream(request: Request) -> bool:
    """Whether the client prefers a stream: its Accept names one, before a batch."""
    for each in request.headers.get("accept", "").split(","):
        kind = each.partition(";")[0].strip().lower()
        if kind in (STREAM_TYPE, BATCH_TYPE, "application/json"):
            return kind == STREAM_TYPE
    return False


async def _batch(
    served: Served,
    hub: FeedHub,
    actor: Actor,
    given: FeedParameters,
    wanted: FeedFilter,
    after: FeedPosition,
) -> Response:
    """The answer with the events behind a position; it waits where there are none, and looks
    further where none is wanted."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        progress = hub.progress()
        page = await served.read(_page, hub, actor, after, given.limit, wanted)
        after, now = page.next, loop.time()
        if page.events or hub.stopping:
            break
        if not page.is_last:
            if now - began > max(_SCAN_S, given.wait):
                break
            continue
        left = began + given.wait - now
        if left <= 0 or not await hub.wait_for_progress(progress, left):
            break
    body = b"[" + b",".join(hub.encoded(each.recorded) for each in page.events) + b"]"
    headers = {**PRIVATE, POSITION: str(after), "Cache-Control": "private, no-store"}
    return Response(body, headers=headers, media_type=BATCH_TYPE)


def _page(
    hub: FeedHub, actor: Actor, after: FeedPosition, limit: int, wanted: FeedFilter
) -> FeedPage:
    feed = hub.feed
    page = feed.page(feed.viewer(actor), after, limit, wanted)
    feed.record_reads(actor, feed.restricted(page.events))
    return page


class EventStream(Response):
    """An answer that goes on: first what the subscriber hasn't had, read from the log, then what
    the hub hands on."""

    media_type = STREAM_TYPE

    def __init__(self, hub: FeedHub, subscriber: Subscriber, after: FeedPosition) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._subscriber = subscriber
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        subscriber, hub = self._subscriber, self._hub
        subscriber.task = asyncio.current_task()
        watching = asyncio.ensure_future(_watch(receive, subscriber))
        try:
            async for frames in hub.frames(subscriber, self._after):
                await send({"type": "http.response.body", "body": frames, "more_body": True})
            if not subscriber.is_gone:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError:
            # The hub breaks a stream off whose client doesn't read: its connection is closed.
            if not subscriber.is_broken_off:
                raise
            hub.broken_off += 1
        finally:
            hub.leave(subscriber)
            watching.cancel()


async def _watch(receive: Receive, subscriber: Subscriber) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscriber.end(gone=True)


def _operation() -> dict[str, Any]:
    """The description of the route, for `add_api_route`."""
    envelope = {"type": "object", "description": "A CloudEvent 1.0: docs/SUBSCRIBING.md."}
    position = {"description": "Where the next page begins.", "schema": {"type": "string"}}
    last = {
        "name": LAST_EVENT_ID,
        "in": "header",
        "required": False,
        "description": "The id of the last frame that a stream's client has had.",
        "schema": {"type": "string"},
    }
    return {
        "operation_id": "events",
        "summary": "What has happened since a position",
        "description": "A batch of CloudEvents; the next begins behind its `Ticketlog-Position`. "
        f"Where the client accepts `{STREAM_TYPE}`, a stream of the same events that goes on: each "
        "frame's `id` is the position behind it. The asker gets what they may see now.",
        "tags": ["events"],
        "response_class": Response,
        "responses": {
            200: {
                "description": "The events.",
                "headers": {POSITION: position},
                "content": {
                    BATCH_TYPE: {"schema": {"type": "array", "items": envelope}},
                    STREAM_TYPE: {"schema": {"type": "string"}},
                },
            },
            **problems_of(),
        },
        "openapi_extra": {
            "parameters": [*(each.documented() for each in PARAMETERS.values()), last]
        },
    }
