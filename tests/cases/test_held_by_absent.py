"""What is held by agents who are gone or absent is found, and shown as nobody's where one works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, BOB, SUE
from tests.policies.acting import KIM, Story, at
from tests.said import Run
from ticketlog import config
from ticketlog.domain.base import iso
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.lifecycle import Hold, Solve
from ticketlog.domain.ticket.relations import LinkTo
from ticketlog.errors import Usage

RETIRED = helpdesk.SETTINGS.replace("[agents.ann]", "[agents.ann]\nretired = true")
MOVED = helpdesk.SETTINGS.replace('teams = ["network", "billing"]', 'teams = ["billing"]')
REMOVED = helpdesk.SETTINGS.replace('[agents.ann]\nteams = ["network", "billing"]', "")
GONE = pytest.mark.parametrize(
    ("left", "why"),
    [
        (RETIRED, "retired"),
        (MOVED, "not in team network"),
        (REMOVED, "removed from the settings"),
    ],
)


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    made = Story(tmp_path / "desk", "")
    monkeypatch.setenv(config.VARIABLE, str(made.desk.folder))
    yield made
    made.desk.close()


def anns(story: Story, span: str = "1h", team: str = "network") -> str:
    ticket = story.ticket(span)
    story.does(SUE, Assign(team=team, assignee="ann"), ticket, span)
    return ticket.removeprefix("ticket/")


def held(story: Story, **given: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = story.desk.report("held-by-absent", **given)["rows"]
    return rows


class TestTheReport:
    @GONE
    def test_who_is_gone_and_since_when(self, story: Story, left: str, why: str) -> None:
        anns(story, "1h")
        anns(story, "2h")
        done = anns(story, "3h")
        story.does(ANN, Solve(), f"ticket/{done}", "4h")
        assert held(story) == []
        before = story.desk.cut()
        story.apply(left)
        applied = story.desk.settings_history()[-1].meta.occurred_at
        assert held(story) == [
            {
                "agent": "ann",
                "team": "network",
                "why": why,
                "tickets": 2,
                "since": iso(applied),
                "oldest": iso(at("1h")),
            }
        ]
        assert story.desk.at(position=before).report("held-by-absent")["rows"] == []
        story.until("5h")
        assert held(story) == [], "they wait for an agent again"

    def test_who_is_absent(self, story: Story) -> None:
        anns(story)
        story.does(SUE, SetAvailability(availability="online"), "agent/ann", "1h")
        assert held(story) == []
        story.does(SUE, SetAvailability(availability="away"), "agent/ann", "2h")
        story.does(SUE, SetAvailability(availability="offline"), "agent/ann", "3h")
        (row,) = held(story)
        assert (row["why"], row["since"]) == ("absent", iso(at("2h")))
        story.does(SUE, SetAvailability(availability="online"), "agent/ann", "4h")
        assert held(story) == []

    def test_the_longest_gone_come_first_and_groups_are_summed(self, story: Story) -> None:
        anns(story, "1h", "network")
        anns(story, "2h", "billing")
        for agent, span in (("bob", "3h"), ("ann", "2h")):
            story.does(SUE, SetAvailability(availability="away"), f"agent/{agent}", span)
        bobs = story.ticket("30m")
        story.does(SUE, Assign(team="billing", assignee="bob"), bobs, "1h")
        assert [(row["agent"], row["team"], row["tickets"]) for row in held(story)] == [
            ("ann", "billing", 1),
            ("ann", "network", 1),
            ("bob", "billing", 1),
        ]
        assert [(r["agent"], r["tickets"]) for r in held(story, by=["agent"])] == [
            ("ann", 2),
            ("bob", 1),
        ]
        (billing, _) = held(story, by=["team"])
        assert (billing["team"], billing["tickets"], billing["oldest"]) == (
            *("billing", 2),
            iso(at("30m")),
        )
        assert held(story, where={"agent": "bob"})[0]["agent"] == "bob"
        assert held(story, where={"why": "retired"}) == []

    def test_it_has_no_period(self, story: Story) -> None:
        with pytest.raises(Usage, match="how things stand"):
            held(story, start=at("1h"))

    def test_on_the_command_line(self, story: Story, ask: Run) -> None:
        anns(story)
        story.apply(RETIRED)
        assert "retired" in ask("report", "held-by-absent").out
        document = ask("report", "held-by-absent", "--json").document
        assert document["rows"][0]["agent"] == "ann"
        again = ask("report", "held-by-absent", "--as-of", document["cut"], "--json").document
        assert again["sha256"] == document["sha256"]
        head, row = ask("report", "held-by-absent", "--csv").out.splitlines()
        assert head == "agent,team,why,tickets,since,oldest"
        assert row.startswith("ann,network,retired,1,2")
        assert ask("report", "flow", "--csv", "--json").code == 2


class TestWhereOneWorks:
    @GONE
    def test_the_queue_counts_it_as_nobodys(
        self, story: Story, ask: Run, left: str, why: str
    ) -> None:
        anns(story)
        anns(story)
        before = str(story.desk.cut())
        story.apply(left)
        counts = ("queue", "--count-by", "assignee", "--json")
        assert ask(*counts).document["counts"] == [{"assignee": None, "tickets": 2}]
        assert ask(*counts, "--as-of", before).document["counts"] == [
            {"assignee": "ann", "tickets": 2}
        ]
        both = ask("queue", "--count-by", "team", "--count-by", "assignee", "--json").document
        assert both["counts"] == [{"team": "network", "assignee": None, "tickets": 2}]
        assert ask("queue", "--agent", "ann", "--json").document["tickets"] == []

    @GONE
    def test_the_inbox_has_it_among_what_no_agent_has(
        self, story: Story, ask: Run, left: str, why: str
    ) -> None:
        waiting, free = anns(story, "1h"), story.ticket("30m")
        story.does(SUE, Assign(team="network"), free, "30m")
        story.does(KIM, Reply(body="Well?"), f"ticket/{waiting}", "90m")
        held = anns(story, "2h")
        story.does(ANN, Hold(reason="parts", until=at("3h")), f"ticket/{held}", "2h")
        story.does(BOB, Note(body="@ann look"), f"ticket/{held}", "3h")
        copy = story.ticket("3h")
        story.does(SUE, LinkTo(kind="duplicate-of", target=waiting), copy, "3h")
        story.does(KIM, Reply(body="Hello?"), copy, "4h")
        whose = [(row["ticket"], row["why"]) for row in self.inbox(ask, "ann")["waiting"]]
        assert sorted(why for _, why in whose) == ["duplicate", "held", "mentioned", "waiting"]
        story.apply(left)
        seen = self.inbox(ask, "ann")
        assert [(row["ticket"], row["why"]) for row in seen["waiting"]] == [(held, "mentioned")]
        team = self.inbox(ask, "sue")
        expected = [free.removeprefix("ticket/"), waiting, held]
        assert [row["ticket"] for row in team["unassigned"]] == expected

    def inbox(self, ask: Run, agent: str) -> dict[str, Any]:
        document: dict[str, Any] = ask("inbox", "show", agent, "--json").document
        return document

    def test_lists_show_it_as_nobodys_unless_they_are_asked_whose_it_was(
        self, story: Story, ask: Run
    ) -> None:
        mine, done = anns(story), anns(story)
        story.does(ANN, Solve(), f"ticket/{done}", "2h")
        story.apply(RETIRED)
        rows = ask("ticket", "list", "--json").document["tickets"]
        assert {row["ticket"]: row["assignee"] for row in rows} == {mine: None, done: "ann"}
        rows = ask("ticket", "list", "--assignee", "ann", "--json").document["tickets"]
        assert {row["assignee"] for row in rows} == {"ann"}
