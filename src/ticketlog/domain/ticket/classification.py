"""What a ticket is about: type, category, tags, whom it concerns, when it is due."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

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
)
from ticketlog.domain.rights import WORKERS
from ticketlog.domain.settings.model import TicketType
from ticketlog.domain.ticket.state import Evolutions, Ticket

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
    """Its tags are others now."""

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
