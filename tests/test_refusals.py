"""A refusal, while an earlier attempt under the same id may still be on its way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.cluster import Cluster
from tests.kafka import fresh_url
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.base import Actor, IllegalTransition
from ticketlog.domain.recorded_refusal import CommandRefused
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Reopen
from ticketlog.errors import InDoubt

ANN = Actor("ann", "agent", "agent")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with init_desk(tmp_path, admin=ANN) as desk:
        yield desk


def test_it_is_recorded_and_given_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = desk.execute(CreateTicket(subject="VPN drops"), actor=ANN).stream
    before = desk.load(ticket)
    monkeypatch.setattr(desk.log, "may_be_in_flight", lambda stream, id: True)
    with pytest.raises(IllegalTransition) as first:
        desk.execute(Reopen(), on=ticket, actor=ANN, id="again")
    monkeypatch.undo()

    with pytest.raises(IllegalTransition) as second:
        desk.execute(Reopen(), on=ticket, actor=ANN, id="again")

    assert str(second.value) == str(first.value)
    *_, last = desk.history(ticket)
    assert isinstance(last.event, CommandRefused)
    assert (last.event.command, last.event.message) == ("ticket.reopen", str(first.value))
    assert desk.load(ticket).version == before.version + 1
    assert desk.load(ticket).status == before.status
    desk.refresh()
    assert all(each.same for each in desk.views.verify())


def test_a_create_stays_in_doubt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.log, "may_be_in_flight", lambda stream, id: True)
    with pytest.raises(InDoubt, match="the-create"):
        desk.execute(CreateTicket(subject="x", team="nobody"), actor=ANN, id="the-create")
    assert desk.log.ends() == (1,) * desk.log.partitions


@pytest.mark.service
def test_a_broker_that_stands_still_leaves_a_command_in_doubt_and_then_done_once(
    own_broker: Cluster, tmp_path: Path
) -> None:
    with init_desk(tmp_path / "desk", log_url=fresh_url(own_broker.bootstrap), admin=ANN) as desk:
        ticket = desk.execute(CreateTicket(subject="VPN drops"), actor=ANN).stream
        own_broker.pause(0)
        with pytest.raises(InDoubt, match="under the same id, the-reply"):
            desk.execute(Reply(body="Yes?"), on=ticket, actor=ANN, id="the-reply")
        own_broker.resume(0)

        outcome = desk.execute(Reply(body="Yes?"), on=ticket, actor=ANN, id="the-reply")

        desk.log.sync()
        bodies = [each.event.body for each in desk.history(ticket) if hasattr(each.event, "body")]
        assert bodies == ["Yes?"]
        assert outcome.stream == ticket
        assert not desk.log.may_be_in_flight(ticket, "the-reply")
