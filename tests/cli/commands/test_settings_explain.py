"""`ticketlog settings explain`: who could work on a ticket, who couldn't, where it goes up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import helpdesk
from tests.helpdesk import ANN, BOB, SUE
from tests.policies.acting import Story, at
from tests.said import Run
from ticketlog.domain.base import iso
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.ticket.assignment import Unassign

RULES = """
[sla_policies.everybody]
position = 10
targets = [{ metric = "first_reply_time", within = { medium = "2h" } }]
[routing.billing]
position = 10
team = "billing"
[assignment.network]
position = 10
when.all = [{ field = "team", is = "network" }]
balance = "round-robin"
[assignment.rest]
position = 20
balance = "least-loaded"
capacity = 1
[escalation.old]
position = 10
after = "1d"
tier = 1
[escalation.late]
position = 20
on = "breached"
tier = 2
[escalation.lawyer]
position = 30
words = ["lawyer"]
tier = 3
when.all = [{ field = "type", is = "incident" }]
"""


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", RULES, base=helpdesk.SETTINGS)
    for who in (ANN, BOB):
        made.does(SUE, SetAvailability(availability="online"), f"agent/{who.id}", "0s")
    yield made
    made.desk.close()


def test_who_could_who_was_chosen_and_where_it_goes_up(story: Story, ask: Run) -> None:
    first, second, third = (story.ticket(f"{n}s") for n in range(1, 4))
    story.until("1m")

    def told(ticket: str, *more: str) -> Any:
        asked = ("--desk", str(story.desk.folder), "settings", "explain", ticket)
        return ask(*asked, "--json", *more).document

    found = told(first)["assignment"]
    assert [(each["rule"], each["matches"]) for each in found["tried"]] == [
        ("network", False),
        ("rest", True),
    ]
    ((agent, why, result, candidates),) = [
        (c["agent"], c["why"], c["came_of_it"], c["candidates"]) for c in found["chosen"]
    ]
    assert (agent, why, result) == ("ann", "balance", "made")
    assert candidates == [{"agent": "ann", "load": 0}, {"agent": "bob", "load": 0}]
    assert (found["waits"], told(third)["assignment"]["waits"]) == (False, True)
    agents = {e["agent"]: (e["load"], e["why_not"]) for e in told(third)["assignment"]["agents"]}
    assert agents == {a: (1, ["no room: they have 1"]) for a in ("ann", "bob")}

    rules = {each["rule"]: each for each in told(first)["escalation"]["rules"]}
    assert rules["late"]["at"] == iso(at("2h") + 1_000_000)
    assert rules["old"]["at"] == iso(at("1d") + 1_000_000)
    assert (rules["lawyer"]["at"], rules["lawyer"]["matches"]) == (None, False)
    story.does(ANN, Unassign(), first, "3h")
    story.until("3h")
    then = told(first)
    assert [(e["new"], e["by"]) for e in then["escalation"]["done"]] == [(2, "late@1")]
    whys = {each["rule"]: each["why_not"] for each in then["escalation"]["rules"]}
    assert whys == {"old": "it is at tier 2", "late": "it is at tier 2", "lawyer": None}
    before = told(first, "--occurred-as-of", iso(at("30m")))
    assert before["escalation"]["done"] == []
    assert told(second)["assignment"]["chosen"][0]["agent"] == "bob"

    out = ask("--desk", str(story.desk.folder), "settings", "explain", first).out
    for words in ("bob", "no room", "it is at tier 2", "when one says lawyer", "first_reply_time"):
        assert words in out
