from __future__ import annotations

from tests.given import ANN, KIM, NOON
from tests.projections.world import World
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import MarkSpam, SetStatus, Solve
from ticketlog.projections.views.agents import AgentLoad


def test_an_agent_s_load_follows_the_tickets() -> None:
    world = World()
    for id in "ABCD":
        world.do(f"ticket/{id}", CreateTicket(subject=id, requester="KIM"), KIM)
        world.do(f"ticket/{id}", Assign(assignee="ann"))
    world.do("ticket/A", SetStatus(status="pending"))
    world.do("ticket/B", Solve())
    world.do("ticket/C", MarkSpam())

    (row,) = world.ask(AgentLoad)

    assert (row["agent"], row["open"], row["pending"], row["active"]) == ("ann", 1, 1, 2)
    world.do("ticket/D", Assign(assignee="bob"))
    assert [(row["agent"], row["active"]) for row in world.ask(AgentLoad)] == [
        ("ann", 1),
        ("bob", 1),
    ]


def test_who_is_there_is_known_with_and_without_tickets() -> None:
    world = World()
    world.do("agent/ann", SetAvailability(availability="online"), ANN)
    assert world.ask(AgentLoad, agents=("ann", "bob")) == [
        {
            "agent": "ann",
            "availability": "online",
            "since": NOON,
            **dict.fromkeys(("new", "open", "pending", "on-hold", "active"), 0),
        },
        {
            "agent": "bob",
            "availability": "offline",
            "since": None,
            **dict.fromkeys(("new", "open", "pending", "on-hold", "active"), 0),
        },
    ]
    world.do("agent/ann", SetAvailability(availability="away", reason="lunch"), ANN)
    assert [row["availability"] for row in world.ask(AgentLoad)] == ["away"]
