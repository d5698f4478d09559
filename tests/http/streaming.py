"""A server of a desk in a thread, and clients of its feed that read Server-Sent Events."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from tests.http.serving import LONG, by_header
from ticketlog.desk import Desk
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Authenticate, Served
from ticketlog.http.server import HttpServer, listening

EVENTS = "/api/v1/events"


class Frame(NamedTuple):
    """A frame with an event."""

    id: str
    event: dict[str, Any]


@contextmanager
def server(
    desk: Desk, authentication: Callable[[Served], Authenticate] = lambda _: by_header
) -> Iterator[HttpServer]:
    """A server of the desk at a port that the system chose."""
    options = ServeOptions(port=0)
    served = Served(desk, options)
    served.authenticate = authentication(served)
    running = HttpServer(served, listening(options))
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join(LONG)
        assert not thread.is_alive()


class FeedClient:
    """A client with one open stream. It keeps the last id that it was given, as browsers do."""

    def __init__(
        self,
        url: str,
        actor: str = "agent:ann",
        *,
        token: str | None = None,
        last: str | None = None,
    ) -> None:
        headers = {"Authorization": f"Test {actor}" if token is None else f"Bearer {token}"}
        self.client = httpx.Client(base_url=url, headers=headers, timeout=LONG)
        self.last = last

    def __enter__(self) -> FeedClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @contextmanager
    def stream(self, **parameters: Any) -> Iterator[Iterator[Frame]]:
        """The frames with an event, until the server ends the stream."""
        headers = {"Accept": "text/event-stream"}
        if self.last is not None:
            headers["Last-Event-ID"] = self.last
        with self.client.stream("GET", EVENTS, params=parameters, headers=headers) as response:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield self._frames(response)

    def _frames(self, response: httpx.Response) -> Iterator[Frame]:
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            self.last = fields.get("id", self.last)
            if "data" in fields:
                yield Frame(fields["id"], json.loads(fields["data"]))
            fields = {}
