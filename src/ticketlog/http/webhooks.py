"""Webhooks over HTTP: endpoints, their deliveries, a test, a replay; and the messages of programs
outside, `POST /hooks/{source}`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.documents.base import Document
from ticketlog.documents.outcomes import Outcome
from ticketlog.documents.webhooks import (
    HookMessageTaken,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookList,
    WebhookState,
)
from ticketlog.domain.base import Actor, NotFound
from ticketlog.domain.webhook import ReplayAsked, ReplayWebhook
from ticketlog.http.answers import encoded
from ticketlog.http.bodies import read_body
from ticketlog.http.documented import path_parameter, problems_of
from ticketlog.http.parameters import filled, parameters_of, read_parameters
from ticketlog.http.served import Served, actor_of

READ = "webhook.read"
"""The right to see endpoints, their deliveries, and messages from outside."""
_JSON = "application/json"
_TAG = "webhooks"
_WEBHOOK = path_parameter("webhook", "crm")
Route = Callable[[Request], Awaitable[Response]]


class DeliveryParameters(BaseModel):
    """The parameters of a list of deliveries."""

    limit: int = Field(50, ge=1, le=1_000, description="Deliveries at most.")
    failed: bool = Field(False, description="Only those that weren't taken.")


class ReplayBody(BaseModel):
    """The range that is sent again. Each end is an RFC 3339 time, a position P:OFFSET or a cut."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    start: str = Field(min_length=1, max_length=24_000, examples=["2026-01-31T09:00:00Z"])
    end: str | None = Field(None, min_length=1, max_length=24_000)
    """None: now."""


PARAMETERS = {each.name: each for each in parameters_of(DeliveryParameters)}


def _answer(document: Document) -> Response:
    return Response(encoded(document), media_type=_JSON, headers={"Cache-Control": "no-store"})


def router(served: Served) -> APIRouter:
    """The routes of webhooks."""
    routes = APIRouter()
    for path, method, made, about in (
        ("/webhooks", "GET", _list, "All endpoints and how far each is."),
        ("/webhooks/{webhook}", "GET", _show, "An endpoint: what it gets, how far it is."),
        ("/webhooks/{webhook}/deliveries", "GET", _deliveries, "The last deliveries."),
        ("/webhooks/{webhook}/test", "POST", _test, "Sends the endpoint a ping."),
        ("/webhooks/{webhook}/replay", "POST", _replay, "Sends what it has got once more."),
        ("/hooks/{source}", "POST", _receive, "A message of a program outside."),
    ):
        operation = _operation(path, method, about)
        routes.add_api_route(path, made(served), methods=[method], **operation)
    return routes


async def _asked(served: Served, request: Request, right: str) -> Actor:
    """The actor, who has the right. Raises Problem, Forbidden."""
    actor = await actor_of(request)
    await served.read(served.desk.check_right, actor, right)
    return actor


def _list(served: Served) -> Route:
    async def webhooks(request: Request) -> Response:
        actor = await _asked(served, request, READ)
        desk, sees = served.desk.webhooks(), served.desk.viewer(actor).sees
        return _answer(await served.read(desk.list, sees))

    return webhooks


def _show(served: Served) -> Route:
    async def webhook(request: Request) -> Response:
        actor = await _asked(served, request, READ)
        desk, sees = served.desk.webhooks(), served.desk.viewer(actor).sees
        return _answer(await served.read(desk.show, request.path_params["webhook"], sees))

    return webhook


def _deliveries(served: Served) -> Route:
    async def deliveries(request: Request) -> Response:
        actor = await _asked(served, request, READ)
        given = filled(DeliveryParameters, read_parameters(request, PARAMETERS))
        found = await served.read(
            served.desk.webhooks().deliveries,
            request.path_params["webhook"],
            limit=given.limit,
            failed=given.failed,
            sees=served.desk.viewer(actor).sees,
        )
        return _answer(found)

    return deliveries


def _test(served: Served) -> Route:
    async def test(request: Request) -> Response:
        await _asked(served, request, "webhook.test")
        return _answer(await served.desk.webhooks().test_async(request.path_params["webhook"]))

    return test


def _replay(served: Served) -> Route:
    async def replay(request: Request) -> Response:
        actor = await actor_of(request)
        body = await read_body(request, ReplayBody)
        starts, ends = await served.read(served.desk.log_range, body.start, body.end)
        on, key = (
            f"webhook/{request.path_params['webhook']}",
            request.headers.get("idempotency-key"),
        )
        if key is not None and body.end is None:
            # "Until now" is the now of the first time.
            ends = await served.read(_ends_asked, served, on, key) or ends
        command = ReplayWebhook(starts=starts, ends=ends)
        outcome = await served.write(served.desk.execute, command, on=on, actor=actor, id=key)
        return _answer(Outcome.made(outcome))

    return replay


def _ends_asked(served: Served, stream: str, key: str) -> tuple[int, ...]:
    """The ends of the replay that was asked for under a key; empty: there is none."""
    try:
        events = served.desk.history(stream)
    except NotFound:
        return ()
    asked = (each.event for each in events if each.id == f"{key}.0")
    return next((each.ends for each in asked if isinstance(each, ReplayAsked)), ())


def _receive(served: Served) -> Route:
    async def receive(request: Request) -> Response:
        taken = await served.write(
            served.desk.hook_inbox.receive,
            request.path_params["source"],
            dict(request.headers),
            await request.body(),
        )
        return _answer(taken)

    return receive


_DOCUMENTS: Mapping[str, type[Document]] = {
    "/webhooks": WebhookList,
    "/webhooks/{webhook}": WebhookState,
    "/webhooks/{webhook}/deliveries": WebhookDeliveries,
    "/webhooks/{webhook}/test": WebhookDelivery,
    "/webhooks/{webhook}/replay": Outcome,
    "/hooks/{source}": HookMessageTaken,
}


def _operation(path: str, method: str, about: str) -> dict[str, Any]:
    """The description of a route, for `add_api_route`."""
    incoming = path.startswith("/hooks")
    parameters = [path_parameter("source", "monitoring")] if incoming else []
    if "{webhook}" in path:
        parameters = [_WEBHOOK]
    if path.endswith("/deliveries"):
        parameters += [each.documented() for each in PARAMETERS.values()]
    extra: dict[str, Any] = {"parameters": parameters}
    statuses = [404] if parameters else []
    if path.endswith("/replay"):
        schema = ReplayBody.model_json_schema(ref_template="#/components/schemas/{model}")
        extra["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
        statuses += [409, 413, 415]
    if incoming:
        any_bytes = {"schema": {"type": "string", "format": "binary"}}
        extra["requestBody"] = {"required": True, "content": {"*/*": any_bytes}}
        extra["security"] = []
        statuses += [413, 415]
    return {
        "operation_id": f"{method.lower()}{path}".replace("/", "-")
        .replace("{", "")
        .replace("}", ""),
        "summary": about,
        "tags": [_TAG],
        "response_model": _DOCUMENTS[path],
        "responses": problems_of(*statuses),
        "openapi_extra": extra,
    }
