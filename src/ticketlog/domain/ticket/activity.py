"""Histories from elsewhere: a row of an imported file is a fact, with the changes it implies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import Command, Event, Key, Line, Recorded, Text
from ticketlog.domain.settings import TicketType
from ticketlog.domain.ticket.state import FieldValue, Ticket

Clearable = Literal[
    "team", "assignee", "impact", "urgency", "category", "product", "requester", "organisation"
]


class ActivityRecorded(Event):
    """A row of an imported history, in its original words.

    `broke` lists the rules of the workflow that the row's changes would have broken: imported
    facts happened, so nothing refuses them. `skew` is by how many microseconds the row is older
    than the stream's clock.
    """

    NAME: ClassVar[str] = "ticket.activity-recorded.v1"
    ASPECT: ClassVar[str] = "activity"
    source: Key
    """The name of the import's source, from the mapping."""
    case: Key
    row: Annotated[int, Field(ge=1)]
    """The line (CSV) or event number (XES) in the file, from 1."""
    activity: Line | None = None
    actor: Key | None = None
    status: Line | None = None
    substatus: Line | None = None
    broke: tuple[Line, ...] = ()
    skew: int | None = None


class RecordActivity(Command):
    """One row: the state of the ticket after it. What is None says nothing about the field."""

    NAME: ClassVar[str] = "ticket.record-activity"
    source: Key
    case: Key
    row: Annotated[int, Field(ge=1)]
    activity: Line | None = None
    actor: Key | None = None
    original_status: Line | None = None
    original_substatus: Line | None = None
    status: Key | None = None
    """The status of ours that the original words map to."""
    subject: Line | None = None
    type: TicketType | None = None
    team: Key | None = None
    assignee: Key | None = None
    priority: Key | None = None
    impact: Key | None = None
    urgency: Key | None = None
    category: Key | None = None
    product: Key | None = None
    requester: Key | None = None
    organisation: Key | None = None
    cleared: Annotated[tuple[Clearable, ...], Field(max_length=8)] = ()
    """What the row says to have no value now: it takes away what an earlier row set."""
    fields: Annotated[Mapping[Key, FieldValue], Field(max_length=500)] = Field(default_factory=dict)
    """Custom fields; None: no value now."""
    comment: Text | None = None
    comment_public: bool = True
    comment_by_requester: bool = False
    cancelled: bool = False
    """The status of category closed means that it was cancelled."""


def _recorded(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {}


EVOLVE = {ActivityRecorded: _recorded}
