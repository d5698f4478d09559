"""SIGTERM while streams of the feed are open."""

from __future__ import annotations

import asyncio
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.http.serving import LONG, by_header
from tests.log.peers import PROCESSES
from ticketlog.cli.commands.run import heard_signals
from ticketlog.desk import open_desk
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served
from ticketlog.http.server import HttpServer, listening


def serve(folder: Path, line: Connection) -> None:
    """A server of a desk, which says its URL, and ends when it gets a signal."""
    options = ServeOptions(port=0)
    with open_desk(folder) as desk:
        server = HttpServer(Served(desk, options, authenticate=by_header), listening(options))
        heard_signals(server.stop)
        line.send(server.url)
        server.run()


async def stream(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An open stream whose first bytes have come."""
    place = urlsplit(url)
    reading, writing = await asyncio.open_connection(place.hostname, place.port)
    writing.write(
        b"GET /api/v1/events?after=now HTTP/1.1\r\nHost: desk\r\nAccept: text/event-stream\r\n"
        b"Authorization: Test agent:ann\r\n\r\n"
    )
    await reading.readuntil(b"retry: 1000\n\n")
    return reading, writing


@pytest.mark.parametrize("number", [100, pytest.param(1_000, marks=pytest.mark.soak)])
def test_a_server_that_is_told_to_stop_ends_its_streams(folder: Path, number: int) -> None:
    line, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=serve, args=(folder, theirs))
    process.start()
    theirs.close()
    url = line.recv()

    async def work() -> None:
        streams = [await stream(url) for _ in range(number)]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        for reading, writing in streams:
            rest = await asyncio.wait_for(reading.read(), LONG)
            assert rest.endswith(b"0\r\n\r\n")  # the end of a whole answer
            writing.close()

    try:
        asyncio.run(work())
        process.join(LONG)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()
        line.close()
