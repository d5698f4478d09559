"""Two servers on one log in Kafka, of which one is behind: what was said to a client holds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpdesk import SETTINGS, SUE
from tests.http.serving import client
from ticketlog.desk import Desk, init_desk
from ticketlog.log.kafka.log import KafkaLog

pytestmark = pytest.mark.service


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


def test_a_server_that_is_behind_keeps_what_another_has_said(
    one: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = Behind(other, monkeypatch)

    async def work() -> None:
        async with client(one) as here, client(other) as there:
            key = {"Idempotency-Key": "mine"}
            made = await here.post("/api/v1/tickets", json={"subject": "VPN"}, headers=key)
            assert made.status_code == 201
            ticket = made.json()["stream"].removeprefix("ticket/")
            position = made.headers["ticketlog-position"]
            path = f"/api/v1/tickets/{ticket}"

            # ?after= waits, or says that it can't yet; it never answers with what was before.
            note = await here.post(f"{path}/commands/note", json={"body": "Look"})
            behind.for_a_while(2)
            changed = await here.post(f"{path}/commands/set-subject", json={"subject": "Wi-Fi"})
            position = changed.headers["ticketlog-position"]
            read = await _until_answered(there, path, wait_for=position)
            assert read.json()["subject"] == "Wi-Fi"

            # The same key again: the first answer, though this server hadn't the first attempt.
            first = await here.post(
                f"{path}/commands/note", json={"body": "Once"}, headers={"Idempotency-Key": "n"}
            )
            behind.for_a_while(2)
            again = await there.post(
                f"{path}/commands/note", json={"body": "Once"}, headers={"Idempotency-Key": "n"}
            )
            assert again.json()["version"] == first.json()["version"]
            other_body = await there.post(
                f"{path}/commands/note", json={"body": "Twice"}, headers={"Idempotency-Key": "n"}
            )
            assert other_body.status_code == 422
            create = await there.post("/api/v1/tickets", json={"subject": "VPN"}, headers=key)
            assert create.json()["stream"] == made.json()["stream"]

            # If-Match: what this server hasn't seen counts all the same.
            seen = again.json()["version"]
            await here.post(f"{path}/commands/set-subject", json={"subject": "LAN"})
            behind.for_a_while(2)
            stale = await there.post(
                f"{path}/commands/set-subject",
                json={"subject": "VPN again"},
                headers={"If-Match": f'"{seen}"'},
            )
            assert stale.status_code == 409, stale.text
            assert note.status_code == 200
        assert one.load(f"ticket/{ticket}").subject == "LAN"

    asyncio.run(work())


def test_a_feed_goes_on_at_a_server_that_is_behind(
    one: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = Behind(other, monkeypatch)

    async def work() -> None:
        async with client(one) as here, client(other) as there:
            path, found, after = "/api/v1/events", [], "start"
            for number in range(6):
                behind.for_a_while(0.5)
                await here.post("/api/v1/tickets", json={"subject": f"Ticket {number}"})
                at = here if number % 2 else there
                page = await _until_answered(at, path, after=after)
                found += [each["id"] for each in page.json()]
                after = page.headers["ticketlog-position"]
            while True:
                page = await _until_answered(there, path, after=after, wait=1)
                if not page.json():
                    break
                found += [each["id"] for each in page.json()]
                after = page.headers["ticketlog-position"]
            assert len(found) == len(set(found))
            made_by_now = [
                each.id
                for each in one.subscribe(follow=False)
                if each.originator_id.startswith("ticket/")
            ]
            assert sorted(found) == sorted(made_by_now)

    asyncio.run(work())


async def _until_answered(at: httpx.AsyncClient, path: str, **asked: Any) -> httpx.Response:
    """The answer, asked for again where the server says that it is behind."""
    while True:
        answer = await at.get(path, params=asked)
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            return answer
        assert answer.json()["type"] == "/problems/behind"
