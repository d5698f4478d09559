"""Reports by name: a document that says what it was made from, and proves that it is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from ticketlog.domain.base import iso
from ticketlog.errors import Usage
from ticketlog.projections import reports
from ticketlog.projections.moment import Cut, Moment, Occurred

REPORTS: Mapping[str, tuple[str, ...]] = {
    "flow": ("created", "solved", "reopened", "backlog"),
    "times": ("first_reply_time", "resolution_time"),
    "quality": ("solved", "first_contact", "reopened", "hops", "touches"),
    "endings": ("solved", "closed", "cancelled"),
}
"""Name -> metrics of the view `reports`."""


def parameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the view's query function takes for a report. Raises Usage for an unknown name."""
    if name not in REPORTS:
        raise Usage(f"there is no report {name!r}; there are {', '.join(REPORTS)}")
    said = dict(given)
    _check_zone(said.get("zone", "UTC"))
    where = said.pop("where", None) or {}
    return {"metrics": REPORTS[name], **said, **where}


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Usage(
            f"{zone!r} is no time zone; write it as in the IANA database: Europe/Berlin"
        ) from None


def document(
    name: str,
    given: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    cut: Cut,
    moment: Moment | None,
) -> dict[str, Any]:
    """The report with what it was made from. `sha256` is that of the canonical bytes of all the
    rest; they hold ids, never names."""
    said: dict[str, Any] = {
        "report": name,
        "view": reports.NAME,
        "version": reports.VERSION,
        "cut": str(cut),
        "occurred_as_of": iso(moment.at) if isinstance(moment, Occurred) else None,
        "settings": "as was",
        "parameters": {
            "period": given.get("period", "month"),
            "zone": given.get("zone", "UTC"),
            "by": list(given.get("by", ())),
            "start": _time(given.get("start")),
            "end": _time(given.get("end")),
            "where": dict(given.get("where") or {}),
        },
        "rows": [dict(row) for row in rows],
    }
    canonical = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return said | {"sha256": hashlib.sha256(canonical).hexdigest()}


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
