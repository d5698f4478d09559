"""How a clock stands at an instant, from its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ticketlog.domain.time.business_hours import SECOND, BusinessHours

Calendars: TypeAlias = Callable[[str, int], BusinessHours | None]
"""A calendar in one of its versions; None: it isn't known."""


def no_calendars(id: str, version: int) -> None:
    """Where nobody gives any: open time is then told as far as events told it."""


def standing(row: Mapping[str, Any], now: int, calendars: Calendars) -> dict[str, int | None]:
    """What of a clock is used and left `now`, in microseconds.

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
