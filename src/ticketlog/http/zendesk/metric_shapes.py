"""Metrics of tickets as Zendesk's API has them: how often and how long, and events of clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.assignment import AssigneeChanged
from ticketlog.domain.ticket.conversation import CommentEvent, Noted
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.sla_events import ClockChange, ClocksChanged, SlaBreached
from ticketlog.domain.ticket.status_events import Solved, StatusEvent
from ticketlog.http.zendesk.event_numbers import event_number
from ticketlog.http.zendesk.reading import Facade, TicketReading
from ticketlog.http.zendesk.ticket_shapes import ticket_number
from ticketlog.http.zendesk.words import iso_s
from ticketlog.projections.views.shared.stream_numbers import number_of

_MINUTE = 60_000_000
_METRICS: Mapping[str, str] = {
    "first_reply_time": "reply_time",
    "next_reply_time": "reply_time",
    "total_resolution_time": "resolution_time",
}
_CHANGES: Mapping[str, str] = {
    "activated": "activate",
    "resumed": "activate",
    "paused": "pause",
    "fulfilled": "fulfill",
    "withdrawn": "update_status",
}
_REQUESTER_WAITS = frozenset({"new", "open", "on-hold"})


def metric_set(facade: Facade, reading: TicketReading) -> dict[str, Any]:
    """The metrics of a ticket. Minutes are those of all time; open time is told by the desk's own
    reports, and `business` is null."""
    state, events = reading.state, reading.events
    number = number_of("ticket", state.id)
    solved = [each.meta.occurred_at for each in events if isinstance(each.event, Solved)]
    spent = _spent(events, state.clock)
    waits = sum(spent.get(each, 0) for each in _REQUESTER_WAITS)
    reply = state.first_reply_at and state.first_reply_at - state.created_at
    return {
        "url": facade.url(f"tickets/{number}/metrics.json"),
        "id": number,
        "ticket_id": number,
        "created_at": iso_s(state.created_at),
        "updated_at": iso_s(state.clock),
        "group_stations": state.team_stations,
        "assignee_stations": state.assignee_stations,
        "reopens": state.reopens,
        "replies": state.agent_replies,
        **_moments(reading),
        "reply_time_in_minutes": _minutes(reply),
        "first_resolution_time_in_minutes": _minutes(
            solved[0] - state.created_at if solved else None
        ),
        "full_resolution_time_in_minutes": _minutes(
            state.solved_at - state.created_at if state.solved_at else None
        ),
        "agent_wait_time_in_minutes": _minutes(spent.get("pending", 0)),
        "requester_wait_time_in_minutes": _minutes(waits),
        "on_hold_time_in_minutes": _minutes(spent.get("on-hold", 0)),
    }


def _moments(reading: TicketReading) -> dict[str, Any]:
    """When something was last, or first."""
    state, events = reading.state, reading.events
    agents = _times(events, AssigneeChanged)
    return {
        "assignee_updated_at": iso_s(_last_comment(events, {"agent"})),
        "requester_updated_at": iso_s(_last_comment(events, {"requester", "end-user"})),
        "status_updated_at": iso_s(max(_times(events, StatusEvent), default=state.created_at)),
        "initially_assigned_at": iso_s(min(agents, default=None)),
        "assigned_at": iso_s(max(agents, default=None)),
        "solved_at": iso_s(state.solved_at),
        "latest_comment_added_at": iso_s(max(_times(events, CommentEvent), default=None)),
    }


def _times(events: Sequence[Recorded], kind: type) -> list[int]:
    return [each.meta.occurred_at for each in events if isinstance(each.event, kind)]


def _last_comment(events: Sequence[Recorded], by: set[str]) -> int | None:
    said = [
        each.meta.occurred_at
        for each in events
        if isinstance(each.event, CommentEvent)
        and not isinstance(each.event, Noted)
        and each.event.author_kind in by
    ]
    return max(said, default=None)


def _spent(events: Sequence[Recorded], until: int) -> dict[str, int]:
    """The time in each category of status, in microseconds."""
    spent: dict[str, int] = {}
    category, since = "", 0
    for each in events:
        if isinstance(each.event, TicketCreated):
            category, since = each.event.status_category, each.meta.occurred_at
        elif isinstance(each.event, StatusEvent):
            spent[category] = spent.get(category, 0) + each.meta.occurred_at - since
            category, since = each.event.new_category, each.meta.occurred_at
    if category not in ("solved", "closed", ""):
        spent[category] = spent.get(category, 0) + max(until - since, 0)
    return spent


def _minutes(microseconds: int | None) -> dict[str, int | None]:
    return {
        "calendar": None if microseconds is None else microseconds // _MINUTE,
        "business": None,
    }


def metric_events(facade: Facade, recorded: Recorded) -> Iterator[dict[str, Any]]:
    """The metric events that an event of a ticket is; none for most."""
    event = recorded.event
    if isinstance(event, SlaBreached):
        policy = event.policy.id if event.policy else None
        shape = _metric_event(recorded, event.metric, event.instance, "breach", 0)
        yield {**shape, "deleted": False, "sla": _sla(facade, policy, event.target, event.business)}
    elif isinstance(event, ClocksChanged):
        for part, change in enumerate(event.changes):
            yield from _of_change(facade, recorded, change, part)


def _of_change(
    facade: Facade, recorded: Recorded, change: ClockChange, part: int
) -> Iterator[dict[str, Any]]:
    kind = _CHANGES.get(change.change)
    if kind is not None:
        shape = _metric_event(recorded, change.metric, change.instance, kind, 2 * part)
        if kind == "update_status":
            shape["status"] = {"calendar": change.used // _MINUTE, "business": None}
        yield shape
    if change.change in ("activated", "applied") and change.target is not None:
        shape = _metric_event(recorded, change.metric, change.instance, "apply_sla", 2 * part + 1)
        yield {**shape, "sla": _sla(facade, None, change.target, change.business)}


def _metric_event(
    recorded: Recorded, metric: str, instance: int, kind: str, part: int
) -> dict[str, Any]:
    return {
        "id": event_number(recorded, part),
        "ticket_id": ticket_number(recorded.originator_id),
        "metric": _METRICS.get(metric, metric),
        "instance_id": instance + (metric == "next_reply_time"),
        "type": kind,
        "time": iso_s(recorded.meta.occurred_at),
    }


def _sla(facade: Facade, policy: str | None, target: int, business: bool) -> dict[str, Any]:
    known = facade.settings.sla_policies.get(policy or "")
    about = None
    if policy is not None:
        title = known.title if known else None
        about = {"id": number_of("sla-policy", policy), "title": title or policy, "description": ""}
    return {
        "target": target // 60,
        "target_in_seconds": target,
        "business_hours": business,
        "policy": about,
    }
