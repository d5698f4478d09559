"""A server of a desk for the benchmark of the API, as a process: `python -m benchmarks.api_server
FOLDER`. It prints its URL; of each line that it is given it prints CPU seconds: `cpu` those of the
process so far, `ticket ID N` and `page N` those of N questions without HTTP."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request

from ticketlog import queries
from ticketlog.application.ticket_documents import ticket_document
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served
from ticketlog.http.server import HttpServer, listening

AGENT = Actor("nadia", "agent", "agent")
PAGE = 50


async def _agent(request: Request) -> Actor:
    return AGENT


def main(folder: Path) -> None:
    options = ServeOptions(port=0, rate="100000000/minute")
    with open_desk(folder) as desk, listening(options) as place:
        server = HttpServer(Served(desk, options, authenticate=_agent), place)
        thread = threading.Thread(target=server.run)
        thread.start()
        print(server.url, flush=True)
        for line in sys.stdin:
            print(_seconds(desk, line.split()), flush=True)
        server.stop()
        thread.join()


def _seconds(desk: Desk, words: list[str]) -> float:
    if words[0] == "cpu":
        return time.process_time()
    ask: Callable[[], object]
    if words[0] == "ticket":
        stream = f"ticket/{words[1]}"

        def ask() -> object:
            return ticket_document(desk, stream, at=None, remark=print, actor=AGENT)

    else:
        query = queries.Queue(limit=PAGE)

        def ask() -> object:
            return desk.query(query, actor=AGENT)

    began = time.process_time()
    for _ in range(int(words[-1])):
        ask()
    return time.process_time() - began


if __name__ == "__main__":
    main(Path(sys.argv[1]))
