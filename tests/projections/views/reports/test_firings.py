from __future__ import annotations

from typing import Any

import pytest

from tests.given import ANN, DAY, KIM, SUE
from tests.projections.world import World
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.assignment import Assign, Escalate
from ticketlog.domain.ticket.automation import Choose, Notify, Remind, Route, Settle, Step
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.feedback import OfferSurvey
from ticketlog.domain.ticket.lifecycle import Close, SetStatus, Solve
from ticketlog.projections.engine.moment import Occurred
from ticketlog.projections.views.reports.firings import RulesReport

ROUTING = Actor("routing", "rule")


def rule(cited: str) -> Actor:
    return Actor(cited, "rule")


@pytest.fixture
def world() -> World:
    world = World()
    for id in "AB":
        world.do(f"ticket/{id}", CreateTicket(subject="Help", requester="KIM"), KIM)
    return world


def told(world: World, *by: str, **given: Any) -> list[tuple[Any, ...]]:
    """(*by, fired, refused, tickets) of each row."""
    by = by or ("rule", "version")
    rows = world.ask(RulesReport, by=by, **given)
    return [tuple(row[name] for name in (*by, "fired", "refused", "tickets")) for row in rows]


def test_a_routing_rule_that_matched_fired_or_was_refused(world: World) -> None:
    steps = (Step(rule="vpn@2", team="network"), Step(rule="bad@1", team="network", assignee="bob"))
    for stream in ("ticket/A", "ticket/B"):
        world.do(stream, Route(steps=steps), ROUTING)
    world.do("ticket/A", Route(steps=(Step(rule="vpn@3", team="billing"),)), ROUTING)
    assert told(world) == [("bad", 1, 0, 2, 2), ("vpn", 2, 2, 0, 2), ("vpn", 3, 1, 0, 1)]
    assert told(world, "kind") == [("routing", 3, 2, 2)]


def test_rules_of_every_kind_are_told(world: World) -> None:
    world.do("ticket/A", Assign(team="network"))
    choose = Choose(agent="ann", rule="fair@1", why="balance", candidates=())
    chosen = world.do("ticket/A", choose, rule("fair@1"))
    assert told(world) == []
    world.do("ticket/A", Settle(choice=f"{chosen}.0", room=False), rule("assignment"))
    chosen = world.do("ticket/A", choose, rule("fair@1"))
    world.do("ticket/A", Settle(choice=f"{chosen}.0", room=True), rule("assignment"))
    told_ann = Notify(
        rule="tell@4",
        occasion="solved",
        of="c0.0",
        outbox="mail",
        template="solved",
        to=("agent/ann",),
    )
    world.do("ticket/A", told_ann, rule("tell@4"))
    up = Escalate(tier=1, reason="old", rule="up@1", team="billing")
    world.do("ticket/A", up, rule("up@1"))
    world.do("ticket/B", Assign(team="network", assignee="ann"))
    world.do("ticket/B", SetStatus(status="pending"))
    world.do("ticket/B", Remind(number=1, rule="remind@1"), rule("remind@1"))
    world.do("ticket/B", Solve(), rule("solve@2"))
    world.do("ticket/B", OfferSurvey(), rule("survey@1"))
    world.do("ticket/B", Close(), rule("close@3"))
    assert told(world, "kind", "rule", "version") == [
        ("assignment", "fair", 1, 1, 1, 1),
        ("escalation", "up", 1, 1, 0, 1),
        ("lifecycle", "close", 3, 1, 0, 1),
        ("lifecycle", "remind", 1, 1, 0, 1),
        ("lifecycle", "solve", 2, 1, 0, 1),
        ("lifecycle", "survey", 1, 1, 0, 1),
        ("notification", "tell", 4, 1, 0, 1),
    ]
    assert told(world, "rule", kind="lifecycle", team="network")[0][0] == "close"
    assert told(world, version="3") == [("close", 3, 1, 0, 1)]
    assert told(world, version="three") == []


def test_what_people_do_no_rule_did(world: World) -> None:
    world.do("ticket/A", Assign(team="network", assignee="ann"))
    world.do("ticket/A", Escalate(tier=1, reason="hard"))
    world.do("ticket/A", Solve(), ANN)
    world.do("ticket/A", Close(), SUE)
    assert told(world) == []


def test_rules_count_in_their_period_as_of_a_moment(world: World) -> None:
    world.do("ticket/A", Route(steps=(Step(rule="vpn@2", team="network"),)), ROUTING)
    first = world.now
    world.now += DAY
    world.do("ticket/B", Route(steps=(Step(rule="vpn@2", team="network"),)), ROUTING)
    rows = world.ask(RulesReport, period="day", by=("rule",))
    assert [(row["period"], row["fired"]) for row in rows] == [("2026-03-02", 1), ("2026-03-03", 1)]
    assert told(world, moment=Occurred(first)) == [("vpn", 2, 1, 0, 1)]
    with pytest.raises(ValueError, match="no dimension 'mood'"):
        told(world, "mood")
