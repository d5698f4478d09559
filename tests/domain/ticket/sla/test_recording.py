"""What is recorded of promises: policies, calendars, warnings, switches; where nothing is."""

from __future__ import annotations

import pytest

from tests.domain.clocks import MINUTE, SECOND, calendar
from tests.domain.settings.test_activation import with_defaults
from tests.domain.sla.desk import named, policy, settings, target, when
from tests.domain.sla.test_golden import (
    ANSWER,
    CREATED,
    LATER,
    MORE,
    REPLIES,
    URGENT,
    Step,
    clocktime,
    happened,
    moment,
    shown,
    told,
)
from tests.domain.ticket.shop import ASKS, a_ticket
from tests.given import ANN, BOB, IMPORT, KIM, RULE, SUE
from ticketlog.domain import ticket
from ticketlog.domain.base import Actor, Command, Context, Forbidden, instant
from ticketlog.domain.parties.person import Person
from ticketlog.domain.settings.sla_policy import Metric, SlaWarning, Switch
from ticketlog.domain.sla.clock import Applied, Clock, Edition
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.classification import SetOrganisation, Tag
from ticketlog.domain.ticket.conversation import Note, Noted, Replied
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import Close, Reopen, SetStatus, Solve
from ticketlog.domain.ticket.relations import LinkTo, Unlink
from ticketlog.domain.ticket.sla_events import (
    ClocksChanged,
    ReapplySla,
    RecordDue,
    SlaApplied,
    SlaBreached,
    SlaWarned,
)
from ticketlog.domain.time.calendar import WEEKDAYS

NOTE = Note(body="Hm")
LIGHT = Actor("temp", "agent", "light-agent")


def business_minutes(clock: Clock) -> float:
    assert clock.business is not None
    return round(clock.business / (60 * SECOND), 2)


def test_each_span_counts_by_the_calendar_that_it_ran_in() -> None:
    """The example of dbt_zendesk's decision log: 959.46 minutes over two schedules; Zendesk counts
    all of it by the last one, 689.46."""
    evenings = ("00:00-02:00", "12:00-24:00")
    chicago = calendar("UTC", dict.fromkeys(WEEKDAYS, evenings), years=(2020, 2021))
    west = calendar(
        "UTC",
        {
            "mon": ("15:00-24:00",),
            **dict.fromkeys(WEEKDAYS[1:5], ("00:00-00:30", "15:00-24:00")),
            "sat": ("00:00-00:30",),
        },
        years=(2020, 2021),
    )
    first = target("first_reply_time", 86_400, business=True)
    rules = settings(
        policy(first, calendar="chicago", calendar_by=("team",)),
        named("chicago", chicago),
        named("san-francisco", west, teams=("billing",)),
    )
    sunday = instant("2020-09-27T00:00:00Z")
    start, moved, answered = (sunday + round(m * MINUTE) for m in (3902, 5461.25, 5461.46))
    story = a_ticket(rules)
    for at, command, by in (
        (start, ASKS, KIM),
        (moved, Assign(team="billing"), SUE),
        (answered, ANSWER, ANN),
    ):
        story.when(command, by=by, at=at)
    assert business_minutes(story.state.clocks["first_reply_time"]) == 959.46
    assert round(named("x", west).timetable.between(start, answered) / MINUTE, 2) == 689.46


def test_a_replaced_calendar_counts_from_a_reapply_on() -> None:
    office = named("office", calendar("UTC"))
    longer = named("office", calendar("UTC", dict.fromkeys(WEEKDAYS, ("00:00-24:00",))))
    rules = settings(
        policy(target("first_reply_time", 4 * 3_600, business=True), calendar="office"), office
    )
    after = settings(longer, after=rules)
    # The office closes from 12:30 to 13:30.
    story = told(a_ticket(rules), ("12:00", ASKS, KIM), ("12:40", after, ANN))
    told(story, ("13:00", Tag(add=("x",)), ANN))
    assert shown(story.state.clocks["first_reply_time"], story.state.clock).endswith("due 17:00")
    told(story, ("13:10", ReapplySla(), SUE))
    story.then_made(SlaApplied, ClocksChanged)
    clock = story.state.clocks["first_reply_time"]
    assert shown(clock, story.state.clock) == "running 0:30 due 16:40"
    assert story.state.sla == Applied(
        policy=Edition(id="standard", version=1), calendar=Edition(id="office", version=2)
    )


def test_another_organisation_brings_its_calendar() -> None:
    rules = settings(
        policy(
            target("first_reply_time", 3_600, business=True),
            calendar="office",
            calendar_by=("organisation",),
        ),
        named("office", calendar("UTC")),
        named("gold", calendar("UTC", {"mon": ("00:00-24:00",)}), organisations=("GOLD",)),
    )
    story = told(a_ticket(rules), ("12:00", ASKS, KIM))
    told(story, ("13:00", SetOrganisation(organisation="GOLD"), ANN))
    assert isinstance(story.outcome, list)
    applied = next(each for each in story.outcome if isinstance(each, SlaApplied))
    assert applied.because == "calendar"
    assert shown(story.state.clocks["first_reply_time"], story.state.clock) == (
        "running 0:30 due 13:30"
    )


def test_another_policy_that_matches_applies_and_keeps_the_time_used() -> None:
    rules = settings(
        policy(
            target("first_reply_time", 1_800),
            id="urgent",
            position=0,
            when=when(priority="critical"),
        ),
        policy(target("first_reply_time", 3_600), id="rest", position=1),
    )
    story = told(a_ticket(rules), CREATED, ("09:10", URGENT, ANN))
    (_, second) = happened(story, SlaApplied)
    assert isinstance(second, SlaApplied)
    assert second.old == Applied(policy=Edition(id="rest", version=1))
    assert second.new == Applied(policy=Edition(id="urgent", version=1))
    assert shown(story.state.clocks["first_reply_time"], story.state.clock) == (
        "running 0:10 due 09:30"
    )


def test_without_a_match_what_was_promised_stays() -> None:
    rules = settings(policy(target("first_reply_time", 3_600), when=when(priority="medium")))
    story = told(a_ticket(rules), CREATED, ("09:10", LATER, ANN))
    assert story.state.sla is not None
    assert len(happened(story, SlaApplied)) == 1


def test_what_was_due_stands_before_what_happened() -> None:
    warned = target("first_reply_time", 3_600, warnings=(SlaWarning(percent=50),))
    story = told(a_ticket(settings(policy(warned))), CREATED, ("12:00", ANSWER, ANN))
    story.then_made(SlaWarned, SlaBreached, Replied, type(story.outcome[3]), ClocksChanged)  # type: ignore[index]
    warning, breach = story.outcome[:2]  # type: ignore[index]
    assert isinstance(warning, SlaWarned)
    assert isinstance(breach, SlaBreached)
    assert [clocktime(warning.at), clocktime(breach.at)] == ["09:30", "10:00"]
    assert warning.due == breach.at
    assert breach.policy == Edition(id="standard", version=1)


def test_warnings_come_once_each_in_order() -> None:
    warnings = (SlaWarning(percent=50), SlaWarning(seconds_before=600))
    story = told(
        a_ticket(settings(policy(target("first_reply_time", 3_600, warnings=warnings)))),
        *(CREATED, ("09:31", NOTE, ANN), ("09:32", NOTE, ANN), ("09:51", RecordDue(), RULE)),
        ("09:52", NOTE, ANN),
    )
    assert [clocktime(each.at) for each in happened(story, SlaWarned)] == ["09:30", "09:50"]  # type: ignore[attr-defined]
    assert ticket.due(story.state) == moment("10:00")


def test_a_warning_that_came_at_the_end_of_a_day_does_not_come_again() -> None:
    half = target("requester_wait_time", 3_600, business=True, warnings=(SlaWarning(percent=50),))
    rules = settings(policy(half, calendar="office"), named("office", calendar("UTC")))
    story = told(
        a_ticket(rules),
        *(("17:30", ASKS, KIM), ("18:10", SetStatus(status="pending"), ANN)),
        *(("+1 08:00", SetStatus(status="open"), ANN), ("+1 08:10", NOTE, ANN)),
    )
    assert [clocktime(each.at) for each in happened(story, SlaWarned)] == ["18:00"]  # type: ignore[attr-defined]
    assert ticket.due(story.state) == moment("+1 09:30")


def test_of_warnings_that_another_target_makes_late_the_last_one_comes_at_once() -> None:
    shares = tuple(SlaWarning(percent=each) for each in (10, 50, 90))
    rules = settings(
        policy(
            target("first_reply_time", 36_000, "medium"),
            target("first_reply_time", 3_600, "critical", warnings=shares),
        )
    )
    story = told(a_ticket(rules), CREATED, ("09:40", URGENT, ANN))
    assert ticket.due(story.state) == moment("09:40")
    told(story, ("09:41", RecordDue(), RULE))
    assert [(clocktime(e.at), e.used // MINUTE) for e in happened(story, SlaWarned)] == [  # type: ignore[attr-defined]
        ("09:40", 30)
    ]
    assert ticket.due(story.state) == moment("09:54")


def test_a_deadline_that_moves_leaves_no_ghost() -> None:
    rules = settings(policy(target("requester_wait_time", 3_600)))
    story = told(a_ticket(rules), CREATED, ("09:30", SetStatus(status="pending"), ANN))
    assert ticket.due(story.state) is None
    told(story, ("10:01", RecordDue(), RULE))
    story.then()
    told(story, ("11:00", SetStatus(status="open"), ANN))
    assert ticket.due(story.state) == moment("11:30")


@pytest.mark.parametrize("by", [KIM, ANN])
@pytest.mark.parametrize("command", [RecordDue(), ReapplySla()])
def test_who_may_not_send_what_timers_and_supervisors_send(by: Actor, command: Command) -> None:
    story = told(a_ticket(REPLIES), CREATED)
    story.when(command, by=by).then_refused(Forbidden, by.id)


def test_without_policies_there_are_clocks_and_no_events_about_them() -> None:
    story = told(a_ticket(), CREATED, ("10:00", ANSWER, ANN), ("11:00", MORE, KIM))
    names = {each.event.NAME for each in story.history}
    assert not {name for name in names if "sla" in name or "clocks" in name}
    assert {
        metric: shown(clock, story.state.clock) for metric, clock in story.state.clocks.items()
    } == {
        "first_reply_time": "fulfilled 1:00",
        "next_reply_time": "running 0:00",
        "periodic_update_time": "running 1:00",
        "pausable_update_time": "running 1:00",
        "requester_wait_time": "running 2:00",
        "agent_work_time": "running 2:00",
        "total_resolution_time": "running 2:00",
    }
    assert ticket.due(story.state) is None


def test_a_commit_that_changes_no_clock_has_no_event_about_them() -> None:
    told(a_ticket(REPLIES), CREATED, ("09:10", NOTE, ANN)).then_made(Noted)


ROW = RecordActivity(source="old", case="1", row=1, requester="KIM")


def test_imported_rows_promise_nothing_and_what_comes_here_does() -> None:
    story = told(
        a_ticket(REPLIES),
        ("09:00", ROW, IMPORT),
        ("12:00", ROW.model_copy(update={"status": "open"}), IMPORT),
    )
    assert not happened(story, SlaApplied)
    assert shown(story.state.clocks["first_reply_time"], story.state.clock) == "running 3:00"
    told(story, ("12:30", NOTE, ANN))
    story.then_made(
        Noted, SlaApplied, ClocksChanged, SlaBreached, at=moment("12:30"), because="target"
    )
    told(story, ("12:40", ROW.model_copy(update={"status": "solved", "row": 2}), IMPORT))
    assert isinstance(story.outcome, list)
    assert ClocksChanged in map(type, story.outcome), "a row about a promise that was made here"


def test_a_closed_ticket_keeps_its_story_and_its_follow_up_begins_another() -> None:
    story = told(
        a_ticket(REPLIES),
        *(CREATED, ("09:30", ANSWER, ANN), ("10:00", Solve(), ANN), ("11:00", Close(), SUE)),
    )
    before = story.state.clocks
    told(story, ("20:00", ReapplySla(), SUE), ("20:01", RecordDue(), RULE))
    assert story.state.clocks == before
    follow_up = told(
        a_ticket(REPLIES),
        (
            "20:00",
            CreateTicket(subject="Again", description="x", requester="KIM", follow_up_of="DONE"),
            KIM,
        ),
    )
    assert shown(follow_up.state.clocks["first_reply_time"], follow_up.state.clock) == (
        "running 0:00 due 21:00"
    )


FOR_KIM = CreateTicket(subject="Toner", requester="KIM")
NOTED = CreateTicket(subject="Toner", requester="KIM", description="KIM called")
SELF = CreateTicket(subject="My desk")
F, N = "first_reply_time", "next_reply_time"
SWITCHED: tuple[tuple[str, Metric, tuple[Step, ...], str], ...] = (
    ("activate_on_ticket_created_for_end_user", F, (("09:00", FOR_KIM, ANN),), "running 0:00"),
    (
        "activate_on_agent_ticket_created_for_end_user_with_internal_note",
        F,
        (("09:00", NOTED, ANN),),
        "running 0:00",
    ),
    ("activate_on_agent_created_ticket_for_self", F, (("09:00", SELF, ANN),), "running 0:00"),
    ("fulfill_on_agent_internal_note", F, (CREATED, ("09:30", NOTE, ANN)), "fulfilled 0:30"),
    (
        "activate_on_light_agent_internal_note",
        N,
        (CREATED, ("09:30", ANSWER, ANN), ("09:40", NOTE, LIGHT)),
        "running 0:00",
    ),
    (
        "fulfill_on_non_requesting_agent_internal_note_after_activation",
        N,
        (CREATED, ("09:30", ANSWER, ANN), ("09:40", MORE, KIM), ("09:50", NOTE, ANN)),
        "fulfilled 0:10",
    ),
    (
        "activate_on_agent_internal_note",
        "periodic_update_time",
        (CREATED, ("09:30", NOTE, ANN)),
        "running 0:00",
    ),
)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(
    ("switch", "metric", "steps", "with_it"), SWITCHED, ids=[s[0] for s in SWITCHED]
)
def test_a_switch_counts_where_it_is_on(
    switch: str, metric: Metric, steps: tuple[Step, ...], with_it: str, on: bool
) -> None:
    switches: tuple[Switch, ...] = (f"{metric}.{switch}",) if on else ()  # type: ignore[assignment]
    rules = settings(policy(target(metric, 86_400), switches=switches))
    story = told(a_ticket(rules), *steps)
    clock = story.state.clocks.get(metric)
    found = shown(clock, story.state.clock).partition(" due")[0] if clock else None
    assert (found == with_it) is on
    if on:
        changes = [c for e in happened(story, ClocksChanged) for c in e.changes]  # type: ignore[attr-defined]
        assert (changes[-1].metric, changes[-1].phase) == (metric, with_it.partition(" ")[0])


def test_a_forwarded_mail_and_an_agent_who_is_the_requester() -> None:
    forward: Switch = (
        "first_reply_time.activate_on_light_agent_on_email_forward_ticket_from_end_user"
    )
    own: Switch = (
        "next_reply_time.activate_on_agent_requested_ticket_with_public_comment_or_internal_note"
    )
    rules = settings(policy(target("first_reply_time", 60), switches=(forward, own)))
    for channel, expected in (("email", True), ("phone", False)):
        others = a_ticket().others
        context = Context(
            settings=rules,
            now=moment("09:00"),
            actor=LIGHT,
            stream="ticket/THIS",
            channel=channel,
            states=others,
        )
        made = ticket.decide(FOR_KIM, ticket.initial("THIS"), context)
        assert (ClocksChanged in map(type, made)) is expected
    ann = {"person/ann": Person(id="ann", version=0)}
    for on, expected in ((rules, True), (settings(policy(target("next_reply_time", 60))), False)):
        story = told(
            a_ticket(on, **ann),
            *(
                ("09:00", CreateTicket(subject="My desk", requester="ann"), SUE),
                ("09:30", MORE, KIM),
            ),
            *(("09:40", ANSWER, BOB), ("09:50", MORE, ANN)),
        )
        assert ("next_reply_time" in story.state.clocks) is expected


def test_an_agents_ticket_waits_for_the_first_reply_from_the_first_question_on() -> None:
    """dbt_zendesk, privately created tickets: it starts with the customer's comment."""
    story = told(
        a_ticket(REPLIES),
        *(
            ("09:00", NOTED, ANN),
            ("09:10", ANSWER, ANN),
            ("10:00", MORE, KIM),
            ("10:20", MORE, KIM),
        ),
        ("10:30", ANSWER, ANN),
    )
    clocks = story.state.clocks
    assert shown(clocks["first_reply_time"], story.state.clock) == "fulfilled 0:30"
    assert "next_reply_time" not in clocks


def test_the_settings_keep_every_version_that_was_in_force() -> None:
    log = with_defaults()
    office = named("office", calendar("UTC"))
    versions = [policy(target("first_reply_time", seconds)) for seconds in (60, 120)]
    for each in versions:
        log.apply({"sla-policy": {each.id: each}, "calendar": {"office": office}})
    log.apply({"sla-policy": {}, "calendar": {}})
    found = log.in_force
    assert [found.policy(Edition(id="standard", version=v)) for v in (1, 2)] == versions
    assert found.policy(Edition(id="standard", version=3)) is None
    assert found.calendar(Edition(id="office", version=1)) == office
    assert found.sla_policies == {}


def test_a_clock_that_a_switch_starts_runs_without_a_target_too() -> None:
    switch: Switch = "first_reply_time.activate_on_ticket_created_for_end_user"
    rules = settings(policy(target("total_resolution_time", 3_600), switches=(switch,)))
    story = told(a_ticket(rules), ("09:00", FOR_KIM, ANN), ("09:30", NOTE, ANN))
    clock = story.state.clocks["first_reply_time"]
    assert shown(clock, story.state.clock) == "running 0:30"


def test_spam_and_duplicates_keep_what_was_promised() -> None:
    rules = settings(
        policy(
            target("first_reply_time", 60), id="urgent", position=0, when=when(priority="critical")
        ),
        policy(target("first_reply_time", 3_600), id="rest", position=1),
    )
    link = LinkTo(kind="duplicate-of", target="OTHER")
    story = told(a_ticket(rules), CREATED, ("09:10", link, ANN), ("09:20", URGENT, ANN))
    assert len(happened(story, SlaApplied)) == 1
    told(story, ("09:30", Unlink(kind="duplicate-of", target="OTHER"), ANN))
    assert len(happened(story, SlaApplied)) == 2


def test_another_target_warns_anew() -> None:
    rules = settings(
        policy(
            target("first_reply_time", 3_600, "medium", warnings=(SlaWarning(percent=50),)),
            target("first_reply_time", 7_200, "low", warnings=(SlaWarning(percent=10),)),
        )
    )
    story = told(
        a_ticket(rules), CREATED, ("09:31", NOTE, ANN), ("09:40", LATER, ANN), ("09:41", NOTE, ANN)
    )
    assert [clocktime(each.at) for each in happened(story, SlaWarned)] == ["09:30", "09:40"]  # type: ignore[attr-defined]


def test_another_target_that_came_in_a_pause_warns_anew_after_it() -> None:
    rules = settings(
        policy(
            target("requester_wait_time", 3_600, "medium", warnings=(SlaWarning(percent=50),)),
            target("requester_wait_time", 7_200, "low", warnings=(SlaWarning(percent=10),)),
        )
    )
    story = told(
        a_ticket(rules),
        *(CREATED, ("09:35", SetStatus(status="pending"), ANN), ("09:40", LATER, ANN)),
        *(("10:00", SetStatus(status="open"), ANN), ("10:01", NOTE, ANN)),
    )
    assert [clocktime(each.at) for each in happened(story, SlaWarned)] == ["09:30", "10:00"]  # type: ignore[attr-defined]


def test_a_duplicate_that_comes_back_runs_as_its_status_and_team_say() -> None:
    story = told(
        a_ticket(),
        *(CREATED, ("09:10", Solve(), ANN), ("09:20", LinkTo(kind="blocks", target="OTHER"), ANN)),
        *(("09:30", LinkTo(kind="duplicate-of", target="OTHER"), ANN), ("10:00", Reopen(), KIM)),
        *(("10:10", Assign(team="billing"), ANN), ("11:00", MORE, KIM)),
        ("12:00", Unlink(kind="duplicate-of", target="OTHER"), ANN),
        ("12:30", NOTE, ANN),
    )
    found = {m: shown(clock, story.state.clock) for m, clock in story.state.clocks.items()}
    assert found["total_resolution_time"] == "running 0:40"
    assert found["group_ownership_time"] == "running 0:30"


def test_rows_that_are_older_than_the_clock_take_no_time_back() -> None:
    rows = [("09:00", "open"), ("12:00", "pending"), ("10:00", "open"), ("13:00", "pending")]
    steps: list[Step] = [
        (at, ROW.model_copy(update={"status": status, "row": n}), IMPORT)
        for n, (at, status) in enumerate(rows, 1)
    ]
    story = told(a_ticket(), *steps)
    clock = story.state.clocks["requester_wait_time"]
    assert shown(clock, story.state.clock) == "paused 4:00"
