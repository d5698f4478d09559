"""Words of desks in Zendesk's vocabulary: statuses, priorities, types, channels, times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ticketlog.domain.settings.model import Priorities, Settings

DELETED = "deleted"
"""The status of a ticket that was withdrawn."""
STATUSES: Mapping[str, str] = {
    "new": "new",
    "open": "open",
    "pending": "pending",
    "on-hold": "hold",
    "solved": "solved",
    "closed": "closed",
}
"""Categories of status."""
TYPES: Mapping[str, str] = {
    "question": "question",
    "incident": "incident",
    "problem": "problem",
    "task": "task",
    "change": "task",
    "service-request": "task",
}
PRIORITIES = ("urgent", "high", "normal", "low")
_CHANNELS: Mapping[str, str] = {
    **dict.fromkeys(("web", "portal", "form"), "web"),
    "email": "email",
    "phone": "voice",
    "chat": "chat",
    "policy": "rule",
}
_MILLION = 1_000_000


def priority_of(name: str | None, priorities: Priorities | None) -> str | None:
    """One of Zendesk's four priorities: the one of that name, or the one that stands where the
    desk's stands between its most and its least urgent."""
    if name is None or name in PRIORITIES:
        return name
    names = priorities.names if priorities else ()
    if name not in names or len(names) == 1:
        return "normal"
    last = len(PRIORITIES) - 1
    return PRIORITIES[(names.index(name) * last * 2 + len(names) - 1) // (2 * (len(names) - 1))]


def priorities_named(name: str, settings: Settings) -> list[str]:
    """The desk's priorities that one of Zendesk's stands for."""
    own = settings.priorities.names if settings.priorities else ()
    return [each for each in own if priority_of(each, settings.priorities) == name]


def channel_of(channel: str | None) -> str:
    """One of Zendesk's channels."""
    return _CHANNELS.get(channel or "", "api")


def seconds(at: int) -> int:
    """Whole seconds since 1970 of microseconds."""
    return at // _MILLION


def iso_s(at: int | str | None) -> str | None:
    """An instant, of microseconds or of a document's text, as Zendesk writes it: in seconds."""
    if at is None:
        return None
    if isinstance(at, str):
        return f"{at[:19]}Z"
    return datetime.fromtimestamp(seconds(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
