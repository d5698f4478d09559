"""Up to a tier because a promise is broken or about to be: once for each, whoever records it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.given import NOON
from tests.helpdesk import ANN, SUE
from tests.policies.acting import KIM, Story, at
from ticketlog.domain.base import Actor, Meta, Recorded, Refused
from ticketlog.domain.settings.automation_rules import EscalationOccasion, EscalationRule
from ticketlog.domain.settings.conditions import Conditions
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.sla_policy import Metric
from ticketlog.domain.ticket.assignment import Assign, Escalate, Escalated
from ticketlog.domain.ticket.automation import NotificationDecided
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.lifecycle import Solve
from ticketlog.domain.ticket.sla_events import DueEvent, SlaBreached, SlaWarned
from ticketlog.domain.ticket.state import Ticket
from ticketlog.errors import Usage
from ticketlog.policies import escalation
from ticketlog.policies.protocol import Situation

RULES = """
[sla_policies.everybody]
position = 10
targets = [
    { metric = "first_reply_time", within = { low = "1h", medium = "1h" }, warnings = ["75%"] },
    { metric = "total_resolution_time", within = { low = "1d", medium = "1d" } },
]
[escalation.late]
title = "Late"
position = 10
on = "breached"
tier = 2
team = "network"
metrics = ["first_reply_time", "next_reply_time"]
[escalation.near]
position = 20
on = ["warned", "breached"]
tier = 1
[escalation.lawyer]
position = 30
words = ["lawyer"]
tier = 3
[escalation.ours]
position = 40
on = "breached"
tier = 5
when.all = [{ field = "tags", contains = "ours" }]
[notifications.told]
position = 10
on = ["warned", "breached"]
to = ["assignee"]
outbox = "mail"
"""
BREACHED = "Late: first_reply_time of everybody@1 breached: 3600 seconds of calendar time"
WARNED = "near: first_reply_time of everybody@1 warned: 2700 of 3600 seconds of calendar time"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path / "desk", RULES)
    yield made
    made.desk.close()


def assigned(story: Story) -> str:
    ticket = story.ticket()
    story.does(SUE, Assign(team="billing", assignee="ann"), ticket, "1s")
    return ticket


def escalated(story: Story, ticket: str) -> list[tuple[int, str, str]]:
    """Tier, reason and rule of each."""
    return [
        (each.event.new, each.event.reason, each.event.rule or "")
        for each in story.by_rules(ticket)
        if isinstance(each.event, Escalated)
    ]


def test_a_warning_and_a_breach_that_time_brings(story: Story) -> None:
    ticket = story.ticket()
    story.does(SUE, Assign(team="billing"), ticket, "1m")
    story.until("45m")
    assert escalated(story, ticket) == []
    story.until("2h")
    assert escalated(story, ticket) == [(1, WARNED, "near@1"), (2, BREACHED, "late@1")]
    assert story.state(ticket).team == "network"
    causes = {each.id: each.event for each in story.desk.history(ticket)}
    for each in story.by_rules(ticket):
        if isinstance(each.event, Escalated):
            cause = causes[each.meta.cause or ""]
            assert isinstance(cause, DueEvent)
            assert each.meta.occurred_at == cause.at + 1


def test_a_breach_in_the_commit_of_a_late_answer(story: Story) -> None:
    """The policies weren't there; the answer's own commit says what was due before it. Of what it
    calls for, the highest is done."""
    ticket = assigned(story)
    story.does(ANN, Reply(body="Sorry, late"), ticket, "3h")
    kinds = [type(each.event) for each in story.desk.history(ticket)[-6:]]
    assert {SlaBreached, SlaWarned} <= set(kinds)
    story.until("3h")
    assert escalated(story, ticket) == [(2, BREACHED, "late@1")]
    story.until("4h")
    assert len(escalated(story, ticket)) == 1
    told = [e.event for e in story.by_rules(ticket) if isinstance(e.event, NotificationDecided)]
    assert [(each.occasions, each.to) for each in told] == [
        (("warned", "breached"), ("agent/ann",)),
    ], "a breach is nobody's doing: she is told, though her answer has recorded it"


def test_a_word_and_a_breach_at_once(story: Story) -> None:
    ticket = story.ticket()
    story.does(KIM, Reply(body="I have a lawyer"), ticket, "3h")
    story.until("3h")
    assert [tier for tier, _, _ in escalated(story, ticket)] == [3]


def test_conditions_are_asked_of_the_ticket_as_the_breach_leaves_it(story: Story) -> None:
    ticket = story.ticket()
    story.does(SUE, Tag(add=("ours",)), ticket, "50m")
    story.until("2h")
    assert [tier for tier, _, _ in escalated(story, ticket)] == [1, 5]


def test_once_for_each_breach(story: Story) -> None:
    """Who brings it down isn't overruled by a breach that has been answered; by a new one, yes."""
    ticket = story.ticket()
    story.until("2h")
    story.does(SUE, Escalate(tier=0, reason="we know them"), ticket, "3h")
    story.until("20h")
    assert story.state(ticket).tier_level == 0
    story.until("2d")
    assert [tier for tier, _, _ in escalated(story, ticket)] == [1, 2, 1]


def test_what_is_done_by_then_goes_nowhere(story: Story) -> None:
    ticket = assigned(story)
    story.does(ANN, Solve(), ticket, "3h")
    assert any(isinstance(each.event, SlaBreached) for each in story.desk.history(ticket))
    story.until("4h")
    assert escalated(story, ticket) == []


def test_a_rule_leads_neither_down_nor_on_what_is_done(story: Story) -> None:
    """Two runners may send late what another has overtaken."""
    rule = Actor("late@1", "rule", "rule")
    ticket = assigned(story)
    story.does(rule, Escalate(tier=2, reason="r", rule="late@1"), ticket, "1m")
    for tier in (1, 2):
        late = Escalate(tier=tier, reason="r", rule="late@1", team="billing")
        assert story.does(rule, late, ticket, "2m").events == ()
    story.does(ANN, Solve(), ticket, "3m")
    higher = Escalate(tier=5, reason="r", rule="late@1")
    assert story.does(rule, higher, ticket, "4m").events == ()


def test_an_import_that_records_a_breach_is_answered_by_nobody(story: Story) -> None:
    ticket = story.ticket()
    importer = Actor("legacy", "import", "import")
    story.does(importer, Tag(add=("seen",)), ticket, "3h")
    assert any(isinstance(each.event, SlaBreached) for each in story.desk.history(ticket))
    story.until("4h")
    assert escalated(story, ticket) == []


def test_seen_by_two_runners_it_is_done_once(story: Story) -> None:
    ticket = story.ticket()
    first, second = story.desk.policies(), story.desk.policies()
    for runner in (first, second):
        runner.run_until(NOON)
    first.run_until(at("2h"))
    second.run_until(at("2h"))
    assert [tier for tier, _, _ in escalated(story, ticket)] == [1, 2]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('on = "breached"\nafter = "1d"', "leave `after` out"),
        ('on = "breached"\nwords = ["x"]', "leave `words` out"),
        ('metrics = ["first_reply_time"]\nafter = "1d"', "`metrics` are those of `on`"),
        ('on = "broken"', "of on: should be 'warned' or 'breached', not 'broken'"),
        ('on = "breached"\nmetrics = ["first_replie_time"]', "metrics"),
        ("", "give it `when`, `after`, `words` or `on`"),
    ],
)
def test_what_makes_no_sense_is_refused(story: Story, rule: str, says: str) -> None:
    with pytest.raises((Refused, Usage), match=r"escalation\.bad") as refused:
        story.apply(f"{RULES}\n[escalation.bad]\nposition = 9\ntier = 1\n{rule}")
    assert says in str(refused.value)


_metrics = st.sampled_from(get_args(Metric))
_occasions = st.sampled_from(get_args(EscalationOccasion))


def _recorded(index: int, metric: Any, occasion: str) -> Recorded:
    given: dict[str, Any] = {"metric": metric, "instance": 1, "at": NOON, "used": 1, "target": 1}
    event = SlaWarned(**given) if occasion == "warned" else SlaBreached(**given, because="time")
    return Recorded("ticket/T", 5 + index, event, Meta("c", NOON, NOON, KIM, "web"), index)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4),
            st.lists(_occasions, min_size=1, max_size=2, unique=True),
            st.lists(_metrics, max_size=2, unique=True),
        ),
        max_size=4,
    ),
    st.lists(st.tuples(_metrics, _occasions), min_size=1, max_size=4),
    st.integers(0, 4),
)
def test_of_all_that_a_commit_calls_for_the_highest_is_asked_for_once(
    drawn: list[tuple[int, list[Any], list[Any]]], events: list[tuple[Any, str]], tier: int
) -> None:
    rules = {
        f"r{n}": EscalationRule(
            id=f"r{n}", position=n, when=Conditions(), tier=to, on=tuple(on), metrics=tuple(of)
        )
        for n, (to, on, of) in enumerate(drawn)
    }
    commit = [_recorded(n, *each) for n, each in enumerate(events)]
    ticket = Ticket(id="T", version=9, status="open", status_category="open", tier_level=tier)
    situation = Situation(
        Settings(rules={EscalationRule: rules}),
        NOON,
        before=lambda: ticket,
        after=lambda: ticket,
        load=lambda stream: ticket,
        workload=None,  # type: ignore[arg-type]
        commit=commit,
    )
    asked = [each for one in commit for each in escalation.react(one, situation)]
    wanted = [
        to
        for to, on, of in drawn
        if any(how in on and (not of or metric in of) for metric, how in events) and to > tier
    ]
    assert [each.command.tier for each in asked] == ([max(wanted)] if wanted else [])  # type: ignore[attr-defined]
