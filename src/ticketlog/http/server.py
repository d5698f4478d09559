"""The server: uvicorn on a socket that the desk opens, stopped by a call."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from ticketlog.errors import Usage
from ticketlog.http.app import create_app
from ticketlog.http.connection import Connection
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served

_BACKLOG = 2048
_LARGEST_HEAD = 64 * 1024
"""Bytes of a request's line and headers at most."""
_IDLE_S = 30
"""Seconds that a connection without a request stays open."""


def listening(options: ServeOptions) -> socket.socket:
    """A socket that listens where the options say. Raises Usage where it can't."""
    where = f"{options.host}:{options.port}"
    try:
        found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)
        family = found[0][0]
        place = socket.create_server(
            (options.host, options.port), family=family, backlog=_BACKLOG, dualstack_ipv6=False
        )
        # Connections inherit it. The event loop sets it only for sockets that name their protocol:
        # without it the second part of an answer waits for the client's delayed ACK, 40 ms.
        place.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return place
    except OSError as error:
        raise Usage(
            f"can't listen at {where} ({error.strerror}): choose another --host or --port"
        ) from error


class HttpServer:
    """A server of a desk, for one event loop. `run` serves until `stop` was called, from any thread
    or from a handler of signals."""

    def __init__(self, served: Served, place: socket.socket) -> None:
        options = served.options
        self._place = place
        self._tls = options.tls_certificate is not None
        self._server = _Server(served, _configured(served, options))

    @property
    def url(self) -> str:
        """The URL of the server's root."""
        host, port = self._place.getsockname()[:2]
        scheme = "https" if self._tls else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def run(self) -> None:
        """Serves until it is stopped; requests under way end or are broken off after the options'
        time."""
        asyncio.run(self._server.serve(sockets=[self._place]))

    def stop(self) -> None:
        """Ends the server soon."""
        self._server.should_exit = True


def _configured(served: Served, options: ServeOptions) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(served),
        http=type("ServedConnection", (Connection,), {"head_timeout_s": options.head_timeout_s}),
        limit_concurrency=options.most_connections,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=options.behind_proxy,
        forwarded_allow_ips=list(options.trusted_proxies),
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=None if options.tls_key is None else str(options.tls_key),
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=max(1, round(options.stop_timeout_s)),
    )


class _Server(uvicorn.Server):
    """Uvicorn's, which leaves signals to the command line, and ends streams before it waits."""

    def __init__(self, served: Served, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._served = served

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are heard by the command that runs the server."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._served.stopping = True
        for each in self._served.at_stop:
            try:
                await each()
            except Exception:
                logging.getLogger("ticketlog.http").exception("a stream doesn't end")
        await super().shutdown(sockets)
