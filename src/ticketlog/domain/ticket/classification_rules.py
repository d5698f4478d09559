"""What is decided about what a ticket is about and whom it concerns."""

from __future__ import annotations

from ticketlog.domain.base import Context, Event, Invalid
from ticketlog.domain.settings.model import TicketType
from ticketlog.domain.ticket.classification import (
    ATTRIBUTES,
    MOST_TAGS,
    AttributeChanged,
    CategoryChanged,
    Classify,
    DueChanged,
    OrganisationChanged,
    RequesterChanged,
    SetDue,
    SetOrganisation,
    SetRequester,
    SetSubject,
    SubjectChanged,
    Tag,
    TagsChanged,
    TypeChanged,
)
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
from ticketlog.domain.ticket.state import Decisions, Ticket
from ticketlog.domain.ticket.workflow import moved


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
