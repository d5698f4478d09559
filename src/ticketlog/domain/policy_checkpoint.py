"""A policy's checkpoint: how far it has come, and the events that it couldn't take. Streams
`policy/NAME`.

Those of webhooks are here, too. A delivery that fails holds only its own stream back: it is noted
as waiting, and the places go on beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Instant,
    Key,
    Line,
    Recorded,
    Unseen,
    Value,
)
from ticketlog.domain.parties.party import Party, after
from ticketlog.domain.rights import SELF

KIND = "policy"
_Number = Annotated[int, Field(ge=0)]


class Place(Value):
    """Before which record of a partition it stands. `leaf` is the hash of the record before that,
    so that nobody goes on in another log."""

    partition: _Number
    offset: Annotated[int, Field(ge=1)]
    leaf: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StreamWait(Value):
    """A stream whose events wait from this version on, since a delivery of that one has failed:
    `attempts` of them, the first at `since`. It is tried again at `next_at`."""

    stream: Key
    version: _Number
    attempts: _Number
    since: Instant
    next_at: Instant


class PolicyAdvanced(Event):
    """It has sent all commands that come of the events before these places, but for streams that
    wait. `waits`: those that wait from now on, or wait otherwise; `settled`: those that wait no
    more."""

    NAME: ClassVar[str] = "policy.advanced.v1"
    ASPECT: ClassVar[str] = "progress"
    places: tuple[Place, ...]
    tells_since: Instant | None = None
    """Where it begins: of what happened before this time it tells nobody any more."""
    waits: tuple[StreamWait, ...] = ()
    settled: tuple[Key, ...] = ()


class EventParked(Event):
    """It couldn't take an event, and went on without it."""

    NAME: ClassVar[str] = "policy.event-parked.v1"
    ASPECT: ClassVar[str] = "parked"
    event: Key
    stream: Key
    partition: _Number
    offset: _Number
    error: Line


class EventUnparked(Event):
    """It has taken an event that it had parked."""

    NAME: ClassVar[str] = "policy.event-unparked.v1"
    ASPECT: ClassVar[str] = "parked"
    event: Key
    stream: Key


EVENTS: tuple[type[Event], ...] = (PolicyAdvanced, EventParked, EventUnparked)


class WaitingStream(NamedTuple):
    """A stream that waits; the fields are those of `StreamWait`."""

    version: int
    attempts: int
    since: int
    next_at: int


@dataclass(frozen=True)
class PolicyCheckpoint(Party):
    """A policy after event number `version` of its stream."""

    places: Mapping[int, Place] = field(default_factory=dict)
    """By partition; none: it hasn't begun."""
    tells_since: int | None = None
    """Of what happened before it tells nobody; None: it began where nothing was old."""
    parked: Mapping[str, EventParked] = field(default_factory=dict)
    """By the id of the event."""
    waiting: Mapping[str, WaitingStream] = field(default_factory=dict)
    """By stream."""

    CODE: ClassVar[int] = 3


def initial(id: str) -> PolicyCheckpoint:
    """A policy that has never run; `id` is the part after 'policy/'."""
    return PolicyCheckpoint(id=id)


def evolve(progress: PolicyCheckpoint, recorded: Recorded) -> PolicyCheckpoint:
    """The policy after one more event. Never fails; events of other aggregates change nothing."""
    changes: dict[str, Any] = {}
    match recorded.event:
        case PolicyAdvanced(places=places, tells_since=since) as advanced:
            changes["places"] = {**progress.places, **{each.partition: each for each in places}}
            if advanced.waits or advanced.settled:
                changes["waiting"] = _waiting(progress, advanced)
            if since is not None:
                changes["tells_since"] = since
        case EventParked() as parked:
            changes["parked"] = {**progress.parked, parked.event: parked}
        case EventUnparked(event=event):
            changes["parked"] = {id: each for id, each in progress.parked.items() if id != event}
    return progress.but(after(progress, recorded, changes))


def _waiting(progress: PolicyCheckpoint, advanced: PolicyAdvanced) -> dict[str, WaitingStream]:
    found = {s: each for s, each in progress.waiting.items() if s not in advanced.settled}
    for each in advanced.waits:
        found[each.stream] = WaitingStream(each.version, each.attempts, each.since, each.next_at)
    return found


class Advance(Command):
    """It stands before these places now; one that it has passed already is left out."""

    NAME: ClassVar[str] = "policy.advance"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({SELF}))
    places: tuple[Place, ...]
    tells_since: Instant | None = None
    waits: tuple[StreamWait, ...] = ()
    settled: tuple[Key, ...] = ()


class Park(Command):
    NAME: ClassVar[str] = "policy.park"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({SELF}))
    event: Key
    stream: Key
    partition: _Number
    offset: _Number
    error: Line


class Unpark(Command):
    NAME: ClassVar[str] = "policy.unpark"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({SELF}))
    event: Key


COMMANDS: tuple[type[Command], ...] = (Advance, Park, Unpark)


def decide(command: Command, progress: PolicyCheckpoint, context: Context) -> list[Event]:
    """The events of what the command changes. Refuses nothing."""
    match command:
        case Advance(places=places, tells_since=since):
            ahead = tuple(each for each in places if _is_ahead(each, progress))
            if not (ahead or command.waits or command.settled):
                return []
            left: dict[str, Any] = {
                "places": ahead,
                "waits": command.waits,
                "settled": command.settled,
            }
            return [PolicyAdvanced(tells_since=since, **left)]
        case Park(event=event):
            known = event in progress.parked
            return [] if known else [EventParked(**command.model_dump())]
        case Unpark(event=event):
            parked = progress.parked.get(event)
            return [EventUnparked(event=event, stream=parked.stream)] if parked else []
    return []


def _is_ahead(place: Place, progress: PolicyCheckpoint) -> bool:
    now = progress.places.get(place.partition)
    return now is None or now.offset < place.offset


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `policy/NAME` of the ticket log: how far each is.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    of_actor="service",
    public=False,
    internal=True,
)
