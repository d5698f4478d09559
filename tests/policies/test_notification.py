"""That somebody is to be told is an event; an outbox sends it at least once, with a key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.helpdesk import ANN, BOB, SUE
from tests.policies.acting import KIM, Story
from ticketlog.desk import open_desk
from ticketlog.domain.ticket.assignment import Assign, Unassign
from ticketlog.domain.ticket.automation import NotificationDecided
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.relations import Follow
from ticketlog.errors import Unreachable

RULES = """
[notifications.answer]
position = 10
on = ["replied", "solved"]
to = ["requester", "assignee"]
outbox = "mail"
template = "ticket-answered"
[notifications.yours]
position = 20
on = ["assigned"]
to = ["assignee", "followers"]
outbox = "log"
when.all = [{ field = "priority", is_not = "low" }]
[notifications.called]
position = 30
on = ["noted"]
to = ["mentioned"]
outbox = "mail"
"""


class Kept:
    """An outbox that keeps what it gets, and may fail after it has got it."""

    def __init__(self) -> None:
        self.messages: list[Mapping[str, Any]] = []
        self.fails = False

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self.messages += messages
        if self.fails:
            raise Unreachable("the line is cut")


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", RULES)
    made.desk.outbox_relay({}).catch_up()
    yield made
    made.desk.close()


def decided(story: Story, ticket: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        (each.event.rule, each.event.occasion, each.event.to)
        for each in story.by_rules(ticket)
        if isinstance(each.event, NotificationDecided)
    ]


def test_who_is_told_of_what_but_not_of_their_own_doing(story: Story) -> None:
    ticket = story.ticket()
    story.until("1h")
    assert decided(story, ticket) == []
    story.does(SUE, Assign(assignee="ann"), ticket, "2h")
    story.does(ANN, Reply(body="Which one?"), ticket, "3h")
    story.does(KIM, Reply(body="All"), ticket, "4h")
    story.does(KIM, Reply(body="Out of office", automated=True), ticket, "4h")
    story.does(ANN, Solve(), ticket, "5h")
    story.until("6h")
    assert decided(story, ticket) == [
        ("yours@1", "assigned", ("agent/ann",)),
        ("answer@1", "replied", ("person/KIM",)),
        ("answer@1", "replied", ("agent/ann",)),
        ("answer@1", "solved", ("person/KIM",)),
    ]


def test_followers_and_whom_a_note_mentions(story: Story) -> None:
    ticket = story.ticket()
    story.does(BOB, Follow(), ticket, "1h")
    story.does(ANN, Assign(assignee="ann"), ticket, "2h")
    story.does(ANN, Note(body="@sue look", mentions=("sue", "ann")), ticket, "3h")
    story.does(ANN, Unassign(), ticket, "4h")
    story.until("5h")
    assert decided(story, ticket) == [
        ("yours@1", "assigned", ("agent/bob",)),
        ("called@1", "noted", ("agent/sue",)),
    ]


def test_an_outbox_gets_each_under_its_key(story: Story) -> None:
    ticket = story.ticket()
    story.does(ANN, Reply(body="Which one?"), ticket, "1h")
    story.until("2h")
    mail = Kept()
    story.desk.outbox_relay({"mail": mail}).catch_up()
    (message,) = mail.messages
    (event,) = [e for e in story.by_rules(ticket) if isinstance(e.event, NotificationDecided)]
    assert message["key"] == event.id
    assert (message["ticket"], message["to"]) == (ticket, ["person/KIM"])
    assert (message["template"], message["occasion"]) == ("ticket-answered", "replied")
    story.desk.outbox_relay({"mail": mail}).catch_up()
    assert len(mail.messages) == 1


def test_what_an_outbox_may_not_have_got_comes_again_under_the_same_key(story: Story) -> None:
    ticket = story.ticket()
    for hour in ("1h", "2h"):
        story.does(ANN, Reply(body="Which one?"), ticket, hour)
    story.until("3h")
    mail = Kept()
    mail.fails = True
    with pytest.raises(Unreachable):
        story.desk.outbox_relay({"mail": mail}).catch_up()
    mail.fails = False
    story.desk.outbox_relay({"mail": mail}).catch_up()
    keys = [message["key"] for message in mail.messages]
    assert keys[:2] == keys[2:]
    assert len({*keys}) == 2


class Picky(Kept):
    """An outbox that can't take some messages."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = refused

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        for each in messages:
            if each["ticket"] in self.refused:
                raise ValueError("no such mailbox")
        super().send(messages)


def test_what_an_outbox_cant_take_is_parked_and_the_others_are_sent(story: Story) -> None:
    bad, good = (story.ticket() for _ in range(2))
    for ticket in (bad, good):
        story.does(ANN, Reply(body="Which one?"), ticket, "1h")
    story.until("2h")
    mail = Picky(bad)
    outbox_relay = story.desk.outbox_relay({"mail": mail})
    outbox_relay.catch_up()
    assert [each["ticket"] for each in mail.messages] == [good]
    (line,) = outbox_relay.troubles()
    assert bad in line
    assert line.endswith(
        "(ValueError: no such mailbox): `ticketlog policies retry outbox` tries it again"
    )
    status = {each.policy: each for each in story.desk.policies().status()}
    assert [each.stream for each in status["outbox"].parked] == [bad]

    story.desk.outbox_relay({"mail": mail}).catch_up()
    assert len(mail.messages) == 1, "what is parked waits for somebody"
    assert [each.stream for each in outbox_relay.retry().parked] == [bad]
    mail.refused = ()
    assert outbox_relay.retry().parked == outbox_relay.troubles() == []
    assert [each["ticket"] for each in mail.messages] == [good, bad]


@pytest.mark.parametrize("error", [Unreachable("cut"), ConnectionResetError(), TimeoutError()])
def test_an_outbox_that_cant_be_reached_parks_nothing(story: Story, error: Exception) -> None:
    ticket = story.ticket()
    story.does(ANN, Reply(body="Which one?"), ticket, "1h")
    story.until("2h")

    class Away:
        def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
            raise error

    with pytest.raises(type(error)):
        story.desk.outbox_relay({"mail": Away()}).catch_up()
    assert story.desk.outbox_relay({}).troubles() == []
    mail = Kept()
    story.desk.outbox_relay({"mail": mail}).catch_up()
    assert len(mail.messages) == 1


def test_a_file_gets_a_line_each(story: Story) -> None:
    with (story.desk.folder / "ticketlog.toml").open("a") as file:
        file.write('\n[outbox]\nmail = "mail.jsonl"\n')
    ticket = story.ticket()
    story.does(ANN, Reply(body="Which one?"), ticket, "1h")
    story.until("2h")
    with open_desk(story.desk.folder) as desk:
        desk.outbox_relay().catch_up()
    lines = (story.desk.folder / "mail.jsonl").read_text().splitlines()
    assert [json.loads(line)["rule"] for line in lines] == ["answer@1"]
