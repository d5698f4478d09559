"""Whatever happens to a ticket: its clocks are what its whole history says, and so are breaches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.domain.clocks import HOUR, MINUTE, calendar
from tests.domain.sla import desk, naive
from tests.domain.ticket.anything import ASKS, STEPS
from tests.domain.ticket.shop import a_ticket
from tests.given import ANN, KIM, RULE, SUE, Story
from ticketlog.domain import ticket
from ticketlog.domain.base import Actor, Command, Recorded
from ticketlog.domain.settings.sla_policy import SlaPolicy, SlaWarning
from ticketlog.domain.sla.clock import Clock, Edition
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.classification import SetOrganisation
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.lifecycle import MarkSpam, Restore, SetStatus, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import LinkTo, Unlink
from ticketlog.domain.ticket.sla.clock_changes import METRICS
from ticketlog.domain.ticket.sla_events import (
    ClocksChanged,
    ReapplySla,
    RecordDue,
    SlaApplied,
    SlaBreached,
    SlaWarned,
)
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.withdrawal import Withdraw
from ticketlog.domain.time.business_hours import SECOND

CALENDARS = (
    desk.named("office"),
    desk.named("new-york", calendar("America/New_York"), organisations=("GOLD",)),
    desk.named(
        "nights", calendar(week={"mon": ("00:00-06:00", "22:00-24:00")}), teams=("billing",)
    ),
)
NEWER = (
    desk.named("office", calendar(week={"mon": ("08:00-20:00",), "tue": ("08:00-09:00",)})),
    *CALENDARS[1:],
)
TARGETS = st.builds(
    lambda metric, seconds, business, percent, priorities: desk.target(
        metric,
        seconds,
        *priorities,
        business=business,
        warnings=tuple(SlaWarning(percent=each) for each in percent),
    ),
    st.sampled_from(METRICS),
    st.sampled_from((15, 600, 3_600, 8 * 3_600, 86_400)),
    st.booleans(),
    st.sets(st.sampled_from((1, 50, 99)), max_size=2),
    st.sampled_from(((), ("medium", "low"), ("critical",))),
)
CONDITIONS = st.sampled_from(
    (desk.when(), desk.when(priority="critical"), desk.when(team="billing"), desk.when(tier="a"))
)
POLICIES = st.lists(
    st.builds(
        lambda targets, when, by: (targets, when, by),
        st.lists(TARGETS, min_size=1, max_size=5, unique_by=lambda some: some[0].metric),
        CONDITIONS,
        st.sampled_from(((), ("organisation",), ("team", "organisation"))),
    ),
    min_size=1,
    max_size=3,
).map(
    lambda some: tuple(
        desk.policy(*targets, id=f"p{i}", position=i, when=when, calendar="office", calendar_by=by)
        for i, (targets, when, by) in enumerate(some)
    )
)
OFTEN: tuple[tuple[Command, Actor], ...] = (
    (Reply(body="Did you try water?"), SUE),
    (Reply(body="It burns"), KIM),
    (Note(body="Hm"), SUE),
    *((SetStatus(status=status), SUE) for status in ("open", "pending", "on-hold")),
    (Solve(), SUE),
    *((Prioritise(priority=each, reason="so"), SUE) for each in ("critical", "low")),
    *((Assign(team=team), SUE) for team in ("network", "billing")),
    *((SetOrganisation(organisation=each), SUE) for each in ("ACME", "GOLD")),
    (MarkSpam(), SUE),
    (Restore(), SUE),
    (LinkTo(kind="duplicate-of", target="OTHER"), SUE),
    (Unlink(kind="duplicate-of", target="OTHER"), SUE),
    (ReapplySla(), SUE),
    (RecordDue(), RULE),
)
USUAL = st.tuples(
    st.sampled_from(OFTEN),
    st.sampled_from((0, 1, 15 * SECOND, 10 * MINUTE, HOUR, 7 * HOUR + 1, 40 * HOUR)),
).map(lambda step: (*step[0], step[1]))
ANYTHING = st.lists(st.one_of(USUAL, USUAL, USUAL, STEPS), min_size=3, max_size=25)
LIVES = st.tuples(POLICIES, POLICIES, ANYTHING, ANYTHING)
Life = tuple[tuple[SlaPolicy, ...], tuple[SlaPolicy, ...], list[Any], list[Any]]
ADAPTER = TypeAdapter(Ticket)


def lived(life: Life) -> Story:
    """A ticket under some policies, and then under others and another calendar."""
    first, second, before, after = life
    rules = desk.settings(*first, *CALENDARS)
    story = a_ticket(rules).given(ASKS, by=ANN if len(before) % 4 == 0 else KIM)
    for command, by, later in before:
        story.when(command, by=by, after=later)
    story.settings = desk.settings(*second, *NEWER, after=rules)
    for command, by, later in after:
        story.when(command, by=by, after=later)
    return story


@given(LIVES)
def test_the_clocks_are_what_the_whole_history_says(life: Life) -> None:
    story = lived(life)
    now = story.state.clock
    walked = naive.moments(story.history)
    for metric in METRICS:
        found, clock = naive.runs(metric, walked, now), story.state.clocks.get(metric)
        assert (clock.instance if clock else 0) == len(found), metric
        if clock is not None:
            assert clock.live == found[-1].live, metric
            assert at(clock, now) == naive.used(found[-1]), metric


@given(LIVES)
def test_open_time_is_that_of_the_calendar_that_each_span_ran_in(life: Life) -> None:
    story = lived(life)
    now = story.state.clock
    walked = naive.moments(story.history)
    for metric, clock in story.state.clocks.items():
        spans = naive.runs(metric, walked, now)[-1].spans
        expected = open_time(story, spans)
        if clock.business is not None and not clock.unmeasured and clock.phase != "running":
            assert clock.business == expected, metric


@given(LIVES)
def test_due_is_the_instant_at_which_the_target_is_used_up(life: Life) -> None:
    story = lived(life)
    now = story.state.clock
    walked = naive.moments(story.history)
    for metric, clock in story.state.clocks.items():
        if clock.due is None:
            continue
        assert clock.phase == "running"
        assert clock.target is not None
        assert clock.breached_at is None
        goal = clock.target.seconds * SECOND
        spans = naive.runs(metric, walked, now)[-1].spans
        due = clock.due
        assert spent(story, clock, [*spans, (now, max(now, due))]) == goal or due <= now
        if due > now:
            assert spent(story, clock, [*spans, (now, due - 1)]) < goal


def breaches(story: Story) -> Iterator[tuple[Recorded, SlaBreached]]:
    for recorded in story.history:
        if isinstance(recorded.event, SlaBreached):
            yield recorded, recorded.event


def used_up_in_closed_hours() -> Life:
    """The target of a clock that is paused is used up to the second when it comes to apply; so it
    is due at the very instant at which the clock runs on."""
    later = desk.policy(
        desk.target("requester_wait_time", 8 * 3_600, business=True), calendar="office"
    )
    first = desk.policy(desk.target("first_reply_time", 15), when=desk.when(priority="critical"))
    before = [(Note(body="Hm"), SUE, 0), (Note(body="Hm"), SUE, 40 * HOUR)]
    after = [
        (SetStatus(status="pending"), SUE, 0),
        (Reply(body="It burns"), KIM, 0),
        (Note(body="Hm"), SUE, 0),
    ]
    return (first,), (later,), before, after


def withdrawn_when_overdue() -> Life:
    """A ticket whose target is used up is withdrawn with its import before a timer says so."""
    policy = desk.policy(desk.target("periodic_update_time", 15))
    before = [(Reply(body="Did you try water?"), SUE, 0)]
    return (
        (policy,),
        (policy,),
        before,
        [(Withdraw(source="x", withdrawal="x", reason="x"), SUE, 0)],
    )


@example(withdrawn_when_overdue())
@example(used_up_in_closed_hours())
@given(LIVES)
def test_a_breach_was_one_and_none_is_lost(life: Life) -> None:
    story = lived(life)
    for recorded, event in breaches(story):
        before = [
            each for each in story.history if each.meta.occurred_at < recorded.meta.occurred_at
        ]
        if event.because == "target":
            assert event.at == recorded.meta.occurred_at
            assert event.used > event.target * SECOND
            continue
        assert event.at < recorded.meta.occurred_at
        run = naive.runs(event.metric, naive.moments(before), event.at + 1)
        start, end = run[event.instance - 1].spans[-1]
        assert start <= event.at < end, "it ran on when it was due"
    last = story.state
    if last.withdrawn:
        return  # It counts for nothing any more, and neither do its clocks.
    for metric, clock in last.clocks.items():
        if clock.target is not None and clock.live:
            spans = naive.runs(metric, naive.moments(story.history), last.clock)[-1].spans
            over = spent(story, clock, spans) > clock.target.seconds * SECOND
            assert over <= (clock.breached_at is not None), metric


@given(LIVES)
def test_used_time_never_shrinks(life: Life) -> None:
    story = lived(life)
    state = ticket.initial("THIS")
    for recorded in story.history:
        after = ticket.evolve(state, recorded)
        for metric, clock in state.clocks.items():
            new = after.clocks[metric]
            assert new.instance >= clock.instance
            if new.instance == clock.instance:
                assert at(new, after.clock) >= at(clock, state.clock)
                assert (new.business or 0) >= (clock.business or 0)
        state = after


@given(LIVES)
def test_the_history_alone_makes_the_clocks(life: Life) -> None:
    story = lived(life)
    start = ticket.initial("THIS")
    assert ticket.fold(start, story.history) == story.state
    one_by_one = reduce(ticket.evolve, story.history, start)
    asked = reduce(asking, story.history, start)
    assert one_by_one == asked == story.state
    assert one_by_one.clocks == asked.clocks == story.state.clocks
    assert ADAPTER.validate_json(ADAPTER.dump_json(story.state)).clocks == asked.clocks


def asking(state: Ticket, recorded: Recorded) -> Ticket:
    """As `evolve`, for somebody who looks at the clocks after each event."""
    assert state.clocks is not None
    return ticket.evolve(state, recorded)


@given(LIVES)
def test_timers_find_nothing_that_the_next_command_does_not(life: Life) -> None:
    """Whoever comes first, a timer or another command, the same is recorded as due."""
    story = lived(life)
    due = ticket.due(story.state)
    if due is None:
        return
    story.when(RecordDue(), by=RULE, at=max(due, story.state.clock)).then()
    story.when(RecordDue(), by=RULE, at=max(due, story.state.clock) + 1)
    assert story.outcome
    assert {type(event) for event in story.outcome} <= {SlaBreached, SlaWarned}
    assert min(event.at for event in story.outcome) == due
    story.when(RecordDue(), by=RULE, at=story.state.clock).then()


@given(LIVES)
def test_events_about_clocks_come_only_where_one_changes(life: Life) -> None:
    story = lived(life)
    state = ticket.initial("THIS")
    for recorded in story.history:
        after = ticket.evolve(state, recorded)
        if isinstance(recorded.event, ClocksChanged):
            assert len({(c.metric, c.instance, c.change) for c in recorded.event.changes}) == len(
                recorded.event.changes
            )
        if isinstance(recorded.event, SlaApplied):
            assert recorded.event.old != recorded.event.new
            assert recorded.event.old == state.sla
        state = after


def at(clock: Clock, now: int) -> int:
    return clock.used + (now - clock.since if clock.phase == "running" else 0)


def spent(story: Story, clock: Clock, spans: list[naive.Span]) -> int:
    assert clock.target is not None
    if clock.target.business:
        return open_time(story, spans)
    return sum(end - start for start, end in spans)


def open_time(story: Story, spans: list[naive.Span]) -> int:
    """The open time of spans: each part by the calendar that was the ticket's then; what was
    without one, by the next that it got."""
    since: list[tuple[int, Edition | None]] = [(0, None)]
    for each in story.history:
        if isinstance(each.event, SlaApplied):
            new = each.event.new
            since.append((each.meta.occurred_at, new.calendar if new else None))
    ends = [*(start for start, _ in since[1:]), 1 << 62]
    total, calendar = 0, None
    for (low, edition), high in reversed(list(zip(since, ends, strict=True))):
        calendar = story.settings.calendar(edition) or calendar
        for start, end in spans:
            if calendar and max(start, low) < min(end, high):
                total += calendar.timetable.between(max(start, low), min(end, high))
    return total
