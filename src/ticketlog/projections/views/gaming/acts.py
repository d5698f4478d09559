"""Acts of agents that stop a ticket's clocks or give them more time: to make it pending, to put it
on hold, to solve it, to change its priority. All are counted; those that could be meant for the
figures are kept, each with the values that it is judged by (`gaming`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.domain.ticket.priority import PriorityChanged
from ticketlog.domain.ticket.sla_events import ClocksChanged
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import PutOnHold, Reopened, Solved, StatusChanged
from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
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
from ticketlog.projections.views.gaming.affected_clock import NO_CLOCK, Concerned, concerned
from ticketlog.projections.views.shared.periods import QUARTER

_TEXTS = ("metric", "policy")
_COUNTED: Columns = {"agent": TEXT, "team": TEXT, "kind": TEXT, "quarter": INT}


def _counts(tables: Tables) -> Any:
    counted = tables["counted"].c
    columns = [counted[name] for name in _COUNTED]
    return select(*columns, func.sum(counted.n).label("n")).group_by(*columns)


TABLES = (
    Rows(
        "acts",
        key={"ticket": TEXT, "version": INT},
        values={
            **dict.fromkeys(("kind", "agent", "team", "event", "old", "new"), TEXT),
            **dict.fromkeys(("at", "asked_at", "answered_at", "undone_at"), INT),
            "undone_by": TEXT,
            **{name: TEXT if name in _TEXTS else INT for name in Concerned._fields},
            "business": BOOL,
        },
        seconds=("target", "left", "new_target", "new_left"),
        whose=OF_TICKET,
    ),
    Sum("counts", key=_COUNTED, whose=Whose(made_of=_counts)),
    Rows("counted", key={"ticket": TEXT, **_COUNTED}, values={"n": INT}, whose=OF_TICKET),
)
"""kind: pending, hold, solve, priority. event: its id. old, new: statuses or priorities. asked_at:
when a person said something last that no agent had answered; answered_at: when one then did.
undone_at: when the clock went on, or the ticket was reopened; undone_by: the kind of actor who did
it, and 'person' wherever a person said something meanwhile. counts: of all acts;
counted: each ticket's share in them."""


class _Act:
    __slots__ = (
        *("after", "answered_at", "asked_at", "before", "clock", "kind", "recorded"),
        *("undone_at", "undone_by"),
    )

    def __init__(
        self, kind: str, recorded: Recorded, before: Ticket, after: Ticket, asked_at: int | None
    ) -> None:
        self.kind = kind
        self.recorded = recorded
        self.before = before
        self.after = after
        self.asked_at = asked_at
        self.answered_at: int | None = None
        self.undone_at: int | None = None
        self.undone_by: str | None = None
        self.clock = NO_CLOCK

    @property
    def telling(self) -> bool:
        """Whether it could be meant for the figures, however close it came: pending while an end
        user waits for an answer; a stopped clock that went on after it would have been due, or
        whose ticket was reopened; a clock that got more time."""
        if self.kind == "pending" and self.asked_at is not None:
            return True
        if self.clock.metric is None:
            return False
        if self.kind in ("pending", "hold"):
            due, undone_at = self.clock.due, self.undone_at
            return due is not None and undone_at is not None and undone_at >= due
        return self.kind == "priority" or self.undone_at is not None

    def row(self, ticket: str) -> Row:
        recorded, after = self.recorded, self.after
        event: Any = recorded.event
        return (
            *(ticket, recorded.originator_version, self.kind, recorded.meta.actor.id, after.team),
            *(recorded.id, event.old, event.new, after.clock),
            *(self.asked_at, self.answered_at, self.undone_at, self.undone_by),
            *self.clock,
        )


class ActsFold(Fold):
    __slots__ = ("acts", "asked_at", "counts", "heard", "pauses", "unanswered")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.counts: list[Row] = []
        self.acts: list[_Act] = []
        """Those that may come to tell something."""
        self.asked_at: int | None = None
        self.heard = -1
        """The version of what a person said last, answered or not."""
        self.unanswered: list[_Act] = []
        self.pauses: list[_Act] = []
        """Those that stopped a clock which may go on."""

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        take = _TAKES.get(type(recorded.event))
        if take is not None:
            take(self, recorded, before, after)

    def act(self, kind: str, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        actor = recorded.meta.actor
        if actor.kind != "agent":
            return
        self.counts.append((actor.id, after.team or "", kind, after.clock // QUARTER, 1))
        if before.told_clocks or (kind == "pending" and self.asked_at is not None):
            act = _Act(kind, recorded, before, after, self.asked_at)
            self.acts.append(act)
            self.unanswered.append(act)

    def undo(self, act: _Act, recorded: Recorded, at: int) -> None:
        act.undone_at = at
        said = self.heard > act.recorded.originator_version
        act.undone_by = "person" if said else recorded.meta.actor.kind

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        shares = Counter(each[:-1] for each in self.counts)
        counted: list[Row] = [(self.id, *key, n) for key, n in shares.items()]
        telling = [act.row(self.id) for act in self.acts if act.telling]
        return telling, list(self.counts), counted


def _said(fold: ActsFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    event = recorded.event
    assert isinstance(event, Replied)
    if event.automated:
        return
    if event.author_kind == "agent":
        for act in fold.unanswered:
            act.answered_at = after.clock
        fold.unanswered = []
        fold.asked_at = None
    elif event.author_kind in ("requester", "end-user"):
        fold.asked_at, fold.heard = after.clock, recorded.originator_version


def _moved(fold: ActsFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    kind = {"pending": "pending", "on-hold": "hold"}.get(after.status_category)
    if kind is not None and after.status_category != before.status_category:
        fold.act(kind, recorded, before, after)


def _solved(fold: ActsFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    fold.pauses = []
    fold.act("solve", recorded, before, after)


def _reopened(fold: ActsFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    solve = next((act for act in reversed(fold.acts) if act.kind == "solve"), None)
    if solve is not None and solve.undone_at is None:
        fold.undo(solve, recorded, after.clock)


def _prioritised(fold: ActsFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    fold.act("priority", recorded, before, after)


def _clocks(fold: ActsFold, recorded: Recorded, before: Ticket, after: Ticket) -> None:
    event = recorded.event
    assert isinstance(event, ClocksChanged)
    resumed = {(each.metric, each.instance) for each in event.changes if each.change == "resumed"}
    for pause in [each for each in fold.pauses if each.clock[:2] in resumed]:
        fold.undo(pause, recorded, after.clock)
        fold.pauses.remove(pause)
    for act in reversed(fold.acts):
        if act.recorded.meta.commit != recorded.meta.commit:
            break
        act.clock = concerned(act.kind, act.before, event.changes)
        if act.kind in ("pending", "hold") and act.clock.metric is not None:
            fold.pauses.append(act)


_TAKES: dict[type, Callable[[ActsFold, Recorded, Any, Any], None]] = {
    Replied: _said,
    StatusChanged: _moved,
    PutOnHold: _moved,
    Solved: _solved,
    Reopened: _reopened,
    PriorityChanged: _prioritised,
    ClocksChanged: _clocks,
}
