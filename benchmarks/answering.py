"""The API over HTTP beside the library in the same run: creates with one client and with 32, and
the processor's time that HTTP adds to a ticket and to a page of the queue."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from benchmarks.api_server import PAGE
from benchmarks.desks import fresh
from benchmarks.executing import AGENT, CREATE
from benchmarks.measure import (
    ROOT,
    Bench,
    Figure,
    at_least,
    at_most,
    clients,
    in_turn,
    percentile,
    stopwatch,
)

MANY = 32
_LATER_MS = 1.5
_SHARE = 0.6
_BEYOND_US = 200


def run(bench: Bench) -> Iterator[Figure]:
    yield _alone(bench)
    yield _many(bench)
    yield from _reading(bench)


class _Api:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        self.host, _, port = url.removeprefix("http://").rpartition(":")
        self.port = int(port)

    def said(self, line: str) -> float:
        """The answer of the process to a line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def sent(self, request: bytes, connections: int, each: int) -> list[float]:
        """Seconds that each request took, over some connections at once."""
        return asyncio.run(self._sent(request, connections, each))

    async def _sent(self, request: bytes, connections: int, each: int) -> list[float]:
        found = await asyncio.gather(*(self._one(request, each) for _ in range(connections)))
        return [seconds for taken in found for seconds in taken]

    async def _one(self, request: bytes, each: int) -> list[float]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        taken = []
        for _ in range(each):
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")), head
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
            taken.append(time.perf_counter() - began)
        writer.close()
        return taken


@contextmanager
def _served(folder: Path) -> Iterator[_Api]:
    with fresh(folder):
        pass
    command = [sys.executable, "-m", "benchmarks.api_server", str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        try:
            yield _Api(process)
        finally:
            process.communicate()


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


_CREATE = _request("POST", "/tickets", orjson.dumps(CREATE.arguments()))


def _alone(bench: Bench) -> Figure:
    each = bench.sized(500, 4)
    rounds = in_turn(
        bench,
        {
            "over HTTP": lambda: _p50_over_http(bench, each),
            "the library": lambda: _p50_of_library(bench, each),
        },
    )
    mine, other = rounds.median("over HTTP"), rounds.median("the library")
    added = mine - other
    return at_most(
        "create over HTTP, durable, 1 client, p50 beyond that of the library",
        added,
        _LATER_MS,
        f"{added:.2f} ms ({mine:.2f} ms)",
        f"Desk.execute, 1 thread: p50 {other:.2f} ms",
        "ms",
    )


def _p50_over_http(bench: Bench, each: int) -> float:
    with bench.scratch() as folder, _served(folder / "desk") as api:
        api.sent(_CREATE, 1, 3)
        return 1_000 * percentile(api.sent(_CREATE, 1, each), 0.5)


def _p50_of_library(bench: Bench, each: int) -> float:
    with bench.scratch() as folder, fresh(folder / "desk") as desk:
        taken = []
        for _ in range(each):
            with stopwatch() as seconds:
                desk.execute(CREATE, actor=AGENT)
            taken.append(seconds())
        return 1_000 * percentile(taken, 0.5)


def _many(bench: Bench) -> Figure:
    each = bench.sized(200, 2)
    rounds = in_turn(
        bench,
        {
            "over HTTP": lambda: _rate_over_http(bench, each),
            "the library": lambda: _rate_of_library(bench, each),
        },
    )
    share = rounds.ratio("over HTTP", "the library")
    return at_least(
        f"create over HTTP, durable, {MANY} clients, share of the library's rate",
        share,
        _SHARE,
        f"{share:.2f} x ({rounds.median('over HTTP'):,.0f} tickets/s)",
        f"Desk.execute, {MANY} threads: {rounds.median('the library'):,.0f} tickets/s",
        "x",
    )


def _rate_over_http(bench: Bench, each: int) -> float:
    with bench.scratch() as folder, _served(folder / "desk") as api:
        api.sent(_CREATE, MANY, 1)
        with stopwatch() as seconds:
            api.sent(_CREATE, MANY, each)
        return MANY * each / seconds()


def _rate_of_library(bench: Bench, each: int) -> float:
    with bench.scratch() as folder, fresh(folder / "desk") as desk:

        def client(number: int) -> None:
            for _ in range(each):
                desk.execute(CREATE, actor=AGENT)

        return clients(client, MANY, each)


def _reading(bench: Bench) -> Iterator[Figure]:
    """The CPU of the server's process for a read, beyond that of the same read in the process."""
    each = bench.sized(500, 3)
    with bench.scratch() as folder:
        with fresh(folder / "desk") as desk:
            made = [desk.execute(CREATE, actor=AGENT).stream for _ in range(2 * PAGE)]
        id = made[0].removeprefix("ticket/")
        command = [sys.executable, "-m", "benchmarks.api_server", str(folder / "desk")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
            api = _Api(process)
            for what, path, line in (
                ("a ticket over HTTP", f"/tickets/{id}", f"ticket {id}"),
                (f"a page of {PAGE} over HTTP", f"/queries/queue?limit={PAGE}", "page"),
            ):
                yield _beyond(bench, api, what, _request("GET", path), line, each)
            process.communicate()


def _beyond(bench: Bench, api: _Api, what: str, request: bytes, line: str, each: int) -> Figure:
    def over_http() -> float:
        before = api.said("cpu")
        api.sent(request, 1, each)
        return 1e6 * (api.said("cpu") - before) / each

    def without() -> float:
        return 1e6 * api.said(f"{line} {each}") / each

    api.sent(request, 1, 3)
    rounds = in_turn(bench, {"over HTTP": over_http, "without": without})
    mine, other = rounds.median("over HTTP"), rounds.median("without")
    return at_most(
        f"{what}, processor's time beyond the question itself",
        mine - other,
        _BEYOND_US,
        f"{mine - other:,.0f} µs ({mine:,.0f} µs)",
        f"the same question in the process: {other:,.0f} µs",
        "µs",
    )
