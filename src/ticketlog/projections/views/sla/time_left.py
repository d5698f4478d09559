"""The used and the left time of a clock at an instant, from its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

from ticketlog.domain.settings.model import Settings
from ticketlog.domain.sla.clock import Edition
from ticketlog.domain.time.business_hours import SECOND, BusinessHours

Calendars: TypeAlias = Callable[[str, int], BusinessHours | None]
"""A calendar in one of its versions; None: it isn't known."""


def calendars_of(settings: Settings) -> Calendars:
    """The calendars in all their versions."""

    @cache
    def calendar(id: str, version: int) -> BusinessHours | None:
        found = settings.calendar(Edition(id=id, version=version))
        return found.timetable if found else None

    return calendar


def edition_values(row: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """A row's `name` and `name_version` as documents have them; None where there is none."""
    return {"id": row[name], "version": row[f"{name}_version"]} if row[name] else None


def standing(row: Mapping[str, Any], now: int, calendars: Calendars) -> dict[str, int | None]:
    """The used and the left time of a clock `now`, in microseconds.

    `used`: all time; `business_used`: open time, None where it isn't known; `left`: of the target,
    in the target's own time, negative behind it; `until_due`: all time up to the due time. The
    last two are None for a clock that ended, `until_due` for one that isn't due.
    """
    used, business = row["used"], row["business_used"]
    if row["phase"] == "running" and now > row["since"]:
        used += now - row["since"]
        calendar = calendars(row["calendar"], row["calendar_version"]) if row["calendar"] else None
        if business is not None:
            business = business + calendar.between(row["since"], now) if calendar else None
    spent = business if row["business"] else used
    live = row["phase"] in ("running", "paused") and row["target"] is not None
    due = row["due"]
    return {
        "used": used,
        "business_used": business,
        "left": row["target"] * SECOND - spent if live and spent is not None else None,
        "until_due": None if due is None else due - now,
    }
