"""Histories from elsewhere: a row of an imported file is a fact, with the changes it implies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Event,
    Instant,
    Key,
    Line,
    Recorded,
    Text,
    Unseen,
    Value,
    stream_key,
)
from ticketlog.domain.settings.model import TicketType
from ticketlog.domain.ticket.classification import MOST_TAGS
from ticketlog.domain.ticket.state import Evolutions, FieldValue, LinkKind, Ticket

Clearable = Literal[
    "team",
    "assignee",
    "impact",
    "urgency",
    "category",
    "product",
    "requester",
    "organisation",
    "asset",
    "site",
    "language",
    "due",
    "resolution_code",
]


def stream_of(source: str, case: str, generation: int = 0) -> str:
    """The stream of the ticket that a case of a source becomes: the same whoever imports it.
    `generation` says how often such a ticket was withdrawn before."""
    again = f"\0{generation}" if generation else ""
    return "ticket/" + stream_key(f"{source}\0{case}{again}")


class FileKept(Value):
    """A file whose bytes the desk keeps."""

    name: Line
    media_type: Line
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


MOST_WORKED = 10 * 365 * 86_400
"""Seconds."""


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
    UNSEEN: ClassVar[Unseen] = "dropped"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=frozenset({"import", "service"}))
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
    cleared: Annotated[tuple[Clearable, ...], Field(max_length=13)] = ()
    """What the row says to have no value now: it takes away what an earlier row set."""
    fields: Annotated[Mapping[Key, FieldValue], Field(max_length=500)] = Field(default_factory=dict)
    """Custom fields; None: no value now."""
    comment: Text | None = None
    comment_public: bool = True
    comment_by_requester: bool = False
    cancelled: bool = False
    """The status of category closed means that it was cancelled."""
    external: Key | None = None
    """Its number in the source."""
    description: Text | None = None
    """What was asked, where the ticket has no description yet."""
    tags: Annotated[tuple[Key, ...], Field(max_length=MOST_TAGS)] | None = None
    tags_whole: bool = False
    """The tags are all that it has now; otherwise they are added."""
    channel: Key | None = None
    """How it came to the source; what the first row of a case says."""
    site: Key | None = None
    asset: Key | None = None
    language: Key | None = None
    resolution_code: Key | None = None
    due: Instant | None = None
    links: Annotated[tuple[tuple[LinkKind, Key], ...], Field(max_length=100)] = ()
    """Kind and case of the same source: this ticket is `kind` of that."""
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    rating_comment: Text | None = None
    worked_seconds: Annotated[int, Field(ge=0, le=MOST_WORKED)] | None = None
    worked_whole: bool = False
    """The time is all that was worked so far; otherwise it is what this row adds."""
    comment_author: Key | None = None
    """Who said the comment; without, the requester or the actor."""
    attachments: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Where the files lie, below the folder of the file that is imported."""
    files: tuple[FileKept, ...] = ()
    """The attachments, when they are kept."""
    linked: tuple[tuple[LinkKind, Key], ...] = ()
    """The links, with the streams of the tickets that the cases are."""


def _recorded(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    return {}


EVOLVE: Evolutions = {ActivityRecorded: _recorded}
