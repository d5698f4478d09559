"""Audits as Zendesk's API has them: each commit of a ticket with what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.ticket import assignment, automation, classification, conversation
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.custom_fields import FieldsChanged
from ticketlog.domain.ticket.feedback import Rated, SurveyOffered
from ticketlog.domain.ticket.lifecycle import ResolutionCoded
from ticketlog.domain.ticket.priority import ImpactChanged, PriorityChanged, UrgencyChanged
from ticketlog.domain.ticket.relations import CcAdded
from ticketlog.domain.ticket.status_events import StatusEvent
from ticketlog.http.zendesk.event_numbers import audit_number, event_number
from ticketlog.http.zendesk.reading import NOBODY, Facade
from ticketlog.http.zendesk.ticket_shapes import (
    ATTRIBUTES,
    GOOD,
    attribute_number,
    comment_shape,
    field_number,
    told,
    via,
)
from ticketlog.http.zendesk.words import STATUSES, TYPES, iso_s, priority_of

Change = tuple[str, Any, Any]
"""A field with its old and its new value."""


def audits_of(facade: Facade, number: int, events: Sequence[Recorded]) -> list[dict[str, Any]]:
    """The audits of a ticket of a number, the oldest first."""
    comments = {each["id"]: each for each in told(facade, events)}
    commits = groupby(events, key=lambda each: (each.meta.partition, each.meta.offset))
    return [audit_shape(facade, number, list(commit), comments) for _, commit in commits]


def audit_shape(
    facade: Facade,
    number: int,
    commit: Sequence[Recorded],
    comments: Mapping[int, dict[str, Any]],
) -> dict[str, Any]:
    """A commit of a ticket of a number. `comments`: those of the ticket, by number."""
    first, meta = commit[0], commit[0].meta
    author = facade.user(meta.actor.kind, meta.actor.id)
    return {
        "id": audit_number(meta),
        "ticket_id": number,
        "created_at": iso_s(meta.occurred_at),
        "author_id": NOBODY if author is None else author,
        "via": via(meta.channel, first),
        "metadata": {"system": {}, "custom": {}},
        "events": [shape for each in commit for shape in event_shapes(facade, each, comments)],
    }


def event_shapes(
    facade: Facade, recorded: Recorded, comments: Mapping[int, dict[str, Any]] | None = None
) -> Iterator[dict[str, Any]]:
    """The events of an audit that one event is. `comments`: those of the ticket with their
    attachments, by number."""
    number = event_number(recorded)
    if isinstance(recorded.event, TicketCreated):
        for part, (name, _, value) in enumerate(_created(facade, recorded.event), 1):
            if value not in (None, [], ()):
                about = {"field_name": name, "value": value}
                yield {"id": event_number(recorded, part), "type": "Create", **about}
    comment = (comments or {}).get(number) or comment_shape(facade, recorded)
    if comment is not None:
        yield {**comment, "type": "Comment"}
        return
    for kind, shape in _SPECIAL.items():
        if isinstance(recorded.event, kind):
            yield {"id": number, **shape(facade, recorded.event)}
            return
    for part, (name, old, new) in enumerate(changes_of(facade, recorded.event)):
        change = {"field_name": name, "previous_value": old, "value": new}
        yield {"id": event_number(recorded, part), "type": "Change", **change}


def _created(facade: Facade, event: TicketCreated) -> Iterable[Change]:
    yield "subject", None, event.subject
    yield "type", None, TYPES.get(event.type)
    yield "priority", None, priority_of(event.priority, facade.settings.priorities)
    yield "status", None, STATUSES[event.status_category]
    yield "requester_id", None, _text(facade.person(event.requester))
    yield "organization_id", None, _text(facade.organisation(event.organisation))
    yield "group_id", None, _text(facade.group(event.team))
    yield "assignee_id", None, _text(facade.agent(event.assignee))
    yield "tags", None, list(event.tags)
    yield "due_at", None, iso_s(event.due_at)
    for name in ATTRIBUTES:
        if name != "resolution_code":
            yield str(attribute_number(name)), None, getattr(event, name)
    for id, value in {**event.fields, **(event.personal_fields or {})}.items():
        yield str(field_number(id)), None, _plain(value)


def changes_of(facade: Facade, event: Event) -> Iterable[Change]:
    """The fields that an event changes, with their old and new values; none for one that Zendesk
    knows nothing like."""
    found = next((make for kind, make in _CHANGES.items() if isinstance(event, kind)), None)
    return () if found is None else found(facade, event)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _text(number: int | None) -> str | None:
    """Zendesk writes numbers of users and groups in audits as texts."""
    return None if number is None else str(number)


def _status(facade: Facade, event: Any) -> list[Change]:
    return [("status", STATUSES[event.old_category], STATUSES[event.new_category])]


def _priority(facade: Facade, event: Any) -> list[Change]:
    names = facade.settings.priorities
    return [("priority", priority_of(event.old, names), priority_of(event.new, names))]


def _fields(facade: Facade, event: Any) -> list[Change]:
    old = {**(event.old or {}), **(event.personal_old or {})}
    new = {**(event.new or {}), **(event.personal_new or {})}
    ids = dict.fromkeys((*old, *new))
    return [(str(field_number(id)), _plain(old.get(id)), _plain(new.get(id))) for id in ids]


def _numbered(field: str, of: Callable[[Facade, str | None], int | None]) -> Any:
    def change(facade: Facade, event: Any) -> list[Change]:
        return [(field, _text(of(facade, event.old)), _text(of(facade, event.new)))]

    return change


def _attribute(name: str) -> Any:
    number = str(attribute_number(name))
    return lambda facade, event: [(number, event.old, event.new)]


def _named_attribute(facade: Facade, event: Any) -> list[Change]:
    return [(str(attribute_number(event.attribute)), event.old, event.new)]


_CHANGES: Mapping[type[Event], Callable[[Facade, Any], Iterable[Change]]] = {
    StatusEvent: _status,
    assignment.TeamChanged: _numbered("group_id", Facade.group),
    assignment.AssigneeChanged: _numbered("assignee_id", Facade.agent),
    classification.RequesterChanged: _numbered("requester_id", Facade.person),
    classification.OrganisationChanged: _numbered("organization_id", Facade.organisation),
    classification.TypeChanged: lambda _, e: [("type", TYPES.get(e.old), TYPES.get(e.new))],
    classification.SubjectChanged: lambda _, e: [("subject", e.old, e.new)],
    classification.TagsChanged: lambda _, e: [("tags", list(e.old), list(e.new))],
    classification.DueChanged: lambda _, e: [("due_at", iso_s(e.old), iso_s(e.new))],
    classification.CategoryChanged: _attribute("category"),
    classification.AttributeChanged: _named_attribute,
    PriorityChanged: _priority,
    ImpactChanged: _attribute("impact"),
    UrgencyChanged: _attribute("urgency"),
    ResolutionCoded: _attribute("resolution_code"),
    FieldsChanged: _fields,
}


def _redacted(facade: Facade, event: Any) -> dict[str, Any]:
    kind = "AttachmentRedactionEvent" if event.kind == "attachment" else "CommentRedactionEvent"
    return {"type": kind, "reason": event.reason}


def _notified(facade: Facade, event: Any) -> dict[str, Any]:
    agents, persons = facade.settings.agents, event.to
    to = [facade.agent(id) if id in agents else facade.person(id) for id in persons]
    return {"type": "Notification", "subject": event.template, "body": "", "recipients": to}


def _rated(facade: Facade, event: Any) -> dict[str, Any]:
    return {
        "type": "SatisfactionRating",
        "score": "good" if event.score >= GOOD else "bad",
        "assignee_id": facade.agent(event.assignee),
        "body": event.comment,
    }


def _offered(facade: Facade, event: Any) -> dict[str, Any]:
    return {"type": "SatisfactionRating", "score": "offered", "assignee_id": None, "body": None}


_SPECIAL: Mapping[type[Event], Callable[[Facade, Any], dict[str, Any]]] = {
    conversation.Redacted: _redacted,
    automation.NotificationDecided: _notified,
    Rated: _rated,
    SurveyOffered: _offered,
    CcAdded: lambda facade, e: {"type": "Cc", "recipients": [facade.person(e.person)]},
}
