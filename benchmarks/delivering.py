"""Webhooks: deliveries to one receiver on this machine, and what a dead one costs."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks.desks import ADMIN
from benchmarks.executing import AGENT
from benchmarks.measure import Bench, Figure, at_least, at_most
from ticketlog import Desk, init_desk, open_desk
from ticketlog.config import FILE
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.process_managers.webhooks.http_sender import HookAnswer

RATE = 300
"""Deliveries per second to one receiver, at least."""
GROWTH = 4
"""MB by which ten thousand waiting tickets may cost more than a few, at most."""
RECEIVER = """
import asyncio
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\\r\\n")[0])
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    except asyncio.IncompleteReadError:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def run(bench: Bench) -> Iterator[Figure]:
    """Raises nothing of its own."""
    yield from _delivered(bench)
    yield from _dead(bench)


@contextmanager
def _receiver() -> Iterator[str]:
    command = [sys.executable, "-c", RECEIVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
        finally:
            process.kill()


@contextmanager
def _desk(folder: Path, url: str, tickets: int) -> Iterator[Desk]:
    """A desk with an endpoint, and tickets that it hasn't got yet."""
    init_desk(folder, admin=ADMIN).close()
    with open(folder / FILE, "a") as file:
        file.write('\n[webhooks]\nallow = ["http://127.0.0.1"]\n')
    (folder / "secret").write_text("whsec_" + base64.b64encode(bytes(32)).decode())
    text = (
        f'[agents.{ADMIN.id}]\nroles = ["agent", "supervisor", "admin"]\n[agents.{AGENT.id}]\n'
        f'[webhooks.one]\nurl = "{url}"\nsecrets = "file:secret"\nreads_as = "service:api"\n'
    )
    with open_desk(folder) as desk:
        desk.settings_apply(text, actor=ADMIN)
        for number in range(tickets):
            desk.execute(CreateTicket(subject=f"Ticket {number}"), actor=AGENT)
        yield desk


def _delivered(bench: Bench) -> Iterator[Figure]:
    tickets = bench.sized(5_000, 50)
    with bench.scratch() as folder, _receiver() as url, _desk(folder / "d", url, tickets) as desk:
        webhooks = desk.webhooks()
        began, used = time.perf_counter(), time.process_time()
        webhooks.deliverer().catch_up(600)
        took, used = time.perf_counter() - began, time.process_time() - used
        state = webhooks.show("one")
        assert (state.behind, state.held_back) == (0, 0), state
    rate = tickets / took
    cost = used / tickets * 1e6
    yield at_least(
        "deliveries of webhooks to one receiver on the same cores",
        *(rate, RATE, f"{rate:,.0f}/s, {cost:,.0f} µs of CPU each", f"{tickets:,} tickets", "/s"),
    )


class _Dead:
    async def send(self, url: str, headers: dict[str, str], body: bytes) -> HookAnswer:
        return HookAnswer(None, "refused")


@asynccontextmanager
async def _opened() -> AsyncIterator[_Dead]:
    yield _Dead()


def _dead(bench: Bench) -> Iterator[Figure]:
    sizes = bench.sized(300, 60), bench.sized(10_000, 200)
    peaks = []
    for tickets in sizes:
        with (
            bench.scratch() as folder,
            _desk(folder / "d", "https://dead.example/", tickets) as desk,
        ):
            webhooks = desk.webhooks()._replace(open_sender=_opened)
            tracemalloc.start()
            webhooks.deliverer().catch_up(60)
            peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
            tracemalloc.stop()
            assert webhooks.show("one").behind > tickets - 100
    yield at_most(
        f"{sizes[1]:,} tickets that wait for a dead endpoint: memory beyond that of {sizes[0]:,}",
        *(peaks[1] - peaks[0], GROWTH, f"{peaks[1] - peaks[0]:+.1f} MB"),
        *(f"{peaks[0]:.1f} and {peaks[1]:.1f} MB", "MB"),
    )
