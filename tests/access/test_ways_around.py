"""given who doesn't see a restricted ticket, when they go a way around its team, then they see no
more of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.access.restricted_desk import (
    ANN,
    AUD,
    FORM,
    HAL,
    HRBOT,
    LIA,
    ROOT,
    SETTINGS,
    SUE,
    person,
    restricted_desk,
)
from tests.access.test_canary import CANARY, Cage
from ticketlog.application.accounts import Accounts
from ticketlog.application.ticket_documents import ticket_document
from ticketlog.desk import Desk
from ticketlog.domain.accounts.owner import Owner, owner_of
from ticketlog.domain.base import Actor, Forbidden, NotFound
from ticketlog.domain.hook_message import HandleMessage, HookResult, ReceiveMessage
from ticketlog.domain.parties.person import MergePerson, UnmergePerson
from ticketlog.domain.ticket.classification import SetRequester
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.queries import HookMessages, Search, Tickets, UsedTags


@pytest.fixture
def cage(tmp_path: Path) -> Iterator[Cage]:
    with restricted_desk(tmp_path / "desk") as desk:
        yield Cage(desk)


def read(cage: Cage, actor: Actor) -> list[Any]:
    """Everything of the restricted ticket that an actor reads, by state, query, text and feed."""
    desk, found = cage.desk, list[Any]()
    with suppress(NotFound):
        found.append(ticket_document(desk, cage.stream, at=None, remark=print, actor=actor))
    found += [each for each in desk.query(Tickets(), actor=actor).rows if each["ticket"] == cage.id]
    found += desk.query(Search(words=CANARY), actor=actor)
    found += [each for each in desk.subscribe(None, False, actor=actor) if cage.held_by(each)]
    return found


@pytest.mark.parametrize("into", ["the other one", "the requester"])
def test_a_merge_opens_no_restricted_ticket(cage: Cage, into: str) -> None:
    """Any agent merges persons, and may be one of them."""
    desk, kim = cage.desk, cage.kim
    mallory = person(desk, "Mallory")
    pair = (kim, mallory) if into == "the other one" else (mallory, kim)
    desk.execute(MergePerson(into=pair[1].id), on=f"person/{pair[0].id}", actor=ANN)
    assert not read(cage, mallory)
    with pytest.raises(NotFound):
        desk.execute(Reply(body="Tell me"), on=cage.stream, actor=mallory)
    assert read(cage, kim)
    desk.execute(UnmergePerson(), on=f"person/{pair[0].id}", actor=ANN)
    assert read(cage, kim)
    assert not read(cage, mallory)


def test_a_member_gives_the_ticket_to_the_survivor_of_a_merge(cage: Cage) -> None:
    desk, kims = cage.desk, person(cage.desk, "Kim, by mail")
    desk.execute(MergePerson(into=kims.id), on=f"person/{cage.kim.id}", actor=ANN)
    assert not read(cage, kims)
    desk.execute(SetRequester(requester=kims.id), on=cage.stream, actor=HAL)
    assert read(cage, kims)


def test_an_admin_makes_no_token_of_who_sees_more(cage: Cage) -> None:
    accounts = Accounts(cage.desk)
    for owner in (HAL, HRBOT, AUD, cage.kim):
        with pytest.raises(Forbidden):
            accounts.create_token(owner_of(owner), label="x", actor=SUE)
    for owner in (SUE, ANN, LIA, FORM):
        assert accounts.create_token(owner_of(owner), label="x", actor=SUE).secret
    for owner in (HAL, AUD, cage.kim):
        assert accounts.create_token(owner_of(owner), label="x", actor=owner).secret
    accounts.close()


def test_an_admin_of_the_team_makes_the_token_of_its_service(cage: Cage) -> None:
    accounts, desk = Accounts(cage.desk), cage.desk
    hal = SETTINGS.replace(
        'teams = ["hr", "network"]', 'teams = ["hr", "network"]\nroles = ["agent", "admin"]'
    )
    desk.settings_apply(hal, actor=SUE)
    owner = Owner(actor="service/hr-bot")
    assert accounts.create_token(owner, label="x", actor=HAL).token.owner == owner
    accounts.close()


@pytest.mark.parametrize("actor", [HAL, AUD, ROOT], ids=lambda each: each.id)
def test_words_of_restricted_tickets_are_in_no_list_of_tags(cage: Cage, actor: Actor) -> None:
    """A list of tags names no ticket, so that no record could say whose was read."""
    assert CANARY not in repr(cage.desk.query(UsedTags(), actor=actor))


def received(desk: Desk, message: str, *results: HookResult) -> None:
    stream = f"hook-message/{message}"
    came = ReceiveMessage(source="monitoring", message=message, sha256="0" * 64, size=1)
    desk.execute(came, on=stream, actor=HRBOT)
    desk.execute(HandleMessage(results=results), on=stream, actor=HRBOT)


def test_messages_from_outside_are_for_who_looks_after_them(cage: Cage) -> None:
    done = HookResult(command="ticket.note", outcome="done", stream=cage.other)
    hidden = HookResult(
        command="ticket.note", outcome="refused", stream=cage.stream, said=f"not {CANARY}"
    )
    received(cage.desk, "AAAAAAAAAAAA", done)
    received(cage.desk, "BBBBBBBBBBBB", done, hidden)
    for actor in (ANN, LIA, HAL, FORM, cage.kim):
        with pytest.raises(Forbidden):
            cage.desk.query(HookMessages(), actor=actor)
    told = cage.desk.query(HookMessages(), actor=SUE)
    assert [each["message"] for each in told] == ["AAAAAAAAAAAA"]
    assert not cage.held_by(told)
    for actor in (AUD, ROOT):
        assert len(cage.desk.query(HookMessages(), actor=actor)) == 2


def test_no_service_names_the_ticket_of_an_import(cage: Cage) -> None:
    """It made the ticket that it named, unless there was one."""
    command = RecordActivity(source="old", case="1", row=1)
    for stream in (cage.stream, "ticket/0000000000AB"):
        with pytest.raises(Forbidden):
            cage.desk.execute(command, on=stream, actor=FORM)
