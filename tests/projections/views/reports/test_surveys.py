from __future__ import annotations

from typing import Any

import pytest

from tests.given import ANN, BOB, DAY, KIM, RULE
from tests.projections.world import World
from ticketlog.domain.base import Actor
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.feedback import OfferSurvey, Rate
from ticketlog.domain.ticket.lifecycle import Reopen, Solve
from ticketlog.projections.engine.moment import Occurred
from ticketlog.projections.views.reports.surveys import SatisfactionReport


@pytest.fixture
def world() -> World:
    return World()


def solved(world: World, id: str, team: str = "network", by: Actor = ANN, **given: Any) -> None:
    asks = CreateTicket(subject="Help", requester="KIM", **given)
    world.do(f"ticket/{id}", asks, KIM)
    world.do(f"ticket/{id}", Assign(team=team, assignee=by.id))
    world.do(f"ticket/{id}", Solve(), by)


def told(world: World, **given: Any) -> list[dict[str, Any]]:
    """Of each day what isn't nothing, without its label."""
    rows = world.ask(SatisfactionReport, period="day", **given)
    return [{k: v for k, v in each.items() if v and k != "period"} for each in rows]


def test_surveys_answers_and_scores_are_counted(world: World) -> None:
    for id in "ABC":
        solved(world, id)
        world.do(f"ticket/{id}", OfferSurvey(), RULE)
    world.do("ticket/A", Rate(score=5, comment="Thanks"), KIM)
    world.do("ticket/B", Rate(score=2), KIM)
    assert told(world) == [
        {
            "offered": 3,
            "answered": 2,
            "rate": 6_666,
            "ratings": 2,
            "score": 350,
            "satisfied": 5_000,
            "comments": 1,
        }
    ]


def test_a_ticket_counts_as_it_was_rated_last(world: World) -> None:
    solved(world, "A")
    world.do("ticket/A", OfferSurvey(), RULE)
    world.do("ticket/A", Rate(score=1, comment="Still broken"), KIM)
    first = world.now
    world.now += DAY
    world.do("ticket/A", Rate(score=4), KIM)
    assert told(world) == [
        {"offered": 1, "answered": 1, "rate": 10_000, "comments": 1},
        {"ratings": 1, "score": 400, "satisfied": 10_000},
    ]
    (then,) = told(world, moment=Occurred(first))
    assert (then["ratings"], then["score"]) == (1, 100)


def test_a_rating_that_nobody_asked_for_is_no_answer(world: World) -> None:
    solved(world, "A")
    world.do("ticket/A", Rate(score=3), KIM)
    assert told(world) == [{"ratings": 1, "score": 300}]
    world.do("ticket/A", OfferSurvey(), RULE)
    (row,) = world.ask(SatisfactionReport)
    assert (row["offered"], row["answered"], row["rate"]) == (1, 0, 0)


def test_who_is_rated_is_who_had_it_then(world: World) -> None:
    solved(world, "A", "billing", BOB)
    world.do("ticket/A", OfferSurvey(), RULE)
    world.do("ticket/A", Rate(score=5), KIM)
    world.do("ticket/A", Reopen(), KIM)
    world.do("ticket/A", Assign(team="network", assignee="ann"))
    solved(world, "B")
    world.do("ticket/B", OfferSurvey(), RULE)
    assert [(r["agent"], r["offered"], r["ratings"]) for r in told_by(world, "agent")] == [
        ("ann", 1, 0),
        ("bob", 1, 1),
    ]
    assert [r["ratings"] for r in world.ask(SatisfactionReport, team="billing")] == [1]


def told_by(world: World, *by: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.ask(SatisfactionReport, by=by)
    return found


def test_without_surveys_there_is_nothing(world: World) -> None:
    assert told_by(world) == []
    solved(world, "A")
    assert told_by(world) == []
    with pytest.raises(ValueError, match="no dimension 'mood'"):
        told_by(world, "mood")
