"""given a desk with an endpoint, when events happen, then it gets them: signed, in order, once."""

from __future__ import annotations

import orjson
import pytest
from standardwebhooks import Webhook as Peer

from tests.helpdesk import ANN, SUE, create
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
from ticketlog.domain.webhook import PauseWebhook, ReplayWebhook, ResumeWebhook
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
    assert desk.webhooks().show("crm").held_back == 1


def test_a_replay_sends_the_same_ids_and_bodies(desk: Desk) -> None:

    set_up(desk)
    ticket = create(desk)
    desk.execute(Note(body="more"), on=ticket, actor=ANN)
    first, second = Receiver(), Receiver()
    desk.webhooks()._replace(open_sender=first.opened).deliverer().catch_up()
    starts, ends = desk.log_range("2020-01-01T00:00:00Z", None)
    command = ReplayWebhook(starts=starts, ends=ends)
    desk.execute(command, on="webhook/crm", actor=SUE)
    desk.webhooks()._replace(open_sender=second.opened).deliverer().catch_up()
    had = [(headers["webhook-id"], body) for headers, body in first.got]
    again = [(headers["webhook-id"], body) for headers, body in second.got]
    assert had
    assert sorted(had) == sorted(again)
    assert desk.load("webhook/crm").under_way == {}


def test_a_paused_endpoint_gets_later_what_happened_meanwhile(desk: Desk) -> None:
    set_up(desk)
    desk.execute(PauseWebhook(), on="webhook/crm", actor=SUE)
    ticket = create(desk)
    assert delivered(desk, Receiver()).events() == []
    desk.execute(ResumeWebhook(), on="webhook/crm", actor=SUE)
    assert delivered(desk, Receiver()).events() == [(f"ticket/{ticket}", 0)]


def test_one_that_is_gone_is_given_up_and_its_owner_told(desk: Desk) -> None:
    set_up(desk, owner="ann")
    create(desk)
    delivered(desk, Receiver(lambda _: HookAnswer(410)))
    create(desk)
    again = delivered(desk, Receiver())
    assert again.got == []
    assert desk.webhooks().show("crm").state == "disabled"
    (told,) = [e.event for e in desk.history("webhook/crm") if "notification" in e.event.NAME]
    assert told.to == ("agent/ann",)  # type: ignore[attr-defined]
    desk.execute(ResumeWebhook(), on="webhook/crm", actor=SUE)
    assert len(delivered(desk, Receiver()).events()) == 2


def test_a_dead_endpoint_is_left_alone_and_costs_nothing(desk: Desk) -> None:
    set_up(desk)
    for _ in range(60):
        create(desk)
    dead = delivered(desk, Receiver(lambda _: HookAnswer(None, "refused")))
    assert len(dead.got) <= 32 + 10
    shown = desk.webhooks().show("crm")
    assert shown.held_back <= 32
    assert shown.behind >= 60 - 42
    probe = 1  # one of those that wait
    assert len(set(delivered(desk, Receiver()).events())) == 60 - shown.held_back + probe


def test_the_rights_of_its_reader_filter_what_is_sent(desk: Desk) -> None:
    set_up(desk, reads_as="person:NOBODY")
    create(desk)
    found = desk.webhooks()._replace(open_sender=Receiver().opened).deliverer()
    found.catch_up()
    assert "person NOBODY" in found.troubles()[0]


def test_a_missing_secret_stops_its_endpoint_alone_and_says_so(desk: Desk) -> None:
    set_up(desk)
    (desk.folder / "crm.secret").unlink()
    create(desk)
    found = desk.webhooks()._replace(open_sender=Receiver().opened).deliverer()
    found.catch_up()
    assert "file:crm.secret" in found.troubles()[0]


CANARY = "canary-4711"


@pytest.mark.parametrize("body", ["thin", "full"])
@pytest.mark.parametrize("reader", ["service:mail", "agent:bob", "agent:sue"])
def test_a_restricted_ticket_reaches_no_endpoint_that_may_not_read_it(
    desk: Desk, body: str, reader: str
) -> None:
    desk.settings_apply(
        "[teams.network]\nrestricted = true\n[teams.billing]\n", actor=SUE, strand=True
    )
    settings = desk.settings.agents
    members = {f"agent:{id}" for id, each in settings.items() if "network" in each.teams}
    set_up(desk, reads_as=reader, body=body)
    hidden = create(desk, CANARY, team="network", description=CANARY)
    desk.execute(Note(body=CANARY), on=hidden, actor=ANN)
    shown = create(desk, "open", team="billing")
    receiver = delivered(desk, Receiver())
    everything = b"".join(body for _, body in receiver.got)
    assert shown.encode() in everything
    if reader not in members:
        assert CANARY.encode() not in everything
        assert hidden.encode() not in everything
    else:
        assert hidden.encode() in everything
        (entry, *_) = desk.access_log.entries(about=f"ticket/{hidden}").entries
        assert entry.meta.actor.id == reader.partition(":")[2]


def test_a_ticket_that_becomes_restricted_while_it_waits_is_not_sent(desk: Desk) -> None:
    set_up(desk, body="full")
    hidden = create(desk, CANARY, team="network")
    delivered(desk, Receiver(lambda _: HookAnswer(500)))
    assert desk.webhooks().show("crm").held_back == 1
    desk.settings_apply(
        "[teams.network]\nrestricted = true\n[teams.billing]\n", actor=SUE, strand=True
    )
    receiver = Receiver()
    later = desk.webhooks()
    later = later._replace(
        open_sender=receiver.opened,
        desk=later.desk._replace(now=lambda: desk._clock() + 3_600_000_000),
    )
    later.deliverer().catch_up()
    assert hidden.encode() not in b"".join(body for _, body in receiver.got)
    assert desk.webhooks().show("crm").held_back == 0
