"""Nobody gets a role by being unknown, and a desk always keeps an admin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpdesk import ANN, BOB, SUE, create, register
from ticketlog.cli.options import ACTOR_VARIABLE
from ticketlog.desk import Desk, init_desk, open_desk
from ticketlog.domain.base import Actor, Forbidden
from ticketlog.domain.rights import admins
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Reopen, Solve
from ticketlog.errors import Usage
from ticketlog.queries import Queue

STRANGERS = [
    Actor("nobody", "agent"),
    Actor("nobody", "agent", "supervisor"),
    Actor("ann", "agent", "supervisor"),
    Actor("NOBODY", "person"),
    Actor("fax", "service"),
    Actor("close-after-4-days", "rule"),
    Actor("old-desk", "import"),
]


@pytest.mark.parametrize("actor", STRANGERS, ids=lambda actor: f"{actor.kind}-{actor.id}")
def test_a_stranger_does_nothing(desk: Desk, actor: Actor) -> None:
    ticket, ends = create(desk), desk.log.ends()
    for command in (Reply(body="x"), Solve(code="x"), Note(body="x")):
        with pytest.raises(Forbidden):
            desk.execute(command, on=ticket, actor=actor)
    with pytest.raises(Forbidden):
        desk.execute(CreateTicket(subject="x"), actor=actor)
    with pytest.raises(Forbidden):
        desk.settings_apply("[teams.more]\n", actor=actor)
    assert desk.log.ends() == ends
    assert "more" not in desk.settings.teams


@pytest.mark.parametrize("actor", STRANGERS, ids=lambda actor: f"{actor.kind}-{actor.id}")
def test_a_stranger_is_told_nothing(desk: Desk, actor: Actor) -> None:
    ticket = create(desk)
    for source in (desk, desk.at(position=desk.cut())):
        assert source.query(Queue(), actor=ANN) == source.query(Queue())
        with pytest.raises(Forbidden):
            source.query(Queue(), actor=actor)
        with pytest.raises(Forbidden):
            source.report("flow", actor=actor)
        with pytest.raises(Forbidden):
            source.linked_by(ticket.removeprefix("ticket/"), actor=actor)


def test_what_was_done_has_its_first_answer_also_for_who_has_left(desk: Desk) -> None:
    ticket = create(desk)
    first = desk.execute(Note(body="x"), on=ticket, actor=BOB, id="n1")
    left = "[agents.sue]\nroles = ['agent', 'supervisor', 'admin']\n[agents.ann]\n"
    desk.settings_apply(left, actor=SUE)
    again = desk.execute(Note(body="x"), on=ticket, actor=BOB, id="n1")
    assert (again.version, again.repeated) == (first.version, True)
    with pytest.raises(Forbidden, match="agent bob is not known"):
        desk.execute(Note(body="x"), on=ticket, actor=BOB)


def test_who_may_is_asked_without_acting(desk: Desk) -> None:
    kim = register(desk)
    ticket, ends = create(desk, requester=kim), desk.log.ends()
    assert desk.may(Actor(kim, "person"), Reopen, ticket)
    assert not desk.may(Actor(register(desk, "Lee"), "person"), Reopen, ticket)
    assert not desk.may(Actor("nobody", "agent"), Solve, ticket)
    assert desk.may(ANN, "ticket.solve", ticket)
    assert desk.may(SUE, "settings.apply")
    assert not desk.may(ANN, "settings.apply")
    assert not desk.may(ANN, "import")
    assert sum(desk.log.ends()) == sum(ends) + 1


def test_only_an_admin_changes_the_settings(desk: Desk) -> None:
    kim = Actor(register(desk), "person")
    for actor in (ANN, kim, Actor("mail", "service"), Actor("sue", "agent", "supervisor")):
        with pytest.raises(Forbidden, match=r"settings\.apply"):
            desk.settings_apply("[teams.more]\n", actor=actor)
    desk.settings_apply("[teams.more]\n[teams.network]\n[teams.billing]\n", actor=SUE)


def test_a_desk_always_keeps_an_admin(desk: Desk) -> None:
    done = desk.settings_apply("[agents.ann]\n[teams.billing]\n", actor=SUE)
    assert done.admins == ("sue",)
    assert admins(desk.settings) == ["sue"]
    assert desk.settings.agents["sue"].teams == ()
    again = desk.settings_apply("[agents.ann]\n[teams.billing]\n", actor=SUE)
    assert again.streams == ()
    handed = "[agents.ann]\nroles = ['agent', 'admin']\n"
    assert desk.settings_apply(handed, actor=SUE).admins == ()
    assert admins(desk.settings) == ["ann"]


def test_a_desk_without_an_admin_is_claimed_by_who_applies_first(tmp_path: Path) -> None:
    with init_desk(tmp_path / "desk") as desk:
        with pytest.raises(Forbidden, match="The desk has no admin yet"):
            create(desk)
        with pytest.raises(Forbidden):
            desk.settings_apply("[agents.ann]\n", actor=Actor("web", "service"))
        assert desk.settings_apply("[agents.bob]\n", actor=ANN).admins == ("ann",)
        with pytest.raises(Forbidden):
            desk.settings_apply("[agents.bob]\nroles = ['admin']\n", actor=BOB)
        assert create(desk)


def test_two_desks_on_one_log_are_claimed_once(tmp_path: Path) -> None:
    with init_desk(tmp_path / "desk") as first, open_desk(tmp_path / "desk") as second:
        assert first.settings.position == second.settings.position
        first.settings_apply("[agents.ann]\n", actor=ANN)
        with pytest.raises(Forbidden):
            second.settings_apply("[agents.bob]\n", actor=BOB)


def test_the_admin_of_a_simulated_desk_stays(tmp_path: Path) -> None:
    with init_desk(tmp_path / "desk", admin=ANN) as desk:
        desk.simulate(tickets=2, seed=1)
        assert "ann" in admins(desk.settings)
        assert create(desk)


def test_only_an_agent_makes_a_desk(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="is an agent"):
        init_desk(tmp_path / "desk", admin=Actor("KIM", "person"))
    assert not (tmp_path / "desk").exists()


class TestAsTyped:
    @pytest.fixture(autouse=True)
    def _alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv(ACTOR_VARIABLE, raising=False)

    def test_who_makes_a_desk_works_in_it(self, ask) -> None:  # type: ignore[no-untyped-def]
        made = ask("init", "mine", "--as", "agent:DOMAIN\\o'neill", "--json")
        assert json.loads(made.out)["admins"] == ["DOMAIN\\o'neill"]
        typed = ("ticket", "create", "x", "--desk", "mine")
        assert ask(*typed, "--as", "agent:DOMAIN\\o'neill").code == 0
        assert ask(*typed, "--as", "agent:DOMAIN\\o'neill/supervisor").code == 0
        refused = ask(*typed, "--as", "agent:eve")
        assert (refused.code, "agent eve is not known" in refused.err) == (1, True)

    def test_without_a_name_it_is_the_login(self, ask, monkeypatch) -> None:  # type: ignore[no-untyped-def]
        monkeypatch.setattr("getpass.getuser", lambda: "kay")
        assert "its admin: agent:kay" in ask("init", "mine").out
        assert ask("ticket", "create", "x", "--desk", "mine").code == 0

    @pytest.mark.parametrize("actor", ["rule:close", "import:old", "system:x", "ghost:x"])
    def test_nobody_types_a_rule(self, ask, actor: str) -> None:  # type: ignore[no-untyped-def]
        ask("init", "mine", "--as", "agent:ann")
        said = ask("ticket", "create", "x", "--desk", "mine", "--as", actor)
        assert (said.code, "agent, person, service" in said.err) == (2, True)

    def test_persons_and_services_make_no_desk(self, ask) -> None:  # type: ignore[no-untyped-def]
        for actor in ("person:KIM", "service:web"):
            assert ask("init", "mine", "--as", actor).code == 2

    def test_the_channels_are_known(self, ask) -> None:  # type: ignore[no-untyped-def]
        ask("init", "mine", "--as", "agent:ann")
        for channel in ("web", "email", "phone", "chat", "api", "form"):
            said = ask("ticket", "create", "x", "--desk", "mine", "--as", f"service:{channel}")
            assert said.code == 0, said
        said = ask("ticket", "create", "x", "--desk", "mine", "--as", "service:fax")
        assert (said.code, "known are api, chat" in said.err) == (1, True)
