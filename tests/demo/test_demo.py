"""The simulated help desk: the same for the same seed, real commands only, a believable whole."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache

import pytest

from ticketlog.demo import DemoStep, simulate
from ticketlog.demo.dice import Dice, Weighted
from ticketlog.demo.files import FILES
from ticketlog.demo.simulation import END, settings_at, start_of
from ticketlog.domain import ticket
from ticketlog.domain.aggregates import AGGREGATES, aggregate_of, informed
from ticketlog.domain.base import Context, iso, kind_and_id
from ticketlog.domain.parties.agent import AgentAtWork
from ticketlog.domain.settings.automation_rules import AssignmentRule
from ticketlog.domain.ticket.assignment import Escalated
from ticketlog.domain.ticket.automation import (
    AgentChosen,
    ChoiceDropped,
    NotificationDecided,
    RequesterReminded,
    RuleFired,
)
from ticketlog.domain.ticket.classification import ExternalAdded
from ticketlog.domain.ticket.conversation import AttachmentAdded, Described, Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket, TicketCreated
from ticketlog.domain.ticket.feedback import Rated, SurveyOffered
from ticketlog.domain.ticket.imported import ActivityRecorded
from ticketlog.domain.ticket.lifecycle import MarkedSpam, ResolutionCoded
from ticketlog.domain.ticket.relations import Linked
from ticketlog.domain.ticket.sla_events import SlaApplied, SlaBreached, SlaWarned
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    Reopened,
    Solved,
    StatusEvent,
    TicketClosed,
)
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.log.commit import Commit, recorded_of

TICKETS = 2_000
TIMERS = ("lifecycle", "sla")


@cache
def steps(seed: int = 1, tickets: int = TICKETS) -> tuple[DemoStep, ...]:
    return tuple(simulate(seed, tickets))


def commits(seed: int = 1, tickets: int = TICKETS) -> list[Commit]:
    return [step.commit for step in steps(seed, tickets)]


@cache
def histories() -> dict[str, list[Commit]]:
    by_stream: dict[str, list[Commit]] = {}
    for commit in commits():
        by_stream.setdefault(commit.stream, []).append(commit)
    return by_stream


def tickets_with(*kinds: type) -> int:
    """How many tickets have an event of the kinds."""
    return sum(
        any(isinstance(event, kinds) for commit in history for event in commit.events)
        for stream, history in histories().items()
        if stream.startswith("ticket/")
    )


def fingerprint(steps: Iterable[DemoStep]) -> list[tuple[str, str]]:
    """What of a step is recorded, as plain data."""
    return [(repr(step.commit), step.command.model_dump_json()) for step in steps]


def test_the_same_seed_gives_the_same_steps() -> None:
    assert fingerprint(simulate(7, 60)) == fingerprint(simulate(7, 60))


def test_another_process_gives_the_same_steps() -> None:
    """Strings hash differently there, so that no order may depend on it."""
    program = (
        "import hashlib, tests.demo.test_demo as t;"
        "print(hashlib.sha256(repr(t.fingerprint(t.simulate(7, 60))).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_another_seed_gives_another_history() -> None:
    one, other = ({step.commit.id for step in simulate(seed, 20)} for seed in (1, 2))
    assert not one & other


def test_more_tickets_are_another_history_and_end_at_the_same_time() -> None:
    assert {s.commit.id for s in simulate(1, 20)}.isdisjoint(s.commit.id for s in simulate(1, 40))
    assert start_of(50_000) < start_of(2_000) < END
    assert max(commit.occurred_at for commit in commits()) < END


@pytest.mark.parametrize("tickets", [1, 2, 25])
def test_as_many_tickets_as_asked_for_are_opened(tickets: int) -> None:
    opened = [
        s
        for s in simulate(3, tickets)
        if any(isinstance(e, TicketCreated) for e in s.commit.events)
    ]
    assert len(opened) == tickets


def test_it_begins_when_it_is_told_to() -> None:
    start = start_of(10) + 7 * 86_400 * 1_000_000
    assert min(step.commit.occurred_at for step in simulate(1, 10, start)) == start


def test_every_step_is_a_real_command_that_is_accepted_where_it_stands() -> None:
    """Decided again, from the recorded events alone, each command gives the same events."""
    settings = settings_at(0)
    states: dict[str, object] = {}

    def load(stream: str) -> object:
        kind, id = kind_and_id(stream)
        return states.get(stream) or AGGREGATES[kind].initial(id)

    for step in steps(5, 300):
        aggregate = aggregate_of(type(step.command))
        commit = step.commit
        state = load(commit.stream)
        assert commit.expects == state.version + 1  # type: ignore[attr-defined]
        context = Context(
            settings=settings,
            now=commit.occurred_at,
            actor=commit.actor,
            stream=commit.stream,
            channel=commit.channel,
            command_id=commit.id,
        )
        context = informed(aggregate, step.command, state, context, load)
        assert aggregate.decide(step.command, state, context) == commit.events
        states[commit.stream] = aggregate.fold(state, recorded_of(commit))


def test_time_never_goes_back_and_ids_never_repeat() -> None:
    assert commits() == sorted(commits(), key=lambda commit: commit.occurred_at)
    assert len({commit.id for commit in commits()}) == len(commits())


ELSEWHERE = {
    *(ActivityRecorded, Described, ExternalAdded, ResolutionCoded, Withdrawn),
    *(ChoiceDropped, TimeCorrected),
}
"""Events of imported tickets; of runners that overtake each other, of clocks that were wrong."""


@pytest.mark.parametrize("kind", [kind for kind in ticket.EVENTS if kind not in ELSEWHERE])
def test_every_event_of_a_ticket_happens(kind: type) -> None:
    assert tickets_with(kind)


def small() -> list[Commit]:
    """Of a few hundred tickets: what somebody tries first."""
    return commits(1, 300)


@pytest.mark.parametrize(
    "kind",
    [
        *(SlaApplied, SlaWarned, SlaBreached, Escalated, RequesterReminded, SurveyOffered),
        *(RuleFired, AgentChosen, NotificationDecided, TicketClosed),
    ],
)
def test_the_desk_acts_by_itself_in_a_small_history_too(kind: type) -> None:
    by_rules = [commit for commit in small() if commit.actor.kind == "rule"]
    found = [event for commit in small() for event in commit.events if isinstance(event, kind)]
    assert found
    if kind not in (SlaApplied, SlaWarned, SlaBreached):
        assert any(isinstance(event, kind) for commit in by_rules for event in commit.events)


def test_promises_are_mostly_kept_and_what_breaks_goes_up() -> None:
    assert 0.05 * TICKETS < tickets_with(SlaBreached) < 0.35 * TICKETS
    reasons = {e.reason for commit in commits() for e in commit.events if isinstance(e, Escalated)}
    assert any("first_reply_time of premium@" in reason for reason in reasons)


def test_what_rules_send_names_its_cause() -> None:
    ids = {event.id for commit in small() for event in recorded_of(commit)}
    known = {commit.id for commit in small()}
    sent = [commit for commit in small() if commit.channel == "policy"]
    assert sent
    for commit in sent:
        assert commit.cause is not None
        assert commit.cause in ids or commit.cause.partition("@")[0] in known
        assert commit.source in {"routing", "assignment", "escalation", "notification", *TIMERS}


def test_agents_hold_what_is_theirs_and_never_too_much() -> None:
    at_work: dict[str, AgentAtWork] = {}
    theirs: dict[str, tuple[str | None, bool]] = {}
    for stream, history in histories().items():
        state = AGGREGATES[kind_and_id(stream)[0]].initial(kind_and_id(stream)[1])
        for commit in history:
            state = AGGREGATES[kind_and_id(stream)[0]].fold(state, recorded_of(commit))
        if stream.startswith("agent/"):
            at_work[stream] = state
        elif stream.startswith("ticket/"):
            theirs[stream] = (state.assignee, state.active)
    held = {ticket: agent for agent, state in at_work.items() for ticket in state.held}
    wanted = {t: f"agent/{who}" for t, (who, active) in theirs.items() if who and active}
    assert held == wanted
    limits = {rule.capacity for rule in settings_at(0).rules_of(AssignmentRule).values()}
    assert max(len(state.held) for state in at_work.values()) <= max(limits)  # type: ignore[type-var]


def test_every_status_of_every_workflow_is_reached() -> None:
    events = [event for commit in commits() for event in commit.events]
    reached = {event.new for event in events if isinstance(event, StatusEvent)}
    reached |= {event.status for event in events if isinstance(event, TicketCreated)}
    workflows = settings_at(0).workflows.values()
    wanted = {status.id for workflow in workflows for status in workflow.statuses}
    assert wanted <= reached


def test_persons_organisations_and_agents_live_too() -> None:
    names = {each.event.NAME for commit in commits() for each in recorded_of(commit)}
    for kind in ("person.registered", "person.merged", "person.renamed", "agent.shifts-changed"):
        assert any(name.startswith(kind) for name in names)
    assert {"organisation.registered.v1", "organisation.tier-changed.v1"} <= names


@pytest.mark.parametrize(
    ("kinds", "low", "high"),
    [
        ((Solved,), 0.80, 0.98),
        ((Reopened,), 0.08, 0.22),
        ((Cancelled,), 0.005, 0.05),
        ((MarkedSpam,), 0.01, 0.04),
        ((Linked,), 0.03, 0.25),
        ((Rated,), 0.12, 0.35),
    ],
)
def test_it_looks_like_a_help_desk(kinds: tuple[type, ...], low: float, high: float) -> None:
    assert low * TICKETS <= tickets_with(*kinds) <= high * TICKETS


def test_people_call_in_the_day_and_on_workdays() -> None:
    firsts = [h[0] for stream, h in histories().items() if stream.startswith("ticket/")]
    created = [iso(first.occurred_at) for first in firsts]
    hours = Counter(int(time[11:13]) for time in created)
    assert sum(hours[hour] for hour in range(7, 18)) > 0.85 * TICKETS
    channels = Counter(first.channel for first in firsts)
    assert {"email", "portal", "phone", "chat", "api", "monitoring", "web"} == set(channels)


def test_who_waits_longer_is_less_content() -> None:
    scores: dict[bool, list[int]] = {True: [], False: []}
    for history in histories().values():
        for commit in history:
            for event in commit.events:
                if isinstance(event, Rated):
                    slow = commit.occurred_at - history[0].occurred_at > 3 * 86_400_000_000
                    scores[slow].append(event.score)
    mean = {slow: sum(values) / len(values) for slow, values in scores.items()}
    assert mean[True] < mean[False] - 0.3


def test_what_is_attached_is_what_it_says() -> None:
    known = {(file.name, len(file.content), file.sha256) for file in FILES}
    attached = [
        event
        for commit in commits()
        for event in commit.events
        if isinstance(event, AttachmentAdded)
    ]
    assert {(event.name, event.size, event.sha256) for event in attached} == known


def test_no_text_has_an_empty_place() -> None:
    commands = [step.command for step in steps()]
    texts = [c.body for c in commands if isinstance(c, Reply | Note)]
    texts += [f"{c.subject}\n{c.description}" for c in commands if isinstance(c, CreateTicket)]
    assert not [text for text in texts if re.search(r"[{}]|\b(Hello|Guten Tag|Bonjour) ,", text)]
    assert len(set(texts)) > TICKETS


def test_dice_are_fair_and_always_the_same() -> None:
    dice = Dice(1)
    assert [dice.whole(1, 6) for _ in range(8)] == [1, 6, 5, 2, 3, 3, 4, 5]
    many = Counter(dice.weighted(Weighted({"often": 3, "seldom": 1})) for _ in range(4000))
    assert 0.7 < many["often"] / 4000 < 0.8
    assert {dice.skewed(2, 4) for _ in range(200)} == {2, 3, 4}
