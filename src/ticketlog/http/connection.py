"""A connection: uvicorn's, with a time limit for headers, with problems where it has none, and with
a short way for requests that come whole."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote

import h11
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from ticketlog.http.problems import MEDIA_TYPE, Problem

_TOO_LARGE = 431
_LARGEST_WHOLE = 16 * 1024
"""Bytes of a request that is read at once; a larger one goes the long way."""
_REQUEST = re.compile(
    rb"(GET|POST|PUT|PATCH|DELETE) (/[\x21-\x7e]*) HTTP/1\.1\r\n"
    rb"((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)+)\r\n"
)
_FIELDS = re.compile(rb"(?:[-!#$%&'*+.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)*")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_LONG_WAY = frozenset({b"transfer-encoding", b"upgrade", b"expect"})
"""Headers that make more of a request than one message with an answer."""
_ONCE = frozenset({b"host", b"content-length"})
_KEEP, _CLOSE = b"keep-alive", (b"connection", b"close")
_STATUS: Mapping[int, bytes] = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus
}


class WholeRequest(NamedTuple):
    """A request of HTTP/1.1 that came whole, with nothing behind it, and that asks for nothing
    beside its answer."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


def whole_request(data: bytes) -> WholeRequest | None:
    """The request that some bytes are; None: they may be one all the same, or a part, or none."""
    found = _REQUEST.match(data) if len(data) <= _LARGEST_WHOLE else None
    if found is None:
        return None
    headers: list[tuple[bytes, bytes]] = []
    once: dict[bytes, bytes] = {}
    for line in found[3].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name in _LONG_WAY or (name == b"connection" and value.lower() != _KEEP):
            return None
        if name in _ONCE:
            if name in once:
                return None
            once[name] = value
        headers.append((name, value))
    length, body = once.get(b"content-length", b"0"), data[found.end() :]
    if b"host" not in once or not _LENGTH.fullmatch(length) or int(length) != len(body):
        return None
    return WholeRequest(found[1].decode(), found[2], headers, body)


class Connection(H11Protocol):
    """A connection. Headers that come too slowly end it; what is no HTTP is answered with a
    problem."""

    head_timeout_s: float = 15.0
    _late: asyncio.TimerHandle | None = None
    _at_once: _WholeCycle | None = None
    """The request under way of which h11 doesn't know."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self._at_once is not None:
            self._at_once.later += data
            self.flow.pause_reading()
            return
        if self._is_idle():
            request = whole_request(data)
            if request is not None:
                self._forget_head()
                self._unset_keepalive_if_required()
                self._answer(request, data)
                return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._forget_head()
        elif self._late is None and self.conn.trailing_data[0]:
            self._expect_head()

    def on_response_complete(self) -> None:
        cycle, self._at_once = self._at_once, None
        super().on_response_complete()
        if cycle is not None and cycle.later and not self.transport.is_closing():
            self.data_received(bytes(cycle.later))

    def _is_idle(self) -> bool:
        """Whether nothing is under way, and nothing of a request has come."""
        conn = self.conn
        idle = conn.our_state is h11.IDLE and conn.their_state is h11.IDLE
        return idle and not conn.trailing_data[0]

    def _answer(self, request: WholeRequest, data: bytes) -> None:
        """Has a whole request answered. The parser, which takes most of the time of a short answer,
        hears of it only where the answer is no plain one."""
        raw_path, _, query = request.target.partition(b"?")
        self.headers = request.headers
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,  # type: ignore[typeddict-item]
            "method": request.method,
            "root_path": self.root_path,
            "path": self.root_path + unquote(raw_path.decode("ascii")),
            "raw_path": self.root_path.encode("ascii") + raw_path,
            "query_string": query,
            "headers": request.headers,
            "state": self.app_state.copy(),
        }
        most = self.limit_concurrency
        many = most is not None and max(len(self.connections), len(self.tasks)) >= most
        if many:
            self.logger.warning("Exceeded concurrency limit.")
        cycle = _WholeCycle(
            scope=self.scope,
            conn=self.conn,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            on_response=self.on_response_complete,
        )
        cycle.prepare(self, request, data)
        self.cycle = self._at_once = cycle
        task = self.loop.create_task(cycle.run_asgi(service_unavailable if many else self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def tell_parser(self, data: bytes) -> None:
        """Has h11 know of the request under way, and of what has come since."""
        self._at_once = None
        self.conn.receive_data(data)
        while not isinstance(self.conn.next_event(), h11.EndOfMessage):
            pass

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self.head_timeout_s, self._end)

    def _forget_head(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _end(self) -> None:
        """Ends a connection whose request doesn't come."""
        self._late = None
        busy = self._at_once is not None
        if not busy and self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, or has too large headers."""
        error = sys.exception()
        status = getattr(error, "error_status_hint", 400)
        code = "headers-too-large" if status == _TOO_LARGE else "unreadable"
        status = _TOO_LARGE if status == _TOO_LARGE else 400
        detail = "the request's line and headers are too large" if status == _TOO_LARGE else msg
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = Problem(status, code, detail).response()
            headers = [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(answer.body)).encode()),
                (b"connection", b"close"),
            ]
            head = h11.Response(status_code=status, headers=headers)
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _WholeCycle(RequestResponseCycle):
    """A request that came whole, and its answer. One whose body is ready with its length goes out
    in one piece; any other one goes the way of uvicorn."""

    def prepare(self, connection: Connection, request: WholeRequest, data: bytes) -> None:
        """Gives it the request."""
        self.later = bytearray()
        """The bytes that came behind the request meanwhile."""
        self._connection: Connection | None = connection
        self._data = data
        self._start: Any = None
        self.body = bytearray(request.body)
        self.more_body = False
        self.message_event.set()

    async def send(self, message: Any) -> None:
        if self._connection is None:
            await super().send(message)
        elif self.disconnected:
            return
        elif self._start is None:
            if message["type"] != "http.response.start":
                raise RuntimeError(f"an answer begins with its start, not with {message['type']!r}")
            self._start = message
            self.response_started = True
            if self._length() is None:
                await self._long_way()
        elif message.get("more_body", False):
            await self._long_way()
            await super().send(message)
        else:
            await self._whole(message.get("body", b""))

    def _length(self) -> int | None:
        """The length that the answer says it has; None: it says none, or may have none."""
        status = self._start["status"]
        given = [value for name, value in self._start.get("headers", ()) if name == _NAMED]
        if status == HTTPStatus.NOT_MODIFIED and not given:
            return 0
        usual = status >= HTTPStatus.OK and status != HTTPStatus.NO_CONTENT and status in _STATUS
        return int(given[0]) if usual and len(given) == 1 and given[0].isdigit() else None

    async def _long_way(self) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        connection.tell_parser(self._data + self.later)
        self.later.clear()
        self.response_started = False
        await super().send(self._start)

    async def _whole(self, body: bytes) -> None:
        if self.flow.write_paused:
            await self.flow.drain()
            if self.disconnected:
                return
        status = self._start["status"]
        if len(body) != self._length():
            raise RuntimeError(f"the answer has {len(body)} bytes and says {self._length()}")
        headers = [*self.default_headers, *self._start.get("headers", ())]
        fields = b"".join([b"%b: %b\r\n" % (name, value) for name, value in headers])
        if not _FIELDS.fullmatch(fields) or fields.count(b"\r\n") != len(headers):
            raise RuntimeError("a header of the answer has a sign that it can't have")
        self.transport.write(b"%b%b\r\n%b" % (_STATUS[status], fields, body))
        self.response_complete = True
        self.message_event.set()
        self._connection = None
        if _CLOSE in headers or not self.keep_alive:
            self.transport.close()
        self.on_response()


_NAMED = b"content-length"
