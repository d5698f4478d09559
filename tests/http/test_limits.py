"""Limits, and whatever bytes come at a port: an answer or an end, never a failure."""

from __future__ import annotations

import logging
import random
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests import helpdesk
from tests.http.serving import asked, listening_server
from ticketlog.desk import Desk
from ticketlog.http.options import ServeOptions
from ticketlog.http.server import HttpServer

SLOW = ServeOptions(port=0, head_timeout_s=0.2, receive_timeout_s=0.2, largest_body=10_000)
HEAD = b"Host: desk\r\nAuthorization: Test agent:ann\r\n"


@pytest.fixture
def server(desk: Desk) -> Iterator[HttpServer]:
    with listening_server(desk, SLOW) as server:
        yield server


def spoken(server: HttpServer, *pieces: bytes, end: bool = False) -> bytes:
    """All that is answered to bytes until the connection ends. `end`: no more comes after them."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            if end:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while found := connection.recv(65_536):
                answer += found
        except (BrokenPipeError, ConnectionResetError):
            return b""
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_headers_that_come_too_slowly_end_the_connection(server: HttpServer) -> None:
    assert spoken(server, b"GET /live HTTP/1.1\r\nHost: des") == b""
    assert spoken(server) == b""


def test_a_body_that_comes_too_slowly_is_said(server: HttpServer) -> None:
    head = b"POST /api/v1/tickets HTTP/1.1\r\nContent-Type: application/json\r\n" + HEAD

    answer = spoken(server, head, b"Content-Length: 50\r\n\r\n", b'{"subject"')

    assert status(answer) == 408
    assert b"/problems/request-timeout" in answer


@pytest.mark.parametrize(
    "more", [b"Content-Length: 10001\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_body_that_is_too_large_isnt_read_to_its_end(server: HttpServer, more: bytes) -> None:
    head = b"POST /api/v1/tickets HTTP/1.1\r\nContent-Type: application/json\r\n" + HEAD
    chunk = b"3e8\r\n" + b"x" * 1_000 + b"\r\n"

    answer = spoken(server, head, more, *([chunk] * 12 if b"chunked" in more else []))

    assert not answer or status(answer) == 413


def test_headers_of_a_megabyte_are_refused(server: HttpServer) -> None:
    answer = spoken(server, b"GET /live HTTP/1.1\r\nA: " + b"x" * (1 << 20))

    assert not answer or (status(answer) == 431 and b"/problems/headers-too-large" in answer)


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: a\r\nHost: b\r\nBad Name: x\r\n\r\n",
        b"POST /api/v1/tickets HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_no_http_is_unreadable(server: HttpServer, request_: bytes) -> None:
    answer = spoken(server, request_, end=True)

    assert status(answer) == 400
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "more",
    [
        b"Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 15\r\n",
        b'If-Match: "1"\r\nIf-Match: "2"\r\nContent-Length: 15\r\n',
        b"Content-Type: text/plain\r\nContent-Length: 15\r\n",
        b"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n",
    ],
)
def test_headers_that_contradict_each_other_are_unreadable(server: HttpServer, more: bytes) -> None:
    """A proxy in front may have gone by the other one."""
    head = b"POST /api/v1/tickets HTTP/1.1\r\nContent-Type: application/json\r\n" + HEAD

    answer = spoken(server, head + more + b'\r\n{"subject":"a"}', end=True)

    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()


def test_a_client_that_goes_in_the_middle_is_no_failure(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    attach = (
        b"POST /api/v1/tickets/4F7K2M9QABCD/attachments HTTP/1.1\r\nContent-Type: text/plain\r\n"
    )
    bulk = b"POST /api/v1/bulk HTTP/1.1\r\nContent-Type: application/x-ndjson\r\n"
    create = b"POST /api/v1/tickets HTTP/1.1\r\nContent-Type: application/json\r\n"
    for head in (attach, bulk, create, b"POST /login/link HTTP/1.1\r\n"):
        spoken(server, head + HEAD + b'Content-Length: 90\r\n\r\n{"subject":', end=True)
    answer = spoken(server, b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert b'status="500"' not in answer
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_what_isnt_whole_when_the_server_stops_is_told_to_come_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST /api/v1/tickets HTTP/1.1\r\nContent-Type: application/json\r\n" + HEAD
    answer = b""
    with listening_server(desk, ServeOptions(port=0, stop_timeout_s=1)) as server:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=60)
        connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: 15\r\n\r\n")
        begun = connection.recv(65_536)
        connection.sendall(b'{"subject":')
    with connection:
        while found := connection.recv(65_536):
            answer += found

    assert begun.startswith(b"HTTP/1.1 100 ")
    assert status(answer) == 503
    assert b"/problems/stopping" in answer
    assert b"retry-after: 1" in answer.lower()
    assert [each for each in caplog.records if each.exc_info] == []


ODD = (
    *(
        "/%ff",
        "/api/v1/tickets/%00",
        "/api/v1/tickets/%C0%AE",
        "/api/v1/tickets/" + "a" * 5_000,
    ),
    *(
        "/api/v1/queries/search?words=%ff",
        "/api/v1/tickets?limit=%F0%9F%92%A9",
        "//",
        "/a/../b",
    ),
    *("/api/v1/tickets/..%2f..%2fetc/attachments/x", "/api/v1/queries/search?words=%22%00"),
    *("/api/v1/tickets?after=1:2:3:4", "/api/v1/queries/queue?after=9:9:9"),
    *("/api/v1/tickets?as_of=1/1", "/api/v1/tickets?as_of=99999999999999999999:1"),
    *("/api/v1/reports/flow?zone=Nowhere", "/api/v1/reports/flow?by=colour"),
    *("/api/v1/reports/flow?start=9999-12-31T23:59:59Z", "/api/v1/tickets?basis=99"),
    *(
        f"/api/v1/queries/{name}?after={'9' * 30}:1"
        for name in ("tickets", "queue", "changes", "sla")
    ),
    *(
        f"/api/v1/reports/{name}?{when}"
        for name in ("flow", "attainment", "utilisation", "breaches", "gaming")
        for when in (
            "start=1000-01-01T00:00:00Z&end=9999-12-30T00:00:00Z&period=day",
            "start=9999-12-31T23:00:00Z&end=9999-12-31T23:59:59Z&zone=Pacific/Kiritimati",
            "end=9999-12-31T23:59:59Z&period=month",
        )
    ),
    *("/api/v1/agents/%F0%9F%92%A9", "/api/v1/agents/" + "%20" * 100 + "/history"),
)


def test_odd_paths_and_parameters_have_an_answer(desk: Desk) -> None:
    helpdesk.create(desk)
    for path in ODD:
        answer: httpx.Response = asked(desk, lambda http, path=path: http.get(path))

        assert answer.status_code < 500, (path, answer.text)


def test_random_bytes_never_fail_the_server(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(13)
    valid = b"POST /api/v1/tickets HTTP/1.1\r\nContent-Type: application/json\r\n" + HEAD
    valid += b'Content-Length: 15\r\nConnection: close\r\n\r\n{"subject":"a"}'
    with caplog.at_level(logging.ERROR):
        for _ in range(60):
            bad = bytearray(valid)
            for _ in range(chance.randrange(1, 6)):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            answer = spoken(server, bytes(bad[: chance.randrange(20, len(bad) + 1)]), end=True)
            assert not answer or status(answer) < 500, bytes(bad)
    assert not caplog.records
    assert status(spoken(server, valid)) == 201


def test_who_asks_too_often_comes_again_later(desk: Desk) -> None:
    options = ServeOptions(rate="2/minute", stranger_rate="1/minute")

    async def ask(http: httpx.AsyncClient) -> list[httpx.Response]:
        other = {"Authorization": "Test agent:bob"}
        paths = ("/log", "/log", "/log", "/status")
        found = [await http.get(f"/api/v1{each}") for each in paths]
        found.append(await http.get("/api/v1/log", headers=other))
        nobody = {"Authorization": ""}
        return [*found, *[await http.get("/api/v1/log", headers=nobody) for _ in range(2)]]

    answers = asked(desk, ask, options=options)

    assert [each.status_code for each in answers] == [200, 200, 429, 200, 200, 401, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert answers[2].json()["type"] == "/problems/too-many-requests"
