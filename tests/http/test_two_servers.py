"""Two servers on one log in Kafka, of which one is behind: what was said to a client holds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpdesk import SETTINGS, SUE
from tests.http.serving import client
from ticketlog.desk import Desk, init_desk
from ticketlog.log.kafka.log import KafkaLog

pytestmark = pytest.mark.service
BEHIND_S = 5.0
"""Seconds that one server is behind the other."""


class Behind:
    """A desk whose index gets nothing that others write, until it is let go."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        assert isinstance(desk.log, KafkaLog)
        applier = desk.log._applier
        fetched = applier.fetched
        self.let = threading.Event()
        self.let.set()

        def held(partition: int, records: Any) -> None:
            self.let.wait()
            fetched(partition, records)

        monkeypatch.setattr(applier, "fetched", held)

    def for_a_while(self, seconds: float) -> None:
        self.let.clear()
        threading.Timer(seconds, self.let.set).start()


@pytest.fixture
def one(tmp_path: Path, kafka_url: str) -> Iterator[Desk]:
    with init_desk(tmp_path / "one", log_url=kafka_url) as desk:
        desk.settings_apply(SETTINGS, actor=SUE)
        yield desk


@pytest.fixture
def other(tmp_path: Path, kafka_url: str, one: Desk) -> Iterator[Desk]:
    with init_desk(tmp_path / "other", log_url=kafka_url) as desk:
        desk.refresh()
        yield desk


@pytest.fixture
def behind(other: Desk, monkeypatch: pytest.MonkeyPatch) -> Behind:
    return Behind(other, monkeypatch)


Work = Callable[[httpx.AsyncClient, httpx.AsyncClient], Awaitable[None]]


def at_both(one: Desk, other: Desk, work: Work) -> None:
    """Does something with clients of both servers."""

    async def opened() -> None:
        async with client(one) as here, client(other) as there:
            await work(here, there)

    asyncio.run(opened())


async def a_ticket(at: httpx.AsyncClient) -> str:
    """The path of a new ticket."""
    key = {"Idempotency-Key": "create"}
    made = await at.post("/api/v1/tickets", json={"subject": "VPN"}, headers=key)
    assert made.status_code == 201
    return f"/api/v1/tickets/{made.json()['stream'].removeprefix('ticket/')}"


async def renamed(at: httpx.AsyncClient, path: str, name: str, **headers: str) -> httpx.Response:
    body = {"subject": name}
    return await at.post(f"{path}/commands/set-subject", json=body, headers=headers)


def test_a_read_behind_a_position_never_answers_what_was_before(
    one: Desk, other: Desk, behind: Behind
) -> None:
    async def work(here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
        path = await a_ticket(here)
        behind.for_a_while(BEHIND_S)
        changed = await renamed(here, path, "Wi-Fi")
        position = changed.headers["ticketlog-position"]
        read = await _until_answered(there, path, after=position)
        assert read.json()["subject"] == "Wi-Fi"

    at_both(one, other, work)


def test_a_key_has_its_first_answer_at_a_server_that_has_not_seen_it(
    one: Desk, other: Desk, behind: Behind
) -> None:
    async def work(here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
        behind.for_a_while(BEHIND_S)
        path = await a_ticket(here)
        assert await a_ticket(there) == path
        note, key = f"{path}/commands/note", {"Idempotency-Key": "note"}
        first = await here.post(note, json={"body": "Once"}, headers=key)
        behind.for_a_while(BEHIND_S)
        again = await there.post(note, json={"body": "Once"}, headers=key)
        assert again.json()["version"] == first.json()["version"]
        reused = await there.post(note, json={"body": "Twice"}, headers=key)
        assert reused.status_code == 422
        assert one.load(f"ticket/{path.rpartition('/')[2]}").version == 1

    at_both(one, other, work)


def test_what_a_server_has_not_seen_counts_for_if_match(
    one: Desk, other: Desk, behind: Behind
) -> None:
    async def work(here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
        path = await a_ticket(here)
        read = await here.get(path)
        await _until_answered(there, path, after=read.headers["ticketlog-position"])
        behind.for_a_while(BEHIND_S)
        assert (await renamed(here, path, "LAN")).status_code == 200
        stale = await renamed(there, path, "VPN again", **{"If-Match": '"0"'})
        assert stale.status_code == 409
        assert one.load(f"ticket/{path.rpartition('/')[2]}").subject == "LAN"

    at_both(one, other, work)


def test_a_feed_goes_on_at_a_server_that_is_behind(one: Desk, other: Desk, behind: Behind) -> None:
    async def work(here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
        path, found, after = "/api/v1/events", [], "start"
        for number in range(6):
            behind.for_a_while(0.5)
            await here.post("/api/v1/tickets", json={"subject": f"Ticket {number}"})
            page = await _until_answered(here if number % 2 else there, path, after=after)
            found += [each["id"] for each in page.json()]
            after = page.headers["ticketlog-position"]
        while (page := await _until_answered(there, path, after=after, wait=1)).json():
            found += [each["id"] for each in page.json()]
            after = page.headers["ticketlog-position"]
        assert len(found) == len(set(found))
        recorded = list(one.subscribe(follow=False))
        assert sorted(found) == sorted(
            each.id for each in recorded if each.originator_id.startswith("ticket/")
        )

    at_both(one, other, work)


async def _until_answered(at: httpx.AsyncClient, path: str, **asked: Any) -> httpx.Response:
    """The answer, asked for again where the server says that it is behind."""
    while True:
        answer = await at.get(path, params=asked)
        if answer.status_code == 200:
            return answer
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "/problems/behind"
