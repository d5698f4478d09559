from __future__ import annotations

from typing import Any

import pytest

from tests.given import ANN, BOB, DAY, IMPORT, KIM, MINUTE, NOON, SUE
from tests.projections.world import METRICS, World, counting
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import Cancel, Close, MarkSpam, Reopen, Restore, Solve
from ticketlog.domain.ticket.relations import LinkTo
from ticketlog.projections.engine.moment import Occurred
from ticketlog.projections.views.reports.reports import FIRST_CONTACT, percentile


@pytest.fixture
def world() -> World:
    return World()


def asked(world: World, id: str) -> None:
    asks = CreateTicket(subject="Help", description="Now", requester="KIM")
    world.do(f"ticket/{id}", asks, KIM)
    world.do(f"ticket/{id}", Assign(team="network", assignee="ann"))


def told(world: World, *metrics: str, **given: Any) -> list[dict[str, Any]]:
    return world.ask(counting(*metrics), period="day", **given)


def test_each_thing_counts_on_its_day(world: World) -> None:
    asked(world, "A")
    asked(world, "B")
    world.now += DAY
    world.do("ticket/A", Solve())
    world.do("ticket/B", Solve())
    world.now += DAY
    world.do("ticket/A", Reopen(), KIM)
    world.do("ticket/B", Close(), SUE)

    assert told(world, "created", "solved", "reopened", "closed", "backlog") == [
        {"period": day, "created": c, "solved": s, "reopened": r, "closed": d, "backlog": left}
        for day, c, s, r, d, left in (
            ("2026-03-02", 2, 0, 0, 0, 2),
            ("2026-03-03", 0, 2, 0, 0, 0),
            ("2026-03-04", 0, 0, 1, 1, 1),
        )
    ]


def test_a_solve_counts_for_the_team_and_agent_of_that_instant(world: World) -> None:
    asked(world, "A")
    world.do("ticket/A", Solve())
    world.do("ticket/A", Reopen(), KIM)
    world.do("ticket/A", Assign(team="billing", assignee="bob"))
    world.do("ticket/A", Solve(), BOB)

    assert told(world, "solved", "reopened", by=("team", "agent")) == [
        {"period": "2026-03-02", "team": "billing", "agent": "bob", "solved": 1, "reopened": 0},
        {"period": "2026-03-02", "team": "network", "agent": "ann", "solved": 1, "reopened": 1},
    ]


def test_the_backlog_moves_with_a_hand_over(world: World) -> None:
    asked(world, "A")
    asked(world, "B")
    world.now += DAY
    world.do("ticket/A", Assign(team="billing"))
    assert told(world, "backlog", by=("team",)) == [
        {"period": "2026-03-02", "team": "network", "backlog": 2},
        {"period": "2026-03-03", "team": "billing", "backlog": 1},
        {"period": "2026-03-03", "team": "network", "backlog": 1},
    ]
    (row,) = told(world, "backlog", start=NOON + DAY, team="network")
    assert row == {"period": "2026-03-03", "backlog": 1}


def test_what_one_commit_does_is_one_move(world: World) -> None:
    asked(world, "A")
    world.do("ticket/A", Assign(team="billing", assignee="bob"))
    facts = next(t for view in world.verified() for t in view.tables if t.table == "facts")
    assert facts.rows == len(["created", "moved", "moved"])


def test_cancelled_duplicate_and_spam_are_no_resolutions(world: World) -> None:
    for id in "ABC":
        asked(world, id)
    world.do("ticket/A", Cancel(reason="not needed"))
    world.do("ticket/B", LinkTo(kind="duplicate-of", target="OTHER"))
    world.do("ticket/B", Solve())
    world.do("ticket/C", MarkSpam())
    (row,) = told(world, "created", "solved", "cancelled", "backlog", "resolution_time")
    assert (row["created"], row["solved"], row["cancelled"], row["backlog"]) == (3, 0, 1, 0)
    assert (row["resolution_time_n"], row["resolution_time_median_seconds"]) == (0, None)
    world.do("ticket/C", Restore())
    assert told(world, "backlog")[0]["backlog"] == 1


def test_times_are_seconds_from_the_creation(world: World) -> None:
    asked(world, "A")
    world.do("ticket/A", Reply(body="Off and on?", automated=True))
    world.now += 10 * MINUTE
    world.do("ticket/A", Reply(body="Better?"))
    world.do("ticket/A", Reply(body="Still?"))
    world.do("ticket/A", Solve())
    (row,) = told(world, "first_reply_time", "resolution_time", "hops", "touches", "first_contact")
    assert (row["first_reply_time_n"], row["first_reply_time_median_seconds"]) == (1, 13 * 60)
    assert row["resolution_time_median_seconds"] == 15 * 60
    assert (row["hops_median"], row["touches_median"]) == (0, 5)
    assert row["first_contact"] == 0


def contacts(world: World, **given: Any) -> list[tuple[Any, ...]]:
    """Of each day: solved, at first contact, undecided, decided, the rate."""
    return [
        tuple(row[name] for name in ("solved", *FIRST_CONTACT))
        for row in told(world, "solved", "first_contact", **given)
    ]


def test_one_reply_is_first_contact_once_the_window_is_over(world: World) -> None:
    asked(world, "A")
    world.do("ticket/A", Reply(body="Off and on", status="solved"))
    assert contacts(world) == [(1, 0, 1, 0, None)]
    world.now += 7 * DAY
    asked(world, "B")
    assert contacts(world)[0] == (1, 1, 0, 1, 10_000)
    assert contacts(world, window=8 * 86_400)[0] == (1, 0, 1, 0, None)


@pytest.mark.parametrize(("days", "first"), [(2, 0), (8, 1)])
def test_what_is_reopened_within_the_window_was_no_first_contact(
    world: World, days: int, first: int
) -> None:
    asked(world, "A")
    world.do("ticket/A", Reply(body="Off and on", status="solved"))
    solved = world.now
    world.now += days * DAY
    world.do("ticket/A", Reopen(), KIM)
    world.do("ticket/A", Solve())
    world.now += 9 * DAY
    asked(world, "B")
    assert contacts(world)[0] == (1, first, 0, 1, 10_000 * first)
    assert contacts(world)[days] == (1, 0, 0, 1, 0)
    assert contacts(world, moment=Occurred(solved))[0] == (1, 0, 1, 0, None)


@pytest.mark.parametrize("replies", [0, 2])
def test_another_number_of_replies_is_no_first_contact(world: World, replies: int) -> None:
    asked(world, "A")
    for _ in range(replies):
        world.do("ticket/A", Reply(body="Off and on"))
    world.do("ticket/A", Solve())
    world.now += 7 * DAY
    asked(world, "B")
    assert contacts(world)[0] == (1, 0, 0, 1, 0)


def test_the_first_reply_counts_for_who_gave_it(world: World) -> None:
    asked(world, "A")
    world.do("ticket/A", Reply(body="I know that one"), BOB)
    (row,) = told(world, "first_reply_time", by=("agent",))
    assert (row["agent"], row["first_reply_time_n"]) == ("bob", 1)


def test_hand_overs_are_counted_at_the_solve(world: World) -> None:
    asked(world, "A")
    world.do("ticket/A", Assign(team="billing", assignee="bob"))
    world.do("ticket/A", Solve(), BOB)
    assert told(world, "hops")[0]["hops_median"] == 2


def test_what_was_closed_without_a_solve_was_solved_then(world: World) -> None:
    row = {"source": "old", "case": "1", "subject": "Old"}
    for n, status in enumerate(("open", "closed", "open", "closed"), 1):
        world.do("ticket/A", RecordActivity(row=n, status=status, **row), IMPORT)
    assert told(world, "created", "solved", "closed", "reopened", "backlog") == [
        {
            "period": "2026-03-02",
            "created": 1,
            "solved": 2,
            "closed": 2,
            "reopened": 1,
            "backlog": 0,
        }
    ]


def test_business_time_counts_not_the_time_of_recording(world: World) -> None:
    row = RecordActivity(source="old", case="1", row=1, status="open", subject="Old")
    world.do("ticket/A", row, IMPORT, occurred_at=NOON - 40 * DAY)
    assert [each["period"] for each in told(world, "created")] == ["2026-01-21"]


def test_a_report_as_of_an_instant_holds_what_happened_at_it(world: World) -> None:
    asked(world, "A")
    solved = world.now
    world.do("ticket/A", Solve())
    assert told(world, "solved", "backlog", moment=Occurred(solved))[0]["solved"] == 1
    assert told(world, "solved", "backlog", moment=Occurred(solved - 1)) == [
        {"period": "2026-03-02", "solved": 0, "backlog": 1}
    ]


def test_days_are_those_of_the_zone(world: World) -> None:
    world.now = NOON + 11 * 60 * MINUTE
    asked(world, "A")
    assert told(world, "created")[0]["period"] == "2026-03-02"
    assert told(world, "created", zone="Europe/Berlin")[0]["period"] == "2026-03-03"


def test_periods_in_which_nothing_happened_have_a_row(world: World) -> None:
    asked(world, "A")
    world.now += 2 * DAY
    world.do("ticket/A", Solve())
    assert [(row["solved"], row["backlog"]) for row in told(world, "solved", "backlog")] == [
        (0, 1),
        (0, 1),
        (1, 0),
    ]
    assert told(World(), "created") == []


def test_unknown_words_are_named(world: World) -> None:
    with pytest.raises(ValueError, match="no dimension 'mood'"):
        told(world, "created", by=("mood",))
    with pytest.raises(ValueError, match="no dimension 'mood'"):
        told(world, "created", mood="good")


def test_every_metric_can_be_asked_at_once(world: World) -> None:
    asked(world, "A")
    world.do("ticket/A", Solve(), ANN)
    (row,) = told(world, *METRICS)
    assert not [name for name, value in row.items() if isinstance(value, float)]


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1), (50, 5), (51, 6), (90, 9), (99, 10), (100, 10)]
)
def test_percentiles_are_by_nearest_rank(percent: int, expected: int) -> None:
    assert percentile(range(1, 11), percent) == expected
