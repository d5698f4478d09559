"""The backlog, and the flow into it and out of it: one rule for reports, exports and work time.

A ticket is in the backlog while it is still to be worked on: from its creation until it is
solved, closed, cancelled, marked as spam or linked as another one's duplicate, and again from its
reopening, from its restoring or from the end of that link. What happens to it while it is out (a
solved ticket is closed, or marked as spam) moves nothing, so that each ticket goes out as often as
it came in, or once less.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Literal, TypeAlias

from ticketlog.domain.ticket.state import Ticket

In: TypeAlias = Literal["created", "reopened", "restored"]
Out: TypeAlias = Literal["solved", "cancelled", "spam", "duplicates"]
INTO: tuple[In, ...] = ("created", "reopened", "restored")
OUT_OF: tuple[Out, ...] = ("solved", "cancelled", "spam", "duplicates")
FLOWS = (*INTO, *OUT_OF)
OUTCOMES = {"solved": "solved", "cancelled": "cancelled", "spam": "spam", "duplicates": "duplicate"}
"""How a single ticket left the backlog, by the column that counts it."""
_ENDED = ("solved", "closed")
_weighed = attrgetter("status", "status_category", "spam", "withdrawn", "links")
"""All that `in_backlog` looks at: most events change none of it."""


def in_backlog(ticket: Ticket) -> bool:
    """Whether a ticket is still to be worked on."""
    return bool(ticket.status) and ticket.active and not ticket.is_duplicate


def flows(before: Ticket, after: Ticket) -> tuple[In | Out, ...]:
    """The moves of a ticket into the backlog or out of it by an event; a new one that is done
    already moves both ways."""
    if _weighed(before) == _weighed(after):
        return ()
    now = in_backlog(after)
    if not before.status:
        if not after.status:
            return ()
        return ("created",) if now else ("created", _way_out(before, after))
    if in_backlog(before) == now:
        return ()
    if not now:
        return (_way_out(before, after),)
    came_back = before.status_category in _ENDED and after.status_category not in _ENDED
    return ("reopened" if came_back else "restored",)


def is_resolution(before: Ticket, after: Ticket) -> bool:
    """Whether an event resolved the ticket: took it out of the backlog as solved. What is closed
    without having been solved or cancelled is resolved then."""
    return "solved" in flows(before, after)


def _way_out(before: Ticket, after: Ticket) -> Out:
    if after.spam and not before.spam:
        return "spam"
    if after.is_duplicate and not before.is_duplicate:
        return "duplicates"
    return "cancelled" if after.cancelled else "solved"
