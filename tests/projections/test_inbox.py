from __future__ import annotations

import pytest

from tests.given import ANN, BOB, KIM, MINUTE, NOON, SUE
from tests.projections.world import World
from ticketlog.domain.ticket.assignment import Assign, Unassign
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Hold, MarkSpam, Solve
from ticketlog.domain.ticket.relations import Follow, LinkTo, Unfollow, Unlink
from ticketlog.projections.inbox import inbox, unassigned


@pytest.fixture
def world() -> World:
    """ANN has tickets A and B."""
    world = World()
    for id in "AB":
        asks = CreateTicket(subject=id, description="please", requester="KIM")
        world.do(f"ticket/{id}", asks, KIM)
        world.do(f"ticket/{id}", Assign(team="network", assignee="ann"))
    return world


def waits(world: World, agent: str = "ann", now: int = 0) -> list[tuple[str, str]]:
    return [(row["ticket"], row["why"]) for row in world.ask(inbox, agent=agent, now=now)]


def test_the_longest_wait_comes_first_until_it_is_answered(world: World) -> None:
    assert waits(world) == [("A", "waiting"), ("B", "waiting")]
    world.do("ticket/A", Reply(body="On it"))
    assert waits(world) == [("B", "waiting")]
    world.do("ticket/A", Reply(body="And now?"), KIM)
    assert waits(world) == [("B", "waiting"), ("A", "waiting")]
    world.do("ticket/B", Assign(team="billing", assignee="bob"))
    assert waits(world) == [("A", "waiting")]
    assert waits(world, "bob") == [("B", "waiting")]


def test_solved_tickets_and_spam_wait_for_nobody(world: World) -> None:
    world.do("ticket/A", Solve())
    world.do("ticket/B", MarkSpam())
    assert waits(world) == []


def test_a_duplicate_waits_for_whoever_has_its_original(world: World) -> None:
    world.do("ticket/A", Assign(team="billing", assignee="bob"))
    world.do("ticket/A", LinkTo(kind="duplicate-of", target="B"))
    assert waits(world, "bob") == []
    assert waits(world) == [("A", "duplicate"), ("B", "waiting")]
    world.do("ticket/A", Reply(body="We work on it in the other one"))
    assert waits(world) == [("B", "waiting")]
    world.do("ticket/A", Reply(body="It burns!"), KIM)
    assert waits(world) == [("B", "waiting"), ("A", "duplicate")]
    world.do("ticket/A", Unlink(kind="duplicate-of", target="B"))
    assert waits(world, "bob") == [("A", "waiting")]


def test_a_mention_waits_until_its_agent_does_something_there(world: World) -> None:
    world.do("ticket/A", Note(body="@bob @ann?", mentions=("bob", "ann")))
    assert waits(world, "bob") == [("A", "mentioned")]
    assert ("A", "mentioned") not in waits(world, "ann")
    world.do("ticket/A", Note(body="@bob!", mentions=("bob",)))
    (row,) = world.ask(inbox, agent="bob", now=0)
    assert row["since"] == NOON + 4 * MINUTE
    world.do("ticket/A", Note(body="yes"), BOB)
    assert waits(world, "bob") == []


def test_followers_hear_of_what_others_do(world: World) -> None:
    world.do("ticket/A", Follow(), SUE)
    assert waits(world, "sue") == []
    world.do("ticket/A", Reply(body="Done?"), ANN)
    assert waits(world, "sue") == [("A", "news")]
    world.do("ticket/A", Note(body="seen"), SUE)
    assert waits(world, "sue") == []
    world.do("ticket/A", Solve(), ANN)
    assert waits(world, "sue") == [("A", "news")]
    world.do("ticket/A", Unfollow(agent="sue"), ANN)
    assert waits(world, "sue") == []


def test_a_held_ticket_comes_back_when_its_time_has_come(world: World) -> None:
    until = world.now + 60 * MINUTE
    world.do("ticket/A", Reply(body="We wait for parts"))
    world.do("ticket/A", Hold(reason="parts", until=until))
    assert ("A", "held") not in waits(world, now=until - 1)
    assert ("A", "held") in waits(world, now=until)
    world.do("ticket/A", Reply(body="They came"), KIM)
    assert ("A", "held") not in waits(world, now=until)


def test_what_nobody_in_a_team_has_is_asked_for_apart(world: World) -> None:
    world.do("ticket/A", Unassign())
    world.do("ticket/B", Unassign())
    world.do("ticket/B", Assign(team="billing"))
    assert [row["ticket"] for row in world.ask(unassigned, teams=("network",))] == ["A"]
    both = world.ask(unassigned, teams=("network", "billing"))
    assert [row["ticket"] for row in both] == ["A", "B"]
    world.do("ticket/A", Solve())
    assert world.ask(unassigned, teams=("network",)) == []
