"""Likely gaming: each pattern at its threshold, just beyond it, and what only looks like it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.clocks import calendar
from tests.domain.sla.desk import named, policy, target
from tests.domain.sla.desk import settings as desk_settings
from tests.domain.ticket.anything import STEPS
from tests.given import ANN, BOB, DAY, KIM, MINUTE, NOON, RULE, SECOND, SUE
from tests.projections.world import World
from ticketlog.domain.base import Actor, Command, Refused, iso
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.lifecycle import Hold, Reopen, SetStatus, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.projections.views.gaming.gaming import GamingCasesReport, GamingReport
from ticketlog.projections.views.gaming.patterns import PATTERNS

ASKS = CreateTicket(subject="Help", description="Now", requester="KIM")
ASKS_MORE = Reply(body="And now?")
PENDING = SetStatus(status="pending")
OPEN = SetStatus(status="open")
LOWER = Prioritise(priority="low", reason="can wait")
HOUR = 3600
WAIT = policy(
    target("requester_wait_time", HOUR, "critical", "high", "medium"),
    target("requester_wait_time", 4 * HOUR, "low"),
)
"""Due an hour after the creation, at NOON."""
DUE = NOON + HOUR * SECOND


class Ticket:
    """A ticket that KIM created at NOON; what comes next comes at the instants that are named."""

    def __init__(self, rules: Settings) -> None:
        self.world = World(settings=rules)
        self.at(NOON, ASKS, KIM)

    def at(self, instant: int, command: Command, by: Actor = ANN) -> Ticket:
        self.world.now = instant
        self.world.do("ticket/A", command, by)
        return self

    def found(self, **given_: Any) -> list[str]:
        return [case["pattern"] for case in self.world.ask(GamingCasesReport, **given_)]


@pytest.fixture
def ticket() -> Ticket:
    return Ticket(desk_settings(WAIT))


ASKED = NOON + 10 * MINUTE


@pytest.mark.parametrize(("after", "found"), [(300 * SECOND, True), (300 * SECOND + 1, False)])
def test_pending_right_after_a_reply(ticket: Ticket, after: int, found: bool) -> None:
    ticket.at(ASKED, ASKS_MORE, KIM).at(ASKED + after, PENDING)
    assert ticket.found() == ["pending_after_reply"] * found
    assert ticket.found(thresholds={"replied_seconds": 299}) == []


@pytest.mark.parametrize(("after", "found"), [(600 * SECOND, False), (600 * SECOND + 1, True)])
def test_an_answer_soon_after_it_makes_it_right(ticket: Ticket, after: int, found: bool) -> None:
    pending = ASKED + MINUTE
    ticket.at(ASKED, ASKS_MORE, KIM).at(pending, PENDING)
    ticket.at(pending + after, Reply(body="Is it on?"), BOB)
    assert ticket.found() == ["pending_after_reply"] * found


def test_pending_with_or_after_an_answer_is_none(ticket: Ticket) -> None:
    ticket.at(ASKED, ASKS_MORE, KIM)
    ticket.at(ASKED + MINUTE, Reply(body="Is it on?", status="pending"))
    ticket.at(ASKED + 2 * MINUTE, ASKS_MORE, KIM)
    ticket.at(ASKED + 3 * MINUTE, Reply(body="And the cable?"))
    ticket.at(ASKED + 4 * MINUTE, PENDING)
    assert ticket.found() == []


def test_pending_after_the_creation_or_by_a_rule_is_none(ticket: Ticket) -> None:
    ticket.at(NOON + MINUTE, PENDING)
    ticket.at(ASKED, ASKS_MORE, KIM).at(ASKED + MINUTE, PENDING, RULE)
    assert ticket.found() == []


def test_notes_and_machines_answer_nothing(ticket: Ticket) -> None:
    ticket.at(ASKED, ASKS_MORE, KIM)
    ticket.at(ASKED + MINUTE, Note(body="hm"))
    ticket.at(ASKED + MINUTE, Reply(body="We got it", automated=True))
    ticket.at(ASKED + 2 * MINUTE, PENDING)
    assert ticket.found() == ["pending_after_reply"]


SOLVED = DUE - 900 * SECOND


@pytest.mark.parametrize(
    ("solved", "reopened", "found"),
    [
        (SOLVED, DAY, True),
        (SOLVED - SECOND, DAY, False),
        (SOLVED, DAY + 1, False),
        (DUE, MINUTE, True),
        (DUE + 1, MINUTE, False),
    ],
)
@pytest.mark.parametrize("by", [ANN, KIM])
def test_solved_before_the_breach_and_reopened(
    ticket: Ticket, solved: int, reopened: int, found: bool, by: Actor
) -> None:
    ticket.at(NOON + MINUTE, Assign(assignee="ann"))
    ticket.at(solved, Solve()).at(solved + reopened, Reopen(), by)
    assert ticket.found() == ["solved_and_reopened"] * found


def test_solved_for_good_or_out_of_a_pause_is_none(ticket: Ticket) -> None:
    ticket.at(NOON + MINUTE, Assign(assignee="ann"))
    ticket.at(NOON + 2 * MINUTE, PENDING).at(SOLVED, Solve()).at(SOLVED + MINUTE, Reopen())
    ticket.at(SOLVED + 57 * MINUTE, Solve())
    assert ticket.found() == []


def test_what_is_left_is_told_in_the_target_s_own_time() -> None:
    """Due at 09:10 the next morning, ten minutes of open time after the desk closes."""
    promised = 4 * HOUR + 1800 + 600
    work = policy(target("requester_wait_time", promised, business=True), calendar="work")
    ticket = Ticket(desk_settings(work, named("work", calendar())))
    evening = NOON + 5 * HOUR * SECOND
    ticket.at(NOON + MINUTE, Assign(assignee="ann"))
    ticket.at(evening, Solve()).at(evening + MINUTE, Reopen())
    (case,) = ticket.world.ask(GamingCasesReport)
    assert (case["target_seconds"], case["business"], case["left_seconds"]) == (promised, True, 600)
    assert case["due"] == "2026-03-03T08:10:00.000000Z"


@pytest.mark.parametrize(("left", "found"), [(900, True), (901, False), (0, True), (-1, False)])
def test_priority_lowered_near_the_breach(ticket: Ticket, left: int, found: bool) -> None:
    ticket.at(DUE - left * SECOND, LOWER)
    assert ticket.found() == ["priority_lowered"] * found


@pytest.mark.parametrize(("left", "found"), [(1000, True), (1001, False)])
def test_a_long_target_is_near_its_breach_by_its_share(left: int, found: bool) -> None:
    long = policy(target("total_resolution_time", 10_000, "medium"))
    ticket = Ticket(desk_settings(long))
    ticket.at(NOON + (10_000 - left) * SECOND, LOWER)
    assert ticket.found() == ["priority_lowered"] * found
    assert ticket.found(thresholds={"share_percent": 91}) == []


def test_a_priority_raised_or_given_by_a_rule_is_none(ticket: Ticket) -> None:
    ticket.at(DUE - 2 * MINUTE, Prioritise(priority="critical", reason="it burns"))
    ticket.at(DUE - MINUTE, LOWER, RULE)
    assert ticket.found() == []


PAUSED = DUE - 900 * SECOND


@pytest.mark.parametrize("pause", [PENDING, Hold(reason="parts")])
@pytest.mark.parametrize(
    ("paused", "lifted", "found"),
    [
        (PAUSED, DUE, True),
        (PAUSED, DUE + 900 * SECOND, True),
        (PAUSED, DUE + 900 * SECOND + 1, False),
        (PAUSED, DUE - 1, False),
        (PAUSED - SECOND, DUE, False),
    ],
)
def test_paused_over_the_due_time(pause: Command, paused: int, lifted: int, found: bool) -> None:
    ticket = Ticket(desk_settings(policy(target("agent_work_time", HOUR))))
    ticket.at(paused, pause).at(lifted, OPEN)
    assert ticket.found() == ["paused_over_due"] * found


def test_a_pause_that_a_person_or_a_rule_ends_is_none(ticket: Ticket) -> None:
    ticket.at(PAUSED, PENDING).at(DUE, ASKS_MORE, KIM)
    assert ticket.found() == []
    ticket.at(DUE + MINUTE, Reply(body="Is it on?", status="pending"))
    ticket.at(DUE + 16 * MINUTE, OPEN, RULE)
    assert ticket.found() == []


def test_a_pause_that_was_solved_is_not_lifted(ticket: Ticket) -> None:
    ticket.at(NOON + MINUTE, Assign(assignee="ann"))
    ticket.at(PAUSED, PENDING).at(DUE - MINUTE, Solve()).at(DUE + MINUTE, Reopen())
    assert ticket.found() == []


def test_a_case_names_all_that_an_auditor_needs(ticket: Ticket) -> None:
    ticket.at(NOON + MINUTE, Assign(team="network", assignee="ann"))
    ticket.at(DUE - 5 * MINUTE, LOWER, SUE)
    (case,) = ticket.world.ask(GamingCasesReport)
    assert {name: value for name, value in case.items() if value is not None} == {
        "period": "2026-03",
        "at": iso(DUE - 5 * MINUTE),
        "ticket": "A",
        "pattern": "priority_lowered",
        "agent": "sue",
        "team": "network",
        "old": "medium",
        "new": "low",
        "metric": "requester_wait_time",
        "instance": 1,
        "policy": "standard",
        "policy_version": 1,
        "target_seconds": HOUR,
        "business": False,
        "left_seconds": 300,
        "due": iso(DUE),
        "new_target_seconds": 4 * HOUR,
        "new_left_seconds": 3 * HOUR + 300,
        "new_due": iso(DUE + 3 * HOUR * SECOND),
        "event": "c2.0",
    }


def test_cases_are_counted_beside_all_acts_of_their_kind(ticket: Ticket) -> None:
    ticket.at(NOON + MINUTE, Assign(team="network", assignee="ann"))
    ticket.at(NOON + 2 * MINUTE, PENDING).at(NOON + 3 * MINUTE, OPEN)
    ticket.at(ASKED, ASKS_MORE, KIM).at(ASKED + MINUTE, PENDING)
    ticket.at(ASKED + 2 * MINUTE, Hold(reason="parts"), BOB)
    ticket.at(ASKED + 3 * MINUTE, Solve(), SUE)
    counted = ticket.world.ask(GamingReport, by=("agent",), period="day")
    assert [tuple(row.values())[1:] for row in counted] == [
        ("ann", "paused_over_due", 0, 2, 0),
        ("ann", "pending_after_reply", 1, 2, 5000),
        ("bob", "paused_over_due", 0, 1, 0),
        ("sue", "solved_and_reopened", 0, 1, 0),
    ]
    assert ticket.world.ask(GamingReport, team="network", agent="sue") == [
        {
            "period": "2026-03",
            "pattern": "solved_and_reopened",
            "likely": 0,
            "of": 1,
            "share": 0,
        }
    ]
    assert ticket.world.ask(GamingReport, team="billing") == []
    assert ticket.world.ask(GamingReport, start=NOON - 40 * DAY, end=NOON - 39 * DAY) == []


def test_unknown_words_are_refused(ticket: Ticket) -> None:
    with pytest.raises(ValueError, match="threshold 'far'; choose from replied_seconds, answered"):
        ticket.world.ask(GamingReport, thresholds={"far": 1})
    with pytest.raises(ValueError, match="dimension 'priority'; choose from agent, team"):
        ticket.world.ask(GamingReport, by=("priority",))
    with pytest.raises(ValueError, match="cases stand by themselves"):
        ticket.world.ask(GamingCasesReport, by=("agent",))


@settings(max_examples=max(settings.default.max_examples // 4, 10))
@given(st.lists(st.tuples(STEPS, st.booleans()), min_size=5, max_size=30))
def test_what_was_followed_is_what_is_rebuilt(steps: list[Any]) -> None:
    targets = (target(m, HOUR) for m in ("requester_wait_time", "agent_work_time"))
    ticket = Ticket(desk_settings(policy(*targets, target("next_reply_time", 60))))
    for (command, actor, later), follow in steps:
        with suppress(Refused):
            ticket.at(ticket.world.now + later // 10, command, actor)
        if follow:
            ticket.world.runner.catch_up()
    assert [view.view for view in ticket.world.verified() if not view.same] == []
    found = ticket.world.ask(GamingCasesReport)
    counted = ticket.world.ask(GamingReport)
    for pattern in PATTERNS:
        likely = sum(row["likely"] for row in counted if row["pattern"] == pattern)
        assert likely == sum(case["pattern"] == pattern for case in found)
    assert all(row["likely"] <= row["of"] for row in counted)
