"""The feed of viewers who don't see everything: nothing else is encoded, and what counts is now."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import httpx
import pytest

from tests.helpdesk import ANN, BOB, create
from tests.http.streaming import EVENTS, FeedClient, server
from ticketlog.application.access import Access, Viewer
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Recorded
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Note
from ticketlog.http import feed_hub
from ticketlog.http.feed_hub import FeedHub
from ticketlog.http.server import HttpServer

CANARY = "canary-4711"
members = {"ann", "bob"}
"""The agents who see tickets of the team billing."""
reads_notes = {"ann"}
encoded: list[str] = []
"""The ids of the events that were encoded."""


class PartialViewer(Viewer):
    """A viewer as the rights of an agent would make it: tickets of billing are for its members,
    and the text of notes for some."""

    @property
    def key(self) -> Hashable:
        return self._id in members, self._id in reads_notes

    @property
    def unlimited(self) -> bool:
        return False

    @property
    def _id(self) -> str:
        return self.actor.id if self.actor else ""

    def sees(self, stream: str, right: str = "") -> bool:
        return self._id in members or getattr(self._load(stream), "team", None) != "billing"

    def event(self, recorded: Recorded, right: str = "") -> Recorded | None:
        if not self.sees(recorded.originator_id):
            return None
        if recorded.event.NAME == "ticket.noted.v1" and self._id not in reads_notes:
            event = recorded.event.model_copy(update={"body": "left out"})
            return recorded._replace(event=event)
        return recorded


@pytest.fixture(autouse=True)
def partial(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def viewer(access: Access, actor: Actor | None, load: object = None) -> Viewer:
        if actor is None:
            return access._operator
        return PartialViewer(actor, access.settings(), access.load)

    monkeypatch.setattr(Access, "viewer", viewer)
    encode = FeedHub.encoded

    def noted(hub: FeedHub, recorded: Recorded) -> bytes:
        encoded.append(recorded.id)
        return encode(hub, recorded)

    monkeypatch.setattr(FeedHub, "encoded", noted)
    encoded.clear()
    yield
    members.update({"ann", "bob"})


@pytest.fixture
def served(desk: Desk) -> Iterator[HttpServer]:
    with server(desk) as running:
        yield running


def batch(served: HttpServer, agent: str, **parameters: Any) -> httpx.Response:
    headers = {"Authorization": f"Test agent:{agent}"}
    return httpx.get(f"{served.url}{EVENTS}", params=parameters, headers=headers, timeout=60)


def test_a_ticket_that_is_not_seen_is_in_no_byte(desk: Desk, served: HttpServer) -> None:
    members.discard("bob")
    hidden = create(desk, subject=CANARY, team="billing")
    create(desk, subject="For all")

    answer = batch(served, "bob")

    assert answer.status_code == 200
    assert [each["data"]["subject"] for each in answer.json()] == ["For all"]
    assert CANARY not in answer.text
    assert hidden not in answer.text
    assert not any(id.partition(".")[0] in _commits(desk, hidden) for id in encoded)


def test_asking_for_a_ticket_that_is_not_seen_is_as_asking_for_none(
    desk: Desk, served: HttpServer
) -> None:
    members.discard("bob")
    hidden = create(desk, subject=CANARY, team="billing")

    one, other = (batch(served, "bob", ticket=id) for id in (hidden, "NOBODYATALL2"))

    assert one.content == other.content == b"[]"
    assert one.headers["ticketlog-position"] == other.headers["ticketlog-position"]


def test_a_field_that_is_not_read_is_left_out_for_each_as_it_is_for_them(
    desk: Desk, served: HttpServer
) -> None:
    ticket = create(desk)
    with (
        FeedClient(served.url, "agent:ann") as ann,
        ann.stream(after="now") as for_ann,
        FeedClient(served.url, "agent:bob") as bob,
        bob.stream(after="now") as for_bob,
    ):
        desk.execute(Note(body=CANARY), on=ticket, actor=ANN)
        assert next(for_ann).event["data"]["body"] == CANARY
        assert next(for_bob).event["data"]["body"] == "left out"


def test_viewers_who_see_the_same_share_what_was_encoded(
    desk: Desk, served: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_notes.add("bob")
    ticket = create(desk)
    with (
        FeedClient(served.url, "agent:ann") as ann,
        ann.stream(after="now") as for_ann,
        FeedClient(served.url, "agent:bob") as bob,
        bob.stream(after="now") as for_bob,
    ):
        desk.execute(Note(body="Warm up"), on=ticket, actor=ANN)
        next(for_ann), next(for_bob)
        encoded.clear()
        desk.execute(Note(body="Look"), on=ticket, actor=ANN)
        assert next(for_ann).event == next(for_bob).event
    reads_notes.discard("bob")
    assert len(encoded) == 1


def test_who_is_no_member_any_more_gets_nothing_more(desk: Desk, served: HttpServer) -> None:
    ticket = create(desk, team="billing")
    with (
        FeedClient(served.url, "agent:bob") as bob,
        bob.stream(after="now") as frames,
    ):
        desk.execute(Note(body="Before"), on=ticket, actor=BOB)
        assert next(frames).event["subject"] == f"ticket/{ticket}"
        members.discard("bob")
        desk.execute(Note(body=CANARY), on=ticket, actor=ANN)
        other = create(desk, subject="For all")
        assert next(frames).event["subject"] == f"ticket/{other}"
    again = FeedClient(served.url, "agent:bob", last=bob.last)
    with again, again.stream() as frames:
        later = create(desk, subject="Later")
        assert next(frames).event["subject"] == f"ticket/{later}"


def test_what_counts_is_where_the_ticket_is_now(desk: Desk, served: HttpServer) -> None:
    members.discard("bob")
    ticket = create(desk, subject="First with billing", team="billing")
    assert batch(served, "bob").json() == []

    desk.execute(Assign(team="network"), on=ticket, actor=ANN)
    seen = [each["type"] for each in batch(served, "bob").json()]
    assert seen[0] == "ticket.created.v1"

    desk.execute(Assign(team="billing"), on=ticket, actor=ANN)
    assert batch(served, "bob").json() == []


def _commits(desk: Desk, ticket: str) -> set[str]:
    return {each.meta.commit for each in desk.history(ticket)}


def test_the_heartbeat_tells_nothing_but_the_position(
    desk: Desk, served: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position moves with hidden events as it does with those that a filter leaves out."""
    monkeypatch.setattr(feed_hub, "HEARTBEAT_S", 0.1)
    members.discard("bob")
    with FeedClient(served.url, "agent:bob") as bob, bob.stream(after="now") as frames:
        create(desk, subject=CANARY, team="billing")
        other = create(desk, subject="For all")
        assert next(frames).event["subject"] == f"ticket/{other}"
