"""What was promised is recorded as broken when nobody touches the ticket, at its own time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpdesk import ANN
from tests.policies.acting import Story, at
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.sla_events import SlaBreached, SlaWarned

POLICY = """
[sla_policies.everybody]
position = 10
targets = [
    { metric = "first_reply_time", within = { low = "1h", medium = "1h" }, warnings = ["50%"] },
]
"""


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", POLICY)
    yield made
    made.desk.close()


def told(story: Story, ticket: str) -> list[tuple[type, int, int]]:
    return [
        (type(each.event), each.event.at, each.meta.occurred_at)
        for each in story.by_rules(ticket)
        if isinstance(each.event, SlaWarned | SlaBreached)
    ]


def test_a_warning_and_a_breach_come_just_after_their_time(story: Story) -> None:
    ticket = story.ticket()
    story.until("30m")
    assert told(story, ticket) == []
    story.until("2h")
    assert told(story, ticket) == [
        (SlaWarned, at("30m"), at("30m") + 1),
        (SlaBreached, at("1h"), at("1h") + 1),
    ]
    assert {each.meta.actor.id for each in story.by_rules(ticket)} == {"everybody@1"}


def test_after_a_long_silence_of_the_runner_they_have_their_own_times(story: Story) -> None:
    ticket = story.ticket()
    story.until("60d")
    assert [(kind, due) for kind, due, _ in told(story, ticket)] == [
        (SlaWarned, at("30m")),
        (SlaBreached, at("1h")),
    ]


def test_a_deadline_that_was_met_leaves_no_ghost(story: Story) -> None:
    ticket = story.ticket()
    story.does(ANN, Reply(body="Which version?"), ticket, "20m")
    story.until("60d")
    assert told(story, ticket) == []
