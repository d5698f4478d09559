"""Documents: what `--json`, exports and lists say, one model each.

An instant is an ISO text in UTC, `2026-01-31T09:00:00.000000Z`; the name of a duration says its
unit; ids are texts. Nothing is left out: what there is none of is null or empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ticketlog.domain.base import iso


def _text(at: object) -> object:
    """Views and states hold instants as microseconds since 1970."""
    return iso(at) if type(at) is int else at


At = Annotated[
    str,
    BeforeValidator(_text),
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"),
]
"""An instant."""


class Document(BaseModel):
    # What a view gains in another release passes, so that no reader loses it.
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class TicketRow(Document):
    """A ticket in `ticket list` and `export`."""

    ticket: str
    subject: str | None
    type: str | None
    status: str
    status_category: str
    priority: str | None
    team: str | None
    assignee: str | None
    requester: str | None
    organisation: str | None
    tier: str | None
    product: str | None
    category: str | None
    channel: str | None
    language: str | None
    resolution_code: str | None
    created_at: At
    updated_at: At
    solved_at: At | None
    closed_at: At | None
    due_at: At | None
    first_reply_at: At | None
    waiting_since: At | None
    """When the oldest word of an end user came in that no agent has answered publicly."""
    hold_until: At | None
    reopens: int
    touches: int
    """Commits by agents."""
    rating: int | None
    version: int
    comments: int
    spam: bool
    cancelled: bool
    tags: list[str]
    external: list[str]
    """Numbers that it has elsewhere."""
    original_status: str | None
    """In the words of the imported file."""
    original_substatus: str | None
    outcome: str | None
    """How it last left the backlog: solved, cancelled, spam, duplicate; null: it is in it."""
    ended_at: At | None
    """When it did."""


class TicketRows(Document):
    """`ticket list`."""

    tickets: list[TicketRow]
    next: str | None
    """What `--after` takes for the page behind; null at the end."""


class QueueRow(Document):
    """A ticket in the queue."""

    ticket: str
    subject: str | None
    type: str | None
    status: str
    status_category: str
    priority: str | None
    team: str | None
    assignee: str | None
    requester: str | None
    organisation: str | None
    created_at: At
    updated_at: At
    due_at: At | None
    waiting_since: At | None
    hold_until: At | None


class Queue(Document):
    """`queue`."""

    tickets: list[QueueRow]
    next: str | None
    """What `--after` takes for the page behind; null at the end."""


class UnassignedRow(Document):
    """A ticket of a team that no agent has."""

    ticket: str
    since: At
    subject: str | None
    status: str
    priority: str | None
    team: str | None


class InboxRow(UnassignedRow):
    """Why a ticket waits for an agent."""

    why: str
    agent: str
    version: int
    """The ticket's, at which it began to wait so, or more was told: what `inbox seen` takes."""
    since: At
    """Of a held ticket: until when it is held."""


class Snoozed(Document):
    """A ticket that an agent wants to see later."""

    ticket: str
    until: At


class Inbox(Document):
    """`inbox`."""

    agent: str
    waiting: list[InboxRow]
    unassigned: list[UnassignedRow]
    snoozed: list[Snoozed]


class FoundText(Document):
    """A text that a search found."""

    ticket: str
    version: int
    """Of its event; -1: a subject or a number."""
    kind: str
    public: bool
    author_kind: str | None
    at: At
    snippet: str


class Found(Document):
    """`search`."""

    found: list[FoundText]


class AgentRow(Document):
    """An agent and how many tickets they have, by category of status; `active` is their sum."""

    agent: str
    availability: str
    since: At | None
    new: int
    open: int
    pending: int
    on_hold: Annotated[int, Field(alias="on-hold")]
    active: int


class Agents(Document):
    """`agent list`."""

    agents: list[AgentRow]


class Shift(Document):
    """A weekly shift on the clocks of the agent's zone; one that ends at or before its start ends
    the next day."""

    day: str
    start: str
    end: str


class Agent(Document):
    """`agent show`."""

    id: str
    availability: str
    reason: str | None
    since: At | None
    shifts: list[Shift]
    zone: str | None
    held: dict[str, Any]
    """By the tickets' streams."""
    reserved_at: At | None
    """When they last got a ticket."""
    released_at: At | None
    """When a ticket last counted no more."""
    version: int
    clock: At | None
    """Of the last event."""
    settings: dict[str, Any] | None
    """What the settings say of the agent."""


class Person(Document):
    """`person show`."""

    id: str
    name: str | None
    addresses: list[dict[str, Any]]
    organisation: str | None
    language: str | None
    country: str | None
    zone: str | None
    merged_into: str | None
    version: int
    clock: At | None


class Organisation(Document):
    """`organisation show`."""

    id: str
    name: str
    tier: str | None
    contract: str | None
    language: str | None
    country: str | None
    zone: str | None
    domains: list[str]
    version: int
    clock: At | None


class LinkTo(Document):
    """A ticket's link to another one."""

    kind: str
    target: str


class LinkedBy(Document):
    """Another ticket's link to this one."""

    kind: str
    ticket: str


class Comment(Document):
    """A comment; `public`: the requester sees it."""

    id: str
    at: At
    author: str
    author_kind: str
    public: bool
    automated: bool
    body: str | None


class Attachment(Document):
    """An attachment; `size` in bytes."""

    id: str
    name: str | None
    media_type: str
    size: int
    sha256: str


class Ticket(Document):
    """`ticket show`."""

    id: str
    version: int
    subject: str
    status: str
    status_category: str
    priority: str
    priority_source: str
    type: str
    team: str | None
    assignee: str | None
    requester: str | None
    organisation: str | None
    tier: str | None
    contract: str | None
    category: str | None
    product: str | None
    asset: str | None
    site: str | None
    language: str | None
    impact: str | None
    urgency: str | None
    tags: list[str]
    fields: dict[str, Any]
    external: list[str]
    channel: str
    created_by: str
    hold_reason: str | None
    resolution_code: str | None
    verified_by: str | None
    solves: int
    reopens: int
    cancelled: bool
    spam: bool
    withdrawn: bool
    """With the import that it came from."""
    rating: int | None
    touches: int
    seconds_spent: int
    """Work that agents recorded."""
    tier_level: int
    followers: list[str]
    ccs: list[str]
    legal_holds: list[str]
    created_at: At
    due_at: At | None
    hold_until: At | None
    waiting_since: At | None
    first_reply_at: At | None
    solved_at: At | None
    closed_at: At | None
    clock: At
    """The latest instant at which something happened to it."""
    links: list[LinkTo]
    working: dict[str, At]
    """Agents who work on it now, and since when."""
    description: str | None
    comments: list[Comment]
    attachments: list[Attachment]
    linked_by: list[LinkedBy] | None
    """null: the views can't be read."""


class Event(Document):
    """An event with its envelope, in histories and `log tail`; docs/EVENTS.md has their `data`."""

    id: str
    stream: str
    version: int
    type: str
    data: dict[str, Any]
    occurred_at: At
    recorded_at: At
    claimed_at: At | None
    actor: dict[str, str]
    channel: str
    source: str | None
    reason: str | None
    cause: str | None
    correlation: str | None
    settings: int
    """The position of the settings that it was decided under."""
    partition: int
    offset: int


class History(Document):
    """`ticket history` and those of persons, organisations and agents."""

    stream: str
    events: list[Event]


class EventMade(Document):
    """An event that a command recorded."""

    id: str
    type: str
    version: int


class Outcome(Document):
    """What a command that writes has done."""

    stream: str
    version: int
    """Of the stream, after it: what a later `--seen` may say."""
    repeated: bool
    """The id was known, and this is its first answer."""
    follow_up_of: str | None
    unknown: list[str]
    """Names that a note calls, and nobody has."""
    partition: int | None
    offset: int | None
    events: list[EventMade]


ALL: tuple[type[Document], ...] = (
    *(Outcome, EventMade, Ticket, LinkTo, LinkedBy, Comment, Attachment, History, Event),
    *(TicketRows, TicketRow, Queue, QueueRow, Inbox, InboxRow, UnassignedRow, Snoozed),
    *(Found, FoundText, Agents, AgentRow, Agent, Shift, Person, Organisation),
)
D = TypeVar("D", bound=Document)


_INSTANT = re.compile(r"(^|_)(at|since|until|clock|due|started|ended|snoozed)$")
_GROUP = frozenset({"id", "group", "source"})


def raw(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a view's own tables, whatever its columns: instants are ISO texts, and so are the
    numbers of groups, which not every reader of JSON keeps exact."""
    found = dict(row)
    for name, value in row.items():
        if type(value) is int and _INSTANT.search(name):
            found[name] = _text(value)
        elif type(value) is int and name in _GROUP:
            found[name] = str(value)
    return found


def said(model: type[D], values: Mapping[str, Any]) -> dict[str, Any]:
    """A document of plain values, its keys in the order of the values."""
    told = model.model_validate(values).model_dump(mode="json", by_alias=True)
    return {name: told[name] for name in values}
