"""Where tickets go by themselves: in order, once per cause, never over people's heads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, SUE
from tests.policies.acting import Story
from ticketlog.domain.base import Actor, Invalid
from ticketlog.domain.parties.person import RegisterPerson
from ticketlog.domain.ticket.assignment import Assign, TeamChanged
from ticketlog.domain.ticket.automation import RuleFired
from ticketlog.domain.ticket.classification import Classify, Tag, TagsChanged
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.priority import PriorityChanged

RULES = """
[routing.vpn]
position = 10
when.any = [{ field = "subject", contains = "vpn" }, { field = "product", is = "vpn" }]
team = "network"
add_tags = ["remote"]
[routing.urgent]
position = 20
when.all = [{ field = "tags", contains = "remote" }, { field = "channel", is = "phone" }]
priority = "high"
[routing.bills]
position = 30
changed = true
when.all = [{ field = "product", is = "mail" }]
team = "billing"
remove_tags = ["remote"]
last = true
[routing.never]
position = 40
changed = true
when.all = [{ field = "team", is = "billing" }]
add_tags = ["too-late"]
"""


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", RULES)
    yield made
    made.desk.close()


def fired(story: Story, ticket: str) -> list[str]:
    found = (each.event for each in story.by_rules(ticket))
    return [event.rule for event in found if isinstance(event, RuleFired)]


def test_each_rule_sees_what_the_ones_before_it_did(story: Story) -> None:
    made = story.desk.execute(
        CreateTicket(subject="My VPN drops"), actor=ANN, channel="phone", occurred_at=1
    )
    story.until("1h")
    assert fired(story, made.stream) == ["vpn@1", "urgent@1"]
    ticket = story.state(made.stream)
    assert (ticket.team, ticket.priority, ticket.tags) == ("network", "high", ("remote",))


def test_one_commit_names_the_rules_with_their_versions_and_the_cause(story: Story) -> None:
    ticket = story.ticket(subject="vpn")
    story.until("1h")
    done = story.by_rules(ticket)
    assert [type(each.event) for each in done] == [RuleFired, TeamChanged, TagsChanged]
    assert len({each.meta.commit for each in done}) == 1
    assert done[0].meta.cause == story.desk.history(ticket)[0].id
    team = done[1].event
    assert isinstance(team, TeamChanged)
    assert (team.method, team.rule, team.new) == ("rule", "vpn@1", "network")
    story.apply(helpdesk.SETTINGS + RULES.replace('add_tags = ["remote"]', 'add_tags = ["vpn"]'))
    again = story.ticket(subject="vpn")
    story.until("2h")
    assert fired(story, again) == ["vpn@2"]


def test_behind_the_last_one_none_is_tried(story: Story) -> None:
    ticket = story.ticket(subject="A bill", product="mail")
    story.until("1h")
    assert fired(story, ticket) == ["bills@1"]
    assert story.state(ticket).tags == ()


def test_a_change_by_people_is_answered_and_one_by_rules_is_not(story: Story) -> None:
    ticket = story.ticket(subject="Something")
    story.until("1h")
    assert fired(story, ticket) == []
    story.does(ANN, Classify(product="mail"), ticket, "2h")
    story.until("3h")
    assert fired(story, ticket) == ["bills@1"], "and its change of team is no cause"
    story.does(ANN, Tag(add=("x",)), ticket, "4h")
    story.until("5h")
    assert fired(story, ticket) == ["bills@1"], "it is so already: nothing to record"
    story.does(SUE, Assign(team="network"), ticket, "6h")
    story.until("7h")
    assert fired(story, ticket) == ["bills@1", "bills@1"]


def test_who_was_faster_than_a_rule_is_not_overruled(story: Story) -> None:
    ticket = story.ticket(subject="vpn")
    story.does(SUE, Assign(team="billing"), ticket, "1m")
    story.until("1h")
    assert story.state(ticket).team == "billing"
    assert "vpn@1" not in fired(story, ticket)


def test_a_rule_that_can_t_is_recorded_and_the_next_one_is_tried(tmp_path: Path) -> None:
    """Ann works in two teams, Sue in one of them."""
    story = Story(
        tmp_path / "desk",
        """
        [routing.odd]
        position = 1
        when.all = [{ field = "team", is = "billing" }]
        assignee = "sue"
        add_tags = ["odd"]
        [routing.even]
        position = 2
        add_tags = ["even"]
        """,
    )
    ticket = story.ticket(team="billing", actor=ANN)
    story.until("1h")
    first, *others = (each.event for each in story.by_rules(ticket))
    assert isinstance(first, RuleFired)
    assert first.refused is not None
    assert first.refused.startswith("agent sue is not in team billing")
    assert [event.rule for event in others if isinstance(event, RuleFired)] == ["even@1"]
    assert (story.state(ticket).assignee, story.state(ticket).tags) == (None, ("even",))
    story.desk.close()


def test_a_priority_by_a_rule_has_its_reason(tmp_path: Path) -> None:
    story = Story(tmp_path / "desk", '[routing.all]\nposition = 1\npriority = "high"\n')
    ticket = story.ticket()
    story.until("1h")
    (changed,) = [
        each.event for each in story.by_rules(ticket) if isinstance(each.event, PriorityChanged)
    ]
    assert (changed.new, changed.reason) == ("high", "rule all@1")
    story.desk.close()


def test_imports_and_spam_are_left_alone(story: Story) -> None:
    old = story.ticket(subject="vpn", actor=Actor("old", "import"))
    story.until("1h")
    assert story.by_rules(old) == []


PLACES = """
[calendars.office]
zone = "UTC"
years = [2020, 2040]
week = { mon-sun = ["09:00-17:00"] }
[routing.swiss]
position = 1
when.all = [{ field = "country", is = "CH" }, { field = "zone", is = "Europe/Zurich" }]
add_tags = ["swiss"]
[routing.on-call]
position = 2
when.all = [{ field = "hours", lacks = "office" }]
add_tags = ["on-call"]
"""


def test_by_where_somebody_is_and_by_hours(tmp_path: Path) -> None:
    story = Story(tmp_path / "desk", PLACES)
    here = RegisterPerson(name="Max", country="CH", zone="Europe/Zurich")
    person = story.desk.execute(here, actor=ANN).stream.removeprefix("person/")
    by_day = story.ticket("1h", requester=person, actor=ANN)
    by_night = story.ticket("9h")
    story.until("10h")
    assert story.state(by_day).tags == ("swiss",)
    assert story.state(by_night).tags == ("on-call",)
    story.desk.close()


def test_hours_of_a_calendar_that_there_is(tmp_path: Path) -> None:
    wrong = PLACES.replace('lacks = "office"', 'lacks = "moon"')
    with pytest.raises(Invalid, match="'moon' is unknown; known are office"):
        Story(tmp_path / "desk", wrong)
