"""Lives of tickets with known clocks. Each names its source: a section of SLA.md's sources, or an
issue in which another system gets it wrong."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.domain.clocks import HOUR, MINUTE, SECOND, calendar
from tests.domain.sla.desk import named, policy, settings, target, when
from tests.domain.ticket.shop import ASKS, a_ticket
from tests.given import ANN, KIM, LEE, RULE, SUE, Story
from ticketlog.domain.base import Actor, Command, Event, instant
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.sla.clock import Clock
from ticketlog.domain.ticket.assignment import Assign
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.lifecycle import (
    Cancel,
    Hold,
    MarkSpam,
    Reopen,
    Restore,
    SetStatus,
    Solve,
)
from ticketlog.domain.ticket.priority import Prioritise
from ticketlog.domain.ticket.relations import LinkTo, Unlink
from ticketlog.domain.ticket.sla_events import (
    ReapplySla,
    RecordDue,
    SlaBreached,
)

Step = tuple[str, Command | Settings, Actor]
ANSWER = Reply(body="Did you try water?")
BOT = Reply(body="We got your mail", automated=True)
MORE = Reply(body="It burns")
PENDING, OPEN = SetStatus(status="pending"), SetStatus(status="open")
HOLD = Hold(reason="waits for the vendor")
URGENT = Prioritise(priority="critical", reason="the board waits")
LATER = Prioritise(priority="low", reason="a workaround")
OFFICE = named("office", calendar("Europe/Berlin"))


class Golden(NamedTuple):
    """What happens when (a time of Monday, 2 March 2026 UTC, or after so many days), and then: the
    clocks, the breaches and their times."""

    name: str
    source: str
    rules: Settings
    steps: tuple[Step, ...]
    clocks: dict[str, str]
    breached: tuple[str, ...] = ()


def moment(text: str) -> int:
    """'14:30', '14:30:15' or '+2 14:30', two days later."""
    days, _, clock = text.rpartition(" ")
    hours, minutes, *seconds = clock.split(":")
    at = int(hours) * HOUR + int(minutes) * MINUTE + round(float((seconds or ["0"])[0]) * SECOND)
    return instant("2026-03-02T00:00:00Z") + int(days or 0) * 24 * HOUR + at


def told(story: Story, *steps: Step) -> Story:
    for at, step, by in steps:
        if isinstance(step, Settings):
            story.settings = step
        else:
            story.when(step, by=by, at=moment(at))
            assert isinstance(story.outcome, list), story.outcome
    return story


def shown(clock: Clock, now: int) -> str:
    """'running 1:30' (hours and minutes used, in the target's time), and its next due time."""
    running = now - clock.since if clock.phase == "running" else 0
    used = clock.used + running
    if clock.target is not None and clock.target.business:
        used = clock.business or 0
    text = f"{clock.phase} {used // HOUR}:{used % HOUR // MINUTE:02d}"
    seconds = used % MINUTE / SECOND
    if seconds:
        text += f":{seconds:05.2f}".rstrip("0").rstrip(".")
    if clock.due is not None:
        text += f" due {clocktime(clock.due)}"
    return f"#{clock.instance} {text}" if clock.instance > 1 else text


def clocktime(at: int) -> str:
    days, rest = divmod(at - moment("00:00"), 24 * HOUR)
    text = f"{rest // HOUR:02d}:{rest % HOUR // MINUTE:02d}"
    seconds = rest % MINUTE // SECOND
    text += f":{seconds:02d}" if seconds else ""
    return f"+{days} {text}" if days else text


def happened(story: Story, kind: type[Event]) -> list[Event]:
    return [each.event for each in story.history if isinstance(each.event, kind)]


WAIT = settings(
    policy(
        target("requester_wait_time", 4 * 3_600, "medium"),
        target("requester_wait_time", 3_600, "critical"),
        target("requester_wait_time", 86_400, "low"),
    )
)
REPLIES = settings(policy(target("first_reply_time", 3_600), target("next_reply_time", 3_600)))
SOLVING = settings(
    policy(
        *(target(m, 8 * 3_600) for m in ("requester_wait_time", "agent_work_time")),
        target("total_resolution_time", 86_400),
        target("group_ownership_time", 3_600),
    )
)
UPDATES = settings(
    policy(target("periodic_update_time", 7_200), target("pausable_update_time", 7_200))
)
BUSINESS = settings(
    policy(target("total_resolution_time", 4 * 3_600, business=True), calendar="office"), OFFICE
)
CREATED: Step = ("09:00", ASKS, KIM)

GOLDEN = (
    Golden(
        "an open pause outlasts a change of priority",
        "GLPI #6902, #15605: the new SLA forgets the time on pending",
        WAIT,
        (CREATED, ("09:10", PENDING, ANN), ("12:00", URGENT, ANN), ("14:00", OPEN, ANN)),
        {"requester_wait_time": "running 0:10 due 14:50"},
    ),
    Golden(
        "a pause that is over outlasts a change of priority",
        "GLPI #6902",
        WAIT,
        (
            *(CREATED, ("09:10", PENDING, ANN), ("12:00", OPEN, ANN)),
            ("12:20", URGENT, ANN),
        ),
        {"requester_wait_time": "running 0:30 due 12:50"},
    ),
    Golden(
        "time solved is no time that the requester made us wait",
        "GLPI #23359",
        SOLVING,
        (CREATED, ("10:00", Solve(), ANN), ("15:00", Reopen(), KIM), ("15:30", PENDING, ANN)),
        {
            "requester_wait_time": "paused 1:30",
            "total_resolution_time": "running 1:30 due +1 14:00",
        },
    ),
    Golden(
        "a bot's reply is no first reply",
        "Z26; Frappe #1542",
        REPLIES,
        (CREATED, ("09:01", BOT, SUE), ("09:30", ANSWER, RULE), ("09:40", Tag(add=("x",)), ANN)),
        {"first_reply_time": "running 0:40 due 10:00"},
    ),
    Golden(
        "the first reply fulfils nothing but the first reply",
        "Frappe #1542: 'Replied' fulfilled the resolution too",
        settings(policy(target("first_reply_time", 3_600), target("total_resolution_time", 7_200))),
        (CREATED, ("09:30", ANSWER, ANN)),
        {"first_reply_time": "fulfilled 0:30", "total_resolution_time": "running 0:30 due 11:00"},
    ),
    Golden(
        "an update's deadline doesn't overrule that of the first reply",
        "Zammad #5177",
        settings(policy(target("first_reply_time", 3_600), target("periodic_update_time", 60))),
        (CREATED, ("09:30", MORE, LEE)),
        {"first_reply_time": "running 0:30 due 10:00"},
    ),
    Golden(
        "the next reply is due by the oldest unanswered comment",
        "Z8, Z32",
        REPLIES,
        (
            *(CREATED, ("09:30", ANSWER, ANN), ("10:00", MORE, KIM)),
            *(("10:45", MORE, LEE), ("10:50", BOT, SUE)),
        ),
        {"next_reply_time": "running 0:50 due 11:00"},
    ),
    Golden(
        "comments before the first reply wait for that",
        "Z26",
        REPLIES,
        (CREATED, ("09:15", MORE, KIM), ("09:30", ANSWER, ANN)),
        {"first_reply_time": "fulfilled 0:30", "next_reply_time": "-"},
    ),
    Golden(
        "each question has its own clock",
        "Z2: instance_id",
        REPLIES,
        (
            *(CREATED, ("09:30", ANSWER, ANN), ("10:00", MORE, KIM), ("10:10", ANSWER, ANN)),
            ("12:00", MORE, KIM),
        ),
        {"next_reply_time": "#2 running 0:00 due 13:00"},
    ),
    Golden(
        "fulfilled exactly at the target is met",
        "S5: 99.995 % counts as breached",
        REPLIES,
        (CREATED, ("10:00", ANSWER, ANN)),
        {"first_reply_time": "fulfilled 1:00"},
    ),
    Golden(
        "99.995 % is met",
        "S5",
        settings(policy(target("first_reply_time", 20_000))),
        (CREATED, ("14:33:19", ANSWER, ANN)),
        {"first_reply_time": "fulfilled 5:33:19"},
    ),
    Golden(
        "a microsecond later is late",
        "S5",
        REPLIES,
        (CREATED, ("10:00:00.000001", ANSWER, ANN)),
        {"first_reply_time": "fulfilled 1:00:00"},
        ("first_reply_time 10:00",),
    ),
    Golden(
        "a breach has the time at which it was due, whoever finds it",
        "L1: libredesk's breaches have the time of its polling loop",
        REPLIES,
        (CREATED, ("+3 17:00", Note(body="Back from a power cut"), ANN)),
        {"first_reply_time": "running 80:00"},
        ("first_reply_time 10:00",),
    ),
    Golden(
        "a timer that comes after the answer finds nothing",
        "L1",
        REPLIES,
        (CREATED, ("09:59", ANSWER, ANN), ("10:01", RecordDue(), RULE)),
        {"first_reply_time": "fulfilled 0:59"},
    ),
    Golden(
        "a timer finds a breach once",
        "L1",
        REPLIES,
        (
            CREATED,
            ("10:00", RecordDue(), RULE),
            ("10:01", RecordDue(), RULE),
            ("10:02", RecordDue(), RULE),
            ("10:03", ANSWER, ANN),
        ),
        {"first_reply_time": "fulfilled 1:03"},
        ("first_reply_time 10:00",),
    ),
    Golden(
        "on hold counts for the requester and not for the agent; pending for neither",
        "Z3, Z8",
        SOLVING,
        (
            *(CREATED, ("10:00", HOLD, ANN), ("12:00", PENDING, ANN)),
            *(("13:00", OPEN, ANN), ("14:00", Solve(), ANN)),
        ),
        {
            "requester_wait_time": "fulfilled 4:00",
            "agent_work_time": "fulfilled 2:00",
            "total_resolution_time": "fulfilled 5:00",
        },
    ),
    Golden(
        "a target that is exceeded when it comes breaches then, on a clock that is paused too",
        "Z8: SLAs do not back-date breach events",
        WAIT,
        (CREATED, ("11:00", PENDING, ANN), ("12:00", URGENT, ANN), ("13:00", OPEN, ANN)),
        {"requester_wait_time": "running 2:00"},
        ("requester_wait_time 12:00",),
    ),
    Golden(
        "a target that is used up to the second when it comes isn't breached yet",
        "Z8",
        WAIT,
        (CREATED, ("10:00", PENDING, ANN), ("12:00", URGENT, ANN)),
        {"requester_wait_time": "paused 1:00"},
    ),
    Golden(
        "a later target gives a breached clock another chance; the breach stays in the log",
        "Z2: Zendesk deletes the breach",
        WAIT,
        (CREATED, ("09:05", URGENT, ANN), ("10:30", LATER, ANN), ("11:00", Tag(add=("x",)), ANN)),
        {"requester_wait_time": "running 2:00 due +1 09:00"},
        ("requester_wait_time 10:00",),
    ),
    Golden(
        "back under the target that it had exceeded, it is breached from then on",
        "Z8",
        WAIT,
        (CREATED, ("09:05", URGENT, ANN), ("10:30", LATER, ANN), ("11:00", URGENT, ANN)),
        {"requester_wait_time": "running 2:00"},
        ("requester_wait_time 10:00", "requester_wait_time 11:00"),
    ),
    Golden(
        "solving without a reply withdraws what waits for one; an update restarts with a reply",
        "Z2",
        settings(
            policy(
                *(target("first_reply_time", 3_600), target("next_reply_time", 3_600)),
                *(target("periodic_update_time", 7_200), target("pausable_update_time", 7_200)),
            )
        ),
        (
            *(CREATED, ("09:30", ANSWER, ANN), ("09:40", MORE, KIM), ("10:00", Solve(), ANN)),
            ("15:00", Reopen(), KIM),
        ),
        {
            "first_reply_time": "fulfilled 0:30",
            "next_reply_time": "withdrawn 0:20",
            "periodic_update_time": "withdrawn 0:30",
            "pausable_update_time": "withdrawn 0:30",
        },
    ),
    Golden(
        "a first reply that solving withdrew isn't waited for again",
        "Z2",
        REPLIES,
        (CREATED, ("09:30", Solve(), ANN), ("11:00", MORE, KIM)),
        {"first_reply_time": "withdrawn 0:30", "next_reply_time": "running 0:00 due 12:00"},
    ),
    Golden(
        "reopening goes on with wait, work and resolution, and begins another ownership",
        "Z2, Z35",
        SOLVING,
        (
            *(CREATED, ("10:00", Assign(team="network", assignee="ann"), SUE)),
            *(("10:30", Solve(), ANN), ("12:00", MORE, KIM)),
        ),
        {
            "requester_wait_time": "running 1:30 due 18:30",
            "agent_work_time": "running 1:30 due 18:30",
            "total_resolution_time": "running 1:30 due +1 10:30",
            "group_ownership_time": "#2 running 0:00 due 13:00",
        },
    ),
    Golden(
        "ownership is of each team, and ends when it hands over",
        "Z35",
        SOLVING,
        (CREATED, ("10:00", Assign(team="network"), SUE), ("11:30", Assign(team="billing"), SUE)),
        {"group_ownership_time": "#2 running 0:00 due 12:30"},
        ("group_ownership_time 11:00",),
    ),
    Golden(
        "updates run from comment to comment; one pauses while the requester is asked",
        "Z8",
        UPDATES,
        (
            *(CREATED, ("09:30", ANSWER, ANN), ("10:00", PENDING, ANN), ("11:00", OPEN, ANN)),
            ("11:15", Tag(add=("x",)), ANN),
        ),
        {
            "periodic_update_time": "running 1:45 due 11:30",
            "pausable_update_time": "running 0:45 due 12:30",
        },
    ),
    Golden(
        "spam, and what was none after all: it goes on where it stopped",
        "ours: the desk made the mistake, and nobody knew that they should work",
        SOLVING,
        (CREATED, ("10:00", MarkSpam(), ANN), ("15:00", Restore(), ANN)),
        {"requester_wait_time": "running 1:00 due 22:00", "first_reply_time": "running 1:00"},
    ),
    Golden(
        "what goes on in a duplicate's original isn't measured here",
        "I1 Zammad #983; GLPI #8842",
        REPLIES,
        (
            *(CREATED, ("09:30", LinkTo(kind="duplicate-of", target="OTHER"), ANN)),
            *(("10:30", MORE, KIM), ("10:40", ANSWER, ANN), ("12:00", MORE, KIM)),
        ),
        {"first_reply_time": "withdrawn 0:30", "next_reply_time": "-"},
    ),
    Golden(
        "a duplicate that is none goes on, but for what was answered meanwhile",
        "There There: undo of a merge (Z29)",
        settings(policy(target("first_reply_time", 3_600), target("total_resolution_time", 7_200))),
        (
            *(CREATED, ("09:30", LinkTo(kind="duplicate-of", target="OTHER"), ANN)),
            *(("10:40", ANSWER, ANN), ("12:00", Unlink(kind="duplicate-of", target="OTHER"), ANN)),
        ),
        {"first_reply_time": "withdrawn 0:30", "total_resolution_time": "running 0:30 due 13:30"},
    ),
    Golden(
        "cancelled is not fulfilled",
        "S2: Cancelled",
        SOLVING,
        (CREATED, ("10:00", Cancel(reason="found it"), KIM)),
        {"requester_wait_time": "withdrawn 1:00", "total_resolution_time": "withdrawn 1:00"},
    ),
    Golden(
        "a policy that comes later counts from the creation",
        "Z26: the first reply's clock starts at creation even if the policy is applied later",
        settings(policy(target("first_reply_time", 3_600), when=when(priority="critical"))),
        (CREATED, ("09:45", URGENT, ANN)),
        {"first_reply_time": "running 0:45 due 10:00"},
    ),
    Golden(
        "what was promised stays promised when the settings change",
        "J1: a resolution of 2.5 h under a goal of 4 h is judged by today's 2 h",
        WAIT,
        (
            CREATED,
            ("09:10", settings(policy(target("requester_wait_time", 7_200)), after=WAIT), ANN),
            ("11:30", Solve(), ANN),
        ),
        {"requester_wait_time": "fulfilled 2:30"},
    ),
    Golden(
        "a recorded reapply promises what is in force",
        "J1, S3: repair",
        WAIT,
        (
            CREATED,
            ("09:10", settings(policy(target("requester_wait_time", 7_200)), after=WAIT), ANN),
            ("09:30", ReapplySla(), SUE),
        ),
        {"requester_wait_time": "running 0:30 due 11:00"},
    ),
    Golden(
        "a policy that is gone escalates no more, once that is said",
        "Zammad #4353: a deactivated SLA keeps escalating",
        WAIT,
        (
            CREATED,
            (
                "09:10",
                settings(
                    policy(target("requester_wait_time", 60), id="p", when=when(tier="z")),
                    after=WAIT,
                ),
                ANN,
            ),
            ("09:30", ReapplySla(), SUE),
            ("+1 09:30", Tag(add=("x",)), ANN),
        ),
        {"requester_wait_time": "running 24:30"},
    ),
    Golden(
        "a pause over the change to summer time is a pause",
        "1.1: calendars of Europe/Berlin; 29 March 2026",
        settings(
            policy(target("requester_wait_time", 8 * 3_600, business=True), calendar="office"),
            OFFICE,
        ),
        (
            # Friday 27 March, 15:00 in Berlin; on Monday 10:00 is 08:00 UTC.
            *(("+25 14:00", ASKS, KIM), ("+25 15:00", PENDING, ANN)),
            ("+28 08:00", OPEN, ANN),
        ),
        {"requester_wait_time": "running 1:00 due +28 16:00"},
    ),
    Golden(
        "nights and lunch don't count; used up at the end of the day is due then",
        "C, F, O: several periods a day",
        BUSINESS,
        # 12:00 in Berlin: half an hour until lunch, three and a half more until 17:00.
        (("11:00", ASKS, KIM), ("12:00", Tag(add=("x",)), ANN)),
        {"total_resolution_time": "running 0:00 due 16:00"},
    ),
    Golden(
        "no longer in time after the last open hour, though no more of it was used",
        "S5",
        settings(
            policy(target("total_resolution_time", 3_600, business=True), calendar="office"), OFFICE
        ),
        (("16:00", ASKS, KIM), ("+1 07:30", Solve(), ANN)),
        {"total_resolution_time": "fulfilled 1:00"},
        ("total_resolution_time 17:00",),
    ),
)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: re.sub(r"\W+", "-", case.name))
def test_golden(case: Golden) -> None:
    story = told(a_ticket(case.rules), *case.steps)
    clocks = story.state.clocks
    found = {
        metric: shown(clocks[metric], story.state.clock) if metric in clocks else "-"  # type: ignore[index, unused-ignore]
        for metric in case.clocks
    }
    assert found == case.clocks
    breaches = [f"{e.metric} {clocktime(e.at)}" for e in happened(story, SlaBreached)]  # type: ignore[attr-defined]
    assert tuple(breaches) == case.breached
