"""The one list of events: stored name -> class."""

from __future__ import annotations

from ticketlog.domain import recorded_refusal
from ticketlog.domain.aggregates import ACCOUNT_AGGREGATES, AGGREGATES
from ticketlog.domain.base import Event
from ticketlog.domain.settings import events
from ticketlog.domain.upcasters import UPCASTERS, Data

EVENTS: dict[str, type[Event]] = {
    cls.NAME: cls
    for cls in (
        *(event for kind in AGGREGATES.values() for event in kind.events),
        *(event for kind in ACCOUNT_AGGREGATES.values() for event in kind.events),
        *events.EVENTS,
        *recorded_refusal.EVENTS,
    )
}


def find(type: str, data: Data) -> tuple[type[Event], Data]:
    """The class and data of the latest version. Raises KeyError for an unknown type."""
    cls = EVENTS.get(type)
    if cls is not None:
        return cls, data
    while type in UPCASTERS:
        type, upcast = UPCASTERS[type]
        data = upcast(data)
    return EVENTS[type], data
