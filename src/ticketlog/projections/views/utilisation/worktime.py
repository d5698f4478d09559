"""The spans of agents: their presence and their shifts, the tickets that they had and worked on,
and the number of their acts.

All on business time. Spans go from an instant up to another; open ones have no end yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import func, select

from ticketlog.domain.base import Recorded
from ticketlog.domain.parties.agent import AgentAtWork, AvailabilityChanged, ShiftsChanged
from ticketlog.domain.ticket.assignment import AssigneeChanged
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.lifecycle import MarkedSpam, Restored
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import (
    Cancelled,
    PutOnHold,
    Reopened,
    Solved,
    StatusChanged,
    TicketClosed,
)
from ticketlog.domain.ticket.work import WorkStarted, WorkStopped
from ticketlog.domain.time.business_hours import SECOND
from ticketlog.projections.engine.projection import (
    INT,
    OF_STAFF,
    OF_TICKET,
    TEXT,
    Columns,
    Fold,
    Row,
    Rows,
    Sum,
    Tables,
    Whose,
)
from ticketlog.projections.views.reports.flow import is_resolution
from ticketlog.projections.views.shared.periods import QUARTER

WORK = "work"
_SPAN = {"from_at": INT, "to_at": INT}
_COUNTED: Columns = {"agent": TEXT, "what": TEXT, "quarter": INT}


def _counts(tables: Tables) -> Any:
    counted = tables["counted"].c
    columns = [counted[name] for name in _COUNTED]
    return select(*columns, func.sum(counted.n).label("n")).group_by(*columns)


TABLES = (
    Rows(
        "presence",
        key={"agent": TEXT, "version": INT},
        values={"availability": TEXT, **_SPAN},
        whose=OF_STAFF,
    ),
    Rows(
        "rotas",
        key={"agent": TEXT, "version": INT},
        values={"zone": TEXT, "shifts": TEXT, **_SPAN},
        whose=OF_STAFF,
    ),
    Rows(
        "spans",
        key={"ticket": TEXT, "version": INT},
        values={"agent": TEXT, "kind": TEXT, **_SPAN},
        whose=OF_TICKET,
    ),
    Sum("counts", key=_COUNTED, whose=Whose(made_of=_counts)),
    Rows("counted", key={"ticket": TEXT, **_COUNTED}, values={"n": INT}, whose=OF_TICKET),
)
"""`version` is that of the event that began it. Of tickets, `kind` is the category of the status
in which the agent had it, or WORK. counted: each ticket's share in the counts."""


class AgentFold(Fold):
    """When they were online and away, and which shifts they had; offline has no span."""

    __slots__ = ("presence", "rotas")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.presence: list[Row] = []
        self.rotas: list[Row] = []

    def step(self, recorded: Recorded, before: AgentAtWork, after: AgentAtWork) -> None:
        event = recorded.event
        begin, goes_on = (self.id, recorded.originator_version), (after.clock, None)
        if type(event) is AvailabilityChanged:
            _turn(self.presence, (*begin, event.new, *goes_on), begins=event.new != "offline")
        elif type(event) is ShiftsChanged:
            zone, shifts = event.new_zone, [shift.model_dump() for shift in event.new]
            span = (*begin, zone, orjson.dumps(shifts).decode(), *goes_on)
            _turn(self.rotas, span, begins=zone is not None)

    def rows(self, state: AgentAtWork) -> tuple[list[Row], ...]:
        return list(self.presence), list(self.rotas), [], [], []


def _turn(spans: list[Row], span: Row, *, begins: bool) -> None:
    """Ends the span that goes on and begins the next. One without any length is none."""
    at = span[-2]
    if spans and spans[-1][-1] is None:
        last = spans.pop()
        if last[-2] < at:
            spans.append((*last[:-1], at))
    if begins:
        spans.append(span)


class TicketFold(Fold):
    """Which agent had the ticket in which category of status, and who worked on it when."""

    __slots__ = ("counts", "held", "spans", "working")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.spans: list[Row] = []
        """Those that have ended."""
        self.held: Row = ()
        """The version, agent, category and start of the one that goes on; empty: nobody has it."""
        self.working: dict[str, tuple[int, int]] = {}
        """Agent -> version and start of the work that goes on."""
        self.counts: list[Row] = []

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        if after.touches != before.touches:
            self.count(recorded.meta.actor.id, "touches", after.clock)
        act = _ACTS.get(type(recorded.event))
        if act is not None:
            act(self, recorded, before, after)

    def count(self, agent: str, what: str, at: int) -> None:
        self.counts.append((agent, what, at // QUARTER, 1))

    def hold(self, version: int, after: Ticket) -> None:
        """Ends the span that goes on and begins the next, where something changed."""
        agent, category, at, held = after.assignee, after.status_category, after.clock, self.held
        if agent is None and not held:
            return
        has_it = agent is not None and after.active
        if held:
            if has_it and held[2] == category and held[1] == agent:
                return
            if held[3] < at:
                self.spans.append((self.id, *held, at))
        self.held = (version, agent, category, at) if has_it else ()

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        spans = list(self.spans)
        if self.held:
            spans.append((self.id, *self.held, None))
        for agent, (version, at) in self.working.items():
            spans.append((self.id, version, agent, WORK, at, None))
        shares = Counter(each[:-1] for each in self.counts)
        counted: list[Row] = [(self.id, *key, n) for key, n in shares.items()]
        return [], [], spans, list(self.counts), counted


def _moved(fold: TicketFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    fold.hold(recorded.originator_version, after)


def _solved(fold: TicketFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    if after.assignee is not None and is_resolution(before, after):
        fold.count(after.assignee, "solved", after.clock)
    fold.hold(recorded.originator_version, after)


def _started(fold: TicketFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    assert isinstance(recorded.event, WorkStarted)
    fold.working[recorded.event.agent] = (recorded.originator_version, after.clock)


def _stopped(fold: TicketFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    """The seconds that the event tells count, up to its instant: agents may say another time than
    was measured."""
    event, at = recorded.event, after.clock
    assert isinstance(event, WorkStopped)
    version, _ = fold.working.pop(event.agent, (recorded.originator_version, at))
    if event.seconds:
        start = at - event.seconds * SECOND
        fold.spans.append((fold.id, version, event.agent, WORK, start, at))


_ACTS: dict[type, Callable[[TicketFold, Recorded, Any, Any], None]] = {
    **dict.fromkeys((TicketCreated, AssigneeChanged, StatusChanged, PutOnHold), _moved),
    **dict.fromkeys((Reopened, Cancelled, MarkedSpam, Restored), _moved),
    **dict.fromkeys((Solved, TicketClosed), _solved),
    WorkStarted: _started,
    WorkStopped: _stopped,
}
