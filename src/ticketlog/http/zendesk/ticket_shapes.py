"""Tickets as Zendesk's API has them, and their comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import AttachmentAdded, CommentEvent, Described
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.feedback import Rated
from ticketlog.http.zendesk.event_numbers import audit_number, event_number
from ticketlog.http.zendesk.reading import Facade, TicketReading
from ticketlog.http.zendesk.words import (
    DELETED,
    STATUSES,
    TYPES,
    channel_of,
    iso_s,
    priority_of,
    seconds,
)
from ticketlog.log.history import NO_HASH
from ticketlog.projections.views.shared.stream_numbers import chosen_number, number_of

ATTRIBUTES: Mapping[str, str] = {
    "category": "Category",
    "product": "Product",
    "asset": "Asset",
    "site": "Site",
    "language": "Language",
    "impact": "Impact",
    "urgency": "Urgency",
    "resolution_code": "Resolution code",
}
"""What tickets have and Zendesk's haven't: told as custom fields of these titles."""
GOOD = 4
"""The least score that Zendesk's `good` stands for."""


def attribute_number(name: str) -> int:
    """The number of the field that an attribute is told by."""
    return chosen_number("attribute", name)


def field_number(id: str) -> int:
    """The number of a custom field."""
    return chosen_number("field", id)


def ticket_number(stream: str) -> int:
    """The number of a ticket, named by its stream or its id."""
    return number_of("ticket", stream.removeprefix("ticket/"))


def ticket_shape(facade: Facade, reading: TicketReading) -> dict[str, Any]:
    """A ticket."""
    document, events = reading.document, reading.events
    number = number_of("ticket", reading.state.id)
    fields = custom_fields(facade, document)
    changed_at = max((each.meta.recorded_at for each in events), default=0)
    return {
        "url": facade.url(f"tickets/{number}.json"),
        "id": number,
        **_of_state(facade, document),
        **_of_people(facade, document, events),
        **_of_links(document),
        "via": via(document.get("channel"), events[0] if events else None),
        "created_at": iso_s(document.get("created_at")),
        "updated_at": iso_s(document.get("clock")),
        "generated_timestamp": seconds(changed_at),
        "due_at": iso_s(document.get("due_at")),
        "external_id": next(iter(document.get("external") or ()), None),
        "tags": list(document.get("tags") or ()),
        "custom_fields": fields,
        "fields": fields,
        "satisfaction_rating": _rating(facade, number, events),
        "is_public": any(each["public"] for each in told(facade, events)),
        "recipient": None,
        "forum_topic_id": None,
        "brand_id": None,
        "ticket_form_id": None,
        "sharing_agreement_ids": [],
        "allow_channelback": False,
        "allow_attachments": True,
        "from_messaging_channel": False,
    }


def _of_state(facade: Facade, document: Mapping[str, Any]) -> dict[str, Any]:
    category = document.get("status_category") or ""
    subject = document.get("subject")
    return {
        "subject": subject,
        "raw_subject": subject,
        "description": document.get("description") or subject,
        "type": TYPES.get(document.get("type") or ""),
        "priority": priority_of(document.get("priority"), facade.settings.priorities),
        "status": DELETED if document.get("withdrawn") else STATUSES.get(category),
        "custom_status_id": status_number(document.get("status")),
        "group_id": facade.group(document.get("team")),
        "assignee_id": facade.agent(document.get("assignee")),
        "organization_id": facade.organisation(document.get("organisation")),
    }


def status_number(id: str | None) -> int | None:
    """The number of one of the desk's own statuses."""
    return None if id is None else chosen_number("status", id)


def _of_people(
    facade: Facade, document: Mapping[str, Any], events: Sequence[Recorded]
) -> dict[str, Any]:
    ccs = [facade.person(id) for id in document.get("ccs") or ()]
    requester = facade.person(document.get("requester"))
    first = events[0].meta.actor if events else None
    submitter = facade.user(first.kind, first.id) if first else requester
    return {
        "requester_id": requester,
        "submitter_id": submitter if submitter != -1 or requester is None else requester,
        "follower_ids": [facade.agent(id) for id in document.get("followers") or ()],
        "collaborator_ids": ccs,
        "email_cc_ids": ccs,
    }


def _of_links(document: Mapping[str, Any]) -> dict[str, Any]:
    links, back = document.get("links") or (), document.get("linked_by") or ()
    problems = [each["target"] for each in links if each["kind"] == "problem"]
    return {
        "problem_id": ticket_number(problems[0]) if problems else None,
        "has_incidents": any(each["kind"] == "problem" for each in back),
        "followup_ids": [
            ticket_number(each["ticket"]) for each in back if each["kind"] == "follow-up-of"
        ],
    }


def via(channel: str | None, recorded: Recorded | None = None) -> dict[str, Any]:
    """The channel by which something came in."""
    rel = None
    if recorded is not None and recorded.meta.actor.kind == "rule":
        channel, rel = "policy", "trigger"
    return {"channel": channel_of(channel), "source": {"from": {}, "to": {}, "rel": rel}}


def custom_fields(facade: Facade, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The desk's own fields, and the attributes that Zendesk's tickets haven't. Those that the
    actor may not read aren't in the document, and not in here."""
    own = document.get("fields") or {}
    known = facade.settings.fields
    told = [
        {"id": field_number(id), "value": list(value) if isinstance(value, tuple) else value}
        for id in (*known, *(each for each in own if each not in known))
        if (value := own.get(id)) is not None or id in known
    ]
    attributes = [
        {"id": attribute_number(name), "value": document[name]}
        for name in ATTRIBUTES
        if name in document
    ]
    return [*told, *attributes]


def _rating(facade: Facade, number: int, events: Sequence[Recorded]) -> dict[str, Any]:
    """The last answer of the requester to how satisfied they are."""
    found = next((each for each in reversed(events) if isinstance(each.event, Rated)), None)
    return {"score": "unoffered"} if found is None else rating_shape(facade, number, found)


def rating_shape(facade: Facade, number: int, recorded: Recorded) -> dict[str, Any]:
    """An answer of a requester to how satisfied they are with a ticket of a number."""
    event, id = recorded.event, event_number(recorded)
    assert isinstance(event, Rated)
    at = iso_s(recorded.meta.occurred_at)
    return {
        "url": facade.url(f"satisfaction_ratings/{id}.json"),
        "id": id,
        "ticket_id": number,
        "requester_id": facade.person(event.data_subject),
        "assignee_id": facade.agent(event.assignee),
        "group_id": facade.group(event.team),
        "score": "good" if event.score >= GOOD else "bad",
        "comment": event.comment,
        "reason": None,
        "created_at": at,
        "updated_at": at,
    }


def told(facade: Facade, events: Sequence[Recorded]) -> list[dict[str, Any]]:
    """The comments of a ticket, the oldest first; its description is the first one."""
    attached = _attached(facade, events)
    shapes = [(each, shape) for each in events if (shape := comment_shape(facade, each))]
    first = shapes[0][0].id if shapes else None
    for each, shape in shapes:
        shape["attachments"] = attached.get(each.id, [])
        if each.id == first:
            shape["attachments"] = [*attached.get(None, []), *shape["attachments"]]
    return [shape for _, shape in shapes]


def comment_shape(facade: Facade, recorded: Recorded) -> dict[str, Any] | None:
    """A comment, or the description; None for any other event."""
    event, meta = recorded.event, recorded.meta
    if isinstance(event, CommentEvent):
        body, public = event.body, event.direction != "internal"
        author = facade.user(event.author_kind, event.author)
    elif isinstance(event, Described) and event.description is not None:
        body, public = event.description, event.description_public
        author = facade.user(event.author_kind, event.author)
    elif isinstance(event, TicketCreated) and event.description is not None:
        body, public = event.description, event.description_public
        author = facade.user(meta.actor.kind, meta.actor.id)
    else:
        return None
    return {
        "id": event_number(recorded),
        "type": "Comment",
        "author_id": author,
        "body": body,
        "plain_body": body,
        "html_body": f"<p>{escape(body)}</p>".replace("\n", "<br>"),
        "public": public,
        "attachments": [],
        "audit_id": audit_number(meta),
        "via": via(meta.channel, recorded),
        "created_at": iso_s(meta.occurred_at),
        "metadata": {"system": {}, "custom": {}},
    }


def _attached(facade: Facade, events: Sequence[Recorded]) -> dict[str | None, list[dict[str, Any]]]:
    """The attachments by the id of their comment; None: of no comment."""
    found: dict[str | None, list[dict[str, Any]]] = {}
    for each in events:
        if isinstance(each.event, AttachmentAdded) and each.event.sha256 != NO_HASH:
            found.setdefault(each.event.comment, []).append(attachment_shape(facade, each))
    return found


def attachment_shape(facade: Facade, recorded: Recorded) -> dict[str, Any]:
    """An attachment; its bytes are at the API's own route."""
    event, id = recorded.event, event_number(recorded)
    assert isinstance(event, AttachmentAdded)
    ticket = recorded.originator_id.removeprefix("ticket/")
    place = f"/api/v1/tickets/{ticket}/attachments/{recorded.id}"
    return {
        "url": facade.url(f"attachments/{id}.json"),
        "id": id,
        "file_name": event.name,
        "content_url": facade.server + place,
        "content_type": event.media_type,
        "size": event.size,
        "inline": False,
        "deleted": False,
        "thumbnails": [],
    }
