"""The clock that an act concerned: the rest of its target, and the instant of its breach.

What the clocks did stands in the events of the commit; how they stood before, in the ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ticketlog.domain.sla.clock import LIVE, Clock
from ticketlog.domain.ticket.sla_events import ClockChange
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.time.business_hours import SECOND


class Concerned(NamedTuple):
    """The clock that an act stopped or eased; of several, the one that was nearest to its breach.
    All None: there was none with a target that was still to be met."""

    metric: str | None = None
    instance: int | None = None
    policy: str | None = None
    policy_version: int | None = None
    target: int | None = None
    """In seconds of open time (`business`) or of all time; `left`: how many of them were left."""
    business: bool | None = None
    left: int | None = None
    due: int | None = None
    """When the breach would have been."""
    new_target: int | None = None
    """These three: under the new priority; None where it has no target."""
    new_left: int | None = None
    new_due: int | None = None


NO_CLOCK = Concerned()

_STOPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "pending": ("status", ("paused",)),
    "hold": ("status", ("paused",)),
    "solve": ("solved", ("fulfilled", "withdrawn")),
}
"""Kind of act -> why a clock changes by it, and how."""


def concerned(kind: str, before: Ticket, changes: Iterable[ClockChange]) -> Concerned:
    """The clock that an act of this kind concerned, on the ticket as it was before it."""
    found = [clock for change in changes if (clock := _concerned(kind, before, change))]
    return min(found, key=lambda clock: clock.left or 0, default=NO_CLOCK)


def _concerned(kind: str, before: Ticket, change: ClockChange) -> Concerned | None:
    old, sla = before.told_clocks.get(change.metric), before.sla
    if old is None or old.instance != change.instance or old.target is None:
        return None
    if old.breached_at is not None or not _fits(kind, old, change):
        return None
    target, business = old.target
    left, policy = _left(target, business, change), sla.policy if sla else None
    clock = Concerned(change.metric, change.instance, None, None, target, business, left, old.due)
    if policy is not None:
        clock = clock._replace(policy=policy.id, policy_version=policy.version)
    if kind != "priority" or change.target is None:
        return clock
    left = _left(change.target, change.business, change)
    return clock._replace(new_target=change.target, new_left=left, new_due=change.due)


def _fits(kind: str, old: Clock, change: ClockChange) -> bool:
    if kind == "priority":
        return change.phase in LIVE and _eased(old, change)
    because, how = _STOPS[kind]
    return old.phase == "running" and change.because == because and change.change in how


def _eased(old: Clock, change: ClockChange) -> bool:
    """Whether there is more time than before, or no target any more."""
    assert old.target is not None
    if change.target is None:
        return True
    if change.business == old.target.business:
        return change.target > old.target.seconds
    return old.due is not None and change.due is not None and change.due > old.due


def _left(target: int, business: bool, change: ClockChange) -> int:
    """The whole seconds of a target that are left."""
    used = (change.business_used or 0) if business else change.used
    return target - -(-used // SECOND)
