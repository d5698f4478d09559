"""Schedules as settings (`[schedules.ID]`): tickets that a recurrence opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import Key, Line, Text, Value
from ticketlog.domain.settings.kind import SettingChanged
from ticketlog.domain.settings.model import TicketType
from ticketlog.domain.ticket.state import FieldValue
from ticketlog.domain.time.recurrence import Recurrence, broken

if TYPE_CHECKING:
    from ticketlog.domain.settings.model import Settings

CatchUp = Literal["all", "last", "none"]


class ScheduledTicket(Value):
    """The ticket of each occurrence: what `ticket.create` takes. Settings hold no personal data,
    so its texts shouldn't."""

    subject: Line
    description: Text | None = None
    type: TicketType | None = None
    requester: Key | None = None
    organisation: Key | None = None
    category: Key | None = None
    product: Key | None = None
    asset: Key | None = None
    site: Key | None = None
    language: Key | None = None
    impact: Key | None = None
    urgency: Key | None = None
    priority: Key | None = None
    team: Key | None = None
    assignee: Key | None = None
    tags: Annotated[tuple[Key, ...], Field(max_length=100)] = ()
    fields: Annotated[Mapping[Key, FieldValue], Field(max_length=500)] = Field(default_factory=dict)


class Schedule(Recurrence):
    """A schedule: a ticket at each occurrence of a recurrence.

    `catch_up`: what is done of the occurrences that fell due while nobody was there to open them:
    `all`, the `last` alone, or `none`. A `paused` one opens none, and doesn't make up for them.
    """

    id: Key
    title: Line | None = None
    catch_up: CatchUp
    paused: bool = False
    ticket: ScheduledTicket


class ScheduleSet(SettingChanged):
    """A schedule is there, recurs otherwise or opens another ticket, or is gone."""

    NAME: ClassVar[str] = "settings.schedule-set.v1"
    old: Schedule | None = None
    new: Schedule | None = None


def recurs_alike(one: Value | None, other: Value | None) -> bool:
    """Whether two versions of a schedule recur at the same times."""
    if not (isinstance(one, Schedule) and isinstance(other, Schedule)):
        return False
    fields = (*Recurrence.model_fields, "paused")
    return all(getattr(one, name) == getattr(other, name) for name in fields)


def broken_schedules(settings: Settings) -> Iterator[str]:
    """The problems of the schedules besides those of their tickets."""
    for schedule in settings.schedules.values():
        for problem in broken(schedule, settings.calendars):
            yield f"[schedules.{schedule.id}] {problem}"
