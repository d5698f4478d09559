"""Classification of a ticket: type, category, tags, whom it concerns, when it is due."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Instant,
    Invalid,
    Key,
    Line,
    Personal,
    Recorded,
)
from ticketlog.domain.rights import WORKERS
from ticketlog.domain.settings.model import TicketType
from ticketlog.domain.ticket.lookups import (
    data_subject,
    organisation,
    person,
    place_of,
    require_known,
    settings_of,
    workflow_for,
)
from ticketlog.domain.ticket.priority import recalculated
from ticketlog.domain.ticket.state import Decisions, Evolutions, Ticket
from ticketlog.domain.ticket.status_events import moved

MOST_TAGS = 100


Attribute = Literal["product", "asset", "site", "language"]


ATTRIBUTES: tuple[Attribute, ...] = ("product", "asset", "site", "language")


class TypeChanged(Event):
    """It is of another type now."""

    NAME: ClassVar[str] = "ticket.type-changed.v1"
    ASPECT: ClassVar[str] = "type"
    old: TicketType
    new: TicketType


class CategoryChanged(Event):
    """`new` is a path in the category tree: 'network/vpn'."""

    NAME: ClassVar[str] = "ticket.category-changed.v1"
    ASPECT: ClassVar[str] = "category"
    old: Key | None = None
    new: Key | None = None


class AttributeChanged(Event):
    """Product, asset, site or language."""

    NAME: ClassVar[str] = "ticket.attribute-changed.v1"
    ASPECT: ClassVar[str] = "attributes"
    attribute: Attribute
    old: Key | None = None
    new: Key | None = None


class SubjectChanged(Event):
    """It has another subject now."""

    NAME: ClassVar[str] = "ticket.subject-changed.v1"
    ASPECT: ClassVar[str] = "subject"
    data_subject: Key
    old: Annotated[Line, Personal()]
    new: Annotated[Line, Personal()]


class RequesterChanged(Event):
    """It concerns another person now; `country` and `zone` are where they are at this instant."""

    NAME: ClassVar[str] = "ticket.requester-changed.v1"
    ASPECT: ClassVar[str] = "requester"
    old: Key | None = None
    new: Key | None = None
    old_country: Key | None = None
    country: Key | None = None
    old_zone: Key | None = None
    zone: Key | None = None


class OrganisationChanged(Event):
    """`tier` and `contract` are those of the new organisation at this instant."""

    NAME: ClassVar[str] = "ticket.organisation-changed.v1"
    ASPECT: ClassVar[str] = "organisation"
    old: Key | None = None
    new: Key | None = None
    old_tier: Key | None = None
    tier: Key | None = None
    old_contract: Key | None = None
    contract: Key | None = None


class DueChanged(Event):
    """It is due at another time now; None: at none."""

    NAME: ClassVar[str] = "ticket.due-changed.v1"
    ASPECT: ClassVar[str] = "due"
    old: Instant | None = None
    new: Instant | None = None


class TagsChanged(Event):
    """It has other tags now."""

    NAME: ClassVar[str] = "ticket.tags-changed.v1"
    ASPECT: ClassVar[str] = "tags"
    old: tuple[Key, ...] = ()
    new: tuple[Key, ...] = ()


class ExternalAdded(Event):
    """Another system knows it by a further number."""

    NAME: ClassVar[str] = "ticket.external-added.v1"
    ASPECT: ClassVar[str] = "external"
    external: Key
    """'SYSTEM:NUMBER'."""


class Classify(Command):
    """Sets type, category, product, asset, site or language; what is None stays."""

    NAME: ClassVar[str] = "ticket.classify"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"type", "category", "attributes"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Set type, category, product, asset, site or language.",
        examples=("ticketlog ticket classify 4F7K2M9QABCD --type incident --category network/vpn",),
    )
    type: TicketType | None = None
    category: Key | None = None
    product: Key | None = None
    asset: Key | None = None
    site: Key | None = None
    language: Key | None = None


class SetSubject(Command):
    NAME: ClassVar[str] = "ticket.set-subject"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"subject"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Give it another subject.",
        examples=('ticketlog ticket set-subject 4F7K2M9QABCD "VPN drops on Wi-Fi only"',),
        positional=("subject",),
    )
    subject: Line


class SetRequester(Command):
    NAME: ClassVar[str] = "ticket.set-requester"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"requester", "organisation"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Say who asks.",
        examples=("ticketlog ticket set-requester 4F7K2M9QABCD 7QK2M9ABCD4F",),
        positional=("requester",),
    )
    requester: Key


class SetOrganisation(Command):
    NAME: ClassVar[str] = "ticket.set-organisation"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"organisation"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Say whose it is; without one, nobody's.",
        examples=("ticketlog ticket set-organisation 4F7K2M9QABCD --organisation acme",),
    )
    organisation: Key | None


class SetDue(Command):
    NAME: ClassVar[str] = "ticket.set-due"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"due"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Say by when; without a time, never.",
        examples=("ticketlog ticket set-due 4F7K2M9QABCD --due 2026-02-15T17:00:00+01:00",),
        options={"due_at": "due"},
    )
    due_at: Instant | None


class Tag(Command):
    NAME: ClassVar[str] = "ticket.tag"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Add and remove tags.",
        examples=("ticketlog ticket tag 4F7K2M9QABCD --add vpn --add berlin --remove new",),
    )
    add: Annotated[tuple[Key, ...], Field(max_length=MOST_TAGS)] = ()
    remove: Annotated[tuple[Key, ...], Field(max_length=MOST_TAGS)] = ()


def _to(field: str) -> Any:
    def change(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
        return {field: recorded.event.new}  # type: ignore[attr-defined]

    return change


def _attribute_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, AttributeChanged)
    return {event.attribute: event.new}


def _external_added(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, ExternalAdded)
    return {"external": (*ticket.external, recorded.event.external)}


def _requester_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, RequesterChanged)
    return {"requester": event.new, "country": event.country, "zone": event.zone}


def _organisation_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, OrganisationChanged)
    return {"organisation": event.new, "tier": event.tier, "contract": event.contract}


EVOLVE: Evolutions = {
    TypeChanged: _to("type"),
    CategoryChanged: _to("category"),
    SubjectChanged: _to("subject"),
    RequesterChanged: _requester_changed,
    DueChanged: _to("due_at"),
    TagsChanged: _to("tags"),
    ExternalAdded: _external_added,
    AttributeChanged: _attribute_changed,
    OrganisationChanged: _organisation_changed,
}


def check_classes(
    category: str | None, product: str | None, ticket: Ticket, context: Context
) -> None:
    """Raises Invalid for what the settings don't have, where they have any of the kind."""
    settings = settings_of(context)
    if category is not None and settings.categories:
        require_known("category", category, settings.categories, ticket.category)
    if product is not None and settings.products:
        require_known("product", product, settings.products, ticket.product)


def _classify(command: Classify, ticket: Ticket, context: Context) -> list[Event]:
    check_classes(command.category, command.product, ticket, context)
    events: list[Event] = []
    if command.type is not None and command.type != ticket.type:
        events += _retyped(command.type, ticket, context)
    if command.category not in (None, ticket.category):
        events.append(CategoryChanged(old=ticket.category, new=command.category))
    for attribute in ATTRIBUTES:
        old, new = getattr(ticket, attribute), getattr(command, attribute)
        if new not in (None, old):
            events.append(AttributeChanged(attribute=attribute, old=old, new=new))
    return events


def _retyped(type: TicketType, ticket: Ticket, context: Context) -> list[Event]:
    """Another type may have another workflow: a status that it lacks becomes the first one of
    the same category there."""
    event = TypeChanged(old=ticket.type, new=type)
    workflow = workflow_for(type, context)
    if workflow.status(ticket.status) is not None:
        return [event]
    target = workflow.first_of(ticket.status_category)
    if target is None:
        raise Invalid(
            f"workflow {workflow.id} of type {type} has no {ticket.status_category} status for "
            f"ticket {ticket.id}; change its status first"
        )
    return [event, *moved(ticket, target, "command")]


def _set_subject(command: SetSubject, ticket: Ticket, context: Context) -> list[Event]:
    if command.subject == ticket.subject:
        return []
    subject = data_subject(ticket)
    return [SubjectChanged(data_subject=subject, old=ticket.subject, new=command.subject)]


def _set_requester(command: SetRequester, ticket: Ticket, context: Context) -> list[Event]:
    """The ticket goes to the new requester's organisation too (Zendesk)."""
    if command.requester == ticket.requester:
        return []
    known = person(command.requester, context)
    if known.id == ticket.requester:
        return []
    home = known.state.organisation if known.state else None
    place = place_of(known.state).or_else(
        place_of(organisation(home, context, named=False) if home else None)
    )
    return [
        RequesterChanged(
            old=ticket.requester,
            new=known.id,
            old_country=ticket.country,
            country=place.country,
            old_zone=ticket.zone,
            zone=place.zone,
        ),
        *_moved_to(home, ticket, context, named=False),
    ]


def _set_organisation(command: SetOrganisation, ticket: Ticket, context: Context) -> list[Event]:
    return _moved_to(command.organisation, ticket, context, named=True)


def _moved_to(id: str | None, ticket: Ticket, context: Context, *, named: bool) -> list[Event]:
    if id == ticket.organisation:
        return []
    state = organisation(id, context, named=named) if id else None
    tier, contract = (state.tier, state.contract) if state else (None, None)
    changed = OrganisationChanged(
        old=ticket.organisation,
        new=id,
        old_tier=ticket.tier,
        tier=tier,
        old_contract=ticket.contract,
        contract=contract,
    )
    if contract == ticket.contract:
        return [changed]
    impact, urgency = ticket.impact, ticket.urgency
    again = recalculated(ticket, context, impact=impact, urgency=urgency, contract=contract)
    return [changed, *again]


def _set_due(command: SetDue, ticket: Ticket, context: Context) -> list[Event]:
    if command.due_at == ticket.due_at:
        return []
    return [DueChanged(old=ticket.due_at, new=command.due_at)]


def _tag(command: Tag, ticket: Ticket, context: Context) -> list[Event]:
    tags = tuple(dict.fromkeys((*ticket.tags, *command.add)))
    tags = tuple(tag for tag in tags if tag not in command.remove)
    if tags == ticket.tags:
        return []
    if len(tags) > MOST_TAGS:
        raise Invalid(f"ticket {ticket.id} would have {len(tags)} tags; {MOST_TAGS} is the most")
    return [TagsChanged(old=ticket.tags, new=tags)]


DECIDE: Decisions = {
    Classify: _classify,
    Tag: _tag,
    SetSubject: _set_subject,
    SetRequester: _set_requester,
    SetOrganisation: _set_organisation,
    SetDue: _set_due,
}
