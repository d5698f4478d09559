"""The condition of the server: /live, /ready and /metrics, as `ticketlog run --health` has them."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.documents.base import Document
from ticketlog.documents.services import Live, Ready
from ticketlog.http.served import Served
from ticketlog.service.metrics import registry

_FRESH = {"Cache-Control": "no-store"}


def router(served: Served) -> APIRouter:
    """The routes of the server's condition; nobody has to be signed in for them."""
    routes = APIRouter(tags=["condition"])
    metrics = registry(served.service, served.metrics)

    @routes.get("/live", response_model=Live)
    async def live() -> Response:
        """Whether the threads of the workers live."""
        service = served.service
        return _answer(Live(live=service is None or service.supervisor.alive), 503)

    @routes.get("/ready", response_model=Ready, responses={503: {"model": Ready}})
    async def ready() -> Response:
        """Whether the server is ready, with the reasons why it isn't."""
        if served.service is None:
            return _answer(Ready(ready=True, reasons=[], warnings=[], workers=[]), 503)
        return _answer(await served.read(served.service.readiness), 503)

    @routes.get("/metrics", response_class=Response)
    async def numbers(request: Request) -> Response:
        """The metrics, for Prometheus."""
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(await served.read(encode, metrics), media_type=kind, headers=_FRESH)

    return routes


def _answer(document: Document, otherwise: int) -> Response:
    """The document; with another status where its first field is false."""
    plain = document.plain()
    body = orjson.dumps(plain, option=orjson.OPT_APPEND_NEWLINE)
    status = 200 if next(iter(plain.values())) else otherwise
    return Response(body, status, _FRESH, "application/json")
