"""Schedules: when occurrences are due, and the tickets that they open.

That an occurrence came is recorded on the schedule's stream first; its ticket is opened because of
that record, under the id that the record names.
"""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.base import Event, Recorded, kind_and_id
from ticketlog.domain.schedule import (
    KIND,
    OccurrenceCame,
    OpenScheduled,
    ScheduleAtWork,
    ticket_to_open,
    upcoming,
)
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.policies.protocol import Reaction, Situation

NAME = "schedules"
ON: frozenset[type[Event]] = frozenset({OccurrenceCame})


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """Opens the ticket of an occurrence as the settings have it now, where they still have it. A
    requester who isn't known any more is left out: the ticket is opened all the same."""
    event, settings = recorded.event, situation.settings
    assert isinstance(event, OccurrenceCame)
    schedule = settings.schedules.get(kind_and_id(recorded.originator_id)[1])
    if schedule is None:
        return
    command = ticket_to_open(schedule)
    for name, kind in (("requester", "person"), ("organisation", "organisation")):
        id = getattr(command, name)
        if id is not None and not situation.load(f"{kind}/{id}").exists:
            command = command.model_copy(update={name: None})
    rule = cited(KIND, schedule.id, settings)
    yield Reaction(command, f"ticket/{event.ticket}", rule, slot=event.ticket)


def due(state: ScheduleAtWork, settings: Settings) -> int | None:
    """When the next occurrence of a schedule is due; it may be long ago. None: never."""
    found = next(upcoming(state, settings), None)
    return found and found.due


def act(state: ScheduleAtWork, settings: Settings) -> Reaction:
    """The command to send when that is due."""
    return Reaction(OpenScheduled(), f"{KIND}/{state.id}", cited(KIND, state.id, settings))
