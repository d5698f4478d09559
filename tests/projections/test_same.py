"""Whatever happens, and however it is followed: the views are what the log says."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from operator import attrgetter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.sla import desk
from tests.domain.ticket.anything import STEPS
from tests.given import DAY, KIM, MINUTE
from tests.projections.world import METRICS, World, asked_of, counting
from ticketlog.domain.base import Refused
from ticketlog.domain.parties.agent import SetAvailability
from ticketlog.domain.sla.clock import next_due
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.projections import PROJECTIONS
from ticketlog.projections.engine import build_store, storage
from ticketlog.projections.engine.as_of import past
from ticketlog.projections.engine.comparison import Side, compare
from ticketlog.projections.engine.moment import Cut, Occurred
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.engine.rebuild import rebuild
from ticketlog.projections.views import agents, queue, tickets
from ticketlog.projections.views.reports import reports
from ticketlog.projections.views.reports.facts import DIMENSIONS
from ticketlog.projections.views.reports.firings import RulesReport
from ticketlog.projections.views.reports.surveys import SatisfactionReport
from ticketlog.projections.views.sla import sla
from ticketlog.projections.views.sla.attainment import AttainmentReport
from ticketlog.projections.views.sla.breaches import BreachesReport, TicketBreaches
from ticketlog.projections.views.tickets import COUNTED, TicketCounts

RULES = desk.settings(
    desk.policy(
        desk.target("first_reply_time", 120),
        desk.target("next_reply_time", 60, "medium", "low"),
        desk.target("requester_wait_time", 600, "critical", "medium", business=True),
        desk.target("group_ownership_time", 3_600),
        calendar="office",
    ),
    desk.named("office"),
)
"""Promises so short that some are broken."""
TICKETS = ("ticket/A", "ticket/B", "ticket/C")
STEP = st.tuples(
    st.sampled_from(TICKETS),
    STEPS,
    st.sampled_from([0, 0, 0, -3 * MINUTE, -2 * DAY]),
    st.integers(0, 9).map(lambda n: n == 0),
)
"""On which ticket, what by whom, how much earlier it occurred, whether the views follow then."""
HISTORY = st.lists(STEP, min_size=5, max_size=40)
FEW = settings(max_examples=max(settings.default.max_examples // 4, 10))
"""Each of these histories makes a database or several."""


def lived(history: list[Any]) -> World:
    """Every ticket is created first; the views follow now and then."""
    world = World(settings=RULES)
    for stream in TICKETS:
        world.do(stream, CreateTicket(subject="Help", description="Now", requester="KIM"), KIM)
    world.do("agent/ann", SetAvailability(availability="online"))
    for stream, (command, actor, later), earlier, follow in history:
        world.now += later
        with suppress(Refused):
            world.do(stream, command, actor, occurred_at=world.now + earlier)
        if follow:
            world.runner.catch_up()
    return world


@FEW
@given(HISTORY)
def test_what_was_followed_is_what_is_rebuilt(history: list[Any]) -> None:
    world = lived(history)
    assert [view.view for view in world.verified() if not view.same] == []
    followed = world.digests()

    rebuild(world.log, world.engine)

    assert world.digests() == followed


@FEW
@given(HISTORY)
def test_the_views_agree_with_the_tickets_and_each_other(history: list[Any]) -> None:
    world = lived(history)
    states = [world.state(stream) for stream in TICKETS]
    live = [ticket for ticket in states if ticket.status and not ticket.withdrawn]
    counted = {tuple(getattr(ticket, name) for name in COUNTED): 0 for ticket in live}
    for ticket in live:
        counted[tuple(getattr(ticket, name) for name in COUNTED)] += 1
    rows = world.ask(TicketCounts, by=COUNTED)
    assert {tuple(row[name] for name in COUNTED): row["tickets"] for row in rows} == counted

    load = {row["agent"]: row["active"] for row in world.ask(agents.AgentLoad) if row["active"]}
    assert load == Counter(each.assignee for each in live if each.assignee and each.active)
    active = [ticket for ticket in live if ticket.active and not ticket.is_duplicate]
    assert {row["ticket"] for row in world.ask(queue.Queue).rows} == {each.id for each in active}
    assert sum(row["tickets"] for row in world.ask(queue.QueueCounts)) == len(active)
    last = world.ask(counting("backlog"), period="day")[-1]
    assert last["backlog"] == len(active)
    per_group = world.ask(counting("backlog"), period="day", by=DIMENSIONS)
    final = {
        tuple(row[name] for name in DIMENSIONS): row["backlog"]
        for row in per_group
        if row["period"] == last["period"]
    }
    due = [(each.id, at) for each in live if (at := next_due(each.clocks)) is not None]
    soonest = {row["ticket"]: row["due"] for row in reversed(world.ask(sla.ClocksAtRisk).rows)}
    assert soonest == dict(due)
    dimensions = attrgetter("team", "assignee", *DIMENSIONS[2:])
    assert final == Counter(map(dimensions, active))


@FEW
@given(HISTORY, st.data())
def test_the_past_is_the_fold_of_what_there_was(history: list[Any], data: Any) -> None:
    world = lived(history)
    cut = Cut(tuple(data.draw(st.integers(1, end)) for end in world.log.ends()))
    then = World()
    then.log = world.log.prefix(cut.ends)
    then = _over(then)
    for view in PROJECTIONS:
        if view.name == "search":
            continue
        with (
            past(world.log, view, cut) as (connection, tables),
            storage.reading(then.engine) as other,
        ):
            build = build_store.live(other, view)
            assert build is not None
            compared = compare(view, Side(other, build.tables), Side(connection, tables))
        assert [table for table in compared if not table.same] == []


def _over(world: World) -> World:
    fresh = World()
    fresh.log = world.log
    fresh.runner = type(fresh.runner)(world.log, fresh.engine)
    fresh.runner.catch_up()
    return fresh


@FEW
@given(HISTORY, st.data())
def test_live_rows_tell_of_the_past_what_a_fold_tells(history: list[Any], data: Any) -> None:
    world = lived(history)
    world.runner.catch_up()
    cut = Cut(tuple(data.draw(st.integers(1, end)) for end in world.log.ends()))
    business = Occurred(world.now - data.draw(st.integers(0, 60)) * MINUTE)
    for moment in (cut, business):
        with past(world.log, tickets.VIEW, moment) as then:
            for by in COUNTED:
                live = world.ask(TicketCounts, by=(by,), moment=moment)
                assert live == TicketCounts(by=(by,)).ask(Reading(*then))
        with past(world.log, reports.VIEW, moment) as then:
            for by in ((), ("team", "agent"), ("priority",)):
                asked: dict[str, Any] = {"period": "day", "by": by}
                for query in (counting(*METRICS), SatisfactionReport, RulesReport):
                    live = world.ask(query, moment=moment, **asked)
                    assert live == asked_of(query, **asked).ask(Reading(*then))
        with past(world.log, sla.VIEW, moment) as then:
            then_broken = TicketBreaches().ask(Reading(*then))
            assert world.ask(TicketBreaches, moment=moment) == then_broken
            for by in ((), ("metric", "policy_version"), ("team", "agent")):
                for query in (AttainmentReport, BreachesReport):
                    asked = {"period": "day", "by": by}
                    live = world.ask(query, moment=moment, **asked)
                    assert live == asked_of(query, **asked).ask(Reading(*then))
