"""Desks of several processes on one folder: no leader, no lock, and every command once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.log.peers import Peer, peers
from ticketlog.desk import Desk, Outcome, init_desk, open_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import CommandReused

ANN = Actor("ann", "agent", "agent")
CREATE = CreateTicket(subject="VPN drops")


class Desks:
    open = staticmethod(open_desk)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with init_desk(tmp_path, admin=ANN) as desk:
        yield desk


@pytest.fixture
def others(desk: Desk) -> Iterator[list[Peer]]:
    with peers(Desks, desk.folder, 2) as others:
        yield others


def one_answer(answers: list[Outcome]) -> Outcome:
    """All are the same, and one of them is the first."""
    first = answers[0]._replace(repeated=False)
    assert [answer._replace(repeated=False) for answer in answers] == [first] * len(answers)
    assert [answer.repeated for answer in answers].count(False) == 1
    return first


def test_a_create_that_two_get_at_once_is_one_ticket(desk: Desk, others: list[Peer]) -> None:
    for number in range(10):
        for peer in others:
            peer.start("execute", CREATE, actor=ANN, id=f"create-{number}")
        made = one_answer([peer.answer() for peer in others])
        assert len(desk.history(made.stream)) == len(made.events)


def test_a_change_that_two_get_at_once_is_made_once(desk: Desk, others: list[Peer]) -> None:
    ticket = desk.execute(CREATE, actor=ANN).stream
    for number in range(10):
        reply = Reply(body=f"Reply {number}")
        for peer in others:
            peer.start("execute", reply, on=ticket, actor=ANN, id=f"reply-{number}")
        one_answer([peer.answer() for peer in others])
    bodies = [event.event.body for event in desk.history(ticket) if hasattr(event.event, "body")]
    assert bodies == [f"Reply {number}" for number in range(10)]


def test_a_desk_that_lags_behind_gives_the_first_answer(desk: Desk, others: list[Peer]) -> None:
    peer = others[0]
    ticket = desk.execute(CREATE, actor=ANN).stream
    peer.call("execute", Tag(add=("seen",)), on=ticket, actor=ANN)  # now it has the state
    first = desk.execute(Tag(add=("vpn",)), on=ticket, actor=ANN, id="same")
    desk.execute(Tag(remove=("vpn",)), on=ticket, actor=ANN)

    again = peer.call("execute", Tag(add=("vpn",)), on=ticket, actor=ANN, id="same")

    assert again == first._replace(repeated=True)
    assert desk.load(ticket).tags == ("seen",)
    with pytest.raises(CommandReused, match="same"):
        peer.call("execute", Tag(add=("other",)), on=ticket, actor=ANN, id="same")


def test_different_commands_on_one_ticket_all_get_through(desk: Desk, others: list[Peer]) -> None:
    ticket = desk.execute(CREATE, actor=ANN).stream
    before = desk.load(ticket).version
    for round in range(10):
        for number, peer in enumerate(others):
            peer.start("execute", Tag(add=(f"{number}-{round}",)), on=ticket, actor=ANN)
        versions = [peer.answer().version for peer in others]
        assert sorted(versions) == [before + 1 + 2 * round, before + 2 + 2 * round]
    assert set(desk.load(ticket).tags) == {f"{n}-{round}" for n in range(2) for round in range(10)}


def test_threads_that_get_the_same_create_at_once_make_one_ticket(desk: Desk) -> None:
    start = Barrier(8)

    def create(_: int) -> Outcome:
        start.wait()
        return desk.execute(CREATE, actor=ANN, id="same")

    with ThreadPoolExecutor(8) as threads:
        made = one_answer(list(threads.map(create, range(8))))
    assert len(desk.history(made.stream)) == len(made.events)
