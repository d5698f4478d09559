"""A schedule at work: which of its occurrences came, and which are skipped or moved. Streams
`schedule/ID`; the settings say how it recurs and what it opens.

An occurrence is named by the instant at which its rule has it. That it comes is recorded here
first, with the id of its ticket, which follows from schedule and occurrence: so the ticket is
opened once, however often that is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Instant,
    Invalid,
    Key,
    NotFound,
    Recorded,
    Unseen,
    iso,
    stream_key,
)
from ticketlog.domain.parties.party import Party, after, check_seen
from ticketlog.domain.rights import LEADS
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.schedule import CatchUp, Schedule, ScheduledTicket
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.time.business_hours import DAY, SECOND
from ticketlog.domain.time.recurrence import Occurrence, occurrences

KIND = "schedule"
AT_ONCE = 100
"""Occurrences that one commit records."""
LATE = 600 * SECOND
"""Microseconds after which an occurrence counts as missed: a restart of the policies takes less."""
AHEAD = 10 * 366 * DAY * SECOND
"""Microseconds ahead of now to which an occurrence can be moved, or looked for."""


class OccurrenceCame(Event):
    """An occurrence came: its ticket is opened under that id."""

    NAME: ClassVar[str] = "schedule.occurred.v1"
    ASPECT: ClassVar[str] = "occurrences"
    occurrence: Instant
    due: Instant
    """When it was due, after shifting or moving."""
    ticket: Key
    version: Annotated[int, Field(ge=0)]
    """The version of the schedule in the settings."""


class OccurrencesMissed(Event):
    """Occurrences that fell due while nobody was there to open them, and aren't made up for."""

    NAME: ClassVar[str] = "schedule.missed.v1"
    ASPECT: ClassVar[str] = "occurrences"
    first: Instant
    last: Instant
    due: Instant
    """When the last one was due."""
    number: Annotated[int, Field(ge=1)]
    catch_up: CatchUp


class OccurrenceSkipped(Event):
    """An occurrence is left out."""

    NAME: ClassVar[str] = "schedule.occurrence-skipped.v1"
    ASPECT: ClassVar[str] = "exceptions"
    occurrence: Instant
    due: Instant


class OccurrenceMoved(Event):
    """An occurrence comes at another time."""

    NAME: ClassVar[str] = "schedule.occurrence-moved.v1"
    ASPECT: ClassVar[str] = "exceptions"
    occurrence: Instant
    old: Instant
    new: Instant


class OccurrenceRestored(Event):
    """An occurrence that was skipped or moved comes when its rule has it."""

    NAME: ClassVar[str] = "schedule.occurrence-restored.v1"
    ASPECT: ClassVar[str] = "exceptions"
    occurrence: Instant


EVENTS: tuple[type[Event], ...] = (
    OccurrenceCame,
    OccurrencesMissed,
    OccurrenceSkipped,
    OccurrenceMoved,
    OccurrenceRestored,
)


@dataclass(frozen=True)
class ScheduleAtWork(Party):
    """A schedule after event number `version` of its stream."""

    done: int | None = None
    """The last occurrence of the rule that came or was missed; None: none yet."""
    done_due: int | None = None
    """When that was due."""
    moved: Mapping[int, int] = field(default_factory=dict)
    """Occurrence -> when it comes instead."""
    skipped: frozenset[int] = frozenset()
    """Occurrences ahead that don't come."""
    early: frozenset[int] = frozenset()
    """Occurrences ahead that came already, since they were moved to before their time."""


def initial(id: str) -> ScheduleAtWork:
    """A schedule of which nothing is recorded; `id` is the part after 'schedule/'."""
    return ScheduleAtWork(id=id)


def evolve(state: ScheduleAtWork, recorded: Recorded) -> ScheduleAtWork:
    """The schedule after one more event. Never fails; foreign events change nothing."""
    return state.but(after(state, recorded, _changes(state, recorded.event)))


def _changes(state: ScheduleAtWork, event: Event) -> dict[str, Any]:
    match event:
        case OccurrenceCame(occurrence=at) if at in state.moved:
            moved = {each: to for each, to in state.moved.items() if each != at}
            return {"moved": moved, "early": _ahead(state.early | {at}, state.done)}
        case OccurrenceCame(occurrence=at, due=due) | OccurrencesMissed(last=at, due=due):
            skipped, early = _ahead(state.skipped, at), _ahead(state.early, at)
            return {"done": at, "done_due": due, "skipped": skipped, "early": early}
        case OccurrenceSkipped(occurrence=at):
            moved = {each: to for each, to in state.moved.items() if each != at}
            return {"moved": moved, "skipped": state.skipped | {at}}
        case OccurrenceMoved(occurrence=at, new=to):
            return {"moved": {**state.moved, at: to}, "skipped": state.skipped - {at}}
        case OccurrenceRestored(occurrence=at):
            moved = {each: to for each, to in state.moved.items() if each != at}
            return {"moved": moved, "skipped": state.skipped - {at}}
    return {}


def _ahead(occurrences: frozenset[int], done: int | None) -> frozenset[int]:
    return frozenset(at for at in occurrences if done is None or at > done)


def ticket_of(schedule: str, occurrence: int) -> str:
    """The id of an occurrence's ticket."""
    return stream_key(f"{KIND}/{schedule}@{iso(occurrence)}")


def ticket_to_open(schedule: Schedule) -> CreateTicket:
    """The command that opens a schedule's ticket."""
    said = {
        name: value
        for name in ScheduledTicket.model_fields
        if (value := getattr(schedule.ticket, name)) is not None
    }
    return CreateTicket.of_records(**said)


def upcoming(state: ScheduleAtWork, settings: Settings) -> Iterator[Occurrence]:
    """The occurrences that haven't come yet, in the order in which they are due: of a schedule that
    the settings don't have, or that is paused, none."""
    schedule = settings.schedules.get(state.id)
    if schedule is None or schedule.paused:
        return
    left = sorted((Occurrence(at, due) for at, due in state.moved.items()), key=_due)
    for each in _regular(state, schedule, settings):
        while left and left[0].due <= each.due:
            yield left.pop(0)
        if each.planned not in state.moved and each.planned not in state.skipped:
            yield each
    yield from left


def _regular(state: ScheduleAtWork, schedule: Schedule, settings: Settings) -> Iterator[Occurrence]:
    """The occurrences that are ahead, as the rule has them, whether they are skipped or moved or
    not: behind the last that was done, and due after the schedule recurs so."""
    since = settings.scheduled_since.get(state.id, 0)
    after = since - _MARGIN if state.done is None else max(state.done, since - _MARGIN)
    floor = max(since, state.done_due or 0)
    calendar = settings.calendars.get(schedule.calendar or "")
    return (
        each
        for each in occurrences(schedule, calendar, after)
        if each.due > floor and each.planned not in state.early
    )


_MARGIN = 40 * DAY * SECOND
"""Microseconds: more than an occurrence is ever shifted by."""


def _due(occurrence: Occurrence) -> int:
    return occurrence.due


class OpenScheduled(Command):
    """Records the occurrences that are due by now."""

    NAME: ClassVar[str] = "schedule.open"
    UNSEEN: ClassVar[Unseen] = "kept"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"rule"}))


_ONE = "OCCURRENCE is the time at which the rule has it, as `schedule next` shows it."


class SkipOccurrence(Command):
    NAME: ClassVar[str] = "schedule.skip"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"exceptions"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS,
        help="Leave one occurrence out.",
        more=_ONE,
        examples=("ticketlog schedule skip backups 2026-02-02T08:00:00Z --reason 'we move'",),
        positional=("occurrence",),
    )
    occurrence: Instant


class MoveOccurrence(Command):
    NAME: ClassVar[str] = "schedule.move"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"exceptions"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS,
        help="Let one occurrence come at another time.",
        more=_ONE,
        examples=("ticketlog schedule move backups 2026-02-02T08:00:00Z 2026-02-03T08:00:00Z",),
        positional=("occurrence", "to"),
    )
    occurrence: Instant
    to: Instant


class RestoreOccurrence(Command):
    NAME: ClassVar[str] = "schedule.restore"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"exceptions"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS,
        help="Let an occurrence come that was skipped, or when the rule has it.",
        more=_ONE,
        examples=("ticketlog schedule restore backups 2026-02-02T08:00:00Z",),
        positional=("occurrence",),
    )
    occurrence: Instant


COMMANDS: tuple[type[Command], ...] = (
    OpenScheduled,
    SkipOccurrence,
    MoveOccurrence,
    RestoreOccurrence,
)


def decide(command: Command, state: ScheduleAtWork, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Invalid, Stale."""
    settings: Settings = context.settings
    if isinstance(command, OpenScheduled):
        return _opened(state, settings, context.now)
    if state.id not in settings.schedules:
        known = ", ".join(sorted(settings.schedules)) or "none"
        raise NotFound(
            f"there is no schedule {state.id}; there are {known}. [schedules.{state.id}] in a "
            "settings file makes one",
            schedule=state.id,
        )
    check_seen(command, state, context)
    match command:
        case SkipOccurrence(occurrence=at):
            if at in state.skipped:
                return []
            return [OccurrenceSkipped(occurrence=at, due=_ahead_of(at, state, context))]
        case MoveOccurrence(occurrence=at, to=to):
            old = _ahead_of(at, state, context)
            _check_movable(to, state, context)
            return [] if old == to else [OccurrenceMoved(occurrence=at, old=old, new=to)]
        case RestoreOccurrence(occurrence=at):
            if at not in state.skipped and at not in state.moved:
                return []
            _planned_at(at, state, context)
            return [OccurrenceRestored(occurrence=at)]
    return []


def _check_movable(to: int, state: ScheduleAtWork, context: Context) -> None:
    """Raises Invalid for a time that is over, or too far ahead."""
    if context.now < to <= context.now + AHEAD:
        return
    raise Invalid(
        f"schedule {state.id} can't have an occurrence at {iso(to)}: it is {iso(context.now)}, and "
        "one can be moved to any time from now to ten years ahead",
        schedule=state.id,
    )


def _ahead_of(at: int, state: ScheduleAtWork, context: Context) -> int:
    """When an occurrence is due that hasn't come yet. Raises Invalid where there is none."""
    return state.moved[at] if at in state.moved else _planned_at(at, state, context)


def _planned_at(at: int, state: ScheduleAtWork, context: Context) -> int:
    """When the rule has an occurrence due. Raises Invalid where it isn't ahead."""
    until, schedule = context.now + AHEAD, context.settings.schedules[state.id]
    for each in _regular(state, schedule, context.settings):
        if each.planned == at and each.due > context.now:
            return each.due
        if each.planned >= at or each.due > until:
            break
    shown = [iso(each.planned) for each in islice(upcoming(state, context.settings), 3)]
    raise Invalid(
        f"schedule {state.id} has no occurrence ahead at {iso(at)}; the next are "
        f"{', '.join(shown) or 'none'} (`ticketlog schedule next {state.id}`)",
        schedule=state.id,
    )


def _opened(state: ScheduleAtWork, settings: Settings, now: int) -> list[Event]:
    schedule = settings.schedules.get(state.id)
    if schedule is None:
        return []
    due = list(takewhile(lambda each: each.due <= now, upcoming(state, settings)))
    regular = [each for each in due if each.planned not in state.moved]
    missed = _missed(regular, schedule, now)
    comes = [each for each in due if each not in missed]
    version = settings.versions.get(f"{KIND}/{state.id}", 0)
    events: list[Event] = []
    if missed:
        first, last = regular[0], regular[len(missed) - 1]
        events.append(
            OccurrencesMissed(
                first=first.planned,
                last=last.planned,
                due=last.due,
                number=len(missed),
                catch_up=schedule.catch_up,
            )
        )
    events.extend(
        OccurrenceCame(
            occurrence=each.planned,
            due=each.due,
            ticket=ticket_of(state.id, each.planned),
            version=version,
        )
        for each in comes[:AT_ONCE]
    )
    return events


def _missed(regular: list[Occurrence], schedule: Schedule, now: int) -> frozenset[Occurrence]:
    """Those of the occurrences that are due, the first of them, which aren't made up for. One that
    somebody has moved comes in any case."""
    match schedule.catch_up:
        case "last":
            return frozenset(regular[:-1])
        case "none":
            return frozenset(each for each in regular if now - each.due > LATE)
    return frozenset()


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `schedule/ID` of the ticket log: schedules at work.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    public=False,
)
