"""A desk with an endpoint, and receivers for tests: one in memory, with a clock of its own, and one
that is a real HTTP server."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from tests.helpdesk import SUE
from ticketlog.config import FILE
from ticketlog.desk import Desk, open_desk
from ticketlog.process_managers.webhooks.http_sender import HookAnswer

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
TAKEN = HookAnswer(200)


def settings(url: str = "https://example.com/hook", more: str = "", **values: object) -> str:
    """A settings file with one endpoint, `crm`; `more`: a line of it as it is written."""
    values = {"url": url, "secrets": "file:crm.secret", "reads_as": "service:mail", **values}
    lines = "\n".join(f"{key} = {_toml(value)}" for key, value in values.items())
    return f"[webhooks.crm]\n{lines}\n{more}\n"


def _toml(value: object) -> str:
    return "true" if value is True else orjson.dumps(value).decode()


def set_up(
    desk: Desk, url: str = "https://example.com/hook", more: str = "", **values: object
) -> None:
    """Puts an endpoint in force, with its secret in a file."""
    (desk.folder / "crm.secret").write_text(SECRET)
    desk.settings_apply(settings(url, more, **values), actor=SUE)


def allow(folder: Path, *targets: str) -> None:
    """Lets deliveries reach these targets besides public ones."""
    with open(folder / FILE, "a") as file:
        file.write(f"\n[webhooks]\nallow = {_toml(list(targets))}\n")


class Receiver:
    """A receiver in memory. `answer`: what it says to a delivery; by default it takes all."""

    def __init__(self, answer: Callable[[dict[str, Any]], HookAnswer] = lambda _: TAKEN) -> None:
        self.answer = answer
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.taken: list[dict[str, Any]] = []
        self.most_at_once = 0
        self._now: set[str] = set()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Receiver]:
        yield self

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> HookAnswer:
        content = orjson.loads(body)
        subject = content.get("data", {}).get("subject") or content.get("subject", "")
        assert subject not in self._now, "two deliveries of a ticket at once"
        self._now.add(subject)
        self.most_at_once = max(self.most_at_once, len(self._now))
        self.got.append((headers, body))
        await asyncio.sleep(0)
        self._now.discard(subject)
        said = self.answer(content)
        if said.is_success:
            self.taken.append(content)
        return said

    def events(self) -> list[tuple[str, int]]:
        """Subject and version of what it took, in order."""
        return [(each["data"]["subject"], each["data"]["sequence"]) for each in self.taken]


class Server(ThreadingHTTPServer):
    """A real receiver on the loopback interface."""

    daemon_threads = True

    def __init__(self, status: int = 204, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers or {}
        self.body = b""
        self.got: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def handle_error(self, *_: object) -> None:
        """Says nothing of a sender that was killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if len(body) < int(self.headers["content-length"]):
            self.close_connection = True  # the sender was killed
            return
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(status: int = 204, headers: dict[str, str] | None = None) -> Iterator[Server]:
    """A real receiver that answers each delivery with a status."""
    with Server(status, headers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def reopened(desk: Desk) -> Desk:
    """The desk opened again, as its `ticketlog.toml` says now."""
    desk.close()
    return open_desk(desk.folder)
