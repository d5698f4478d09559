"""A ticket begins: every initial value stands in its first event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Event,
    Instant,
    Key,
    Line,
    Personal,
    Recorded,
    Text,
)
from ticketlog.domain.rights import PERSONS, WORKERS
from ticketlog.domain.settings.model import CategoryOfStatus, TicketType
from ticketlog.domain.ticket.state import (
    AuthorKind,
    CommentRef,
    Evolutions,
    FieldValue,
    Link,
    LinkKind,
    PrioritySource,
    Ticket,
)

MOST_CCS = 48
"""How many people may be in copy (Zendesk)."""


class TicketCreated(Event):
    """A ticket was opened, with all that was known about it."""

    NAME: ClassVar[str] = "ticket.created.v1"
    ASPECT: ClassVar[str] = "existence"

    data_subject: Key
    """The requester; the ticket itself where there is none."""
    subject: Annotated[Line, Personal()]
    description: Annotated[Text | None, Personal()] = None
    description_public: bool = False
    """Whether the description is the requester's first public comment."""
    author_kind: AuthorKind
    type: TicketType
    requester: Key | None = None
    organisation: Key | None = None
    tier: Key | None = None
    contract: Key | None = None
    country: Key | None = None
    zone: Key | None = None
    """Where the requester is, or else their organisation: country and time zone."""
    category: Key | None = None
    product: Key | None = None
    asset: Key | None = None
    site: Key | None = None
    language: Key | None = None
    external: tuple[Key, ...] = ()
    impact: Key | None = None
    urgency: Key | None = None
    priority: Key
    priority_source: PrioritySource
    priority_reason: Line | None = None
    status: Key
    status_category: CategoryOfStatus
    team: Key | None = None
    assignee: Key | None = None
    tags: tuple[Key, ...] = ()
    fields: Mapping[Key, FieldValue] = Field(default_factory=dict)
    personal_fields: Annotated[Mapping[Key, FieldValue] | None, Personal()] = None
    """Custom fields that the settings mark as personal."""
    due_at: Instant | None = None
    message_id: Annotated[Line | None, Personal()] = None
    source_address: Annotated[Line | None, Personal()] = None
    system: Annotated[Mapping[Key, Line] | None, Personal()] = None
    """The sender's system: browser, network address, version of the product."""
    ccs: tuple[Key, ...] = ()
    follow_up_of: Key | None = None
    workflow: Key | None = None
    channel: Key | None = None
    """How it came to the system that it was imported from; None: by the commit's channel."""


class CreateTicket(Command):
    """Opens a ticket. What is left out is decided by the settings, and recorded."""

    NAME: ClassVar[str] = "ticket.create"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=PERSONS | WORKERS,
        help="Open a ticket; what you leave out is decided by the settings.",
        examples=(
            'ticketlog ticket create "VPN drops" --type incident --impact high --urgency high',
            'ticketlog ticket create "No toner" --description "3rd floor" --as person:ANNA',
        ),
        positional=("subject",),
        creates=True,
    )

    subject: Line
    description: Text | None = None
    type: TicketType = "question"
    requester: Key | None = None
    organisation: Key | None = None
    category: Key | None = None
    product: Key | None = None
    asset: Key | None = None
    site: Key | None = None
    language: Key | None = None
    external: Annotated[tuple[Key, ...], Field(max_length=100)] = ()
    impact: Key | None = None
    urgency: Key | None = None
    priority: Key | None = None
    priority_reason: Line | None = None
    team: Key | None = None
    assignee: Key | None = None
    tags: Annotated[tuple[Key, ...], Field(max_length=100)] = ()
    fields: Annotated[Mapping[Key, FieldValue], Field(max_length=500)] = Field(default_factory=dict)
    due_at: Instant | None = None
    message_id: Line | None = None
    source_address: Line | None = None
    system: Annotated[Mapping[Key, Line], Field(max_length=100)] | None = None
    ccs: Annotated[tuple[Key, ...], Field(max_length=MOST_CCS)] = ()
    follow_up_of: Key | None = None


def _created(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, TicketCreated)
    at = recorded.meta.occurred_at
    asked = event.author_kind in ("requester", "end-user") and event.description_public
    follow_up: LinkKind = "follow-up-of"
    return {
        "created_at": at,
        "quiet_since": at,
        "assigned_at": at,
        "created_by": recorded.meta.actor.id,
        "channel": event.channel or recorded.meta.channel,
        "type": event.type,
        "subject": event.subject,
        "requester": event.requester,
        "organisation": event.organisation,
        "tier": event.tier,
        "contract": event.contract,
        "country": event.country,
        "zone": event.zone,
        "category": event.category,
        "product": event.product,
        "asset": event.asset,
        "site": event.site,
        "language": event.language,
        "external": event.external,
        "impact": event.impact,
        "urgency": event.urgency,
        "priority": event.priority,
        "priority_source": event.priority_source,
        "status": event.status,
        "status_category": event.status_category,
        "team": event.team,
        "assignee": event.assignee,
        "team_stations": int(event.team is not None),
        "assignee_stations": int(event.assignee is not None),
        "tags": event.tags,
        "fields": {**event.fields, **(event.personal_fields or {})},
        "due_at": event.due_at,
        "description": _description(event, recorded) if event.description else None,
        "first_message": event.message_id,
        "ccs": event.ccs,
        "waiting_since": at if asked else None,
        "asked_at": at if asked else None,
        "links": (Link(follow_up, event.follow_up_of),) if event.follow_up_of else (),
    }


def _description(event: TicketCreated, recorded: Recorded) -> CommentRef:
    kind, public = event.author_kind, event.description_public
    author = recorded.meta.actor
    asked = author.kind == "import" and kind == "requester"
    said = event.requester if asked else None
    return CommentRef(recorded.id, said or author.id, kind, public)


EVOLVE: Evolutions = {TicketCreated: _created}
