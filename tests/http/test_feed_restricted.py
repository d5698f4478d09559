"""The feed under the rights that a desk's settings give: restricted teams, roles, end users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.http.streaming import EVENTS, FeedClient, server
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.http.server import HttpServer

CANARY = "canary-4711"
BOSS = Actor("boss", "agent")
HAL, NED = Actor("hal", "agent"), Actor("ned", "agent")
SETTINGS = """
[teams.hr]
restricted = true
[teams.network]
[agents.boss]
roles = ["agent", "admin"]
[agents.hal]
teams = ["hr", "network"]
[agents.ned]
teams = ["network"]
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with init_desk(tmp_path / "desk", admin=BOSS) as made:
        made.settings_apply(SETTINGS, actor=BOSS)
        yield made


@pytest.fixture
def served(desk: Desk) -> Iterator[HttpServer]:
    with server(desk) as running:
        yield running


def batch(served: HttpServer, actor: str, **parameters: Any) -> httpx.Response:
    headers = {"Authorization": f"Test {actor}"}
    return httpx.get(f"{served.url}{EVENTS}", params=parameters, headers=headers, timeout=60)


def confidential(desk: Desk) -> str:
    made = desk.execute(CreateTicket(subject=CANARY, team="hr"), actor=HAL)
    desk.execute(Note(body=CANARY), on=made.stream, actor=HAL)
    return made.stream


def test_a_restricted_ticket_is_in_no_byte_of_any_other_feed(
    desk: Desk, served: HttpServer
) -> None:
    hidden = confidential(desk)
    desk.execute(CreateTicket(subject="For all", team="network"), actor=NED)

    for actor in ("agent:ned", "agent:boss"):
        answer = batch(served, actor)
        assert answer.status_code == 200
        assert CANARY not in answer.text
        assert hidden not in answer.text
        assert "For all" in answer.text
    assert CANARY in batch(served, "agent:hal").text


def test_reading_a_restricted_ticket_is_recorded_once_for_a_stream(
    desk: Desk, served: HttpServer
) -> None:
    with FeedClient(served.url, "agent:hal") as hal, hal.stream(after="now") as frames:
        hidden = confidential(desk)
        assert [next(frames).event["subject"] for _ in range(2)] == [hidden] * 2
        found = desk.access_log.entries(types=("access.read.v1",), limit=100).entries
        assert [each.event.what for each in found].count("query:events") == 1  # type: ignore[attr-defined]


def test_who_leaves_a_restricted_team_gets_nothing_more_of_it(
    desk: Desk, served: HttpServer
) -> None:
    with FeedClient(served.url, "agent:hal") as hal, hal.stream(after="now") as frames:
        hidden = confidential(desk)
        for _ in range(2):
            assert next(frames).event["subject"] == hidden
        left = SETTINGS.replace('["hr", "network"]', '["network"]')
        desk.settings_apply(
            left.replace("[agents.ned]", '[agents.zoe]\nteams = ["hr"]\n[agents.ned]'), actor=BOSS
        )
        desk.execute(Note(body=CANARY), on=hidden, actor=Actor("zoe", "agent"))
        other = desk.execute(CreateTicket(subject="For all", team="network"), actor=NED)
        assert next(frames).event["subject"] == other.stream


def test_an_end_user_gets_what_is_public_of_their_own_tickets(
    desk: Desk, served: HttpServer
) -> None:
    kim, lee = register_as(desk, "Kim"), register_as(desk, "Lee")
    own = desk.execute(CreateTicket(subject="Own", requester=kim, team="network"), actor=NED)
    foreign = desk.execute(CreateTicket(subject=CANARY, requester=lee), actor=NED)
    desk.execute(Note(body=CANARY), on=own.stream, actor=NED)
    desk.execute(Reply(body="We look into it"), on=own.stream, actor=NED)

    answer = batch(served, f"person:{kim}")

    assert answer.status_code == 200, answer.text
    assert CANARY not in answer.text
    assert foreign.stream not in answer.text
    assert "We look into it" in answer.text


def register_as(desk: Desk, name: str) -> str:
    made = desk.execute(RegisterPerson(name=name), actor=NED)
    return made.stream.removeprefix("person/")
