"""An agent at work: whether they are there, when they should be, what they have seen (`attention`).

Who the agents are (name, teams, skills, roles) is part of the settings; this is what they do.
The reason of an absence is personal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Invalid,
    Key,
    Line,
    NotFound,
    Personal,
    Recorded,
    Unseen,
)
from ticketlog.domain.parties import attention
from ticketlog.domain.parties.attention import MarkSeen, Snooze
from ticketlog.domain.parties.party import Party, Zone, after, check_seen
from ticketlog.domain.rights import STAFF
from ticketlog.domain.settings.model import Agent
from ticketlog.domain.time.calendar import WEEKDAYS
from ticketlog.domain.time.shifts import Shift, cover, shift_of

KIND = "agent"
ALL = "*"
"""In a capacity: the tickets of all channels together."""
Availability = Literal["online", "away", "offline"]


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


class TicketReserved(Event):
    """A ticket counts against their capacity from now on: they were chosen for it (`choice`), or
    got it otherwise."""

    NAME: ClassVar[str] = "agent.ticket-reserved.v1"
    ASPECT: ClassVar[str] = "load"
    ticket: Key
    channel: Key
    version: Annotated[int, Field(ge=0)]
    """The version of the ticket from which on it is the agent's."""
    choice: Key | None = None


class TicketDeclined(Event):
    """They were chosen for a ticket, and had no room or weren't there."""

    NAME: ClassVar[str] = "agent.ticket-declined.v1"
    ASPECT: ClassVar[str] = "load"
    ticket: Key
    choice: Key


class TicketReleased(Event):
    """A ticket counts no more."""

    NAME: ClassVar[str] = "agent.ticket-released.v1"
    ASPECT: ClassVar[str] = "load"
    ticket: Key
    version: Annotated[int, Field(ge=0)]


EVENTS: tuple[type[Event], ...] = (
    AvailabilityChanged,
    ShiftsChanged,
    TicketReserved,
    TicketDeclined,
    TicketReleased,
    *attention.EVENTS,
)


class Held(NamedTuple):
    """A ticket that counts: on which channel it came, and the version at which the agent got it."""

    channel: str
    version: int


@dataclass(frozen=True)
class AgentAtWork(Party):
    """An agent's presence after event number `version` of their stream; at first offline."""

    availability: Availability = "offline"
    reason: str | None = None
    since: int = 0
    """When the availability changed last."""
    absent_since: int | None = None
    """When they ceased to be online; None: they are, or never said whether."""
    shifts: tuple[Shift, ...] = ()
    zone: str | None = None
    held: Mapping[str, Held] = field(default_factory=dict)
    """By the ticket's stream."""
    reserved_at: int = 0
    """When they last got a ticket."""
    released_at: int = 0
    """When a ticket last counted no more."""

    CODE: ClassVar[int] = 3


def initial(id: str) -> AgentAtWork:
    """An agent of whom nothing is recorded yet; `id` is the part after 'agent/'."""
    return AgentAtWork(id=id)


def evolve(agent: AgentAtWork, recorded: Recorded) -> AgentAtWork:
    """The agent after one more event. Never fails; events of other aggregates change nothing."""
    changes: dict[str, Any] = {}
    match recorded.event:
        case AvailabilityChanged(new=new, reason=reason):
            since = recorded.meta.occurred_at
            absent = since if agent.absent_since is None else agent.absent_since
            changes = {
                "availability": new,
                "reason": reason,
                "since": since,
                "absent_since": None if new == "online" else absent,
            }
        case ShiftsChanged(new=shifts, new_zone=zone):
            changes = {"shifts": shifts, "zone": zone}
        case TicketReserved() as reserved:
            changes = {
                "held": holding(agent, reserved.ticket, reserved.channel, reserved.version),
                "reserved_at": recorded.meta.occurred_at,
            }
        case TicketReleased(ticket=ticket):
            held = {stream: each for stream, each in agent.held.items() if stream != ticket}
            changes = {"held": held, "released_at": recorded.meta.occurred_at}
    return agent.but(after(agent, recorded, changes))


def holding(agent: AgentAtWork, ticket: str, channel: str, version: int) -> Mapping[str, Held]:
    """The tickets that the agent holds, with one more."""
    known = agent.held.get(ticket)
    latest = max(version, known.version if known else 0)
    return {**agent.held, ticket: Held(channel, latest)}


def on_shift(agent: AgentAtWork, at: int) -> bool:
    """Whether the agent's shifts cover the instant `at`."""
    return cover(agent.shifts, agent.zone, at)


class SetAvailability(Command):
    """Says that an agent is online, away or offline, and why."""

    NAME: ClassVar[str] = "agent.set-availability"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"availability"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Say that an agent is online, away or offline.",
        examples=("ticketlog agent set-availability bob away --reason lunch",),
        positional=("availability",),
    )
    availability: Availability
    reason: Line | None = None


class SetShifts(Command):
    """Sets an agent's weekly working hours, all of them; none: they have no fixed hours."""

    NAME: ClassVar[str] = "agent.set-shifts"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"shifts"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF, "service"}),
        help="Set an agent's weekly working hours, all of them.",
        examples=('ticketlog agent set-shifts bob "mon 09:00-17:00" --zone Europe/Berlin',),
        positional=("shifts",),
        readers={"shifts": shift_of},
    )
    shifts: Annotated[tuple[Shift, ...], Field(max_length=100)]
    zone: Zone | None = None


class Reserve(Command):
    """Makes room for a ticket. One that was chosen (`choice`) has to find room; one that they
    have got otherwise counts in any case (Zendesk: assigned by hand, it may exceed)."""

    NAME: ClassVar[str] = "agent.reserve"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"rule"}))
    ticket: Key
    channel: Key
    version: Annotated[int, Field(ge=0)]
    choice: Key | None = None
    capacity: Annotated[int, Field(ge=1)] | None = None
    """The rule's, for agents without one of their own."""


class Release(Command):
    """Gives the room for a ticket back, if it was made before the ticket's `version`."""

    NAME: ClassVar[str] = "agent.release"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"rule"}))
    ticket: Key
    version: Annotated[int, Field(ge=0)]


COMMANDS: tuple[type[Command], ...] = (
    SetAvailability,
    SetShifts,
    *attention.COMMANDS,
    Reserve,
    Release,
)


def reads(command: Command, agent: AgentAtWork, context: Context | None = None) -> tuple[str, ...]:
    """The streams whose states `decide` wants in the context: the tickets that are marked."""
    return attention.reads(command) if isinstance(command, MarkSeen | Snooze) else ()


def decide(command: Command, agent: AgentAtWork, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Invalid, Forbidden, Stale."""
    known = context.settings.agents.get(agent.id)
    match command:
        case MarkSeen() | Snooze():
            return attention.decide(command, context)
        case Reserve():
            return _reserve(command, agent, known)
        case Release(ticket=ticket, version=version):
            held = agent.held.get(ticket)
            late = held is None or held.version > version
            return [] if late else [TicketReleased(ticket=ticket, version=version)]
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


def room(agent: AgentAtWork, known: Agent, channel: str, default: int | None) -> int | None:
    """For how many more tickets of a channel they have room; None: for any number."""
    limits = known.capacity or ({ALL: default} if default is not None else {})
    total = limits.get(ALL)
    of_channel = limits.get(channel)
    left = []
    if total is not None:
        left.append(total - len(agent.held))
    if of_channel is not None:
        left.append(of_channel - sum(each.channel == channel for each in agent.held.values()))
    return min(left, default=None)


def _reserve(command: Reserve, agent: AgentAtWork, known: Agent | None) -> list[Event]:
    """A reservation or a decline: the choice is answered in any case, since the ticket waits for
    it."""
    if command.choice is None:
        held = agent.held.get(command.ticket)
        if held is not None and held.version >= command.version:
            return []
    elif not _takes(command, agent, known):
        return [TicketDeclined(ticket=command.ticket, choice=command.choice)]
    return [
        TicketReserved(
            ticket=command.ticket,
            channel=command.channel,
            version=command.version,
            choice=command.choice,
        )
    ]


def _takes(command: Reserve, agent: AgentAtWork, known: Agent | None) -> bool:
    if known is None or known.retired or agent.availability != "online":
        return False
    if command.ticket in agent.held:
        return True
    left = room(agent, known, command.channel, command.capacity)
    return left is None or left > 0


def _reschedule(command: SetShifts, agent: AgentAtWork) -> list[Event]:
    if command.shifts and command.zone is None:
        raise Invalid(f"the shifts of agent {agent.id} need a zone: on whose clocks are they?")
    shifts = tuple(
        sorted(set(command.shifts), key=lambda s: (WEEKDAYS.index(s.day), s.start, s.end))
    )
    zone = command.zone if shifts else None
    if (shifts, zone) == (agent.shifts, agent.zone):
        return []
    return [ShiftsChanged(old=agent.shifts, new=shifts, old_zone=agent.zone, new_zone=zone)]


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `agent/ID` of the ticket log: what agents do.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    reads=reads,
    of_actor="agent",
)
