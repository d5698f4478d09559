"""Who has a ticket open, and who types there: told within a second, gone after ten, on all servers
of a folder, to agents who see the ticket, and to nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.access.restricted_desk import HAL, person, restricted_desk
from tests.http.serving import LONG, asked
from tests.http.streaming import server
from ticketlog.application.presence import FILE, PresenceBoard
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket

SECOND = 1_000_000


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_780_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


def test_a_page_is_there_while_it_says_so_and_gone_ten_seconds_later(tmp_path: Path) -> None:
    clock = Clock()
    board = PresenceBoard(tmp_path, clock)
    board.tell("T", "ann", "1", types=False)
    began = clock.now
    clock.now += 5 * SECOND
    board.tell("T", "ann", "1", types=True)
    assert board.present() == {"T": (("ann", True, began),)}
    clock.now += 5 * SECOND
    assert board.present() == {"T": (("ann", True, began),)}
    clock.now += 5 * SECOND
    assert board.present() == {}


def test_an_agent_with_two_pages_is_there_until_both_are_closed(tmp_path: Path) -> None:
    board, other = PresenceBoard(tmp_path), PresenceBoard(tmp_path)
    board.tell("T", "ann", "1", types=False)
    other.tell("T", "ann", "2", types=True)
    board.tell("T", "bob", "", types=False)
    assert [each.agent for each in board.present()["T"]] == ["ann", "bob"]
    other.leave("T", "ann", "2")
    assert [each.types for each in board.present()["T"]] == [False, False]
    other.leave("T", "ann", "1")
    assert [each.agent for each in board.present()["T"]] == ["bob"]


def test_pages_beyond_the_limit_are_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    board = PresenceBoard(tmp_path, clock)
    for number in range(60):
        clock.now += 1
        board.tell(f"T{number:02}", "ann", "", types=False)
    assert sorted(board.present()) == [f"T{number:02}" for number in range(10, 60)]


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database, and never was one. " * 100)
    board = PresenceBoard(tmp_path)
    board.tell("T", "ann", "", types=False)
    assert "T" in board.present()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with restricted_desk(tmp_path / "desk") as desk:
        yield desk


def ticket(desk: Desk, team: str) -> str:
    kim = person(desk, "Kim").id
    command = CreateTicket(subject="Printer", requester=kim, team=team)
    return desk.execute(command, actor=HAL, id=f"ticket {team}").stream.removeprefix("ticket/")


def told(
    desk: Desk, method: str, path: str, actor: str = "agent:ann", **given: Any
) -> httpx.Response:
    answer: httpx.Response = asked(
        desk, lambda http: http.request(method, f"/api/v1{path}", **given), actor
    )
    return answer


def test_agents_tell_and_read_who_has_a_ticket_open(desk: Desk) -> None:
    id = ticket(desk, "network")
    answer = told(desk, "PUT", f"/tickets/{id}/presence", json={"types": True})
    assert answer.status_code == 200
    [there] = answer.json()["agents"]
    assert (there["agent"], there["types"]) == ("ann", True)
    listed = told(desk, "GET", "/presence", "agent:hal", params={"ticket": id}).json()
    assert [each["ticket"] for each in listed["tickets"]] == [id]
    assert told(desk, "DELETE", f"/tickets/{id}/presence").status_code == 204
    assert told(desk, "GET", "/presence").json() == {"tickets": []}


def test_who_doesnt_see_a_ticket_isnt_told_of_anybody_there(desk: Desk) -> None:
    hidden = ticket(desk, "hr")
    told(desk, "PUT", f"/tickets/{hidden}/presence", "agent:hal", json={})
    assert hidden in told(desk, "GET", "/presence", "agent:hal").text
    assert told(desk, "GET", "/presence", "agent:ann").json() == {"tickets": []}
    absent = "000000000000"
    mine, nobodys = (
        told(desk, "PUT", f"/tickets/{each}/presence", json={}) for each in (hidden, absent)
    )
    assert (mine.status_code, nobodys.status_code) == (404, 404)
    assert mine.text.replace(hidden, absent) == nobodys.text
    read = desk.access_log.entries(limit=100, about=[f"ticket/{hidden}"]).entries
    assert {each.meta.actor.id for each in read if each.event.NAME == "access.read.v1"} == {"hal"}


def test_end_users_neither_tell_nor_are_told(desk: Desk) -> None:
    id, kim = ticket(desk, "network"), f"person:{person(desk, 'Kim').id}"
    told(desk, "PUT", f"/tickets/{id}/presence", json={})
    assert told(desk, "PUT", f"/tickets/{id}/presence", kim, json={}).status_code == 403
    assert told(desk, "GET", "/presence", kim).status_code == 403
    service = told(desk, "PUT", f"/tickets/{id}/presence", "service:form", json={})
    assert service.status_code == 403
    assert "only agents" in service.text


def test_what_is_no_presence_is_refused(desk: Desk) -> None:
    id = ticket(desk, "network")
    for body in ({"typing": True}, {"types": "yes"}, {"page": "x" * 101}):
        assert told(desk, "PUT", f"/tickets/{id}/presence", json=body).status_code == 422


class Follower:
    """A client with an open stream of presence."""

    def __init__(self, url: str, actor: str, **parameters: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=LONG)
        headers = {"Authorization": f"Test {actor}", "Accept": "text/event-stream"}
        self._request = self._client.build_request(
            "GET", "/api/v1/presence", headers=headers, params=parameters
        )

    @contextmanager
    def frames(self) -> Iterator[Iterator[dict[str, Any]]]:
        with self._client:
            response = self._client.send(self._request, stream=True)
            assert response.headers["content-type"].startswith("text/event-stream")
            try:
                yield self._frames(response)
            finally:
                response.close()

    @staticmethod
    def _frames(response: httpx.Response) -> Iterator[dict[str, Any]]:
        for line in response.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def _put(url: str, id: str, actor: str, **body: Any) -> None:
    headers = {"Authorization": f"Test {actor}"}
    httpx.put(f"{url}/api/v1/tickets/{id}/presence", json=body, headers=headers, timeout=LONG)


def test_a_stream_tells_who_comes_types_and_goes_at_any_server_of_the_folder(desk: Desk) -> None:
    """DeskDirector/UserVoice#618: collisions were shown on the ticket alone, not in lists."""
    id, hidden = ticket(desk, "network"), ticket(desk, "hr")
    with ExitStack() as stack:
        second = stack.enter_context(open_desk(desk.folder))
        here, there = (stack.enter_context(server(each)) for each in (desk, second))
        frames = stack.enter_context(Follower(here.url, "agent:ann").frames())
        _put(there.url, hidden, "agent:hal")
        _put(there.url, id, "agent:hal")
        first = next(frames)
        assert (first["ticket"], [each["agent"] for each in first["agents"]]) == (id, ["hal"])
        _put(there.url, id, "agent:hal", types=True)
        assert [each["types"] for each in next(frames)["agents"]] == [True]
        assert next(frames) == {"ticket": id, "agents": []}  # It said nothing more.


def test_a_ticket_that_is_hidden_from_now_on_is_told_as_left(desk: Desk) -> None:
    id = ticket(desk, "network")
    with ExitStack() as stack:
        running = stack.enter_context(server(desk))
        frames = stack.enter_context(Follower(running.url, "agent:ann", ticket=id).frames())
        going_on = threading.Event()
        stack.callback(going_on.set)

        def stay() -> None:
            while not going_on.wait(1.0):
                _put(running.url, id, "agent:hal")

        threading.Thread(target=stay).start()
        assert next(frames)["agents"][0]["agent"] == "hal"
        desk.execute(Assign(team="hr"), on=f"ticket/{id}", actor=HAL)
        assert next(frames) == {"ticket": id, "agents": []}


def test_the_server_stops_while_streams_are_open(desk: Desk) -> None:
    id = ticket(desk, "network")
    with ExitStack() as stack:
        running = stack.enter_context(server(desk))
        frames = stack.enter_context(Follower(running.url, "agent:ann").frames())
        _put(running.url, id, "agent:sue")
        assert next(frames)["ticket"] == id
        running.stop()
        assert list(frames) in ([], [{"ticket": id, "agents": []}])
