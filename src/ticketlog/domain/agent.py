"""An agent at work: whether they are there, and when they should be.

Who the agents are (name, teams, skills, roles) is part of the settings; this is what they do.
The reason of an absence is personal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from ticketlog.domain.base import (
    Command,
    Context,
    Event,
    Invalid,
    Key,
    Line,
    NotFound,
    Personal,
    Recorded,
)
from ticketlog.domain.party import Party, Zone, after, check_seen
from ticketlog.domain.settings import Value

KIND = "agent"
Availability = Literal["online", "away", "offline"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day on the wall: '09:00'."""


class Shift(Value):
    """Working hours of one weekday; an `end` that isn't after `start` is the next day's."""

    day: Weekday
    start: Clock
    end: Clock


class AvailabilityChanged(Event):
    """They came online, went away for a while, or went offline."""

    NAME: ClassVar[str] = "agent.availability-changed.v2"
    ASPECT: ClassVar[str] = "availability"
    data_subject: Key
    old: Availability
    new: Availability
    reason: Annotated[Line | None, Personal()] = None


class ShiftsChanged(Event):
    """They work at other hours from now on; the hours are those of the zone's clocks."""

    NAME: ClassVar[str] = "agent.shifts-changed.v1"
    ASPECT: ClassVar[str] = "shifts"
    old: tuple[Shift, ...] = ()
    new: tuple[Shift, ...] = ()
    old_zone: Key | None = None
    new_zone: Key | None = None


EVENTS: tuple[type[Event], ...] = (AvailabilityChanged, ShiftsChanged)


@dataclass(frozen=True)
class AgentAtWork(Party):
    """An agent's presence after event number `version` of their stream; at first offline."""

    availability: Availability = "offline"
    reason: str | None = None
    since: int = 0
    """When the availability changed last."""
    shifts: tuple[Shift, ...] = ()
    zone: str | None = None


def initial(id: str) -> AgentAtWork:
    """An agent of whom nothing is recorded yet; `id` is the part after 'agent/'."""
    return AgentAtWork(id=id)


def evolve(agent: AgentAtWork, recorded: Recorded) -> AgentAtWork:
    """The agent after one more event. Never fails; events of other aggregates change nothing."""
    changes: dict[str, Any] = {}
    match recorded.event:
        case AvailabilityChanged(new=new, reason=reason):
            since = recorded.meta.occurred_at
            changes = {"availability": new, "reason": reason, "since": since}
        case ShiftsChanged(new=shifts, new_zone=zone):
            changes = {"shifts": shifts, "zone": zone}
    return agent.but(after(agent, recorded, changes))


def on_shift(agent: AgentAtWork, at: int) -> bool:
    """Whether the agent's shifts cover the instant `at`."""
    if agent.zone is None:
        return False
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(
        ZoneInfo(agent.zone)
    )
    time = local.strftime("%H:%M")
    today, yesterday = _WEEKDAYS[local.weekday()], _WEEKDAYS[local.weekday() - 1]
    for shift in agent.shifts:
        overnight = shift.end <= shift.start
        if shift.day == today and shift.start <= time and (overnight or time < shift.end):
            return True
        if shift.day == yesterday and overnight and time < shift.end:
            return True
    return False


class SetAvailability(Command):
    """Says that an agent is online, away or offline, and why."""

    NAME: ClassVar[str] = "agent.set-availability"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"availability"})
    availability: Availability
    reason: Line | None = None


class SetShifts(Command):
    """Sets an agent's weekly working hours, all of them; none: they have no fixed hours."""

    NAME: ClassVar[str] = "agent.set-shifts"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"shifts"})
    shifts: Annotated[tuple[Shift, ...], Field(max_length=100)]
    zone: Zone | None = None


COMMANDS: tuple[type[Command], ...] = (SetAvailability, SetShifts)


def reads(command: Command, agent: AgentAtWork, context: Context | None = None) -> tuple[str, ...]:
    """The streams whose states `decide` wants in `context.others`: none."""
    return ()


def decide(command: Command, agent: AgentAtWork, context: Context) -> list[Event]:
    """What the command changes. Raises NotFound, Invalid, Stale."""
    known = context.settings.agents.get(agent.id)
    if known is None:
        raise NotFound(
            f"agent {agent.id} isn't in the settings; add them with `ticketlog settings apply`"
        )
    if known.retired:
        raise Invalid(f"agent {agent.id} is retired; take `retired` out of the settings first")
    check_seen(command, agent, context)
    match command:
        case SetAvailability(availability=new, reason=reason):
            if (new, reason) == (agent.availability, agent.reason):
                return []
            return [
                AvailabilityChanged(
                    data_subject=agent.id, old=agent.availability, new=new, reason=reason
                )
            ]
        case SetShifts():
            return _reschedule(command, agent)
    return []


def _reschedule(command: SetShifts, agent: AgentAtWork) -> list[Event]:
    if command.shifts and command.zone is None:
        raise Invalid(f"the shifts of agent {agent.id} need a zone: on whose clocks are they?")
    shifts = tuple(
        sorted(set(command.shifts), key=lambda s: (_WEEKDAYS.index(s.day), s.start, s.end))
    )
    zone = command.zone if shifts else None
    if (shifts, zone) == (agent.shifts, agent.zone):
        return []
    return [ShiftsChanged(old=agent.shifts, new=shifts, old_zone=agent.zone, new_zone=zone)]
