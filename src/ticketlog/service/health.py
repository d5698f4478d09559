"""The health endpoints of a service, over HTTP:

/live     200 while its workers' threads live
/ready    200, or 503 with the reasons
/metrics  for Prometheus
"""

from __future__ import annotations

import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any, NamedTuple

import orjson
from prometheus_client.exposition import choose_encoder

from ticketlog.documents.base import Document
from ticketlog.documents.services import ANSWERED
from ticketlog.errors import Usage
from ticketlog.service.metrics import registry
from ticketlog.service.service import DeskService

DEFAULT_HOST = "127.0.0.1"
_JSON = "application/json"
_REQUEST_TIMEOUT_S = 10.0
"""Seconds that a client may take to send its request."""


class ListenAddress(NamedTuple):
    """The address that the endpoints listen at. Port 0: the system chooses one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """PORT, HOST:PORT or [ADDRESS]:PORT. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]") if colon else DEFAULT_HOST
        if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError(f"{text!r} is no PORT and no HOST:PORT; a port is at most 65535")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Health:
    """The HTTP server of the endpoints, from its making to `close`. Raises Usage where it can't
    listen."""

    def __init__(self, service: DeskService, place: ListenAddress) -> None:
        try:
            self._server = _Server(service, place)
        except OSError as error:
            raise Usage(
                f"--health {place}: can't listen there ({error.strerror}): choose another port"
            ) from error
        self.place = ListenAddress(*self._server.socket.getsockname()[:2])
        self._thread = Thread(target=self._server.serve_forever, name="ticketlog-health")
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, service: DeskService, place: ListenAddress) -> None:
        self.service = service
        self.registry = registry(service)
        self.address_family = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)[0][0]
        super().__init__((place.host, place.port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores clients that go away in the middle of a request."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "ticketlog"
    timeout = _REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/live":
                live = self.server.service.liveness()
                self._answer(live, live.live)
            case "/ready":
                ready = self.server.service.readiness()
                self._answer(ready, ready.ready)
            case "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._send(HTTPStatus.OK, kind, encode(self.server.registry))
            case _:
                there = [*ANSWERED, "/metrics"]
                self._send(HTTPStatus.NOT_FOUND, _JSON, orjson.dumps({"there_is": there}))

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, document: Document, well: bool) -> None:
        code = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        self._send(code, _JSON, orjson.dumps(document.plain(), option=orjson.OPT_APPEND_NEWLINE))

    def _send(self, code: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing: probes come every few seconds."""
