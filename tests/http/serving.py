"""`ticketlog serve` as a process, and an application that is called within the test."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import httpx
from fastapi import FastAPI
from starlette.requests import Request

from ticketlog.desk import Desk
from ticketlog.domain.base import Actor
from ticketlog.http.app import create_app
from ticketlog.http.options import ServeOptions
from ticketlog.http.problems import Problem
from ticketlog.http.served import Authenticate, Served
from ticketlog.http.server import HttpServer, listening

TICKETLOG = str(Path(sys.executable).with_name("ticketlog"))
LONG = 60.0
"""Seconds after which something that must happen doesn't."""


class Serving:
    """A process at a port that the system chose."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [TICKETLOG, "--desk", str(folder), "serve", "--port", "0", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline()
        self.url = self.process.stdout.readline().strip().rpartition(" ")[2]

    def stop(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """The exit code, and what was said."""
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=LONG)
        return self.process.returncode, out, err

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.communicate()


async def by_header(request: Request) -> Actor:
    """The actor whom the test names: `Authorization: Test KIND:ID`."""
    scheme, _, named = request.headers.get("authorization", "").partition(" ")
    kind, _, rest = named.partition(":")
    id, _, role = rest.partition("/")
    if scheme != "Test" or not id:
        raise Problem(401, "unauthenticated", "say who asks")
    return Actor(id, kind, role or None, authenticated="test")  # type: ignore[arg-type]


_APPS: WeakKeyDictionary[Desk, FastAPI] = WeakKeyDictionary()
"""The application of a desk, which takes longer to make than most tests do."""


def client(
    desk: Desk, actor: str | None = "agent:ann", options: ServeOptions | None = None
) -> httpx.AsyncClient:
    """A client of the application of a desk, without a network between them."""
    app = _APPS.get(desk) if options is None else None
    if app is None:
        app = create_app(Served(desk, options or ServeOptions(), authenticate=by_header))
        if options is None:
            _APPS[desk] = app
    headers = {} if actor is None else {"Authorization": f"Test {actor}"}
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://desk.test", headers=headers)


Call = Callable[[httpx.AsyncClient], Awaitable[Any]]


def asked(
    desk: Desk, call: Call, actor: str | None = "agent:ann", options: ServeOptions | None = None
) -> Any:
    """The result of a call with a client of the desk."""

    async def run() -> Any:
        async with client(desk, actor, options) as http:
            return await call(http)

    return asyncio.run(run())


def sent(
    desk: Desk,
    path: str,
    body: object,
    actor: str | None = "agent:ann",
    **headers: str,
) -> httpx.Response:
    """The answer to a command."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: httpx.Response = asked(
        desk, lambda http: http.post(f"/api/v1{path}", json=body, headers=named), actor
    )
    return answer


async def by_token(request: Request) -> Actor:
    """The agent of the one token that the pages of the manual use."""
    if request.headers.get("authorization") != "Bearer tlk_manual":
        raise Problem(401, "unauthenticated", "say who asks")
    return Actor("ann", "agent", authenticated="token:manual")


@contextmanager
def listening_server(
    desk: Desk,
    options: ServeOptions | None = None,
    authenticate: Authenticate = by_header,
) -> Iterator[HttpServer]:
    """A server of a desk at a port that the system chose, in a thread."""
    options = options or ServeOptions(port=0)
    with closing(listening(options)) as place:
        server = HttpServer(Served(desk, options, authenticate=authenticate), place)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join()
