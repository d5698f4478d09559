"""Up to a tier: by age, by complexity, by words; each once, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpdesk import ANN, SUE
from tests.policies.acting import KIM, Story, at
from ticketlog.domain.ticket.assignment import Assign, Escalate, Escalated, TeamChanged
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.lifecycle import Solve

RULES = """
[escalation.old]
position = 10
title = "Too old"
after = "2d"
tier = 1
[escalation.hops]
position = 20
when.any = [{ field = "team_stations", greater = 2 }, { field = "reopens", greater = 1 }]
tier = 2
team = "network"
[escalation.lawyer]
position = 30
words = ["my lawyer", "GDPR"]
tier = 3
when.all = [{ field = "type", is = "question" }]
"""


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", RULES)
    yield made
    made.desk.close()


def escalations(story: Story, ticket: str) -> list[tuple[int, str, int]]:
    """Tier, reason and time of each."""
    return [
        (each.event.new, each.event.reason, each.meta.occurred_at)
        for each in story.by_rules(ticket)
        if isinstance(each.event, Escalated)
    ]


def test_by_age_to_the_second_and_once(story: Story) -> None:
    ticket = story.ticket()
    story.until("47h 59m 59s")
    assert escalations(story, ticket) == []
    story.until("9d")
    assert escalations(story, ticket) == [(1, "Too old: 172800 seconds old", at("2d"))]
    (event,) = (each.event for each in story.by_rules(ticket))
    assert isinstance(event, Escalated)
    assert (event.old, event.rule) == (0, "old@1")


def test_what_is_solved_grows_no_older(story: Story) -> None:
    ticket = story.ticket(assignee="ann", actor=ANN)
    story.does(ANN, Solve(), ticket, "1d")
    story.until("9d")
    assert escalations(story, ticket) == []


def test_by_complexity_as_soon_as_it_is_so_with_a_team(story: Story) -> None:
    ticket = story.ticket(team="billing", actor=ANN)
    for hour, team in (("1h", "network"), ("2h", "billing")):
        story.does(SUE, Assign(team=team), ticket, hour)
    story.until("3h")
    assert [tier for tier, _, _ in escalations(story, ticket)] == [2]
    (_, reason, when) = escalations(story, ticket)[0]
    assert reason.startswith("hops: any of: team_stations is greater than 2")
    assert when == at("2h")
    assert story.state(ticket).team == "network"
    moved = [each.event for each in story.by_rules(ticket) if isinstance(each.event, TeamChanged)]
    assert [event.rule for event in moved] == ["hops@1"]
    story.until("9d")
    assert len(escalations(story, ticket)) == 1, "it is above the first tier already"


def test_by_words_of_end_users(story: Story) -> None:
    ticket = story.ticket(team="network", actor=ANN, requester=KIM.id)
    story.does(ANN, Reply(body="Don't call your lawyer; my lawyer is a friend"), ticket, "1h")
    story.until("2h")
    assert escalations(story, ticket) == []
    story.does(KIM, Reply(body="I'll call My Lawyer!", automated=True), ticket, "3h")
    story.until("4h")
    assert escalations(story, ticket) == []
    story.does(KIM, Reply(body="I'll call My Lawyer!"), ticket, "5h")
    story.until("6h")
    ((tier, reason, _),) = escalations(story, ticket)
    assert (tier, reason) == (3, "lawyer: 'my lawyer' was said")
    created = story.ticket("6h", subject="A gdpr request")
    story.until("7h")
    assert [tier for tier, _, _ in escalations(story, created)] == [3]


def test_people_may_bring_it_down_and_a_rule_up_again(story: Story) -> None:
    ticket = story.ticket()
    story.until("3d")
    story.does(SUE, Escalate(tier=0, reason="no"), ticket, "4d")
    story.until("5d")
    assert [when for _, _, when in escalations(story, ticket)] == [at("2d"), at("4d")]
