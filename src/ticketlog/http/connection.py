"""A connection: uvicorn's, with a time limit for headers, and with problems where it has none."""

from __future__ import annotations

import asyncio
import sys

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ticketlog.http.problems import MEDIA_TYPE, Problem

_TOO_LARGE = 431


class Connection(H11Protocol):
    """A connection. Headers that come too slowly end it; what is no HTTP is answered with a
    problem."""

    head_timeout_s: float = 15.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._forget_head()
        elif self._late is None and self.conn.trailing_data[0]:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self.head_timeout_s, self._end)

    def _forget_head(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _end(self) -> None:
        """Ends a connection whose request doesn't come."""
        self._late = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
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
