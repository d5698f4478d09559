"""What comes into the backlog, what goes out of it and what is left add up, whatever happens."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.ticket.anything import STEPS
from tests.given import ANN, BOB, DAY, IMPORT, KIM, MINUTE, NOON, SUE
from tests.projections.world import World, asked_of, counting
from tests.said import Run
from ticketlog import config
from ticketlog.domain import ticket
from ticketlog.domain.base import Actor, Command, Recorded, Refused
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import (
    Cancel,
    Close,
    MarkSpam,
    Reopen,
    Restore,
    SetStatus,
    Solve,
)
from ticketlog.domain.ticket.relations import LinkTo, Unlink
from ticketlog.domain.ticket.state import Ticket
from ticketlog.log.codec import RecordCodec
from ticketlog.projections.engine.as_of import past
from ticketlog.projections.engine.moment import Cut, Moment, Occurred
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.engine.stream_fold import typed
from ticketlog.projections.views import tickets
from ticketlog.projections.views.reports import reports
from ticketlog.projections.views.reports.facts import DIMENSIONS
from ticketlog.projections.views.reports.flow import OUTCOMES
from ticketlog.projections.views.reports.reports import FLOW

INTO = ("created", "reopened", "restored", "moved_in")
OUT_OF = ("solved", "cancelled", "spam", "duplicates", "moved_out")
TICKETS = ("ticket/A", "ticket/B", "ticket/C")
FEW = settings(max_examples=max(settings.default.max_examples // 2, 20))


def row(**said: Any) -> RecordActivity:
    return RecordActivity(source="old", case="1", row=1, subject="Old", **said)


MOVES: tuple[tuple[Command, Actor], ...] = (
    *((Assign(team=team), ANN) for team in ("network", "billing")),
    *((Assign(team="billing", assignee=agent), ANN) for agent in ("ann", "bob")),
    (SetStatus(status="pending"), ANN),
    (Solve(), ANN),
    (Solve(), BOB),
    (Reopen(), KIM),
    (Close(), SUE),
    (Cancel(reason="not needed"), ANN),
    (MarkSpam(), ANN),
    (Restore(), ANN),
    (LinkTo(kind="duplicate-of", target="OTHER"), ANN),
    (Unlink(kind="duplicate-of", target="OTHER"), ANN),
    (CreateTicket(subject="Again", follow_up_of="DONE"), KIM),
    *((row(status=status), IMPORT) for status in ("open", "solved", "closed", "cancelled")),
    (row(status="closed", cancelled=True, team="network"), IMPORT),
    (row(status="open", team="billing", assignee="bob", priority="low"), IMPORT),
)
"""What moves a ticket into the backlog, out of it, or within."""
STEP = st.tuples(
    st.sampled_from(TICKETS),
    st.tuples(st.sampled_from(MOVES), st.integers(0, 3 * DAY)).map(lambda m: (*m[0], m[1])) | STEPS,
    st.sampled_from([0, 0, 0, -3 * MINUTE, -2 * DAY]),
)
HISTORY = st.lists(STEP, min_size=3, max_size=40)


def lived(history: list[Any]) -> World:
    world = World()
    for stream, (command, actor, later), earlier in history:
        world.now += later
        with suppress(Refused):
            world.do(stream, command, actor, occurred_at=world.now + earlier)
    return world


def events(world: World, stream: str, moment: Moment | None = None) -> list[Recorded]:
    ends = moment.ends if isinstance(moment, Cut) else world.log.ends()
    records = [each for each in world.log.stream(stream) if each.offset < ends[each.partition]]
    return [event for record in records for event in typed(record, RecordCodec())]


def backlog(world: World, at: int, moment: Moment | None) -> list[Ticket]:
    """The tickets that somebody should still work on before an instant, as their histories say."""
    found = []
    for stream in TICKETS:
        state, before = ticket.initial(stream.removeprefix("ticket/")), None
        for event in events(world, stream, moment):
            state = ticket.evolve(state, event)
            known = not isinstance(moment, Occurred) or state.clock <= moment.at
            if state.clock < at and known:
                before = state
        ended = before is None or before.status_category in ("solved", "closed")
        if before is not None and not (ended or before.spam or before.is_duplicate):
            found.append(before)
    return found


def ends_of(label: str) -> int:
    """The first instant behind a day in UTC."""
    return int(datetime.fromisoformat(label).replace(tzinfo=UTC).timestamp()) * 1_000_000 + DAY


@FEW
@given(HISTORY, st.data())
def test_every_row_of_the_flow_balances(history: list[Any], data: Any) -> None:
    world = lived(history)
    moment = data.draw(st.sampled_from([None, "cut", "occurred"]))
    if moment == "cut":
        moment = Cut(tuple(data.draw(st.integers(1, end)) for end in world.log.ends()))
    elif moment == "occurred":
        moment = Occurred(world.now - data.draw(st.integers(0, 20)) * DAY // 2)
    by = data.draw(st.sampled_from([(), ("team",), ("agent",), ("team", "priority"), DIMENSIONS]))
    where = data.draw(st.sampled_from([{}, {"team": "network"}, {"agent": "bob"}]))
    zone = data.draw(st.sampled_from(["UTC", "Asia/Kolkata"]))
    for period in ("day", "week", "month"):
        left: Counter[Any] = Counter()
        rows = world.ask(counting(*FLOW), period=period, zone=zone, by=by, moment=moment, **where)
        for each in rows:
            group = tuple(each[name] for name in by)
            came, went = ([each[name] for name in names] for names in (INTO, OUT_OF))
            assert sum(came) == sum(went) + each["change"], each
            assert each["backlog"] == left[group] + each["change"], each
            assert min(*came, *went, each["backlog"]) >= 0
            left[group] = each["backlog"]


@FEW
@given(HISTORY, st.data())
def test_the_backlog_is_what_the_histories_say(history: list[Any], data: Any) -> None:
    world = lived(history)
    moment = data.draw(st.sampled_from([None, Cut(world.log.ends()), Occurred(NOON + 2 * DAY)]))
    rows = world.ask(counting(*FLOW), period="day", moment=moment)
    for each in rows:
        then = backlog(world, ends_of(each["period"]), moment)
        assert each["backlog"] == len(then)
        grouped = world.ask(
            counting(*FLOW),
            period="day",
            by=("team", "agent", "priority"),
            start=ends_of(each["period"]) - DAY,
            end=ends_of(each["period"]),
            moment=moment,
        )
        held = {(r["team"], r["agent"], r["priority"]): r["backlog"] for r in grouped}
        of = attrgetter("team", "assignee", "priority")
        assert {group: n for group, n in held.items() if n} == Counter(map(of, then))


@FEW
@given(HISTORY)
def test_groups_add_up_to_all(history: list[Any]) -> None:
    """What a group hands on another one takes over."""
    world = lived(history)
    names = [name for name in FLOW if not name.startswith("moved")]
    whole = {each["period"]: each for each in world.ask(counting(*FLOW), period="day")}
    for by in (("team",), DIMENSIONS):
        parts: dict[str, Counter[str]] = {period: Counter() for period in whole}
        for each in world.ask(counting(*FLOW), period="day", by=by):
            parts[each["period"]].update({name: each[name] for name in FLOW})
        for period, sums in parts.items():
            assert {name: sums[name] for name in names} == {
                name: whole[period][name] for name in names
            }
            assert sums["moved_in"] == sums["moved_out"]


@FEW
@given(HISTORY)
def test_the_flow_is_the_same_from_live_rows_and_from_a_replay(history: list[Any]) -> None:
    world = lived(history)
    world.runner.catch_up()
    cut = Cut(world.log.ends())
    assert [view.view for view in world.verified() if not view.same] == []
    with past(world.log, reports.VIEW, cut) as (connection, tables):
        asked: dict[str, Any] = {"period": "day", "by": ("team",)}
        replayed = asked_of(counting(*FLOW), **asked).ask(Reading(connection, tables))
        assert replayed == world.ask(counting(*FLOW), **asked)


@FEW
@given(HISTORY)
def test_exports_count_alike(history: list[Any]) -> None:
    world = lived(history)
    exported = world.ask(tickets.Tickets).rows
    rows = world.ask(counting(*FLOW), period="day")
    sums = Counter({name: sum(each[name] for each in rows) for name in FLOW})
    ended = Counter(each["outcome"] for each in exported)
    assert len(exported) == sums["created"]
    assert ended.pop(None, 0) == sums["change"]
    came_back = sums["reopened"] + sums["restored"]
    assert sum(ended.values()) == sum(sums[name] for name in OUTCOMES) - came_back
    assert all(ended[OUTCOMES[name]] <= sums[name] for name in OUTCOMES)
    days = {each["period"]: each for each in rows}
    for each in exported:
        assert (each["outcome"] is None) == (each["ended_at"] is None)
        if each["outcome"]:
            day = datetime.fromtimestamp(each["ended_at"] // 1_000_000, UTC).date().isoformat()
            column = next(name for name in OUTCOMES if OUTCOMES[name] == each["outcome"])
            assert days[day][column] >= 1


def asked_for(world: World, *names: str) -> None:
    for name in names:
        world.do(f"ticket/{name}", CreateTicket(subject="Help", requester="KIM"), KIM)
        world.do(f"ticket/{name}", Assign(team="network", assignee="ann"))


def flow(world: World, **given: Any) -> list[dict[str, Any]]:
    """Of each row what isn't nothing."""
    rows = world.ask(counting(*FLOW), **given)
    return [{k: v for k, v in each.items() if v and k != "period"} for each in rows]


def test_a_duplicate_leaves_when_it_is_linked_and_comes_back_when_it_isnt_one() -> None:
    world = World()
    asked_for(world, "A")
    world.do("ticket/A", LinkTo(kind="duplicate-of", target="OTHER"))
    assert flow(world) == [{"created": 1, "duplicates": 1}]
    world.do("ticket/A", Unlink(kind="duplicate-of", target="OTHER"))
    back = {"created": 1, "duplicates": 1, "restored": 1, "change": 1, "backlog": 1}
    assert flow(world) == [back]


def test_what_is_out_goes_out_once() -> None:
    world = World()
    asked_for(world, "A", "B")
    for command in (LinkTo(kind="duplicate-of", target="OTHER"), Solve()):
        world.do("ticket/A", command)
    world.do("ticket/A", Unlink(kind="duplicate-of", target="OTHER"))
    world.do("ticket/B", Solve())
    for command in (MarkSpam(), Restore()):
        world.do("ticket/B", command)
    world.do("ticket/B", Close(), SUE)
    assert flow(world) == [{"created": 2, "solved": 1, "duplicates": 1}]


def test_closed_without_a_solve_is_solved_and_cancelled_is_not() -> None:
    world = World()
    world.do("ticket/A", row(status="closed"), IMPORT)
    world.do("ticket/B", row(status="closed", cancelled=True), IMPORT)
    assert flow(world) == [{"created": 2, "solved": 1, "cancelled": 1}]


def test_who_is_handed_a_ticket_has_it_and_who_hands_it_on_has_not() -> None:
    world = World()
    asked_for(world, "A", "B")
    world.now += DAY
    world.do("ticket/A", Assign(team="billing", assignee="bob"))
    world.do("ticket/A", Solve(), BOB)
    network = {"team": "network", "moved_out": 1, "change": -1, "backlog": 1}
    billing = {"team": "billing", "moved_in": 1, "solved": 1}
    assert flow(world, period="day", by=("team",))[-2:] == [billing, network]
    (only,) = flow(world, period="day", start=NOON + DAY, team="network")
    assert only == {"moved_out": 1, "change": -1, "backlog": 1}
    assert flow(world, period="day")[-1] == {"solved": 1, "change": -1, "backlog": 1}


def test_there_and_back_in_one_commit_is_no_move() -> None:
    world = World()
    asked_for(world, "A")
    there, back = (
        ticket.assignment.TeamChanged(old=old, new=new, method="manual")
        for old, new in (("network", "billing"), ("billing", "network"))
    )
    world.record("ticket/A", there, back)
    assert [r["moved_in"] for r in world.ask(counting(*FLOW), by=("team",))] == [0, 1]


def test_the_flow_of_a_desk_adds_up(
    folder: Path, ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """faults.sh 7: a duplicate that is solved isn't lost, neither to people nor to programs."""
    monkeypatch.setenv(config.VARIABLE, str(folder))

    def new(subject: str) -> str:
        made = ask("ticket", "create", subject, "--as", "agent:ann", "--json").document
        return str(made["stream"].removeprefix("ticket/"))

    a, b, c = new("a"), new("b"), new("c")
    assert ask("ticket", "link", a, "duplicate-of", b, "--as", "agent:ann").code == 0
    assert ask("ticket", "solve", b, "--as", "agent:ann").code == 0
    assert ask("ticket", "mark-spam", c, "--as", "agent:ann").code == 0
    (found,) = ask("report", "flow", "--json").document["rows"]
    assert {name: n for name, n in found.items() if n and name != "period"} == {
        "created": 3,
        "solved": 1,
        "spam": 1,
        "duplicates": 1,
    }
    shown = ask("report", "flow").out.splitlines()
    assert shown[0].split() == [
        *("period", "created", "reopened", "solved", "spam", "duplicates", "change", "backlog")
    ]
