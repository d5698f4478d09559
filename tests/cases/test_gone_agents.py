"""Who has left holds no tickets: they wait for an agent again, and nobody who is gone is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, BOB, SUE
from tests.policies.acting import KIM, Story
from tests.said import Run
from ticketlog import config
from ticketlog.desk import Desk
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.settings.model import Agent, Settings
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged
from ticketlog.domain.ticket.automation import NotificationDecided
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.lifecycle import Reopen, Solve
from ticketlog.domain.ticket.relations import Follow
from ticketlog.projections.views import queue

RULES = """
[notifications.answered]
position = 10
on = ["replied", "reopened"]
to = ["assignee", "followers"]
outbox = "mail"
"""
RETIRED = helpdesk.SETTINGS.replace("[agents.ann]", "[agents.ann]\nretired = true")
MOVED = helpdesk.SETTINGS.replace('teams = ["network", "billing"]', 'teams = ["billing"]')
REMOVED = helpdesk.SETTINGS.replace('[agents.ann]\nteams = ["network", "billing"]', "")
GONE = pytest.mark.parametrize("left", [RETIRED, MOVED, REMOVED])


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", RULES)
    yield made
    made.desk.close()


def anns(story: Story, span: str = "1h") -> str:
    ticket = story.ticket()
    story.does(SUE, Assign(team="network", assignee="ann"), ticket, span)
    return ticket


def unassigned(desk: Desk) -> set[str]:
    return {f"ticket/{row['ticket']}" for row in desk.query(queue.Queue(unassigned=True)).rows}


def told(story: Story, ticket: str) -> list[tuple[str, ...]]:
    return [e.event.to for e in story.by_rules(ticket) if isinstance(e.event, NotificationDecided)]


@GONE
def test_on_reopening_it_waits_again(story: Story, left: str) -> None:
    ticket = anns(story)
    story.does(ANN, Solve(), ticket, "2h")
    story.apply(left + RULES)
    story.does(SUE, Reopen(reason="not yet"), ticket, "3h")
    assert story.state(ticket).assignee is None
    assert story.state(ticket).waits_for_agent
    assert unassigned(story.desk) == {ticket}
    last = [e for e in story.desk.history(ticket) if isinstance(e.event, AssigneeChanged)][-1]
    assert (last.event.old, last.event.new, last.event.method) == ("ann", None, "team-left")


@GONE
def test_on_the_requesters_reply_it_waits_again_and_the_team_is_told(
    story: Story, left: str
) -> None:
    ticket = anns(story)
    story.does(ANN, Solve(), ticket, "2h")
    story.until("2h")
    before = len(told(story, ticket))
    story.apply(left + RULES)
    story.does(KIM, Reply(body="Not yet"), ticket, "3h")
    assert story.state(ticket).assignee is None
    story.until("4h")
    assert told(story, ticket)[before:] == [("agent/sue",)], "the team's supervisor"


@GONE
def test_when_it_happens_it_waits_again(story: Story, left: str) -> None:
    mine, done = anns(story), anns(story)
    other = story.ticket()
    story.does(SUE, Assign(team="network", assignee="sue"), other, "1h")
    story.does(ANN, Solve(), done, "2h")
    story.until("2h")
    assert story.state(mine).assignee == "ann"
    story.apply(left + RULES)
    story.until("3h")
    assert story.state(mine).assignee is None
    assert story.state(other).assignee == "sue"
    assert story.state(done).assignee == "ann", "who solved it stays known"
    ends = story.desk.log.ends()
    story.until("4h")
    assert story.desk.log.ends() == ends


def test_somebody_else_gets_it(tmp_path: Path) -> None:
    rules = """
[assignment.all]
position = 10
balance = "least-loaded"
"""
    story = Story(tmp_path / "desk", rules)
    story.does(SUE, SetAvailability(availability="online"), "agent/sue", "1m")
    story.does(ANN, SetAvailability(availability="online"), "agent/ann", "1m")
    tickets = [anns(story) for _ in range(3)]
    story.until("2h")
    assert len(story.desk.load("agent/ann").held) == 3
    story.apply(RETIRED + rules)
    story.until("3h")
    assert {story.state(ticket).assignee for ticket in tickets} == {"sue"}
    assert not story.desk.load("agent/ann").held
    story.desk.close()


def test_more_than_a_look_takes(story: Story) -> None:
    tickets = [anns(story) for _ in range(120)]
    story.apply(RETIRED + RULES)
    story.until("3h")
    assert {story.state(ticket).assignee for ticket in tickets} == {None}


def test_a_follower_who_is_gone_is_told_nothing(story: Story) -> None:
    ticket = story.ticket()
    story.does(ANN, Follow(), ticket, "1h")
    story.does(BOB, Follow(), ticket, "1h")
    story.apply(RETIRED + RULES)
    story.does(KIM, Reply(body="Well?"), ticket, "2h")
    story.until("3h")
    assert told(story, ticket) == [("agent/bob",)]


def test_who_is_here_keeps_theirs(story: Story) -> None:
    ticket = anns(story)
    story.does(ANN, Solve(), ticket, "2h")
    story.does(KIM, Reply(body="Not yet"), ticket, "3h")
    story.until("4h")
    assert story.state(ticket).assignee == "ann"


@GONE
def test_the_queue_shows_it_as_unassigned_before_anything_took_it(
    story: Story, left: str, ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = anns(story)
    story.apply(left + RULES)
    monkeypatch.setenv(config.VARIABLE, str(story.desk.folder))
    for line in (("queue", "--unassigned"), ("queue",)):
        (row,) = ask(*line, "--json").document["tickets"]
        assert (row["ticket"], row["assignee"]) == (ticket.removeprefix("ticket/"), None)


def test_whom_the_settings_never_knew_nobody_judges() -> None:
    settings = Settings(agents={"bob": Agent(id="bob", teams=("billing",), roles=())})
    assert why_gone("in-Debasish", "L50 3rd", settings) is None
    assert why_gone("bob", "billing", settings) is None
    assert why_gone("bob", "network", settings) == "not in team network"
    assert why_gone("bob", None, settings) is None
