"""given a desk with an endpoint, when events happen, then it gets them: signed, in order, once."""

from __future__ import annotations

import orjson
import pytest
from standardwebhooks import Webhook as Peer

from tests.helpdesk import ANN, create
from tests.process_managers.webhooks.receiving import (
    SECRET,
    Receiver,
    allow,
    reopened,
    serving,
    set_up,
)
from ticketlog.desk import Desk
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.process_managers.webhooks.http_sender import HookAnswer


def delivered(desk: Desk, receiver: Receiver) -> Receiver:
    desk.webhooks()._replace(open_sender=receiver.opened).deliverer().catch_up()
    return receiver


def test_events_since_the_settings_have_it_come_in_order(desk: Desk) -> None:
    create(desk, "before")
    set_up(desk)
    ticket = create(desk)
    desk.execute(Reply(body="It is back"), on=ticket, actor=ANN)
    desk.execute(Solve(), on=ticket, actor=ANN)
    events = [(each.originator_id, each.originator_version) for each in desk.history(ticket)]
    assert delivered(desk, Receiver()).events() == events
    assert delivered(desk, Receiver()).events() == []


def test_a_delivery_is_signed_as_its_peer_checks(desk: Desk) -> None:
    set_up(desk)
    create(desk)
    (headers, body), *_ = delivered(desk, Receiver()).got
    assert Peer(SECRET).verify(body, headers) == orjson.loads(body)
    assert headers["webhook-id"].startswith("evt_")
    assert "." not in headers["webhook-id"]


def test_it_arrives_over_http(desk: Desk) -> None:
    with serving() as server:
        allow(desk.folder, "http://127.0.0.1")
        desk = reopened(desk)
        set_up(desk, server.url)
        create(desk)
        desk.webhooks().deliverer().catch_up()
        assert [Peer(SECRET).verify(body, headers) for headers, body in server.got]
        shown = desk.webhooks().deliveries("crm").deliveries
        desk.close()
    assert [each.status for each in shown] == [204] * len(server.got)


@pytest.mark.parametrize("body", ["thin", "full"])
def test_a_body_says_what_it_is_asked_for(desk: Desk, body: str) -> None:
    set_up(desk, body=body)
    ticket = create(desk, "VPN drops")
    (headers, content), *_ = delivered(desk, Receiver()).got
    said = orjson.loads(content)
    if body == "thin":
        assert said["data"]["subject"] == f"ticket/{ticket}"
        assert "VPN" not in content.decode()
    else:
        assert headers["content-type"] == "application/cloudevents+json"
        assert said["data"]["subject"] == "VPN drops"


def test_types_and_conditions_choose(desk: Desk) -> None:
    when = '[{ field = "team", is = "network" }]'
    set_up(desk, types="ticket.created.v1", more=f"when.all = {when}")
    create(desk, "other", team="billing")
    wanted = create(desk, "wanted", team="network")
    desk.execute(Note(body="x"), on=wanted, actor=ANN)
    assert delivered(desk, Receiver()).events() == [(f"ticket/{wanted}", 0)]


def test_a_failing_ticket_waits_and_others_go_on(desk: Desk) -> None:
    set_up(desk)
    bad, good = create(desk, "bad"), create(desk, "good")
    desk.execute(Note(body="more"), on=bad, actor=ANN)
    receiver = Receiver(
        lambda body: HookAnswer(500 if body["data"]["subject"] == f"ticket/{bad}" else 200)
    )
    delivered(desk, receiver)
    assert {stream for stream, _ in receiver.events()} == {f"ticket/{good}"}
    assert len([1 for _, body in receiver.got if bad.encode() in body]) == 1
    assert desk.webhooks().show("crm").waiting == 1
