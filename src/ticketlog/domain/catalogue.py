"""The one list of events: stored name -> class, and how older versions are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ticketlog.domain import ticket
from ticketlog.domain.base import Event

EVENTS: dict[str, type[Event]] = {cls.NAME: cls for cls in (*ticket.EVENTS,)}

UPCASTERS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
"""Old stored name -> (next name, how its data becomes the next version's)."""


def find(type: str, data: dict[str, Any]) -> tuple[type[Event], dict[str, Any]]:
    """The class and data of the latest version. Raises KeyError for an unknown type."""
    while type in UPCASTERS:
        type, upcast = UPCASTERS[type]
        data = upcast(data)
    return EVENTS[type], data
