"""Random work by people, random turns of two runners, some of which are cut off: the desk comes out
right in any order."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import helpdesk
from tests.helpdesk import SUE
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.base import Actor, Refused
from ticketlog.domain.parties import agent as agents
from ticketlog.domain.parties.agent import SetAvailability, TicketReserved
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged, Unassign
from ticketlog.domain.ticket.automation import RuleFired
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Reopen, Solve

FAR = 2**52
AGENTS = ("ann", "bob")
SETTINGS = """
[teams.network]
[agents.ann]
teams = ["network"]
capacity = { "*" = 1 }
[agents.bob]
teams = ["network"]
capacity = { "*" = 2 }
[agents.sue]
roles = ["agent", "supervisor"]
[routing.all]
position = 1
team = "network"
[assignment.all]
position = 1
balance = "least-loaded"
"""


class Cut(BaseException):
    """A runner ends in the midst of it."""


STEPS = st.lists(
    st.one_of(
        st.just(("create",)),
        st.tuples(st.sampled_from(["solve", "reopen", "unassign", "assign"]), st.integers(0, 5)),
        st.tuples(st.sampled_from(["online", "offline"]), st.sampled_from(AGENTS)),
        st.tuples(st.just("run"), st.integers(0, 1)),
        st.tuples(st.just("cut"), st.integers(0, 1), st.integers(0, 3)),
    ),
    min_size=5,
    max_size=25,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "desk"
    helpdesk.make(folder, simulation=True)
    with open_desk(folder) as desk:
        desk.settings_apply(SETTINGS, actor=SUE)
        desk.policies().run_until(FAR)
    return folder


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_in_any_order(template: Path, steps: list[Any]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(shutil.copytree(template, Path(name) / "desk"))
        with open_desk(folder) as desk:
            runners = [desk.policies(), desk.policies()]
            tickets: list[str] = []
            for step in steps:
                take(desk, tickets, runners, step)
            desk.policies().run_until(FAR)
            check(desk, tickets)


def take(desk: Desk, tickets: list[str], runners: list[Any], step: Any) -> None:
    match step:
        case ("create",):
            tickets.append(desk.execute(CreateTicket(subject="VPN"), actor=SUE).stream)
        case ("online" | "offline" as how, agent):
            command = SetAvailability(availability=how)
            desk.execute(command, on=f"agent/{agent}", actor=Actor(agent, "agent"))
        case ("run", number):
            runners[number].run_until(FAR)
        case ("cut", number, after):
            cut(desk, runners, number, after)
        case (what, number) if tickets:
            commands = {
                "solve": Solve(),
                "reopen": Reopen(),
                "unassign": Unassign(),
                "assign": Assign(team="network", assignee="ann"),
            }
            with suppress(Refused):
                desk.execute(commands[what], on=tickets[number % len(tickets)], actor=SUE)


def cut(desk: Desk, runners: list[Any], number: int, after: int) -> None:
    """So many of a page's commits get through; whoever runs then is a new one."""
    append = desk.log.append_all
    with pytest.MonkeyPatch.context() as patch:

        def dies(commits: Any) -> Any:
            append(commits[:after])
            raise Cut

        patch.setattr(desk.log, "append_all", dies)
        with suppress(Cut):
            runners[number].run_until(FAR)
    runners[number] = desk.policies()


def check(desk: Desk, tickets: list[str]) -> None:
    held = {agent: set(desk.load(f"agent/{agent}").held) for agent in (*AGENTS, "sue")}
    for stream in tickets:
        ticket = desk.load(stream)
        fired = [e for e in desk.history(stream) if isinstance(e.event, RuleFired)]
        assert len(fired) <= 1
        assert ticket.team == "network" or _by_people(desk, stream), "nobody was faster"
        assert ticket.choice is None
        holders = {agent for agent, mine in held.items() if stream in mine}
        assert holders == ({ticket.assignee} if ticket.assignee and ticket.active else set())
    for agent in AGENTS:
        check_room(desk, agent)
        room = desk.settings.agents[agent].capacity["*"] - len(held[agent])
        if desk.load(f"agent/{agent}").availability == "online" and room > 0:
            waiting = [t for t in tickets if desk.load(t).waits_for_agent]
            assert not waiting, "somebody has room, and somebody waits"


def _by_people(desk: Desk, stream: str) -> bool:
    return any(
        isinstance(each.event, AssigneeChanged) and each.meta.actor.kind == "agent"
        for each in desk.history(stream)
    )


def check_room(desk: Desk, agent: str) -> None:
    """What was chosen for them found room."""
    limit = desk.settings.agents[agent].capacity["*"]
    state = agents.initial(agent)
    for each in desk.history(f"agent/{agent}"):
        state = agents.evolve(state, each)
        if isinstance(each.event, TicketReserved) and each.event.choice is not None:
            assert len(state.held) <= limit
