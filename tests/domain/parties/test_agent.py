from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.given import ANN, KIM, NOON, RULE, SETTINGS, SUE, Story
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Actor, Forbidden, Invalid, NotFound, Stale, instant
from ticketlog.domain.parties.agent import (
    AgentAtWork,
    AvailabilityChanged,
    SetAvailability,
    SetShifts,
    Shift,
    ShiftsChanged,
    initial,
    on_shift,
)
from ticketlog.domain.parties.attention import MarkSeen, Snooze, TicketsSeen, TicketsSnoozed
from ticketlog.domain.settings.model import Agent, Settings
from ticketlog.domain.ticket.creation import CreateTicket

STAFF = Settings(
    agents={
        "THIS": Agent(id="THIS", roles=("agent",)),
        "retired": Agent(id="retired", roles=("agent",), retired=True),
    }
)
THIS = Actor("THIS", "agent")
MONDAY = Shift(day="mon", start="09:00", end="17:00")
NIGHT = Shift(day="sun", start="22:00", end="06:00")


def an_agent(id: str = "THIS") -> Story:
    return Story(AGGREGATES["agent"], id, settings=STAFF)


def test_an_agent_is_offline_until_they_come_online() -> None:
    story = an_agent().when(SetAvailability(availability="online"))
    story.then(AvailabilityChanged(data_subject="THIS", old="offline", new="online"))
    assert (story.state.availability, story.state.since) == ("online", NOON)
    story.when(SetAvailability(availability="online")).then()


def test_an_absence_has_a_reason_that_ends_with_it() -> None:
    story = an_agent().when(SetAvailability(availability="away", reason="lunch"))
    story.then(AvailabilityChanged(data_subject="THIS", old="offline", new="away", reason="lunch"))
    story.when(SetAvailability(availability="away", reason="dentist"))
    story.then(AvailabilityChanged(data_subject="THIS", old="away", new="away", reason="dentist"))
    story.when(SetAvailability(availability="online"))
    assert story.state.reason is None


def test_only_agents_of_the_settings_work() -> None:
    command = SetAvailability(availability="online")
    an_agent("stranger").when(command).then_refused(NotFound, "stranger", "settings apply")
    an_agent("retired").when(command).then_refused(Invalid, "retired")


def test_shifts_change_from_old_to_new() -> None:
    story = an_agent().when(SetShifts(shifts=(NIGHT, MONDAY, MONDAY), zone="Europe/Berlin"))
    story.then(ShiftsChanged(old=(), new=(MONDAY, NIGHT), new_zone="Europe/Berlin"))
    story.when(SetShifts(shifts=(MONDAY, NIGHT), zone="Europe/Berlin")).then()
    story.when(SetShifts(shifts=(), zone="Europe/Berlin")).then(
        ShiftsChanged(old=(MONDAY, NIGHT), new=(), old_zone="Europe/Berlin")
    )
    story.when(SetShifts(shifts=())).then()


def test_shifts_are_on_the_clocks_of_a_zone() -> None:
    an_agent().when(SetShifts(shifts=(MONDAY,))).then_refused(Invalid, "THIS", "zone")
    with pytest.raises(ValidationError):
        SetShifts(shifts=(MONDAY,), zone="Nowhere")
    with pytest.raises(ValidationError):
        Shift(day="mon", start="9:00", end="24:00")


def test_what_changed_since_it_was_seen_is_not_changed_again() -> None:
    away = AvailabilityChanged(data_subject="THIS", old="online", new="away")
    online = AvailabilityChanged(data_subject="THIS", old="offline", new="online")
    story = an_agent().given(online, away).when(SetAvailability(availability="online"), seen=0)
    story.then_refused(Stale, "availability")
    story.when(SetShifts(shifts=(MONDAY,), zone="UTC"), seen=0)
    story.then(ShiftsChanged(new=(MONDAY,), new_zone="UTC"))


@pytest.mark.parametrize(
    ("at", "covered"),
    [
        ("2026-03-02T07:59:59Z", False),
        ("2026-03-02T08:00:00Z", True),
        ("2026-03-02T15:59:59Z", True),
        ("2026-03-02T16:00:00Z", False),
        ("2026-03-03T10:00:00Z", False),
        ("2026-03-01T20:59:59Z", False),
        ("2026-03-01T21:00:00Z", True),
        ("2026-03-02T04:59:59Z", True),
        ("2026-03-02T05:00:00Z", False),
        # Clocks went forward on 29 March: the same shift begins an hour earlier in UTC.
        ("2026-03-30T07:00:00Z", True),
        ("2026-03-30T06:59:59Z", False),
    ],
)
def test_a_shift_covers_its_hours_on_the_clocks_of_its_zone(at: str, covered: bool) -> None:
    agent = AgentAtWork(shifts=(MONDAY, NIGHT), zone="Europe/Berlin")
    assert on_shift(agent, instant(at)) is covered


def test_an_agent_without_shifts_is_on_none() -> None:
    assert not on_shift(initial("THIS"), NOON)


@given(
    st.integers(0, 24 * 60 - 1),
    st.integers(0, 24 * 60 - 1),
    st.integers(0, 7 * 24 * 60 - 1),
    st.sampled_from(["UTC", "Asia/Kolkata", "Pacific/Auckland"]),
)
def test_a_shift_covers_as_many_minutes_as_it_has(
    start: int, end: int, since_monday: int, zone: str
) -> None:
    shift = Shift(day="thu", start=clock(start), end=clock(end))
    length = (end - start) % (24 * 60) or 24 * 60
    agent = AgentAtWork(shifts=(shift,), zone=zone)
    monday = datetime(2026, 6, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    at = monday + timedelta(minutes=since_monday)
    inside = 0 <= since_monday - (3 * 24 * 60 + start) < length
    assert on_shift(agent, int(at.timestamp()) * 1_000_000) is inside


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


DOOR = CreateTicket(subject="The door is stuck")


def marking() -> Story:
    """THIS, and a ticket D at version 0."""
    door = Story(AGGREGATES["ticket"], "D", settings=SETTINGS).given(DOOR).state
    return Story(AGGREGATES["agent"], "THIS", settings=STAFF, others={"ticket/D": door})


def test_what_was_seen_is_recorded_by_version() -> None:
    marking().when(MarkSeen(tickets={"D": None}), by=THIS).then(
        TicketsSeen(tickets={"ticket/D": 0})
    )
    marking().when(MarkSeen(tickets={"ticket/D": 0}), by=THIS).then(
        TicketsSeen(tickets={"ticket/D": 0})
    )
    marking().when(Snooze(tickets=("D",), until=NOON + 1), by=THIS).then(
        TicketsSnoozed(tickets={"ticket/D": 0}, until=NOON + 1)
    )
    marking().when(Snooze(tickets=("D",)), by=THIS).then(TicketsSnoozed(tickets={"ticket/D": 0}))


def test_an_inbox_is_its_agents_own() -> None:
    for other in (ANN, SUE, KIM, Actor("THIS", "person"), RULE):
        for command in (MarkSeen(tickets={"D": 0}), Snooze(tickets=("D",))):
            marking().when(command, by=other).then_refused(Forbidden, "THIS", "own")


def test_what_cant_have_been_seen_or_snoozed_is_refused() -> None:
    marking().when(MarkSeen(tickets={"D": 1}), by=THIS).then_refused(Invalid, "version 0", "see")
    marking().when(MarkSeen(tickets={"X": None}), by=THIS).then_refused(NotFound, "ticket X")
    marking().when(Snooze(tickets=("X",)), by=THIS).then_refused(NotFound, "ticket X")
    late = Snooze(tickets=("D",), until=NOON)
    marking().when(late, by=THIS).then_refused(Invalid, "later")
    with pytest.raises(ValidationError):
        MarkSeen(tickets={})
    with pytest.raises(ValidationError):
        Snooze(tickets=())
