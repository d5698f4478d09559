"""kill -9 of the process that delivers webhooks: each ticket's events arrive in order, none is
missing, and what comes twice comes with the same id and the same bytes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from tests.helpdesk import ANN, create
from tests.process_managers.webhooks.receiving import allow, serving, set_up
from ticketlog.desk import open_desk
from ticketlog.domain.ticket.conversation import Note

TICKETLOG = str(Path(sys.executable).with_name("ticketlog"))


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=pytest.mark.soak)])
def test_order_and_ids_survive_kill_9(folder: Path, kills: int) -> None:
    dice = random.Random(kills)
    with serving() as server:
        allow(folder, "http://127.0.0.1")
        with open_desk(folder) as desk:
            set_up(desk, server.url, types="ticket.*")
            tickets = [create(desk) for _ in range(8)]
            for _ in range(kills):
                process = subprocess.Popen(
                    [TICKETLOG, "--desk", str(folder), "run"],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                try:
                    before = len(server.got)
                    ends = time.monotonic() + 30
                    while len(server.got) == before and time.monotonic() < ends:
                        for ticket in tickets:
                            desk.execute(Note(body="more"), on=ticket, actor=ANN)
                        time.sleep(0.1)
                    time.sleep(dice.random() / 10)
                finally:
                    process.kill()
                    process.wait()
            desk.webhooks().deliverer().catch_up(120)
            wanted = {
                f"ticket/{ticket}": [each.originator_version for each in desk.history(ticket)]
                for ticket in tickets
            }
    got: dict[str, list[int]] = {}
    bodies: dict[str, bytes] = {}
    for headers, body in server.got:
        assert bodies.setdefault(headers["webhook-id"], body) == body
        said = orjson.loads(body)["data"]
        got.setdefault(said["subject"], []).append(said["sequence"])
    assert {stream: list(dict.fromkeys(found)) for stream, found in got.items()} == wanted
