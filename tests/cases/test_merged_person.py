"""A merged person has all that both had, and a merge that is taken back gives each their own."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from tests.said import Run
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, NotFound, kind_and_id
from ticketlog.domain.parties.person import MergePerson, RegisterPerson, UnmergePerson
from ticketlog.domain.ticket.lifecycle import Reopen, Solve
from ticketlog.projections.views import queue, tickets


def a_person(desk: Desk, name: str) -> str:
    return desk.execute(RegisterPerson(name=name), actor=ANN).stream.removeprefix("person/")


def merged(desk: Desk, person: str, into: str) -> None:
    desk.execute(MergePerson(into=into), on=f"person/{person}", actor=ANN)


def theirs(desk: Desk, person: str) -> tuple[set[str], set[str]]:
    """The tickets of a person, all of them and those to be worked on."""
    listed = desk.query(tickets.Tickets(requester=person)).rows
    waiting = desk.query(queue.Queue(requester=person)).rows
    return {each["ticket"] for each in listed}, {each["ticket"] for each in waiting}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_all_see_all_along_a_chain_of_merges_and_back(desk: Desk, order: tuple[int, int]) -> None:
    a, b, c = persons = [a_person(desk, name) for name in "ABC"]
    own = {person: helpdesk.create(desk, requester=person) for person in persons}
    steps = [(a, b), (b, c)] if order == (0, 1) else [(b, c), (a, c)]
    for person, into in steps:
        merged(desk, person, into)
    everything = set(own.values())
    for person in persons:
        assert theirs(desk, person) == (everything, everything)
    before = desk.cut()
    ends = sum(desk.log.ends())
    desk.execute(UnmergePerson(), on=f"person/{b}", actor=ANN, reason="father and son")
    assert sum(desk.log.ends()) == ends + 1, "no ticket is touched"
    if order == (0, 1):
        assert theirs(desk, a) == theirs(desk, b) == ({own[a], own[b]},) * 2
        assert theirs(desk, c) == ({own[c]},) * 2
    else:
        assert theirs(desk, b) == ({own[b]},) * 2
        assert theirs(desk, a) == theirs(desk, c) == ({own[a], own[c]},) * 2
    found = desk.at(position=before).query(tickets.Tickets(requester=c)).rows
    assert {each["ticket"] for each in found} == everything
    desk.refresh()
    assert all(each.same for each in desk.views.verify())


def test_rights_come_and_go_with_the_merge(desk: Desk) -> None:
    a, b = a_person(desk, "A"), a_person(desk, "B")
    ticket = helpdesk.create(desk, requester=b)
    merged(desk, b, a)

    def reopens(person: str) -> None:
        desk.execute(Solve(code="fixed"), on=ticket, actor=SUE)
        desk.execute(Reopen(reason="again"), on=ticket, actor=Actor(person, "person"))

    reopens(a)
    reopens(b)
    desk.execute(UnmergePerson(), on=f"person/{b}", actor=ANN)
    with pytest.raises(NotFound):
        reopens(a)
    desk.execute(Reopen(reason="still"), on=ticket, actor=Actor(b, "person"))


def test_an_unmerge_without_a_merge_changes_nothing(desk: Desk) -> None:
    a = a_person(desk, "A")
    assert desk.execute(UnmergePerson(), on=f"person/{a}", actor=ANN).events == ()


def test_as_it_is_typed(desk: Desk, ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.VARIABLE, str(desk.config.folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")
    a, b = a_person(desk, "A"), a_person(desk, "B")
    ticket = helpdesk.create(desk, requester=b)
    assert ask("person", "merge", b, a).code == 0
    for person in (a, b):
        assert ticket in ask("ticket", "list", "--requester", person).out
        assert ticket in ask("queue", "--requester", person).out
    assert "unmerge this one" in ask("person", "rename", b, "Bo").err
    assert ask("person", "unmerge", b, "--reason", "father and son").code == 0
    assert ticket not in ask("ticket", "list", "--requester", a).out
    assert ask("person", "rename", b, "Bo").code == 0


class Merged(NamedTuple):
    """Three persons, merged one into the other, as they are typed."""

    ask: Run
    kim: str
    old: str
    oldest: str
    acme: str
    umbrella: str

    def shown(self, person: str, *more: str) -> Any:
        return self.ask("person", "show", person, "--json", *more).document

    def streams(self, person: str, *more: str) -> list[str]:
        """Whose events a history has."""
        found = self.ask("person", "history", person, "--json", *more).document["events"]
        return [each["stream"].removeprefix("person/") for each in found]

    def found(self, text: str, *more: str) -> list[str]:
        rows = self.ask("person", "find", text, "--json", *more).document["persons"]
        return [each["person"] for each in rows]


@pytest.fixture
def three(desk: Desk, ask: Run, monkeypatch: pytest.MonkeyPatch) -> Merged:
    monkeypatch.setenv(config.VARIABLE, str(desk.config.folder))
    monkeypatch.setenv(ACTOR_VARIABLE, "agent:ann")

    def made(*line: str) -> str:
        said = ask(*line, "--json")
        assert said.code == 0, said
        return kind_and_id(str(said.document["stream"]))[1]

    acme, umbrella = (made("organisation", "register", name) for name in ("Acme", "Umbrella"))
    kim = made("person", "register", "Kim", "--address", "email:kim@acme.example")
    ask("person", "set-organisation", kim, "--organisation", acme)
    old = made("person", "register", "Kim L.", "--address", "phone:+49 30 1234")
    ask("person", "set-organisation", old, "--organisation", umbrella)
    oldest = made("person", "register", "K. Lee", "--address", "handle:@kim")
    for one, other in ((oldest, old), (old, kim)):
        assert ask("person", "merge", one, other).code == 0
    return Merged(ask, kim, old, oldest, acme, umbrella)


def test_who_stays_shows_what_all_have(three: Merged) -> None:
    _, kim, old, oldest, acme, umbrella = three
    shown = three.shown(kim)
    owners = [(each["value"], each["person"]) for each in shown["addresses"]]
    assert owners == [("kim@acme.example", kim), ("+49301234", old), ("@kim", oldest)]
    assert (shown["organisation"], shown["organisations"]) == (acme, [acme, umbrella])
    assert [each["person"] for each in shown["merged"]] == [old, oldest]
    assert (shown["merged_into"], shown["survivor"]) == (None, kim)
    told = three.ask("person", "show", kim).out
    assert f"phone:+49301234 of {old}" in told
    assert f"{old} (Kim L.)" in told
    shown = three.shown(oldest)
    assert (shown["merged_into"], shown["survivor"], shown["merged"]) == (old, kim, [])
    assert [each["value"] for each in shown["addresses"]] == ["@kim"]


def test_who_stays_has_the_events_of_all_and_is_found_by_what_all_have(three: Merged) -> None:
    _, kim, old, oldest, _, _ = three
    assert three.streams(kim) == [kim, kim, old, old, oldest, oldest, old]
    assert three.streams(oldest) == [oldest, oldest]
    assert f"(of person {old})" in three.ask("person", "history", kim).out
    for sought in ("@kim", "+49 (30) 1234", "k. le", old):
        assert three.found(sought) == [kim], sought
    assert kim in three.ask("person", "find", "KIM@acme.example").out
    assert three.found("nobody") == []


def test_parted_each_has_their_own_and_as_of_before_all(desk: Desk, three: Merged) -> None:
    _, kim, old, oldest, _, _ = three
    before = ("--as-of", str(desk.cut()))
    assert three.ask("person", "unmerge", old).code == 0
    assert three.streams(kim) == [kim, kim]
    assert len(three.shown(kim)["addresses"]) == 1
    assert three.streams(kim, *before) == [kim, kim, old, old, oldest, oldest, old]
    assert [each["person"] for each in three.shown(kim, *before)["merged"]] == [old, oldest]
    assert three.found("@kim") == [old]
    assert three.found("@kim", *before) == [kim]


def test_a_person_is_shown_without_views(
    desk: Desk, ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(config.VARIABLE, str(desk.config.folder))
    a, b = a_person(desk, "A"), a_person(desk, "B")
    merged(desk, b, a)
    desk.close()
    for each in desk.config.folder.glob("views.db*"):
        each.unlink()
    (desk.config.folder / "views.db").write_bytes(b"no database" * 500)
    said = ask("person", "show", b, "--json")
    assert (said.code, said.document["survivor"], said.document["merged"]) == (0, a, None)
    assert "isn't known" in said.err
