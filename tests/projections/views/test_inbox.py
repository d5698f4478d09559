from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.given import ANN, BOB, KIM, MINUTE, NOON, SUE
from tests.projections.world import World
from ticketlog.domain.base import Refused
from ticketlog.domain.parties.attention import MarkSeen, Snooze
from ticketlog.domain.ticket.assignment import Assign, Unassign
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Close, Hold, MarkSpam, Solve
from ticketlog.domain.ticket.relations import Follow, LinkTo, Unfollow, Unlink
from ticketlog.projections.engine.as_of import past
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.engine.rebuild import rebuild
from ticketlog.projections.views.inbox import (
    VIEW,
    FollowedTickets,
    Inbox,
    SnoozedTickets,
    UnassignedTickets,
    UnseenTickets,
)


@pytest.fixture
def world() -> World:
    """ANN has tickets A and B."""
    world = World()
    for id in "AB":
        asks = CreateTicket(subject=id, description="please", requester="KIM")
        world.do(f"ticket/{id}", asks, KIM)
        world.do(f"ticket/{id}", Assign(team="network", assignee="ann"))
    return world


def test_a_solved_ticket_stays_until_it_is_seen_and_a_closed_one_leaves(world: World) -> None:
    world.do("ticket/A", Follow(), SUE)
    world.do("ticket/B", Follow(), SUE)
    world.do("ticket/B", Note(body="@bob, @sue look", mentions=("bob", "sue")))
    world.do("ticket/A", Solve())
    world.do("ticket/B", Solve())
    assert waits(world, "sue") == [("B", "mentioned"), ("B", "news"), ("A", "news")]
    world.do("agent/sue", MarkSeen(tickets={"A": None}), SUE)
    assert waits(world, "sue") == [("B", "mentioned"), ("B", "news")]
    world.do("ticket/A", Reply(body="It's back"), KIM)
    assert ("A", "news") in waits(world, "sue")
    world.do("ticket/B", Close(), SUE)
    assert waits(world, "bob") == []
    assert waits(world, "sue") == [("A", "news")]


def test_what_came_after_the_version_that_was_seen_waits_on(world: World) -> None:
    world.do("ticket/A", Follow(), SUE)
    world.do("ticket/A", Note(body="one"))
    (first,) = world.ask(Inbox, agent="sue", now=0)
    world.do("ticket/A", Note(body="two"))
    (both,) = world.ask(Inbox, agent="sue", now=0)
    assert (both["since"], both["version"]) == (first["since"], first["version"] + 1)
    world.do("agent/sue", MarkSeen(tickets={"ticket/A": first["version"]}), SUE)
    (second,) = world.ask(Inbox, agent="sue", now=0)
    assert (second["version"], second["since"]) == (both["version"], first["since"] + MINUTE)
    assert world.ask(UnseenTickets, agent="sue") == {"A": both["version"]}
    world.do("agent/sue", MarkSeen(tickets={"A": both["version"]}), SUE)
    assert waits(world, "sue") == []
    assert world.ask(UnseenTickets, agent="sue") == {}
    world.do("agent/sue", MarkSeen(tickets={"A": 0}), SUE)
    assert waits(world, "sue") == []


def test_who_waits_isnt_answered_by_looking(world: World) -> None:
    world.do("agent/ann", MarkSeen(tickets={"A": None, "B": None}))
    assert waits(world) == [("A", "waiting"), ("B", "waiting")]


def test_what_one_agent_has_seen_is_new_to_the_others(world: World) -> None:
    world.do("ticket/A", Note(body="@bob @sue", mentions=("bob", "sue")))
    world.do("agent/sue", MarkSeen(tickets={"A": None}), SUE)
    assert waits(world, "sue") == []
    assert waits(world, "bob") == [("A", "mentioned")]


def test_a_snoozed_ticket_is_back_at_its_time_or_when_more_happens(world: World) -> None:
    until = world.now + 60 * MINUTE
    asleep = Snooze(tickets=("A", "B"), until=until)
    world.do("agent/ann", asleep)
    assert waits(world, now=until - 1) == []
    assert world.ask(SnoozedTickets, agent="ann", now=until - 1) == [
        {"ticket": "A", "until": until},
        {"ticket": "B", "until": until},
    ]
    assert waits(world, now=until) == [("A", "waiting"), ("B", "waiting")]
    assert world.ask(SnoozedTickets, agent="ann", now=until) == []
    world.do("ticket/A", Note(body="Something internal"), BOB)
    assert waits(world) == []
    world.do("ticket/A", Reply(body="And now?"), KIM)
    assert waits(world) == [("A", "waiting")]
    world.do("ticket/B", Note(body="@ann", mentions=("ann",)), BOB)
    assert waits(world) == [("A", "waiting"), ("B", "mentioned")]
    world.do("agent/ann", asleep)
    assert waits(world) == []
    world.do("agent/ann", Snooze(tickets=("B",)))
    assert waits(world) == [("B", "waiting"), ("B", "mentioned")]


def test_a_ticket_that_is_given_back_to_them_wakes(world: World) -> None:
    world.do("agent/ann", Snooze(tickets=("A", "B"), until=world.now + 60 * MINUTE))
    world.do("ticket/A", Assign(team="billing", assignee="bob"))
    world.do("ticket/A", Assign(team="network", assignee="ann"), SUE)
    assert waits(world) == [("A", "waiting")]


def test_a_duplicate_can_be_snoozed(world: World) -> None:
    world.do("ticket/A", LinkTo(kind="duplicate-of", target="B"))
    world.do("agent/ann", Snooze(tickets=("A",), until=world.now + 60 * MINUTE))
    assert waits(world) == [("B", "waiting")]
    world.do("ticket/A", Reply(body="It burns!"), KIM)
    assert waits(world) == [("A", "duplicate"), ("B", "waiting")]


def test_what_an_agent_follows(world: World) -> None:
    for id in "AB":
        world.do(f"ticket/{id}", Follow(), SUE)
    world.do("ticket/A", Note(body="news"))
    assert world.ask(FollowedTickets, agent="sue") == ["A", "B"]
    world.do("ticket/A", Unfollow(), SUE)
    assert world.ask(FollowedTickets, agent="sue") == ["B"]
    assert waits(world, "sue") == []


def test_as_of_before_it_was_seen_it_is_new(world: World) -> None:
    world.do("ticket/A", Note(body="@sue", mentions=("sue",)))
    before = Cut(world.log.ends())
    world.do("agent/sue", MarkSeen(tickets={"A": None}), SUE)
    assert waits(world, "sue") == []
    with past(world.log, VIEW, before) as then:
        assert [row["why"] for row in Inbox(agent="sue", now=0).ask(Reading(*then))] == [
            "mentioned"
        ]


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.sampled_from([ANN, BOB, SUE]),
            st.sampled_from(["note", "reply", "follow", "unfollow", "solve", "seen", "snooze"]),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_whatever_is_marked_live_and_rebuilt_are_the_same(steps: list[Any]) -> None:
    """And nobody has anything new who has just said that they have seen it all."""
    world = World((VIEW,))
    for id in "AB":
        world.do(f"ticket/{id}", CreateTicket(subject=id, requester="KIM"), KIM)
    for id, actor, what, looks in steps:
        agent, ticket = f"agent/{actor.id}", f"ticket/{id}"
        asleep = Snooze(tickets=(id,), until=world.now + 5 * MINUTE)
        does = {
            "note": (ticket, Note(body="@ann @sue", mentions=("ann", "sue"))),
            "reply": (ticket, Reply(body="so")),
            "follow": (ticket, Follow()),
            "unfollow": (ticket, Unfollow()),
            "solve": (ticket, Solve()),
            "seen": (agent, MarkSeen(tickets={id: None})),
            "snooze": (agent, asleep),
        }
        with suppress(Refused):
            world.do(*does[what], actor)
        if looks:
            waits(world)
    assert all(each.same for each in world.verified())
    followed = world.digests()
    rebuild(world.log, world.engine, (VIEW,))
    assert world.digests() == followed
    new = world.ask(UnseenTickets, agent="sue")
    if new:
        world.do("agent/sue", MarkSeen(tickets=new), SUE)
    assert not {"news", "mentioned"} & {why for _, why in waits(world, "sue", now=world.now * 2)}


def waits(world: World, agent: str = "ann", now: int = 0) -> list[tuple[str, str]]:
    return [(row["ticket"], row["why"]) for row in world.ask(Inbox, agent=agent, now=now)]


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
    (row,) = world.ask(Inbox, agent="bob", now=0)
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
    assert [row["ticket"] for row in world.ask(UnassignedTickets, teams=("network",))] == ["A"]
    both = world.ask(UnassignedTickets, teams=("network", "billing"))
    assert [row["ticket"] for row in both] == ["A", "B"]
    world.do("ticket/A", Solve())
    assert world.ask(UnassignedTickets, teams=("network",)) == []
