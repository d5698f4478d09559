"""A ticket whose clock was moved ahead by a time that can't be true, and how it comes back.

While its clock is ahead of what was received, a ticket keeps beside itself what it would be if each
commit had happened when it was received (`Ticket.sound`). A correction puts that in its place.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ticketlog.domain.base import Command, CommandSpec, Event, Instant, Line, Meta, Recorded
from ticketlog.domain.rights import LEADS
from ticketlog.domain.sla.clock import settled
from ticketlog.domain.ticket.sla_events import ClockChange, ClocksChanged, DueEvent
from ticketlog.domain.ticket.state import Evolutions, Ticket
from ticketlog.domain.ticket.work import WorkStopped
from ticketlog.domain.time.receipt import is_ahead


class TimeCorrected(Event):
    """Its clock was ahead and is set back. What was stamped with a time that lies ahead of its
    receipt happened when it was received; breaches of a time that never was are none."""

    NAME: ClassVar[str] = "ticket.time-corrected.v1"
    ASPECT: ClassVar[str] = "time"
    old: Instant
    """The ticket's clock before it."""
    new: Instant
    reason: Line


class CorrectTime(Command):
    """Sets a ticket's clock back that was moved ahead by a wrong time."""

    NAME: ClassVar[str] = "ticket.correct-time"
    SETS_BACK: ClassVar[bool] = True
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=LEADS,
        also_on=("closed", "spam"),
        help="Set its clock back that a wrong time has moved ahead.",
        more="For supervisors. What was stamped ahead of its receipt counts as of its receipt from "
        "then on, and what was due only by the wrong time never was. As of before, all is shown as "
        "it was.",
        examples=(
            'ticketlog ticket correct-time 4F7K2M9QABCD --reason "A mail was dated a year ahead"',
        ),
    )
    reason: Line


def _corrected(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, TimeCorrected)
    return {"clock": recorded.event.new}


EVOLVE: Evolutions = {TimeCorrected: _corrected}


def lies_ahead(meta: Meta) -> bool:
    """Whether a commit is stamped with a time that lies ahead of its receipt."""
    return is_ahead(meta.occurred_at, meta.recorded_at)


def sound(recorded: Recorded, ticket: Ticket) -> Recorded | None:
    """An event as it counts where each commit happened when it was received; None: it never
    happened. `ticket`: as it is before it, counted so."""
    meta = recorded.meta
    if not lies_ahead(meta):
        return recorded
    at = max(meta.recorded_at, ticket.clock)
    event = recorded.event
    if isinstance(event, DueEvent) and event.at > at:
        return None
    if isinstance(event, ClocksChanged):
        changes = tuple(_change(each, ticket, at) for each in event.changes)
        event = event.model_copy(update={"changes": changes})
    elif isinstance(event, WorkStopped) and event.agent in ticket.working:
        passed = (at - ticket.working[event.agent]) // 1_000_000
        event = event.model_copy(update={"seconds": min(event.seconds, max(passed, 0))})
    # Where the stream's clock is that of a writer who was ahead of this one, it stays ahead.
    return recorded._replace(event=event, meta=meta._replace(occurred_at=at, recorded_at=at))


def _change(change: ClockChange, ticket: Ticket, at: int) -> ClockChange:
    """The change with what the clock had used by then. When it is due isn't known before the
    correction says so."""
    clock = ticket.clocks.get(change.metric)
    same = clock is not None and clock.instance == change.instance
    used = settled(clock, at).used if clock is not None and same else 0
    breached = clock is not None and same and clock.breached_at is not None
    update = {"used": used, "business_used": None, "due": None, "warnings": ()}
    return change.model_copy(update={**update, "breached": breached})
