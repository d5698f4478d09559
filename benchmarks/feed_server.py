"""A server of a desk for the benchmark of the feed, as a process: `python -m benchmarks.feed_server
FOLDER`. It prints its URL; a line `note` makes it record one, and print when it was acknowledged
(`time.monotonic`, seconds), `memory` prints its resident kB and its CPU seconds, `stop` ends it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path

from starlette.requests import Request

from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.conversation import Note
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served
from ticketlog.http.server import HttpServer, listening

AGENT = Actor("ann", "agent")
_NOTE = Note(body="The VPN drops every few minutes since the update on Tuesday.")


async def _agent(request: Request) -> Actor:
    return AGENT


def main(folder: Path) -> None:
    with open_desk(folder) as desk:
        options = ServeOptions(port=0)
        server = HttpServer(Served(desk, options, authenticate=_agent), listening(options))
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=server.run)
        thread.start()
        ticket = desk.execute(CreateTicket(subject="VPN"), actor=AGENT).stream
        print(server.url, flush=True)
        for line in sys.stdin:
            print(_answered(desk, ticket, line.strip(), server), flush=True)
        loop.close()
        server.stop()
        thread.join()


def _answered(desk: Desk, ticket: str, line: str, server: HttpServer) -> str:
    if line == "note":
        desk.execute(_NOTE, on=ticket, actor=AGENT)
        return repr(time.monotonic())
    if line == "memory":
        status = Path("/proc/self/status").read_text()
        resident = next(one for one in status.splitlines() if one.startswith("VmRSS:"))
        return f"{resident.split()[1]} {time.process_time()}"
    server.stop()
    return "stopping"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
