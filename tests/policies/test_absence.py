"""What an absent agent holds waits for an agent again where a rule says so, and when it says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, BOB, SUE
from tests.policies.acting import KIM, Story, at
from tests.said import Run
from ticketlog import config
from ticketlog.domain.base import Invalid, iso
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.ticket.assignment import Assign, AssigneeChanged
from ticketlog.domain.ticket.automation import NotificationDecided
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.lifecycle import MarkSpam, Reopen, Restore, SetStatus, Solve
from ticketlog.errors import Usage
from ticketlog.projections.views import queue

AWAY, OFFLINE = (SetAvailability(availability="away"), SetAvailability(availability="offline"))
HERE = SetAvailability(availability="online")
TELLING = """
[notifications.answered]
position = 10
on = ["replied", "reopened"]
to = ["assignee"]
outbox = "mail"
"""


def rule(*keys: str, id: str = "all", position: int = 10) -> str:
    lines = [f"[absence.{id}]", f"position = {position}", *keys]
    return "\n".join(lines) + "\n"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", TELLING)
    made.does(SUE, HERE, "agent/ann", "1m")
    yield made
    made.desk.close()


def anns(story: Story, span: str = "1h", team: str = "network") -> str:
    ticket = story.ticket()
    story.does(SUE, Assign(team=team, assignee="ann"), ticket, span)
    return ticket


def goes(story: Story, span: str, how: SetAvailability = OFFLINE) -> None:
    story.does(SUE, how, "agent/ann", span)


def taken(story: Story, ticket: str) -> list[tuple[str | None, int]]:
    """By which rule it was taken from its agent, and when."""
    return [
        (each.event.rule, each.meta.occurred_at)
        for each in story.desk.history(ticket)
        if isinstance(each.event, AssigneeChanged) and each.event.new is None
    ]


def told(story: Story, ticket: str) -> list[tuple[str, ...]]:
    return [e.event.to for e in story.by_rules(ticket) if isinstance(e.event, NotificationDecided)]


class TestWhenItBegins:
    def test_never_is_the_default(self, story: Story) -> None:
        ticket = anns(story)
        goes(story, "2h")
        story.does(KIM, Reply(body="Well?"), ticket, "3h")
        story.until("90d")
        assert story.state(ticket).assignee == "ann"

    def test_at_once(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "at once"'))
        active, done, bobs = anns(story), anns(story), story.ticket()
        story.does(SUE, Assign(team="billing", assignee="bob"), bobs, "1h")
        story.does(ANN, Solve(), done, "90m")
        goes(story, "2h", AWAY)
        story.until("3h")
        assert taken(story, active) == [("all@1", at("2h"))]
        assert story.state(active).waits_for_agent
        assert (story.state(done).assignee, story.state(bobs).assignee) == ("ann", "bob")
        rows = story.desk.query(queue.Queue(unassigned=True)).rows
        assert [row["ticket"] for row in rows] == [active.removeprefix("ticket/")]
        ends = story.desk.log.ends()
        story.until("4h")
        assert story.desk.log.ends() == ends

    def test_after_a_time_that_away_and_offline_make_together(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "2d"'))
        ticket = anns(story)
        goes(story, "2h", AWAY)
        goes(story, "1d", OFFLINE)
        story.until("2d1h")
        assert story.state(ticket).assignee == "ann"
        story.until("3d")
        assert taken(story, ticket) == [("all@1", at("2d2h"))]

    def test_who_comes_back_in_time_keeps_theirs(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "2d"'))
        ticket = anns(story)
        goes(story, "2h")
        story.until("1d")
        goes(story, "1d1h", HERE)
        story.until("3d")
        goes(story, "3d1h")
        story.until("5d")
        assert story.state(ticket).assignee == "ann"
        story.until("6d")
        assert taken(story, ticket) == [("all@1", at("5d1h"))]

    def test_who_never_said_that_they_are_there_isnt_absent(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "at once"'))
        ticket = story.ticket()
        story.does(SUE, Assign(team="billing", assignee="bob"), ticket, "1h")
        story.until("9d")
        assert story.state(ticket).assignee == "bob"

    def test_what_is_given_to_somebody_absent_was_meant_so(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "1d"'))
        goes(story, "1h")
        given = anns(story, "2h")
        created = story.ticket("3h", actor=SUE, team="network", assignee="ann")
        story.until("9d")
        assert {story.state(given).assignee, story.state(created).assignee} == {"ann"}

    def test_a_rule_that_comes_later_acts_on_what_lies_about(self, story: Story) -> None:
        ticket = anns(story)
        goes(story, "2h")
        story.until("1d")
        story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "2h"'))
        story.until("1d1h")
        assert taken(story, ticket) == [("all@1", at("4h"))]

    def test_a_runner_that_starts_late_knows_who_is_absent(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "2h"'))
        tickets = [anns(story) for _ in range(20)]
        goes(story, "2h")
        story.until("3h")
        story.until("5h")  # by a runner that has seen none of this happen
        assert {story.state(ticket).assignee for ticket in tickets} == {None}

    def test_each_team_and_priority_has_its_rule(self, story: Story) -> None:
        urgent = 'when.all = [{ field = "priority", is = "critical" }]'
        rules = rule(urgent, 'begins = "1h"', id="urgent", position=5) + rule('begins = "1d"')
        story.apply(helpdesk.SETTINGS + TELLING + rules)
        slow, fast = (
            story.ticket(),
            story.ticket(actor=SUE, priority="critical", priority_reason="fire"),
        )
        for ticket in (slow, fast):
            story.does(SUE, Assign(team="network", assignee="ann"), ticket, "1h")
        goes(story, "2h")
        story.until("2d")
        assert taken(story, fast) == [("urgent@1", at("3h"))]
        assert taken(story, slow) == [("all@1", at("1d2h"))]

    def test_somebody_else_gets_it_and_the_room_is_free(self, story: Story) -> None:
        assigning = '[assignment.all]\nposition = 10\nbalance = "least-loaded"\n'
        story.apply(helpdesk.SETTINGS + assigning + rule('begins = "1h"'))
        story.does(SUE, HERE, "agent/sue", "2m")
        ticket = anns(story)
        story.until("90m")
        assert len(story.desk.load("agent/ann").held) == 1
        goes(story, "2h")
        story.until("4h")
        assert story.state(ticket).assignee == "sue"
        assert not story.desk.load("agent/ann").held


class TestWhenItIsReopened:
    def test_at_once_in_the_same_commit(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('reopened = "at once"'))
        ticket, other = anns(story), anns(story)
        story.does(ANN, Solve(), ticket, "90m")
        goes(story, "2h")
        done = story.does(SUE, Reopen(reason="not yet"), ticket, "3h")
        assert [type(each.event).__name__ for each in done.events][-1] == "AssigneeChanged"
        assert taken(story, ticket) == [("all@1", at("3h"))]
        story.until("9d")
        assert story.state(other).assignee == "ann", "it was never reopened"
        assert told(story, ticket) == [], "sue did it herself, and ann is absent"

    def test_after_a_time(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('reopened = "4h"'))
        ticket, spam = anns(story), anns(story)
        story.does(ANN, Solve(), ticket, "90m")
        story.does(SUE, MarkSpam(), spam, "90m")
        goes(story, "2h")
        story.does(SUE, SetStatus(status="open"), ticket, "3h")
        story.does(SUE, Restore(), spam, "4h")
        story.until("1d")
        assert taken(story, ticket) == [("all@1", at("7h"))]
        assert taken(story, spam) == [("all@1", at("8h"))]

    def test_before_they_went_doesnt_count(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('reopened = "1h"'))
        ticket = anns(story)
        story.does(ANN, Solve(), ticket, "90m")
        story.does(SUE, Reopen(reason="not yet"), ticket, "100m")
        goes(story, "2h")
        story.until("1d")
        assert story.state(ticket).assignee == "ann"

    def test_what_is_given_back_to_them_after_it_stays(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('reopened = "at once"'))
        ticket = anns(story)
        story.does(ANN, Solve(), ticket, "90m")
        goes(story, "2h")
        story.does(SUE, Reopen(reason="not yet"), ticket, "3h")
        story.does(SUE, Assign(assignee="ann"), ticket, "4h")
        story.until("9d")
        assert story.state(ticket).assignee == "ann"


class TestWhenTheRequesterReplies:
    def test_at_once_and_the_team_is_told(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('replied = "at once"'))
        ticket = anns(story)
        goes(story, "2h", AWAY)
        story.until("3h")
        assert story.state(ticket).assignee == "ann"
        story.does(KIM, Reply(body="Well?"), ticket, "4h")
        assert taken(story, ticket) == [("all@1", at("4h"))]
        story.until("5h")
        assert told(story, ticket) == [("agent/sue",)], "the team's supervisor, not ann"

    def test_after_a_time_that_further_replies_dont_put_off(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('replied = "4h"'))
        ticket = anns(story)
        story.does(ANN, Reply(body="Did you try water?"), ticket, "90m")
        goes(story, "2h")
        story.does(KIM, Reply(body="Well?"), ticket, "3h")
        story.does(KIM, Reply(body="Hello?"), ticket, "6h")
        story.until("1d")
        assert taken(story, ticket) == [("all@1", at("7h"))]

    def test_an_answer_by_somebody_else_ends_the_wait(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('replied = "4h"'))
        ticket = anns(story)
        goes(story, "2h")
        story.does(KIM, Reply(body="Well?"), ticket, "3h")
        story.does(SUE, Reply(body="Ann is back tomorrow"), ticket, "4h")
        story.until("1d")
        assert story.state(ticket).assignee == "ann"

    def test_an_agents_own_note_or_a_machines_mail_is_no_word(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('replied = "at once"'))
        ticket = anns(story)
        goes(story, "2h")
        story.does(KIM, Reply(body="Out of office", automated=True), ticket, "3h")
        story.does(BOB, Reply(body="Looking at it"), ticket, "4h")
        story.until("9d")
        assert story.state(ticket).assignee == "ann"

    def test_who_is_here_keeps_theirs(self, story: Story) -> None:
        story.apply(helpdesk.SETTINGS + TELLING + rule('replied = "at once"'))
        ticket = anns(story)
        story.does(KIM, Reply(body="Well?"), ticket, "4h")
        story.until("9d")
        assert story.state(ticket).assignee == "ann"


def test_the_decision_says_what_it_read(story: Story) -> None:
    story.apply(helpdesk.SETTINGS + TELLING + rule('replied = "at once"'))
    ticket = anns(story)
    goes(story, "2h")
    story.does(KIM, Reply(body="Well?"), ticket, "4h")
    record = story.desk.log.stream(ticket)[-1].data
    assert b'"agent/ann":' in record


def test_the_report_of_rules_counts_it(story: Story) -> None:
    story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "at once"'))
    anns(story)
    goes(story, "2h")
    story.until("3h")
    (row,) = story.desk.report("rules", where={"kind": "absence"})["rows"]
    assert (row["rule"], row["version"], row["fired"], row["tickets"]) == ("all", 1, 1, 1)


def test_it_is_explained(story: Story, ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.VARIABLE, str(story.desk.folder))
    ticket = anns(story)
    explain = ("settings", "explain", ticket.removeprefix("ticket/"))
    assert ask(*explain, "--json").document["absence"]["rule"] is None
    story.apply(helpdesk.SETTINGS + TELLING + rule('begins = "2d"'))
    goes(story, "2h")
    assert ask(*explain, "--json").document["absence"] == {
        "rule": "all",
        "version": 1,
        "agent": "ann",
        "absent_since": iso(at("2h")),
        "at": iso(at("2d2h")),
    }
    assert "absence rule" in ask(*explain).out
    goes(story, "3h", HERE)
    absence = ask(*explain, "--json").document["absence"]
    assert (absence["absent_since"], absence["at"]) == (None, None)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("begins = 5",), "'at once', 'never' or a duration"),
        (('begins = "soon"',), "'at once', 'never' or a duration"),
        (('ends = "at once"',), "ends is unknown"),
    ],
)
def test_a_rule_that_cant_be_meant_is_refused(
    story: Story, keys: tuple[str, ...], said: str
) -> None:
    with pytest.raises(Usage, match=said):
        story.apply(helpdesk.SETTINGS + rule(*keys))


def test_a_rule_that_does_nothing_is_refused(story: Story) -> None:
    with pytest.raises(Invalid, match="it does nothing"):
        story.apply(helpdesk.SETTINGS + rule('begins = "never"'))
