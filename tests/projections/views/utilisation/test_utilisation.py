"""How agents spend their time: told in spans, and second by second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.given import ANN, BOB, KIM, MINUTE, NOON, SECOND, SUE
from tests.projections.world import World
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Command, Refused, instant, kind_and_id
from ticketlog.domain.parties.agent import SetAvailability, SetShifts, on_shift
from ticketlog.domain.settings.model import Agent, Settings
from ticketlog.domain.ticket.assignment import Assign, Unassign
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import (
    Hold,
    MarkSpam,
    Reopen,
    Restore,
    SetStatus,
    Solve,
)
from ticketlog.domain.ticket.work import StartWork, StopWork, WorkStarted, WorkStopped
from ticketlog.domain.time.shifts import Shift
from ticketlog.projections.engine.stream_fold import typed
from ticketlog.projections.views.utilisation.utilisation import SECONDS, UtilisationReport

HOUR = 60 * MINUTE
ASKS = CreateTicket(subject="Help", description="Now", requester="KIM")
DURATIONS = tuple(f"{name}_seconds" for name in SECONDS)
ONLINE = SetAvailability(availability="online")
OFFLINE = SetAvailability(availability="offline")


@pytest.fixture
def world() -> World:
    return World()


def at(world: World, minutes: int) -> World:
    world.now = NOON + minutes * MINUTE
    return world


def told(world: World, **given: Any) -> list[dict[str, Any]]:
    return world.ask(UtilisationReport, **{"period": "day", "by": ("agent",), **given})


def figures(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value and name != "period"}


def test_an_agent_s_hour(world: World) -> None:
    at(world, 0).do("agent/ann", ONLINE)
    at(world, 0).do("ticket/A", ASKS, KIM)
    at(world, 10).do("ticket/A", Assign(assignee="ann"), SUE)
    at(world, 20).do("ticket/A", StartWork())
    at(world, 35).do("ticket/A", StopWork())
    at(world, 40).do("ticket/A", Reply(body="Is it on?", status="pending"))
    at(world, 55).do("ticket/A", Solve())
    at(world, 60).do("agent/ann", OFFLINE)

    sue, ann = sorted(told(world), key=lambda row: str(row["agent"]), reverse=True)

    assert figures(sue) == {"agent": "sue", "touches": 1}
    assert figures(ann) == {
        "agent": "ann",
        "online_seconds": 3600,
        "worked_seconds": 900,
        "engaged_seconds": 1800,
        "open_seconds": 1800,
        "waiting_seconds": 900,
        "tickets": 1,
        "touches": 4,
        "solved": 1,
        "load": 50,
        "occupancy": 2500,
    }
    assert ann["utilisation"] is None


def test_work_on_two_tickets_at_once_is_one_time_of_the_agent(world: World) -> None:
    world.do("agent/ann", ONLINE)
    for id in "AB":
        at(world, 0).do(f"ticket/{id}", ASKS, KIM)
        at(world, 0).do(f"ticket/{id}", Assign(assignee="ann"))
        at(world, 0).do(f"ticket/{id}", StartWork())
    for id in "AB":
        at(world, 30).do(f"ticket/{id}", StopWork())
    (row,) = told(world)
    assert (row["worked_seconds"], row["open_seconds"], row["engaged_seconds"], row["tickets"]) == (
        1800,
        3600,
        1800,
        2,
    )
    assert (row["load"], row["occupancy"]) == (200, 10_000)


def test_the_time_that_an_agent_says_counts_up_to_when_they_say_it(world: World) -> None:
    world.do("ticket/A", ASKS, KIM)
    at(world, 0).do("ticket/A", StartWork())
    at(world, 1).do("ticket/A", StopWork(seconds=13 * 3600))
    rows = told(world)
    assert [(row["period"], row["worked_seconds"]) for row in rows] == [
        ("2026-03-01", 3600 - 60),
        ("2026-03-02", 12 * 3600 + 60),
    ]


def test_utilisation_is_the_work_of_the_hours_on_shift(world: World) -> None:
    shift = Shift(day="mon", start="13:00", end="21:00")
    world.do("agent/ann", SetShifts(shifts=(shift,), zone="Europe/Berlin"))
    world.do("agent/ann", ONLINE)
    world.do("ticket/A", ASKS, KIM)
    at(world, 0).do("ticket/A", StartWork())
    at(world, 120).do("ticket/A", StopWork())
    at(world, 480).do("agent/ann", OFFLINE)
    (row,) = told(world)
    assert (row["on_shift_seconds"], row["worked_seconds"], row["utilisation"]) == (
        8 * 3600,
        7200,
        2500,
    )


def test_what_goes_on_counts_up_to_what_is_known(world: World) -> None:
    world.do("agent/ann", ONLINE)
    at(world, 0).do("ticket/A", ASKS, KIM)
    at(world, 0).do("ticket/A", Assign(assignee="ann"))
    at(world, 0).do("ticket/A", StartWork())
    at(world, 24 * 60).do("agent/bob", ONLINE)
    rows = [row for row in told(world) if row["agent"] == "ann"]
    assert [
        (row["online_seconds"], row["worked_seconds"], row["open_seconds"]) for row in rows
    ] == [(12 * 3600,) * 3] * 2
    year = told(world, end=NOON + 400 * 24 * HOUR, period="month")
    assert [(row["period"], row["online_seconds"]) for row in year if row["agent"] == "ann"] == [
        ("2026-03", 24 * 3600)
    ]


def members(**teams_of: tuple[str, ...]) -> Settings:
    """Settings with these agents in these teams."""
    agents = (Agent(id=id, roles=("agent",), teams=teams) for id, teams in teams_of.items())
    return Settings(agents={each.id: each for each in agents})


def test_a_team_is_all_of_its_members(world: World) -> None:
    teams = members(ann=("network", "billing"), bob=("billing",))
    for agent in ("ann", "bob", "sue"):
        at(world, 0).do(f"agent/{agent}", ONLINE)
    at(world, 60).do("agent/sue", OFFLINE)
    rows = told(world, by=("team",), settings=teams)
    assert [(row["team"], row["online_seconds"]) for row in rows] == [
        (None, 3600),
        ("billing", 7200),
        ("network", 3600),
    ]
    assert told(world, by=("team", "agent"), settings=teams, team="network", agent="bob") == []
    (all_,) = told(world, by=(), settings=teams)
    assert all_["online_seconds"] == 3 * 3600
    (billing,) = told(world, by=(), settings=teams, team="billing")
    assert billing["online_seconds"] == 2 * 3600


def test_unknown_words_are_refused(world: World) -> None:
    for given_ in ({"by": ("channel",)}, {"channel": "mail"}):
        with pytest.raises(ValueError, match="dimension 'channel'; choose from agent, team"):
            world.ask(UtilisationReport, **given_)
    assert world.ask(UtilisationReport) == []


TICKETS = ("ticket/A", "ticket/B")
AGENTS = {"agent/ann": ANN, "agent/bob": BOB}
SHIFT = Shift(day="mon", start="23:50", end="00:15")
ON_TICKETS: tuple[Command, ...] = (
    *(Assign(assignee="ann"), Assign(assignee="bob"), Unassign(), MarkSpam(), Restore()),
    *(StartWork(), StartWork(), StopWork(), StopWork(seconds=77), SetStatus(status="open")),
    *(SetStatus(status="pending"), Hold(reason="parts"), Solve(), Reopen(), Note(body="hm")),
)
BY_AGENTS: tuple[Command, ...] = (
    *(ONLINE, OFFLINE, SetAvailability(availability="away")),
    *(SetShifts(shifts=(SHIFT,), zone="Europe/Berlin"), SetShifts(shifts=())),
)
STEP = st.tuples(
    st.one_of(
        st.tuples(st.sampled_from(TICKETS), st.sampled_from(ON_TICKETS)),
        st.tuples(st.sampled_from(tuple(AGENTS)), st.sampled_from(BY_AGENTS)),
    ),
    st.sampled_from((ANN, BOB)),
    st.integers(0, 2 * MINUTE),
    st.sampled_from((0, 0, 0, -90 * SECOND)),
)
MIDNIGHT = instant("2026-03-02T23:00:00Z")
"""In Berlin, a Monday's end."""


@settings(max_examples=max(settings.default.max_examples // 2, 20))
@given(st.lists(STEP, min_size=3, max_size=25))
def test_the_seconds_are_those_that_are_counted_one_by_one(steps: list[Any]) -> None:
    world = World()
    world.now = MIDNIGHT - 20 * MINUTE
    for stream in TICKETS:
        world.do(stream, ASKS, KIM)
    for (stream, command), actor, later, earlier in steps:
        world.now += later
        with suppress(Refused):
            by = AGENTS.get(stream, actor)
            world.do(stream, command, by, occurred_at=world.now + earlier)
    world.do("agent/sue", ONLINE, SUE)
    rows = told(world, zone="Europe/Berlin", by=("agent", "team"), settings=members(ann=("all",)))
    per_day = {
        (row["period"], row["agent"]): {name: row[name] for name in DURATIONS if row[name]}
        for row in rows
    }
    assert {key: found for key, found in per_day.items() if found} == one_by_one(world)

    month = told(world, zone="Europe/Berlin", period="month")
    for whole in month:
        days = [row for row in rows if row["agent"] == whole["agent"]]
        for name in (*DURATIONS, "touches", "solved"):
            assert whole[name] == sum(day[name] for day in days)


def one_by_one(world: World) -> dict[tuple[str, str], dict[str, int]]:
    """(day in Berlin, agent) -> what their seconds count for, from the streams' states alone."""
    lives = {stream: _life(world, stream) for stream in (*TICKETS, *AGENTS)}
    last = _second(world.states["agent/sue"].clock)
    work = {each for stream in TICKETS for each in _work(world, stream, last)}
    counted: dict[tuple[str, str], Counter[str]] = {}
    for second in range(MIDNIGHT // SECOND - 3600, last):
        day = "2026-03-02" if second * SECOND < MIDNIGHT else "2026-03-03"
        states = {stream: _state(life, second * SECOND) for stream, life in lives.items()}
        for name in ("ann", "bob"):
            cell = counted.setdefault((day, name), Counter())
            held = Counter(
                "open" if ticket.status_category in ("new", "open") else "waiting"
                for ticket in map(states.get, TICKETS)
                if ticket and ticket.assignee == name and ticket.active
            )
            cell.update(held)
            cell["worked"] += (name, second) in work
            if agent := states[f"agent/{name}"]:
                cell["online"] += agent.availability == "online"
                cell["away"] += agent.availability == "away"
                cell["on_shift"] += on_shift(agent, second * SECOND)
                cell["engaged"] += agent.availability == "online" and held["open"] > 0
    return {
        key: {f"{name}_seconds": n for name, n in found.items()}
        for key, cell in counted.items()
        if (found := dict(+cell))
    }


def _life(world: World, stream: str) -> list[tuple[int, Any]]:
    """The stream's clock and state after each commit."""
    kind, id = kind_and_id(stream)
    state = AGGREGATES[kind].initial(id)
    life = []
    for record in world.log.stream(stream):
        state = AGGREGATES[kind].fold(state, typed(record, world.log.codec))
        life.append((state.clock, state))
    return life


def _state(life: list[tuple[int, Any]], at: int) -> Any:
    return next((state for clock, state in reversed(life) if clock <= at), None)


def _work(world: World, stream: str, last: int) -> Iterator[tuple[str, int]]:
    """The seconds in which agents worked on a ticket."""
    running: dict[str, int] = {}
    clock = 0
    for recorded in (
        each for record in world.log.stream(stream) for each in typed(record, world.log.codec)
    ):
        clock = max(clock, recorded.meta.occurred_at)
        if isinstance(recorded.event, WorkStarted):
            running[recorded.event.agent] = _second(clock)
        elif isinstance(recorded.event, WorkStopped):
            agent, end = recorded.event.agent, _second(clock)
            del running[agent]
            yield from ((agent, second) for second in range(end - recorded.event.seconds, end))
    for agent, start in running.items():
        yield from ((agent, second) for second in range(start, last))


def _second(at: int) -> int:
    return -(-at // SECOND)
