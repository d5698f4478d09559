"""Requests that come whole are read without the parser: as the parser reads them, or not at all."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.http.serving import Serving
from ticketlog.desk import init_desk
from ticketlog.http.connection import whole_request
from ticketlog.http.options import ServeOptions
from ticketlog.http.server import listening

GET = b"GET /api/v1/tickets?limit=3 HTTP/1.1\r\nHost: desk\r\nAccept: */*\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: desk\r\nContent-Length: 3\r\n\r\nabc"
"""Requests that are read without the parser."""
LINES = (
    *(b"Host: desk", b"Content-Length: 3", b"Content-Length: 0", b"X-A:\t b ", b"X-B:", b"X: \xe4"),
    *(b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Connection: keep-alive"),
    *(b"Connection: close", b"X : y", b" folded", b"X: a\x00b", b"Content-Length: 03", b": no"),
    *(b"Content-Length: +3", b"Content-Length: 3, 3", b"X: a\rb", b"Upgrade: websocket"),
)
FIRST = (
    *(b"GET /a%20b?c HTTP/1.1", b"POST /\xff HTTP/1.1", b"GET /a HTTP/1.0", b"GET  / HTTP/1.1"),
    *(b"HEAD / HTTP/1.1", b"GET http://x/ HTTP/1.1", b"PUT /a HTTP/1.1"),
)
requests = st.builds(
    lambda first, lines, end, body: b"\r\n".join([first, b"Host: desk", *lines]) + end + body,
    st.sampled_from(FIRST),
    st.lists(st.sampled_from(LINES), max_size=4),
    st.sampled_from((b"\r\n\r\n", b"\n\n", b"\r\n")),
    st.sampled_from((b"", b"abc", b"abcd", b"GET / HTTP/1.1\r\n\r\n")),
)


def parsed(data: bytes) -> tuple[str, bytes, list[tuple[bytes, bytes]], bytes]:
    """The request as h11 reads it, which it has to be to its end, with nothing left over."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    request = connection.next_event()
    assert isinstance(request, h11.Request)
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert connection.trailing_data[0] == b""
    assert not connection.they_are_waiting_for_100_continue
    assert connection.their_state is h11.DONE
    headers = [(bytes(name), bytes(value)) for name, value in request.headers]
    return request.method.decode(), bytes(request.target), headers, body


@example(GET)
@example(POST)
@given(requests | st.binary(max_size=60))
def test_what_is_read_at_once_is_what_the_parser_reads(data: bytes) -> None:
    found = whole_request(data)
    if found is not None:
        assert tuple(found) == parsed(data)


@pytest.mark.parametrize("data", [GET, POST])
def test_usual_requests_are_read_at_once(data: bytes) -> None:
    assert whole_request(data) is not None


@pytest.mark.parametrize("data", [GET[:-1], POST[:-1], POST + b"x", GET + GET, b""])
def test_parts_and_more_than_one_are_not_read_at_once(data: bytes) -> None:
    assert whole_request(data) is None


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder: Path = tmp_path_factory.mktemp("served") / "desk"
    init_desk(folder).close()
    with Serving(folder) as server:
        yield int(server.url.rsplit(":", 1)[1].split("/")[0])


def exchanged(port: int, *pieces: bytes) -> bytes:
    """All bytes that come back until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for piece in pieces:
            connection.sendall(piece)
        found = b""
        while piece := connection.recv(1 << 16):
            found += piece
        return found


LIVE = b"GET /live HTTP/1.1\r\nHost: desk\r\n\r\n"
LAST = b"GET /live HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (LIVE, LIVE, LAST),
        (LIVE + LIVE + LAST,),
        (LIVE, LIVE[:20], LIVE[20:] + LAST[:-2], LAST[-2:]),
        (LIVE[:-1], LIVE[-1:] + LIVE, LAST),
    ],
)
def test_requests_of_a_connection_are_answered_in_turn_however_they_come(
    port: int, pieces: tuple[bytes, ...]
) -> None:
    found = exchanged(port, *pieces)
    heads = re.findall(rb"HTTP/1.1 200 [^{]*", found)
    bodies = re.findall(rb"\{[^}]*\}", found)
    assert len(heads) == len(bodies) == 3
    assert [b"connection: close" in head.lower() for head in heads] == [False, False, True]


def test_connections_send_their_last_bytes_at_once() -> None:
    with listening(ServeOptions(port=0)) as place:
        address = place.getsockname()
        with socket.create_connection(address) as client, place.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert client.fileno() >= 0
