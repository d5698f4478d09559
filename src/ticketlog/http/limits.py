"""Limits of a request: the bytes of its body, counted while they come; the time in which they come;
encodings; and how often an actor asks."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Hashable, Mapping, Sequence

from limits import RateLimitItem, parse
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketlog.http.options import ServeOptions
from ticketlog.http.problems import Problem

_STREAMED = re.compile(r"/api/v1/(?:tickets/[^/]+/attachments|bulk)")
"""Paths whose bodies are read piece by piece, so that each may be large and take long."""
_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_ONCE = frozenset(
    (
        b"content-type",
        b"content-encoding",
        b"host",
        b"idempotency-key",
        b"if-match",
        b"last-event-id",
    )
)
"""Headers with one value: of two, a proxy may have gone by the other."""
_MIB = 1 << 20


class BodyLimits:
    """The ASGI middleware of bodies. A request that goes beyond a limit is answered 413, 408 or
    415, and its connection closed, since the rest of it isn't read. One that a server which stops
    can't wait for any longer is told to come again."""

    def __init__(
        self, app: ASGIApp, options: ServeOptions, is_stopping: Callable[[], bool]
    ) -> None:
        self.app = app
        self.options = options
        self._is_stopping = is_stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive, self.options)
        answer = _Answer(send, body)
        try:
            body.check(scope)
            await self.app(scope, body.receive, answer.send)
        except Problem as problem:
            if answer.started:
                raise
            await problem.response()(scope, receive, answer.send)
        except asyncio.CancelledError:
            if answer.started or not self._is_stopping():
                raise
            await _STOPPING.response()(scope, receive, answer.send)


_STOPPING = Problem(
    503,
    "stopping",
    "the server stops, and this request wasn't done in time: send it again with the same key",
    headers={"Retry-After": "1"},
)


class _Body:
    """The body of one request while it comes."""

    def __init__(self, scope: Scope, receive: Receive, options: ServeOptions) -> None:
        streamed = _STREAMED.fullmatch(scope["path"]) is not None
        self._receive = receive
        self._left = self._most = options.largest_attachment if streamed else options.largest_body
        self._pause_s = options.receive_timeout_s
        self._end = math.inf if streamed else time.monotonic() + options.receive_timeout_s
        self.whole = False
        """All of it was read."""

    def check(self, scope: Scope) -> None:
        """Raises Problem 400 for headers that contradict each other, 413, 415 for what they say of
        the body."""
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        if len(headers) < len(scope["headers"]):
            _check_once([name for name, _ in scope["headers"]])
        if b"transfer-encoding" in headers and b"content-length" in headers:
            raise Problem(
                400, "unreadable", "Content-Length and Transfer-Encoding say two lengths: say one"
            )
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding != b"identity":
            raise Problem(
                415,
                "unsupported-media-type",
                "the body is taken as it is: leave Content-Encoding out, and send it uncompressed",
                headers={"Accept-Encoding": "identity"},
            )
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._most:
            raise self._too_large()
        self.whole = length == b"0" and b"transfer-encoding" not in headers

    async def receive(self) -> Message:
        """The next piece. Raises Problem 413 where there are too many bytes, 408 where they come
        too slowly."""
        if self.whole:
            return await self._receive()
        wait_s = min(self._pause_s, self._end - time.monotonic())
        try:
            async with asyncio.timeout(max(wait_s, 0)):
                message = await self._receive()
        except TimeoutError:
            raise Problem(
                408, "request-timeout", "the body came too slowly: send it again, all at once"
            ) from None
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise self._too_large()
            self.whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> Problem:
        size = f"{self._most / _MIB:g} MiB"
        return Problem(413, "too-large", f"the body may have {size}: send less at once")


def _check_once(names: Sequence[bytes]) -> None:
    """Raises Problem 400 for a header that comes twice and has one value."""
    for name in _ONCE:
        if names.count(name) > 1:
            raise Problem(400, "unreadable", f"the header {name.decode()} comes twice: say it once")


class _Answer:
    """The answer on its way: with the headers that all answers have, and with the connection's end
    where the request wasn't read to its end."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = [*message.get("headers", ()), *_ALWAYS]
            if not self._body.whole:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)


class Rates:
    """The rates at which actors ask. In memory: each process of a desk counts for itself. For one
    thread."""

    def __init__(self, options: ServeOptions) -> None:
        self._known = RateWindows(parse(options.rate))
        self._strangers = RateWindows(parse(options.stranger_rate))

    def check(self, who: str, route: str) -> None:
        """Counts a request of an actor or a token to a route. Raises Problem 429."""
        reset_at = self._known.hit((who, route))
        if reset_at is not None:
            raise _too_many(reset_at, f"{self._known.rate} to one route")

    def check_stranger(self, request: Request) -> None:
        """Raises Problem 429 for an address from which too many have failed to sign in."""
        reset_at = self._strangers.full(_address(request))
        if reset_at is not None:
            raise _too_many(reset_at, f"{self._strangers.rate} that nobody signed")

    def failed(self, request: Request) -> None:
        """Counts a request that nobody has signed."""
        self._strangers.hit(_address(request))


class RateWindows:
    """The counts of a rate, for each key in windows that begin with its first hit. The memory
    storage of the library `limits`, which reads rates, starts a thread for most hits."""

    def __init__(self, rate: RateLimitItem, now: Callable[[], float] = time.time) -> None:
        self.rate = rate
        self._now = now
        self._seconds = float(rate.get_expiry())
        self._windows: dict[Hashable, tuple[float, int]] = {}
        """Key -> when its window ends, and its hits."""
        self._sweep_at = now() + self._seconds

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, key: Hashable) -> float | None:
        """Counts a hit. When the window ends, where the hit is beyond the rate."""
        now = self._now()
        if now >= self._sweep_at:
            self._sweep(now)
        end, hits = self._windows.get(key, (0.0, 0))
        if end <= now:
            end, hits = now + self._seconds, 0
        self._windows[key] = (end, hits + 1)
        return end if hits >= self.rate.amount else None

    def full(self, key: Hashable) -> float | None:
        """When the key's window ends, where a further hit would be beyond the rate."""
        end, hits = self._windows.get(key, (0.0, 0))
        return end if end > self._now() and hits >= self.rate.amount else None

    def _sweep(self, now: float) -> None:
        """Forgets the windows that have ended."""
        self._windows = {key: each for key, each in self._windows.items() if each[0] > now}
        self._sweep_at = now + self._seconds


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _too_many(reset_at: float, what: str) -> Problem:
    wait_s = max(1, math.ceil(reset_at - time.time()))
    return Problem(
        429,
        "too-many-requests",
        f"too many requests: {what} are taken; come again in {wait_s} s",
        headers={"Retry-After": str(wait_s)},
    )
