"""The feed with a thousand open streams: memory, the way of an event to the last of them, a burst
of 100,000 frames, and how soon the server stops."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.feed_server import AGENT
from benchmarks.measure import Bench, Figure, at_least, at_most, percentile
from ticketlog.desk import init_desk

CLIENTS = 1_000
BURST = 100
"""Events of the burst; each makes a frame for every client."""
_LONG_S = 120.0


def run(bench: Bench) -> Iterator[Figure]:
    clients, burst = bench.sized(CLIENTS, 20), bench.sized(BURST, 5)
    with bench.scratch() as folder, _server(folder / "desk") as server:
        taken = asyncio.run(_measured(server, clients, bench.sized(20, 2), burst))
    what = f"{clients:,} clients of the feed"
    yield at_most(
        f"{what}: memory of the server for each",
        taken.memory,
        40,
        f"{taken.memory:.1f} kB",
        "",
        "kB",
    )
    yield at_most(
        f"{what}: the last one reached behind the acknowledgement, median of {len(taken.last)}",
        percentile(taken.last, 0.5),
        50,
        f"{percentile(taken.last, 0.5):.1f} ms",
        f"worst {max(taken.last):.1f} ms; {taken.cpu:.1f} µs of the server's CPU a frame",
        "ms",
    )
    wanted = clients * burst
    yield at_least(
        f"{what}: frames of {burst} events, none lost",
        taken.frames,
        wanted,
        f"{taken.frames:,}",
        "",
        "frames",
    )
    yield at_most(
        f"{what}: until a server that is told to stop has ended",
        taken.stopped,
        3,
        f"{taken.stopped:.2f} s",
        "",
        "s",
    )


class _Taken:
    """The figures of one run. `last`: milliseconds from the acknowledgement of a commit until the
    last client had its frame."""

    memory = 0.0
    cpu = 0.0
    frames = 0
    stopped = 0.0

    def __init__(self) -> None:
        self.last: list[float] = []


class _Server:
    """The server's process, asked by lines."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.feed_server", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        place = urlsplit(self.process.stdout.readline().strip())
        assert place.hostname is not None
        assert place.port is not None
        self.host, self.port = place.hostname, place.port

    def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def used(self) -> tuple[int, float]:
        """Resident kB, and CPU seconds."""
        resident, cpu = self.ask("memory").split()
        return int(resident), float(cpu)


@contextmanager
def _server(folder: Path) -> Iterator[_Server]:
    with init_desk(folder, admin=AGENT):
        pass
    server = _Server(folder)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()  # type: ignore[union-attr]


class _Client:
    """One open stream: how many frames with an event it has had, and when the last one came."""

    def __init__(self) -> None:
        self.frames = 0
        self.at = 0.0

    async def open(self, server: _Server) -> asyncio.Task[None]:
        reading, writing = await asyncio.open_connection(server.host, server.port)
        writing.write(
            b"GET /api/v1/events?after=now HTTP/1.1\r\nHost: desk\r\n"
            b"Accept: text/event-stream\r\n\r\n"
        )
        await reading.readuntil(b"retry: 1000\n\n")
        return asyncio.create_task(self._read(reading, writing))

    async def _read(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        while found := await reading.read(1 << 16):
            self.frames += found.count(b"\ndata: ")
            self.at = time.monotonic()
        writing.close()
        await writing.wait_closed()


async def _measured(server: _Server, number: int, events: int, burst: int) -> _Taken:
    taken = _Taken()
    warm = _Client()
    reading = [await warm.open(server)]
    await _all_had([warm], server, 1)
    before, _ = server.used()
    clients = [_Client() for _ in range(number)]
    reading += [await client.open(server) for client in clients]
    await asyncio.sleep(2)
    await _all_had(clients, server, 1)
    taken.memory = (server.used()[0] - before) / number
    for _ in range(events):
        taken.last.append(await _all_had(clients, server, 1))
        await asyncio.sleep(0.05)
    had = sum(client.frames for client in clients)
    cpu = server.used()[1]
    await _all_had(clients, server, burst)
    taken.frames = sum(client.frames for client in clients) - had
    taken.cpu = (server.used()[1] - cpu) / max(1, taken.frames) * 1e6
    began = time.monotonic()
    server.process.stdin.close()  # type: ignore[union-attr]
    await asyncio.to_thread(server.process.wait, _LONG_S)
    taken.stopped = time.monotonic() - began
    await asyncio.gather(*reading)
    return taken


async def _all_had(clients: list[_Client], server: _Server, events: int) -> float:
    """Records events, and waits until every client has had them. Milliseconds from the last
    acknowledgement until the last client had its frame."""
    wanted = [client.frames + events for client in clients]
    acknowledged = 0.0
    for _ in range(events):
        acknowledged = float(await asyncio.to_thread(server.ask, "note"))
    async with asyncio.timeout(_LONG_S):
        while any(c.frames < want for c, want in zip(clients, wanted, strict=True)):
            await asyncio.sleep(0.001)
    return max(0.0, max(client.at for client in clients) - acknowledged) * 1e3
