"""The feed over HTTP: batches and streams."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any

import httpx
import pytest

from tests.helpdesk import ANN, SUE, create
from tests.http.serving import client
from tests.http.streaming import EVENTS, FeedClient, server
from ticketlog.application.accounts import Accounts
from ticketlog.desk import Desk
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.http import feed_hub
from ticketlog.http.authentication import authenticator
from ticketlog.http.feed_hub import FeedHub, Subscriber
from ticketlog.http.served import Served
from ticketlog.http.server import HttpServer
from ticketlog.publishing.cloudevent import envelope, published_fields, source

BATCH = "application/cloudevents-batch+json"


@pytest.fixture
def served(desk: Desk) -> Iterator[HttpServer]:
    with server(desk) as running:
        yield running


def get(served: HttpServer, **parameters: Any) -> httpx.Response:
    headers = {"Authorization": "Test agent:ann"}
    return httpx.get(f"{served.url}{EVENTS}", params=parameters, headers=headers, timeout=60)


def all_of(desk: Desk) -> list[Recorded]:
    kinds = ("ticket/", "person/", "organisation/", "agent/")
    return [each for each in desk.subscribe(follow=False) if each.originator_id.startswith(kinds)]


class TestBatch:
    def test_batches_lead_from_position_to_position(self, desk: Desk, served: HttpServer) -> None:
        for number in range(5):
            ticket = create(desk, subject=f"Ticket {number}")
            desk.execute(Reply(body="Look", status="pending"), on=ticket, actor=ANN)

        found, after = [], "start"
        while True:
            answer = get(served, after=after, limit=4)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == BATCH
            assert len(answer.json()) <= 4
            found += answer.json()
            if after == answer.headers["ticketlog-position"]:
                break
            after = answer.headers["ticketlog-position"]

        assert sorted(each["id"] for each in found) == sorted(each.id for each in all_of(desk))

    def test_an_event_is_that_of_the_public_topic(self, desk: Desk, served: HttpServer) -> None:
        """With the personal fields that the topic leaves out unless they are named."""
        desk.execute(Reply(body="Look"), on=create(desk), actor=ANN)

        found = {each["id"]: each for each in get(served).json()}

        personal = [
            f"{each.event.NAME}.{field}" for each in all_of(desk) for field in each.event.PERSONAL
        ]
        for each in all_of(desk):
            published = envelope(each, source(desk.log.desk), published_fields(personal))
            assert found[each.id] == published

    def test_a_batch_waits_for_events(self, desk: Desk, served: HttpServer) -> None:
        after = get(served, after="now").headers["ticketlog-position"]
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(get(served, after=after, wait=60)))
        asking.start()
        ticket = create(desk)
        asking.join(60)

        assert [each["subject"] for each in answers[0].json()] == [f"ticket/{ticket}"]

    def test_what_a_filter_leaves_out_is_not_waited_for_again(
        self, desk: Desk, served: HttpServer
    ) -> None:
        create(desk)
        answer = get(served, type="ticket.noted.v1", wait=0)
        assert answer.json() == []
        assert answer.headers["ticketlog-position"] == str(desk.cut())

    @pytest.mark.parametrize(
        ("parameters", "says"),
        [
            ({"after": "x"}, "position"),
            ({"after": "1,2/0"}, "position"),
            ({"type": "ticket.created"}, "ticket.created"),
            ({"limit": 0}, "limit"),
            ({"limit": 1001}, "limit"),
            ({"wait": 61}, "wait"),
            ({"wait": "x"}, "wait"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_what_means_nothing_is_a_problem(
        self, served: HttpServer, parameters: dict[str, Any], says: str
    ) -> None:
        answer = get(served, **parameters)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert says in answer.json()["detail"]

    def test_who_is_not_signed_in_gets_nothing(self, desk: Desk) -> None:
        async def ask() -> httpx.Response:
            async with client(desk, actor=None) as http:
                return await http.get(EVENTS)

        assert asyncio.run(ask()).status_code == 401

    def test_a_stranger_gets_nothing(self, desk: Desk) -> None:
        async def ask(accept: str) -> httpx.Response:
            async with client(desk, actor="agent:stranger") as http:
                return await http.get(EVENTS, headers={"Accept": accept})

        for accept in ("*/*", "text/event-stream"):
            assert asyncio.run(ask(accept)).status_code == 403


class TestStream:
    def test_a_stream_gives_what_was_and_what_comes(self, desk: Desk, served: HttpServer) -> None:
        before = create(desk, subject="Before")
        with FeedClient(served.url) as reader, reader.stream() as frames:
            first = next(frames)
            assert first.event["subject"] == f"ticket/{before}"
            later = create(desk, subject="Later")
            assert next(frames).event["subject"] == f"ticket/{later}"

    def test_a_stream_goes_on_exactly_behind_the_last_id(
        self, desk: Desk, served: HttpServer
    ) -> None:
        """The connection ends behind each single frame."""
        for number in range(4):
            ticket = create(desk, subject=f"Ticket {number}")
            desk.execute(Reply(body="Look", status="pending"), on=ticket, actor=ANN)
        wanted = len(all_of(desk))
        found: list[str] = []
        with FeedClient(served.url) as reader:
            while len(found) < wanted:
                with reader.stream() as frames:
                    found.append(next(frames).event["id"])
            with reader.stream() as frames:
                ticket = create(desk, subject="Last")
                assert next(frames).event["subject"] == f"ticket/{ticket}"

        assert sorted(found) == sorted(each.id for each in all_of(desk)[:wanted])

    def test_only_what_is_wanted_is_sent(self, desk: Desk, served: HttpServer) -> None:
        ticket = create(desk)
        parameters = {"after": "now", "type": ["ticket.noted.v1"], "ticket": [ticket]}
        with FeedClient(served.url) as reader, reader.stream(**parameters) as frames:
            other = create(desk)
            desk.execute(Note(body="Not this"), on=other, actor=ANN)
            desk.execute(Assign(team="network"), on=ticket, actor=ANN)
            desk.execute(Note(body="This"), on=ticket, actor=ANN)
            assert next(frames).event["data"]["body"] == "This"

    def test_many_streams_get_every_event_once_and_in_order(
        self, desk: Desk, served: HttpServer
    ) -> None:
        """They join while events come, each at its own moment."""
        tickets = [create(desk) for _ in range(5)]
        start = str(desk.cut())
        readers, each_sends = 8, 30
        got: list[list[str]] = []

        def read() -> None:
            with FeedClient(served.url) as reader, reader.stream(after=start) as frames:
                got.append([each.event["id"] for each in islice(frames, 5 * each_sends)])

        threads = [threading.Thread(target=read) for _ in range(readers)]
        sent: list[str] = []
        for number in range(each_sends):
            for ticket in tickets:
                made = desk.execute(Note(body=f"Note {number}"), on=ticket, actor=ANN)
                sent.append(made.events[0].id)
            if number < readers:
                threads[number].start()
        for thread in threads:
            thread.join(60)

        assert [sorted(each) for each in got] == [sorted(sent)] * readers
        for each in got:
            assert [id for id in each if id in sent[::5]] == sent[::5]

    def test_an_agent_who_retires_gets_nothing_more(self, desk: Desk, served: HttpServer) -> None:
        with FeedClient(served.url) as reader, reader.stream(after="now") as frames:
            ticket = create(desk)
            assert next(frames).event["subject"] == f"ticket/{ticket}"
            retired = "[agents.ann]\nteams = []\nretired = true\n"
            desk.settings_apply(retired, actor=SUE)
            desk.execute(Note(body="Later"), on=ticket, actor=SUE)
            assert list(frames) == []

    def test_a_stream_ends_where_its_token_is_revoked(self, desk: Desk) -> None:
        accounts = Accounts(desk)
        made = accounts.create_token(Owner(actor="agent/ann"), label="feed", actor=ANN)
        with (
            server(desk, authenticator) as running,
            FeedClient(running.url, token=made.secret) as reader,
            reader.stream(after="now") as frames,
        ):
            create(desk)
            next(frames)
            accounts.revoke_token(made.token.id, actor=ANN)
            assert list(frames) == []
            accounts.close()

    def test_a_silent_stream_says_that_it_lives_and_where_it_is(
        self, desk: Desk, served: HttpServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feed_hub, "HEARTBEAT_S", 0.1)
        wanted = {"after": "now", "type": ["ticket.noted.v1"]}
        with FeedClient(served.url) as reader, reader.stream(**wanted) as frames:
            ticket = create(desk)
            position = str(desk.cut())
            waiting = threading.Thread(target=lambda: next(frames))
            waiting.start()
            while reader.last != position:
                waiting.join(0.05)
            desk.execute(Note(body="x"), on=ticket, actor=ANN)
            waiting.join(60)
            assert not waiting.is_alive()

    def test_streams_end_when_the_server_stops(self, desk: Desk) -> None:
        with (
            server(desk) as running,
            FeedClient(running.url) as reader,
            reader.stream(after="now") as frames,
        ):
            create(desk)
            next(frames)
            running.stop()
            assert list(frames) == []


class TestSlowClient:
    def test_a_client_that_does_not_read_is_ended_and_misses_nothing(self, desk: Desk) -> None:
        """A stream whose client takes nothing, as the hub sees it."""

        async def work() -> None:
            hub = FeedHub(Served(desk))
            slow, quick = Subscriber(ANN, NO_FILTER), Subscriber(ANN, NO_FILTER)
            start = hub.feed.now()
            of_slow, of_quick = hub.frames(slow, start), hub.frames(quick, start)
            beginning = [asyncio.ensure_future(with_event(each)) for each in (of_slow, of_quick)]
            while hub.joined < 2:
                await asyncio.sleep(0.01)
            ticket = (await desk.execute_async(CreateTicket(subject="VPN"), actor=ANN)).stream
            first, _ = await asyncio.gather(*beginning)
            body = "x" * 60_000
            got = b""
            while not slow.is_ended:
                await desk.execute_async(Note(body=body), on=ticket, actor=ANN)
                got += await with_event(of_quick)
            assert slow.is_broken_off
            assert [each async for each in of_slow] == []
            hub.leave(slow)

            last = first.decode().rpartition("id: ")[2].partition("\n")[0]
            again = Subscriber(ANN, NO_FILTER)
            rest, wanted = b"", len(desk.history(ticket)) - 1
            async for frames in hub.frames(again, hub.feed.parse(last)):
                rest += frames
                if rest.count(b"data: ") == wanted:
                    break
            assert events_in(rest) == events_in(got) == [e.id for e in desk.history(ticket)[1:]]
            await hub.stop()

        asyncio.run(work())


NO_FILTER = feed_hub.FeedFilter()


async def with_event(frames: AsyncIterator[bytes]) -> bytes:
    """The next frames with an event."""
    async for found in frames:
        if b"data: " in found:
            return found
    raise AssertionError("the stream ended")


def events_in(frames: bytes) -> list[str]:
    lines = frames.decode().splitlines()
    return [json.loads(line[6:])["id"] for line in lines if line.startswith("data: ")]
