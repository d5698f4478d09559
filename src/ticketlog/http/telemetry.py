"""Each request as its operator sees it: an id, a span, metrics, a line of the log. None of these
holds personal data: a request is told by the template of its path, and its actor by their kind."""

from __future__ import annotations

import logging
import re
from time import perf_counter
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketlog.http.route_index import TEMPLATE
from ticketlog.service.json_logs import REQUESTS, SAID
from ticketlog.service.metrics import ServerMetrics
from ticketlog.support.tracing import ActiveSpan, span

REQUEST_ID = "X-Request-Id"
"""The header that a client names its request by, and that every answer has."""
UNKNOWN = "unknown"
"""The route of requests for what there isn't, and their method where it is no usual one."""
_FIT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STREAM = "text/event-stream"
_FAILED = 500


class Telemetry:
    """An ASGI middleware that sees every request from its beginning to its end."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = logging.getLogger(REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        seen = _Seen(scope, request_id_of(headers), send)
        self._metrics.began()
        try:
            with span("request", parent=headers.get("traceparent")) as active:
                try:
                    await self._app(scope, receive, seen.send)
                finally:
                    seen.end()
                    if active is not None:
                        _describe(active, seen)
        finally:
            self._metrics.ended(seen.method, seen.route, seen.status, seen.seconds)
            if self._log.isEnabledFor(logging.INFO):
                self._log.info("request", extra={SAID: seen.line()})


def request_id_of(headers: Headers) -> str:
    """The id that a client gave its request, where it is fit for a log; else a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if _FIT.fullmatch(given) else uuid4().hex


class _Seen:
    """A request and its answer, as far as they are told."""

    def __init__(self, scope: Scope, id: str, send: Send) -> None:
        self.id = id
        self.method = scope["method"] if scope["method"] in _METHODS else UNKNOWN
        self.status = _FAILED
        self.seconds = 0.0
        self._scope = scope
        self._send = send
        self._began = perf_counter()
        self._streams = False
        scope.setdefault("state", {})["request_id"] = id

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self.id
            self._streams = headers.get("content-type", "").startswith(_STREAM)
            self.seconds = perf_counter() - self._began
        await self._send(message)

    def end(self) -> None:
        """The answer is over. A stream lasts as long as its client wants: of one the time until
        its beginning counts."""
        if not self._streams:
            self.seconds = perf_counter() - self._began

    @property
    def route(self) -> str:
        """The template of the path. What a router was included under isn't in its route's own."""
        whole = self._scope.get(TEMPLATE)
        if isinstance(whole, str):
            return whole
        template = getattr(self._scope.get("route"), "path_format", None)
        if not isinstance(template, str):
            return UNKNOWN
        path: str = self._scope["path"]
        own = template.format_map(self._scope.get("path_params", {}))
        return path.removesuffix(own) + template if path.endswith(own) else template

    @property
    def actor_kind(self) -> str | None:
        """The kind of who asks; None where that isn't known."""
        kind = getattr(self._scope["state"].get("actor"), "kind", None)
        return kind if isinstance(kind, str) else None

    def line(self) -> dict[str, Any]:
        """The line of the log, beside its time."""
        return {
            "request_id": self.id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "duration_ms": round(self.seconds * 1_000, 3),
            "actor_kind": self.actor_kind,
        }


def _describe(active: ActiveSpan, seen: _Seen) -> None:
    active.rename(f"{seen.method} {seen.route}")
    active.say("http.request.method", seen.method)
    active.say("http.route", seen.route)
    active.say("http.response.status_code", seen.status)
    active.say("ticketlog.request_id", seen.id)
    if seen.actor_kind is not None:
        active.say("ticketlog.actor_kind", seen.actor_kind)
