"""A ticket begins: every initial value stands in its first event, decided where the sender left it
open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    Instant,
    Key,
    Line,
    Personal,
    Recorded,
    Refused,
    Text,
)
from ticketlog.domain.rights import PERSONS, WORKERS, same_person
from ticketlog.domain.settings.model import CategoryOfStatus, Status, TicketType, Workflow
from ticketlog.domain.ticket.assignment import check_owner
from ticketlog.domain.ticket.classification import check_classes
from ticketlog.domain.ticket.custom_fields import checked, sorted_out
from ticketlog.domain.ticket.lookups import (
    Known,
    Whereabouts,
    organisation,
    person,
    place_of,
    priorities_in,
    require_known,
    settings_of,
    workflow_for,
)
from ticketlog.domain.ticket.priority import Priority, automatic, by_hand, check_scales
from ticketlog.domain.ticket.relations import MOST_CCS, ticket_read, ticket_stream
from ticketlog.domain.ticket.state import (
    AuthorKind,
    CommentRef,
    Decisions,
    Evolutions,
    FieldValue,
    Link,
    LinkKind,
    PrioritySource,
    Ticket,
)


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


class Asked(NamedTuple):
    """A creation as it was asked for.

    `new` is the command without what a follow-up has from its original: that was right when the
    original got it, and what is said on a closed ticket must not be lost to newer rules.
    """

    command: CreateTicket
    new: CreateTicket
    ticket: Ticket
    context: Context


class Home(NamedTuple):
    """The organisation that a ticket belongs to, as it is at this instant."""

    id: str | None = None
    tier: str | None = None
    contract: str | None = None
    place: Whereabouts = Whereabouts()


def first_status(workflow: Workflow, assignee: str | None) -> Status:
    """New; open where an agent has it already (Zendesk)."""
    first = workflow.first_of("open") if assignee else workflow.first_of("new")
    return first or workflow.statuses[0]


def _create(command: CreateTicket, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.exists:
        raise Refused(
            f"ticket {ticket.id} exists already; send another command id for another ticket",
            ticket=ticket.id,
        )
    asked = Asked(command, _new(command, context), ticket, context)
    _check(asked)
    requester = _requester(asked)
    return [_creation(asked, requester, _home(asked, requester))]


_TAKEN_OVER = (
    *("requester", "organisation", "team", "category", "product", "impact", "urgency", "priority"),
)


def _new(command: CreateTicket, context: Context) -> CreateTicket:
    if command.follow_up_of is None:
        return command
    original = ticket_read(ticket_stream(command.follow_up_of), context)
    same: dict[str, Any] = {
        name: None for name in _TAKEN_OVER if getattr(command, name) == getattr(original, name)
    }
    ccs = tuple(id for id in command.ccs if id not in original.ccs)
    fields = {
        name: value
        for name, value in command.fields.items()
        if name not in original.fields or value != original.fields[name]
    }
    return command.model_copy(update=same | {"ccs": ccs, "fields": fields})


def _check(asked: Asked) -> None:
    """Raises Forbidden for what a person may not ask for, Invalid for what nobody knows."""
    new, context = asked.new, asked.context
    if context.actor.kind == "person":
        _check_own(new, context)
    check_classes(new.category, new.product, asked.ticket, context)
    check_scales(priorities_in(context), new.impact, new.urgency, asked.ticket)
    if new.team is not None:
        require_known("team", new.team, settings_of(context).teams)
    check_owner(asked.command.team, new.assignee, context)


def _check_own(new: CreateTicket, context: Context) -> None:
    person = context.actor.id
    if new.requester and not same_person(new.requester, person, context.states.get):
        raise Forbidden(f"{person} is a person and creates tickets for themselves only")
    if (new.team, new.assignee, new.priority) != (None, None, None):
        raise Forbidden(
            f"{person} is a person; team, assignee and priority are the agents'. "
            "Give impact and urgency instead"
        )


def _requester(asked: Asked) -> Known | None:
    actor, id = asked.context.actor, asked.command.requester
    if id is not None:
        return person(id, asked.context, named=asked.new.requester is not None)
    if actor.kind == "person":
        return person(actor.id, asked.context, named=False)
    return None


def _home(asked: Asked, requester: Known | None) -> Home:
    home = requester.state.organisation if requester and requester.state else None
    id = asked.command.organisation or home
    if id is None:
        return Home()
    state = organisation(id, asked.context, named=asked.new.organisation is not None)
    return Home(id, state.tier, state.contract, place_of(state)) if state else Home(id)


def _priority(asked: Asked, contract: str | None) -> Priority:
    command, priorities = asked.command, priorities_in(asked.context)
    if command.priority is None:
        return automatic(priorities, command.impact, command.urgency, contract)
    return by_hand(priorities, command.priority, command.priority_reason, contract)


def _author_kind(asked: Asked, requester: Known | None) -> AuthorKind:
    actor = asked.context.actor
    load = asked.context.states.get
    acting = [id for id in (actor.id, actor.on_behalf_of) if id]
    if requester and any(same_person(id, requester.id, load) for id in acting):
        return "requester"
    return "end-user" if actor.kind == "person" else actor.kind


def _creation(asked: Asked, requester: Known | None, home: Home) -> TicketCreated:
    command, context = asked.command, asked.context
    workflow = workflow_for(command.type, context)
    status = first_status(workflow, command.assignee)
    priority = _priority(asked, home.contract)
    kind = _author_kind(asked, requester)
    values = {**command.fields, **checked(asked.new.fields, context)}
    fields = sorted_out({k: v for k, v in values.items() if v is not None}, context)
    known = requester.state if requester else None
    place = place_of(known).or_else(home.place)
    return TicketCreated(
        **{name: getattr(command, name) for name in _AS_ASKED},
        data_subject=requester.id if requester else f"ticket/{asked.ticket.id}",
        description_public=bool(command.description) and kind in ("requester", "end-user"),
        author_kind=kind,
        requester=requester.id if requester else None,
        organisation=home.id,
        tier=home.tier,
        contract=home.contract,
        country=place.country,
        zone=place.zone,
        language=command.language or (known.language if known else None),
        priority=priority.name,
        priority_source=priority.source,
        priority_reason=command.priority_reason if priority.source == "manual" else None,
        status=status.id,
        status_category=status.category,
        tags=tuple(dict.fromkeys(command.tags)),
        fields=fields.plain,
        personal_fields=fields.personal or None,
        ccs=_ccs(asked),
        follow_up_of=ticket_stream(command.follow_up_of) if command.follow_up_of else None,
        workflow=workflow.id,
    )


def _ccs(asked: Asked) -> tuple[str, ...]:
    known = (person(id, asked.context, named=id in asked.new.ccs).id for id in asked.command.ccs)
    return tuple(dict.fromkeys(known))


_AS_ASKED = (
    *("subject", "description", "type", "category", "product", "asset", "site", "external"),
    *("impact", "urgency", "team", "assignee", "due_at", "message_id", "source_address", "system"),
)
"""What the event takes from the command as it is."""


DECIDE: Decisions = {CreateTicket: _create}
