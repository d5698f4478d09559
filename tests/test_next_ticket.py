"""The next ticket: the most urgent one that nobody has, and never two agents the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpdesk import ANN, BOB, SUE, make
from tests.log.peers import peers
from ticketlog.cli import run
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor, Forbidden, NotFound, Refused
from ticketlog.domain.ticket.assignment import Assign, Claim, Skip
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Hold, Solve

PRIORITIES = ("critical", "high", "medium", "low")
PROMISES = """
[sla_policies.fast]
position = 1
when = { all = [{ field = "category", is = "fast" }] }
targets = [{ metric = "total_resolution_time", within = { low = "4h" } }]
[categories.fast]
"""
CONFINED = """
[roles.confined]
like = "agent"
commands = ["ticket.next", "ticket.skip", "ticket.reply", "ticket.solve"]
[agents.cid]
teams = ["network"]
roles = ["confined"]
"""


class Desks:
    open = staticmethod(open_desk)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("next")
    make(folder)
    with open_desk(folder) as desk:
        yield desk


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Desk]:
    make(tmp_path)
    with open_desk(tmp_path) as desk:
        yield desk


def create(desk: Desk, team: str | None = "network", **given: Any) -> str:
    made = desk.execute(CreateTicket(subject="VPN drops", team=team, **given), actor=SUE)
    return made.stream


def drained(desk: Desk, actor: Actor = SUE, **given: Any) -> list[str]:
    """The tickets that an agent is given until there is none, each solved."""
    found = []
    while True:
        try:
            found.append(desk.next(actor=actor, **given).stream)
        except NotFound:
            return found
        desk.execute(Solve(), on=found[-1], actor=actor)


TICKET = st.tuples(
    st.sampled_from(PRIORITIES),
    st.sampled_from(("network", "billing", None)),
    st.sampled_from(("free", "taken", "held", "solved", "skipped")),
)


@settings(max_examples=10, deadline=None)
@given(st.lists(TICKET, max_size=8))
def test_the_order_is_that_of_an_oracle(
    desk: Desk, tickets: list[tuple[str, str | None, str]]
) -> None:
    drained(desk, ANN)
    expected = []
    for number, (priority, team, what) in enumerate(tickets):
        why = {"priority": priority, "priority_reason": "said so"}
        ticket = create(desk, team, **why)
        if what == "taken":
            desk.execute(Assign(assignee="ann"), on=ticket, actor=SUE)
        elif what == "held":
            desk.execute(Hold(reason="parts"), on=ticket, actor=SUE)
        elif what == "solved":
            desk.execute(Solve(), on=ticket, actor=ANN)
        elif what == "skipped":
            desk.execute(Skip(reason="no"), on=ticket, actor=ANN)
        else:
            expected.append((PRIORITIES.index(priority), number, ticket))
    assert drained(desk, ANN) == [ticket for _, _, ticket in sorted(expected)]


def test_what_is_promised_goes_first(tmp_path: Path) -> None:
    make(tmp_path)
    with open_desk(tmp_path) as desk:
        file = desk_settings(desk, PROMISES)
        assert file
        urgent = create(desk, priority="critical", priority_reason="said so")
        promised = create(desk, category="fast", priority="low", priority_reason="said so")
        assert drained(desk) == [promised, urgent]


def desk_settings(desk: Desk, more: str) -> bool:
    from tests.helpdesk import SETTINGS

    desk.settings_apply(SETTINGS + more, actor=SUE, reason="tests")
    return True


def test_agents_at_once_never_get_the_same(tmp_path: Path) -> None:
    make(tmp_path)
    with open_desk(tmp_path) as desk, ThreadPoolExecutor(6) as threads:
        made = {create(desk) for _ in range(30)}
        given = list(threads.map(lambda n: desk.next(actor=(ANN, SUE)[n % 2]).stream, range(30)))
        assert sorted(given) == sorted(made)
        with pytest.raises(NotFound, match="no ticket waits for ann"):
            desk.next(actor=ANN)


def test_processes_at_once_never_get_the_same(tmp_path: Path) -> None:
    make(tmp_path)
    with open_desk(tmp_path) as desk, peers(Desks, tmp_path, 2) as others:
        made = {create(desk) for _ in range(10)}
        given = []
        for _ in range(5):
            for peer, actor in zip(others, (ANN, SUE), strict=True):
                peer.start("next", actor=actor)
            given += [peer.answer().stream for peer in others]
        assert sorted(given) == sorted(made)


@pytest.mark.service
def test_two_writers_on_kafka_never_get_the_same(tmp_path: Path, kafka_url: str) -> None:
    from tests.helpdesk import SETTINGS
    from ticketlog.desk import init_desk

    with (
        init_desk(tmp_path / "one", log_url=kafka_url) as one,
        ThreadPoolExecutor(6) as threads,
    ):
        one.settings_apply(SETTINGS, actor=SUE, reason="tests")
        made = {create(one) for _ in range(20)}
        with init_desk(tmp_path / "two", log_url=kafka_url) as two:
            given = threads.map(
                lambda n: (one, two)[n % 2].next(actor=(ANN, SUE)[n % 2]).stream, range(20)
            )
            assert sorted(given) == sorted(made)


def test_an_agent_is_given_tickets_of_their_teams(fresh: Desk) -> None:
    desk = fresh
    network, billing = create(desk), create(desk, "billing")
    with pytest.raises(NotFound, match="no ticket waits for bob in team network"):
        desk.next(actor=BOB, team="network")
    assert desk.next(actor=BOB).stream == billing
    assert drained(desk, ANN, team="network") == [network]
    with pytest.raises(Forbidden):
        desk.next(actor=Actor("mail", "service"))


def test_what_was_skipped_comes_back_when_somebody_says_more(fresh: Desk) -> None:
    desk = fresh
    from ticketlog.domain.parties.person import RegisterPerson

    kim = desk.execute(RegisterPerson(name="Kim"), actor=SUE).stream.removeprefix("person/")
    ticket = create(desk, requester=kim)
    assert desk.next(actor=ANN).stream == ticket
    desk.execute(Skip(reason="Needs a network engineer"), on=ticket, actor=ANN)
    assert desk.load(ticket).assignee is None
    with pytest.raises(NotFound):
        desk.next(actor=ANN)
    assert desk.next(actor=SUE).stream == ticket
    with pytest.raises(Refused, match="assigned to sue"):
        desk.execute(Skip(reason="no"), on=ticket, actor=ANN)
    desk.execute(Skip(reason="Me neither"), on=ticket, actor=SUE)
    desk.execute(Reply(body="Any news?"), on=ticket, actor=Actor(kim, "person"))
    assert desk.next(actor=ANN).stream == ticket
    rows = desk.report("skips", by=("agent",))["rows"]
    counted = {row["agent"]: row["skips"] for row in rows}
    assert counted["sue"] == 1
    assert counted["ann"] >= 1


def test_a_role_may_be_confined_to_it(tmp_path: Path) -> None:
    make(tmp_path)
    cid = Actor("cid", "agent")
    with open_desk(tmp_path) as desk:
        desk_settings(desk, CONFINED)
        first, second = create(desk), create(desk)
        for command in (Claim(), Assign(assignee="cid")):
            with pytest.raises(Forbidden):
                desk.execute(command, on=second, actor=cid)
        assert desk.next(actor=cid).stream == first


def test_a_next_that_is_sent_twice_gives_one_ticket(desk: Desk) -> None:
    drained(desk, ANN)
    create(desk)
    create(desk)
    given = desk.next(actor=ANN, id="once")
    assert desk.next(actor=ANN, id="once") == given._replace(repeated=True)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path)
    with open_desk(tmp_path) as desk:
        ticket = create(desk)
    here = ["--desk", str(tmp_path)]
    assert run([*here, "next", "--team", "network", "--json", "--as", "agent:ann"]) == 0
    assert json.loads(capsys.readouterr().out)["stream"] == ticket
    name = ticket.removeprefix("ticket/")
    assert run([*here, "skip", name, "--reason", "Not mine", "--as", "agent:ann"]) == 0
    assert run([*here, "next", "--as", "agent:ann"]) == 1
    assert "no ticket waits for ann" in capsys.readouterr().err
    assert run([*here, "report", "skips"]) == 0
