"""When something happened, as its sender states it, against when it was received.

A sender's clock may be wrong, and a mail's Date header says what it likes. A ticket's clock never
goes back by itself, so a time that can't be true must not move it.
"""

from __future__ import annotations

from typing import NamedTuple

from ticketlog.domain.time.business_hours import DAY, SECOND

AHEAD = 300 * SECOND
"""Microseconds that two good clocks may differ (Kerberos allows as much). What is stated to have
happened at most so much after its receipt is believed."""
BEHIND = 30 * DAY * SECOND
"""Microseconds before its receipt that something new by a live channel may have happened. Mail is
given up after days; what is older is a history, and histories are imported."""


class Bounds(NamedTuple):
    """Bounds of a stated time: its largest distance from the receipt in microseconds; None: any."""

    ahead: int | None
    behind: int | None = None


LIVE = Bounds(AHEAD)
"""Of commands by a live channel. Their time isn't bounded backwards: the ticket's clock does it."""
LIVE_CREATION = Bounds(AHEAD, BEHIND)
"""Of commands by a live channel that create something."""
SIMULATED = Bounds(None)


def believed(stated: int, received: int, bounds: Bounds) -> int:
    """The stated time where it lies within the bounds; else the time of receipt."""
    ahead, behind = bounds
    if ahead is not None and stated > received + ahead:
        return received
    if behind is not None and stated < received - behind:
        return received
    return stated


def is_ahead(moment: int, received: int) -> bool:
    """Whether a time lies ahead of another by more than good clocks differ."""
    return moment > received + AHEAD
