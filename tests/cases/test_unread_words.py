"""An answer that was written before somebody's last word is refused, with that word."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpdesk import ANN, BOB, SUE, create, register
from tests.said import Run
from ticketlog import config
from ticketlog.application.batch_executor import execute_all
from ticketlog.application.executor import request
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, Outcome
from ticketlog.domain.base import Actor, Command, Stale
from ticketlog.domain.ticket.classification import Classify
from ticketlog.domain.ticket.conversation import Note, Redact, Reply
from ticketlog.domain.ticket.lifecycle import Cancel, Close, Hold, SetStatus, Solve
from ticketlog.domain.ticket.relations import AddCc

ANSWERS: list[Command] = [
    Reply(body="please send logs"),
    Reply(body="done", status="solved"),
    Note(body="all well", status="pending"),
    SetStatus(status="pending"),
    Hold(reason="a part"),
    Solve(code="fixed"),
    Cancel(reason="withdrawn"),
]
OTHERS: list[Command] = [Note(body="same router"), Classify(type="incident")]


@pytest.fixture
def kim(desk: Desk) -> Actor:
    return Actor(register(desk), "person")


@pytest.fixture
def ticket(desk: Desk, kim: Actor) -> str:
    """Open, with ann; the customer says something after version 2."""
    ticket = create(desk, requester=kim.id, assignee="ann")
    desk.execute(Reply(body="Hello, which version is it?"), on=ticket, actor=ANN)
    assert desk.load(ticket).version == 1
    desk.execute(Reply(body="never mind, it works"), on=ticket, actor=kim)
    return ticket


@pytest.mark.parametrize("command", ANSWERS, ids=repr)
def test_it_is_refused_with_the_word_and_sent_anyway(
    desk: Desk, ticket: str, kim: Actor, command: Command
) -> None:
    before = desk.history(ticket)
    with pytest.raises(Stale, match="never mind, it works") as refusal:
        desk.execute(command, on=ticket, actor=ANN, seen=1, id="a")
    said = refusal.value.facts["said"]
    assert [(each["author"], each["version"], each["text"]) for each in said] == [
        (kim.id, 2, "never mind, it works")
    ]
    assert desk.history(ticket) == before
    sent = desk.execute(command, on=ticket, actor=ANN, seen=1, id="a", anyway=True)
    assert sent.events
    again = desk.execute(command, on=ticket, actor=ANN, seen=1, id="a")
    assert (again.repeated, again.events) == (True, sent.events)


@pytest.mark.parametrize("command", OTHERS, ids=repr)
def test_what_answers_nobody_is_not(desk: Desk, ticket: str, command: Command) -> None:
    assert desk.execute(command, on=ticket, actor=ANN, seen=1).events


@pytest.mark.parametrize("command", ANSWERS, ids=repr)
def test_who_has_seen_it_or_names_no_version_is_not(
    desk: Desk, ticket: str, command: Command
) -> None:
    assert desk.execute(command, on=ticket, actor=ANN, seen=2).events


def test_own_words_machines_notes_and_hidden_ones_do_not_count(
    desk: Desk, ticket: str, kim: Actor
) -> None:
    mail = Actor("mail", "service")
    desk.execute(Reply(body="mine"), on=ticket, actor=ANN)
    desk.execute(Reply(body="we are out", automated=True), on=ticket, actor=mail)
    desk.execute(Note(body="internal"), on=ticket, actor=BOB)
    secret = desk.execute(Reply(body="secret"), on=ticket, actor=BOB)
    desk.execute(Redact(target=secret.events[0].id, reason="secret"), on=ticket, actor=SUE)
    assert desk.execute(Reply(body="more"), on=ticket, actor=ANN, seen=2).events
    theirs = Reply(body="by phone", author=kim.id)
    desk.execute(Reply(body="hello?"), on=ticket, actor=kim)
    assert desk.execute(theirs, on=ticket, actor=mail, seen=desk.load(ticket).version).events


def test_the_words_of_several_people_are_all_told_but_short(desk: Desk, ticket: str) -> None:
    people = [Actor(register(desk, f"P{number}"), "person") for number in range(12)]
    for person in people:
        desk.execute(AddCc(person=person.id), on=ticket, actor=ANN)
    seen = desk.load(ticket).version
    for person in people:
        desk.execute(Reply(body=f"{person.id} " + "x" * 5_000), on=ticket, actor=person)
    with pytest.raises(Stale) as refusal:
        desk.execute(Reply(body="?"), on=ticket, actor=ANN, seen=seen)
    assert all(person.id in str(refusal.value) for person in people)
    assert len(str(refusal.value)) < 4_000
    assert {len(each["text"]) for each in refusal.value.facts["said"]} == {500}


def test_in_a_bulk_too(desk: Desk, ticket: str) -> None:
    now = time.time_ns() // 1000

    def sent(id: str, *, anyway: bool = False) -> Outcome | Exception:
        asked = request(
            Solve(),
            ticket,
            id=id,
            received_at=now,
            occurred_at=None,
            actor=ANN,
            channel="api",
            seen=1,
            anyway=anyway,
        )
        return execute_all(desk._executor, [asked])[0]

    refused = sent("a")
    assert isinstance(refused, Stale)
    assert "never mind" in str(refused)
    assert isinstance(sent("b", anyway=True), Outcome)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["kim", "ann", "bob", "note"]), max_size=40), st.integers(0, 40))
def test_exactly_what_others_said_since_stops_it(
    desk: Desk, kim: Actor, steps: list[str], seen: int
) -> None:
    ticket = create(desk, requester=kim.id, assignee="ann")
    by = {"kim": kim, "ann": ANN, "bob": BOB, "note": BOB}
    for step in steps:
        command = Note(body=step) if step == "note" else Reply(body=step)
        desk.execute(command, on=ticket, actor=by[step])
    seen = min(seen, len(steps))
    expected = [each for each in steps[seen:] if each in ("kim", "bob")]
    try:
        desk.execute(Reply(body="?"), on=ticket, actor=ANN, seen=seen)
        told = []
    except Stale as refusal:
        told = [each["text"] for each in refusal.facts["said"]]
    assert told == expected


def test_as_a_user_types_it(
    folder: Path, desk: Desk, ticket: str, ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(config.VARIABLE, str(folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")
    line = ("ticket", "reply", ticket, "please send logs", "--seen", "1")
    said = ask(*line)
    assert (said.code, said.out) == (1, "")
    assert "never mind, it works" in said.err
    said = ask(*line, "--json")
    assert said.code == 1
    error = said.document["error"]
    assert (error["code"], error["version"]) == ("stale", 2)
    assert [each["text"] for each in error["said"]] == ["never mind, it works"]
    assert ask(*line, "--anyway").code == 0


def test_a_status_with_a_note_follows_the_workflow(desk: Desk, ticket: str) -> None:
    desk.execute(
        Note(body="fixed it", status="solved", resolution_code="fixed"), on=ticket, actor=ANN
    )
    state = desk.load(ticket)
    assert (state.status, state.resolution_code, state.agent_replies) == ("solved", "fixed", 1)
    desk.execute(Close(), on=ticket, actor=SUE)
