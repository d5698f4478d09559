"""What time does to tickets, to the second, also when nobody was there at the time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN
from tests.policies.acting import KIM, Story, at
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.automation import RequesterReminded
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.feedback import SurveyOffered
from ticketlog.domain.ticket.lifecycle import Hold, MarkSpam, Solve
from ticketlog.domain.ticket.status_events import Solved, StatusChanged, TicketClosed

RULES = """
[lifecycle.nudge]
position = 10
action = "remind"
after = "3d"
times = 2
[lifecycle.silence]
position = 20
action = "solve"
after = "10d"
code = "no-answer"
[lifecycle.survey]
position = 30
action = "survey"
after = "1h"
[lifecycle.close]
position = 40
action = "close"
after = "4d"
when.all = [{ field = "tags", lacks = "keep" }]
[lifecycle.wake]
position = 50
action = "wake"
"""


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", RULES)
    yield made
    made.desk.close()


def pending(story: Story) -> str:
    """A ticket whose requester was asked an hour after it came."""
    ticket = story.ticket(assignee="ann", actor=ANN, requester=KIM.id)
    story.does(ANN, Reply(body="Which version?", status="pending"), ticket, "1h")
    return ticket


def test_a_silent_requester_is_reminded_then_it_is_solved_surveyed_and_closed(
    story: Story,
) -> None:
    ticket = pending(story)
    story.until("3d 59m 59s")
    assert story.told(ticket) == []
    story.until("3d 1h")
    assert story.told(ticket) == [(RequesterReminded, "nudge@1", at("3d 1h"))]
    story.until("60d")
    assert story.told(ticket) == [
        (RequesterReminded, "nudge@1", at("3d 1h")),
        (RequesterReminded, "nudge@1", at("6d 1h")),
        (Solved, "silence@1", at("10d 1h")),
        (SurveyOffered, "survey@1", at("10d 2h")),
        (TicketClosed, "close@1", at("14d 1h")),
    ]
    reminded, again = story.by_rules(ticket)[:2]
    assert isinstance(reminded.event, RequesterReminded)
    assert (reminded.event.number, reminded.event.rule) == (1, "nudge@1")
    assert (again.meta.channel, again.meta.source) == ("policy", "lifecycle")
    assert story.state(ticket).resolution_code == "no-answer"


def test_downtime_changes_nothing(story: Story, tmp_path: Path) -> None:
    """All at once after two months: the same as step by step."""
    once = pending(story)
    story.until("60d")
    other = Story(tmp_path / "other", RULES)
    step_by_step = pending(other)
    for day in range(20):
        other.until(f"{day}d 12h")
    other.until("60d")
    assert story.told(once) == other.told(step_by_step)
    other.desk.close()


def test_whoever_says_something_begins_a_new_silence(story: Story) -> None:
    ticket = pending(story)
    story.until("4d")
    story.does(KIM, Reply(body="Version 3"), ticket, "5d")
    story.until("20d")
    assert len(story.told(ticket)) == 1, "it is open: nobody is reminded"
    story.does(ANN, Reply(body="Try 4", status="pending"), ticket, "20d")
    story.until("23d")
    assert story.told(ticket)[1:] == [(RequesterReminded, "nudge@1", at("23d"))]
    assert story.by_rules(ticket)[1].event.number == 1  # type: ignore[attr-defined]


def test_a_machine_s_mail_is_no_answer(story: Story) -> None:
    ticket = pending(story)
    story.does(KIM, Reply(body="I am out of office", automated=True), ticket, "2d")
    story.until("3d 1h")
    assert story.told(ticket) == [(RequesterReminded, "nudge@1", at("3d 1h"))]


def test_a_hold_ends_at_its_time_and_one_that_moves_leaves_no_ghost(story: Story) -> None:
    ticket = story.ticket(assignee="ann", actor=ANN)
    story.does(ANN, Hold(reason="parts", until=at("2d")), ticket, "1h")
    story.until("1d")
    story.does(ANN, Hold(reason="parts", until=at("5d")), ticket, "1d")
    story.until("4d 23h")
    assert story.told(ticket) == []
    story.until("6d")
    assert story.told(ticket) == [(StatusChanged, "wake@1", at("5d"))]
    assert story.state(ticket).status == "open"


def test_held_again_until_the_same_time_it_wakes_again(story: Story) -> None:
    ticket = story.ticket(assignee="ann", actor=ANN)
    for hour in ("1h", "3h"):
        story.does(ANN, Hold(reason="parts", until=at("2h")), ticket, hour)
        story.until("4h")
    told = [when for what, _, when in story.told(ticket) if what is StatusChanged]
    assert told == [at("2h"), at("3h")], "the second was over already when it began"


def test_conditions_and_spam_are_looked_at_when_it_is_due(story: Story) -> None:
    kept, spam = (story.ticket(assignee="ann", actor=ANN) for _ in range(2))
    for ticket in (kept, spam):
        story.does(ANN, Solve(), ticket, "1h")
    story.does(ANN, Tag(add=("keep",)), kept, "2d")
    story.does(ANN, MarkSpam(), spam, "30m")
    story.until("30d")
    assert [what for what, _, _ in story.told(kept)] == [SurveyOffered]
    assert story.told(spam) == []
    story.does(ANN, Tag(remove=("keep",)), kept, "31d")
    story.until("32d")
    assert story.told(kept)[1:] == [(TicketClosed, "close@1", at("31d"))], "never before it could"


def test_what_can_t_be_done_is_tried_again_when_the_ticket_has_changed(story: Story) -> None:
    """To be solved it needs an assignee."""
    ticket = story.ticket(actor=ANN)
    story.does(ANN, Reply(body="Which version?", status="pending"), ticket, "1h")
    story.until("20d")
    assert story.state(ticket).status == "pending"
    story.does(ANN, Assign(assignee="ann"), ticket, "21d")
    story.until("22d")
    assert story.state(ticket).status == "solved"


def test_a_changed_rule_counts_from_now_on_and_is_named_by_its_version(story: Story) -> None:
    ticket = pending(story)
    story.apply(helpdesk.SETTINGS + RULES.replace('"3d"', '"1d"'))
    story.until("1d 1h")
    assert story.told(ticket) == [(RequesterReminded, "nudge@2", at("1d 1h"))]


def test_business_days(tmp_path: Path) -> None:
    """NOON is a Monday's; three days of eight hours from 13:00 on."""
    story = Story(
        tmp_path / "desk",
        """
        [calendars.office]
        zone = "UTC"
        years = [2026, 2027]
        week = { mon-fri = ["09:00-17:00"] }
        [lifecycle.nudge]
        position = 1
        action = "remind"
        after = "24h"
        calendar = "office"
        """,
    )
    ticket = pending(story)
    story.until("10d")
    assert story.told(ticket) == [(RequesterReminded, "nudge@1", at("3d 1h"))]
    story.desk.close()
