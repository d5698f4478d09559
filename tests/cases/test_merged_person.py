"""A merged person has all that both had, and a merge that is taken back gives each their own."""

from __future__ import annotations

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from tests.said import Run
from ticketlog import config
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk
from ticketlog.domain.base import Actor, Forbidden
from ticketlog.domain.person import MergePerson, RegisterPerson, UnmergePerson
from ticketlog.domain.ticket.lifecycle import Reopen, Solve
from ticketlog.projections import queue, tickets


def a_person(desk: Desk, name: str) -> str:
    return desk.execute(RegisterPerson(name=name), actor=ANN).stream.removeprefix("person/")


def merged(desk: Desk, person: str, into: str) -> None:
    desk.execute(MergePerson(into=into), on=f"person/{person}", actor=ANN)


def theirs(desk: Desk, person: str) -> tuple[set[str], set[str]]:
    """The tickets of a person, all of them and those to be worked on."""
    listed = desk.query(tickets.page, requester=person).rows
    waiting = desk.query(queue.page, requester=person).rows
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
    found = desk.at(position=before).query(tickets.page, requester=c).rows
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
    with pytest.raises(Forbidden):
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
