"""A history under other settings: what was promised and what became of it, as if they had always
been in force."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.domain.clocks import HOUR, MINUTE, SECOND, calendar
from tests.domain.sla import naive
from tests.domain.sla.desk import named, policy, settings, target, when
from tests.domain.sla.test_clock_properties import ANYTHING, CALENDARS, LIVES, NEWER, POLICIES, Life
from tests.domain.sla.test_golden import GOLDEN, Golden, clocktime, moment, shown, told
from tests.domain.ticket.shop import ASKS, a_ticket
from tests.given import ANN, IMPORT, KIM, NOON, RULE, SUE, Story
from ticketlog.domain import ticket
from ticketlog.domain.base import Event, Recorded, instant
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.sla_policy import SlaPolicy, SlaWarning
from ticketlog.domain.ticket.conversation import Reply
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import SetStatus, Solve
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.sla.clock_changes import METRICS
from ticketlog.domain.ticket.sla.recomputation import outstanding, recomputed, retold
from ticketlog.domain.ticket.sla_events import (
    ClocksChanged,
    DueEvent,
    ReapplySla,
    RecordDue,
    SlaApplied,
    SlaBreached,
    SlaWarned,
)
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.time.calendar import WEEKDAYS

HOURS = 3_600
YEARS = (2020, 2021)
SLA = (SlaApplied, ClocksChanged, DueEvent)
RULES = settings(policy(target("requester_wait_time", 8 * HOURS)))
STRICTER = settings(
    policy(
        target("requester_wait_time", HOURS, warnings=(SlaWarning(percent=50),)),
        target("total_resolution_time", 2 * HOURS),
    ),
    after=RULES,
)
NONE = settings()


def of_promises(history: list[Recorded] | tuple[Recorded, ...]) -> list[Event]:
    return [each.event for each in history if isinstance(each.event, SLA)]


def others(history: list[Recorded] | tuple[Recorded, ...]) -> list[tuple[str, Event]]:
    return [(each.id, each.event) for each in history if not isinstance(each.event, SLA)]


def state_of(history: list[Recorded] | tuple[Recorded, ...]) -> Ticket:
    return ticket.fold(ticket.initial("THIS"), history)


def again(story: Story, rules: Settings, until: int | None = None) -> list[Recorded]:
    return recomputed("THIS", story.history, rules, story.state.clock if until is None else until)


def lived_under(rules: Settings, steps: list[Any], story: Story | None = None) -> Story:
    """What an import brings before anything is promised promises nothing, and is left out here."""
    story = story or a_ticket(rules).given(ASKS, by=ANN if len(steps) % 4 == 0 else KIM)
    story.settings = rules
    for command, by, later in steps:
        if story.state.sla is not None or not isinstance(command, RecordActivity):
            story.when(command, by=by, after=later)
    return story


@given(POLICIES, ANYTHING)
def test_under_the_settings_it_lived_under_it_is_the_same(
    policies: tuple[SlaPolicy, ...], steps: list[Any]
) -> None:
    story = lived_under(settings(*policies, *CALENDARS), steps)
    found = again(story, story.settings)
    assert of_promises(found) == of_promises(story.history)
    assert others(found) == others(story.history)
    assert state_of(found).clocks == story.state.clocks
    assert state_of(found).sla == story.state.sla


@given(LIVES)
def test_under_each_settings_in_their_time_it_is_the_same(life: Life) -> None:
    first, second, before, after = life
    story = lived_under(settings(*first, *CALENDARS), before)
    settings_then, commits_then = story.settings, story.commits
    story = lived_under(settings(*second, *NEWER, after=settings_then), after, story)
    state, found = ticket.initial("THIS"), list[Recorded]()
    for number, (_, commit) in enumerate(groupby(story.history, lambda each: each.meta.commit)):
        rules = settings_then if number < commits_then else story.settings
        made = retold(list(commit), state, rules)
        state = ticket.fold(state, made)
        found += made
    found += outstanding(found[-1], state, story.settings, story.state.clock)
    assert of_promises(found) == of_promises(story.history)
    assert state_of(found).clocks == story.state.clocks


@given(LIVES)
def test_what_is_recomputed_is_the_same_when_it_is_recomputed(life: Life) -> None:
    first, second, before, after = life
    story = lived_under(settings(*first, *CALENDARS), [*before, *after])
    other = settings(*second, *NEWER, after=story.settings)
    found = again(story, other)
    assert recomputed("THIS", found, other, story.state.clock) == found


@given(LIVES)
def test_whatever_was_promised_pauses_are_not_counted(life: Life) -> None:
    first, second, before, after = life
    story = lived_under(settings(*first, *CALENDARS), [*before, *after])
    found = again(story, settings(*second, *NEWER, after=story.settings))
    last = state_of(found)
    walked = naive.moments(found)
    for metric in METRICS:
        clock, runs = last.clocks.get(metric), naive.runs(metric, walked, last.clock)
        assert (clock.instance if clock else 0) == len(runs)
        if clock is not None:
            running = last.clock - clock.since if clock.phase == "running" else 0
            assert clock.used + running == naive.used(runs[-1]), metric
    for recorded in found:
        if isinstance(recorded.event, SlaBreached) and not recorded.event.business:
            assert recorded.event.used >= recorded.event.target * SECOND


@given(LIVES)
def test_events_are_numbered_and_those_of_the_log_keep_their_ids(life: Life) -> None:
    first, second, before, after = life
    story = lived_under(settings(*first, *CALENDARS), [*before, *after])
    found = again(story, settings(*second, *NEWER, after=story.settings))
    assert [each.originator_version for each in found] == list(range(len(found)))
    assert len({each.id for each in found}) == len(found)
    logged = {each.id: each for each in story.history}
    for each in found:
        if each.index >= 0:
            assert logged[each.id] == each._replace(
                originator_version=logged[each.id].originator_version
            )
        else:
            assert isinstance(each.event, SLA)
            assert each.id not in logged


@given(st.integers(0, 12 * HOUR), POLICIES, ANYTHING)
def test_what_is_due_at_the_end_is_what_a_timer_would_record(
    later: int, policies: tuple[SlaPolicy, ...], steps: list[Any]
) -> None:
    story = lived_under(settings(*policies, *CALENDARS), steps)
    assume(story.state.sla is not None)
    until = story.state.clock + later
    at_the_end = again(story, story.settings, until)
    story.when(RecordDue(), by=RULE, at=until)
    assert of_promises(at_the_end) == of_promises(story.history)


def a_day() -> Story:
    """Asked at noon, answered and put on pending two hours later, solved after a day."""
    return (
        a_ticket(RULES)
        .when(ASKS, by=KIM, at=NOON)
        .when(SetStatus(status="pending"), by=ANN, at=NOON + 2 * HOUR)
        .when(Solve(), by=ANN, at=NOON + 24 * HOUR)
    )


def dues(history: list[Recorded]) -> list[tuple[type[Event], str, int, int]]:
    return [
        (type(each.event), each.event.metric, each.event.at - NOON, each.meta.occurred_at - NOON)
        for each in history
        if isinstance(each.event, DueEvent)
    ]


def test_stricter_settings_break_what_was_met() -> None:
    story = a_day()
    assert dues([*story.history]) == []
    assert dues(again(story, STRICTER)) == [
        (SlaWarned, "requester_wait_time", HOUR // 2, 2 * HOUR),
        (SlaBreached, "requester_wait_time", HOUR, 2 * HOUR),
        (SlaBreached, "total_resolution_time", 2 * HOUR, 24 * HOUR),
    ]


def test_milder_settings_take_a_breach_away_that_a_timer_recorded() -> None:
    story = (
        a_ticket(STRICTER)
        .when(ASKS, by=KIM, at=NOON)
        .when(RecordDue(), by=RULE, at=NOON + 90 * MINUTE)
        .when(Solve(), by=ANN, at=NOON + 2 * HOUR)
    )
    assert len(dues([*story.history])) == 2
    found = again(story, RULES)
    assert dues(found) == []
    assert {each.meta.actor for each in found} == {KIM, ANN}
    assert state_of(found).clocks["requester_wait_time"].phase == "fulfilled"


def test_without_policies_nothing_was_promised() -> None:
    found = again(a_day(), NONE)
    assert of_promises(found) == []
    assert state_of(found).clocks["requester_wait_time"].used == 2 * HOUR


def test_a_reapply_stays_one() -> None:
    """Where no policy matches any more, the old promise stays until a reapply."""
    low = settings(policy(target("requester_wait_time", HOURS), when=when(priority="medium")))
    story = (
        a_ticket(low)
        .given(ASKS, by=KIM)
        .given(Prioritise(priority="low", reason="a workaround"))
        .given(ReapplySla(), by=SUE)
    )
    assert story.state.sla is None
    assert state_of(again(story, low)).sla is None


def row(number: int, status: str, **more: Any) -> RecordActivity:
    return RecordActivity(source="old-desk", case="1", row=number, status=status, **more)


def imported() -> Story:
    return (
        a_ticket(RULES)
        .when(row(1, "open", team="network"), by=IMPORT, at=NOON)
        .when(row(2, "pending"), by=IMPORT, at=NOON + HOUR // 2)
        .when(row(3, "open", team="billing"), by=IMPORT, at=NOON + 2 * HOUR)
        .when(row(4, "solved"), by=IMPORT, at=NOON + 4 * HOUR)
    )


def test_imported_rows_are_promised_something() -> None:
    story = imported()
    assert of_promises(story.history) == []
    found = again(story, STRICTER)
    assert dues(found) == [
        (SlaWarned, "requester_wait_time", 2 * HOUR, 4 * HOUR),
        (SlaBreached, "total_resolution_time", 2 * HOUR, 4 * HOUR),
        (SlaBreached, "requester_wait_time", 5 * HOUR // 2, 4 * HOUR),
    ]
    clocks = state_of(found).clocks
    assert clocks["requester_wait_time"].used == 5 * HOUR // 2
    assert clocks["group_ownership_time"].instance == 2


def test_an_imported_ticket_that_is_still_open_breaches_in_silence() -> None:
    story = a_ticket(RULES).when(row(1, "open"), by=IMPORT, at=NOON)
    assert dues(again(story, RULES, NOON + 8 * HOUR)) == []
    assert dues(again(story, RULES, NOON + 9 * HOUR)) == [
        (SlaBreached, "requester_wait_time", 8 * HOUR, 9 * HOUR)
    ]
    assert dues(recomputed("THIS", story.history, RULES)) == []


LIVED = [
    case
    for case in GOLDEN
    if not any(isinstance(step, Settings | ReapplySla) for _, step, _ in case.steps)
]


@pytest.mark.parametrize("case", LIVED, ids=lambda case: re.sub(r"\W+", "-", case.name))
def test_golden_lives_that_were_promised_nothing(case: Golden) -> None:
    """Each golden case, lived on a desk without policies and shown under the case's rules."""
    story = told(a_ticket(NONE), *case.steps)
    end = moment(case.steps[-1][0])
    found = again(story, case.rules, end)
    clocks: Any = state_of(found).clocks
    assert {
        metric: shown(clocks[metric], end) if metric in clocks else "-" for metric in case.clocks
    } == case.clocks
    breached = [each.event for each in found if isinstance(each.event, SlaBreached)]
    assert tuple(f"{each.metric} {clocktime(each.at)}" for each in breached) == case.breached


def test_the_same_answer_by_each_calendar_or_by_the_last_one() -> None:
    """The example of dbt_zendesk's decision log: 959.46 minutes over two schedules, 689.46 where
    all counts by the last one, as in Zendesk. Here it is a choice of settings, afterwards."""
    evenings = calendar("UTC", dict.fromkeys(WEEKDAYS, ("00:00-02:00", "12:00-24:00")), years=YEARS)
    nights = {
        "mon": ("15:00-24:00",),
        **dict.fromkeys(WEEKDAYS[1:5], ("00:00-00:30", "15:00-24:00")),
        "sat": ("00:00-00:30",),
    }
    west = calendar("UTC", nights, years=YEARS)  # type: ignore[arg-type, unused-ignore]
    first = target("first_reply_time", 86_400, business=True)
    both = (named("chicago", evenings), named("san-francisco", west, teams=("billing",)))
    sunday = instant("2020-09-27T00:00:00Z")
    start, moved, answered = (sunday + round(m * MINUTE) for m in (3902, 5461.25, 5461.46))
    story = (
        a_ticket(NONE)
        .when(row(1, "open", team="network"), by=IMPORT, at=start)
        .when(row(2, "open", team="billing"), by=IMPORT, at=moved)
        .when(row(3, "open", comment="Did you try water?", actor="ann"), by=IMPORT, at=answered)
    )
    for rules, minutes in (
        (policy(first, calendar="chicago", calendar_by=("team",)), 959.46),
        (policy(first, calendar="san-francisco"), 689.46),
    ):
        clock = state_of(again(story, settings(rules, *both))).clocks["first_reply_time"]
        assert clock.phase == "fulfilled"
        assert round((clock.business or 0) / MINUTE, 2) == minutes


def test_rows_out_of_order_count_by_the_clock_of_the_ticket() -> None:
    story = (
        a_ticket(RULES)
        .when(row(1, "open"), by=IMPORT, at=NOON)
        .when(row(2, "pending"), by=IMPORT, at=NOON + 2 * HOUR)
        .when(row(3, "open"), by=IMPORT, at=NOON + HOUR)
        .when(row(4, "solved"), by=IMPORT, at=NOON + 3 * HOUR)
    )
    assert state_of(again(story, RULES)).clocks["requester_wait_time"].used == 3 * HOUR


def test_nothing_of_nothing() -> None:
    assert recomputed("THIS", (), RULES, NOON) == []


def test_who_said_what_is_as_it_was() -> None:
    story = a_day().when(Reply(body="Done"), by=ANN, at=NOON + 25 * HOUR)
    found = again(story, STRICTER)
    said, before = (
        [each._replace(version=0) for each in state.comments]  # other clocks, other versions
        for state in (state_of(found), story.state)
    )
    assert said == before
