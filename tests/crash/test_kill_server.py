"""kill -9 of the server, under writes over HTTP and a client of the feed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import pytest

from tests import helpdesk
from tests.crash.harness import Victim
from tests.http.serving import LONG, by_header
from tests.http.streaming import FeedClient, Frame
from ticketlog.desk import open_desk
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served
from ticketlog.http.server import HttpServer, listening

ACTOR = {"Authorization": "Test agent:ann"}


def serve(folder: Path, line: Connection) -> None:
    """A server of a desk, which says its URL."""
    options = ServeOptions(port=0, rate="1000000/second")
    with open_desk(folder) as desk:
        server = HttpServer(Served(desk, options, authenticate=by_header), listening(options))
        line.send(server.url)
        server.run()


class Servers:
    """The servers that follow each other: the URL of the present one, until there is no more."""

    def __init__(self) -> None:
        self.url: str | None = None
        self.over = threading.Event()

    def each(self) -> Iterator[str]:
        while not self.over.is_set():
            if self.url is not None:
                yield self.url
            time.sleep(0.005)


class Writer(threading.Thread):
    """Creates tickets and notes, each sent again under its key until it is answered."""

    def __init__(self, servers: Servers, name: str) -> None:
        super().__init__(name=name)
        self.servers = servers
        self.acknowledged: list[str] = []
        """The ids of commands that were answered."""

    def run(self) -> None:
        number = 0
        ticket = None
        for url in self.servers.each():
            with httpx.Client(base_url=f"{url}/api/v1", headers=ACTOR, timeout=LONG) as client:
                try:
                    while not self.servers.over.is_set():
                        key = f"{self.name}-{number}"
                        if number % 5 == 0 or ticket is None:
                            path, body = "/tickets", {"subject": f"Ticket {key}"}
                        else:
                            path, body = f"/tickets/{ticket}/commands/note", {"body": key}
                        answer = client.post(path, json=body, headers={"Idempotency-Key": key})
                        assert answer.status_code in (200, 201), answer.text
                        if path == "/tickets":
                            ticket = answer.json()["stream"].removeprefix("ticket/")
                        self.acknowledged.append(key)
                        number += 1
                except httpx.TransportError:
                    continue


class Reader(threading.Thread):
    """A client of the feed that comes again with the last id that it was given."""

    def __init__(self, servers: Servers) -> None:
        super().__init__()
        self.servers = servers
        self.frames: list[Frame] = []

    def run(self) -> None:
        last = None
        for url in self.servers.each():
            with FeedClient(url, last=last) as client:
                try:
                    with client.stream(after="start") as frames:
                        for frame in frames:
                            self.frames.append(frame)
                            last = frame.id
                            if self.servers.over.is_set():
                                return
                except httpx.TransportError:
                    pass


def up(folder: Path, servers: Servers) -> Victim:
    """A server that the writers and the reader find."""
    victim = Victim(serve, folder)
    victim.listen(1)
    servers.url = victim.reports[0]
    return victim


def killed_again_and_again(
    folder: Path, servers: Servers, reader: Reader, cycles: int, dice: random.Random
) -> None:
    """Kills servers in the midst of what they do."""
    for _ in range(cycles):
        victim = up(folder, servers)
        wanted = len(reader.frames) + dice.choice([0, 5, 40])
        until = time.monotonic() + LONG
        while len(reader.frames) < wanted and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(dice.random() * 0.1)
        servers.url = None
        victim.kill()


def read_to_the_end(url: str, frames: list[Frame]) -> None:
    """Reads on behind the last frame, until an event that is recorded for that."""
    last = httpx.post(
        f"{url}/api/v1/tickets", json={"subject": "Last"}, headers=ACTOR, timeout=LONG
    )
    assert last.status_code == 201
    client = FeedClient(url, last=frames[-1].id if frames else None)
    with client, client.stream(after="start") as found:
        for frame in found:
            frames.append(frame)
            if frame.event["subject"] == last.json()["stream"]:
                return


@pytest.mark.parametrize("cycles", [5, pytest.param(100, marks=pytest.mark.soak)])
def test_a_feed_goes_on_without_gap_or_double_after_kill_9(
    template: Path, tmp_path: Path, cycles: int
) -> None:
    folder = helpdesk.copy(template, tmp_path / "desk")
    servers = Servers()
    writers = [Writer(servers, f"writer{number}") for number in range(3)]
    reader = Reader(servers)
    for thread in (*writers, reader):
        thread.start()
    try:
        killed_again_and_again(folder, servers, reader, cycles, random.Random(cycles))
        victim = up(folder, servers)
        time.sleep(0.2)
    finally:
        servers.over.set()
        for writer in writers:
            writer.join(LONG)
    # The reader ends behind the next event that it gets.
    httpx.post(f"{victim.reports[0]}/api/v1/tickets", json={"subject": "x"}, headers=ACTOR)
    reader.join(LONG)
    read_to_the_end(victim.reports[0], reader.frames)
    victim.kill()

    acknowledged = {key for writer in writers for key in writer.acknowledged}
    assert acknowledged
    check(folder, reader.frames, acknowledged)


def check(folder: Path, found: list[Frame], acknowledged: set[str]) -> None:
    """Every recorded event is among the frames once and in order, every acknowledged command is
    recorded."""
    with open_desk(folder) as desk:
        everything = list(desk.subscribe(follow=False))
    recorded = [each for each in everything if each.originator_id.startswith("ticket/")]
    assert acknowledged <= {each.meta.commit for each in recorded}
    ids = [frame.event["id"] for frame in found]
    assert len(set(ids)) == len(ids)
    assert sorted(ids) == sorted(each.id for each in recorded)
    versions: dict[str, list[int]] = {}
    for frame in found:
        versions.setdefault(frame.event["subject"], []).append(int(frame.event["sequence"]))
    assert all(each == [*range(len(each))] for each in versions.values())
