"""What reports count: one fact per countable thing that happened to a ticket.

Facts are never changed. Each carries its ticket's dimensions of that instant, so that a solve
counts for the team and the agent who solved it, whatever happens to the ticket later.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.domain.ticket.creation import TicketCreated
from ticketlog.domain.ticket.lifecycle import Cancelled, Reopened, Solved, TicketClosed
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.base import INT, TEXT, Fold, Row, Rows
from ticketlog.projections.groups import group, groups

DIMENSIONS = (
    "team",
    "agent",
    "priority",
    "category",
    "product",
    "channel",
    "type",
    "organisation",
)
_dimensions = attrgetter("team", "assignee", *DIMENSIONS[2:])
_ENDED = ("solved", "closed")
_SECOND = 1_000_000

_FIGURES = ("seconds", "first_contact", "hops", "touches")
_PLACE = ("partition", "offset")
TABLES = (
    Rows(
        "facts",
        key={"ticket": TEXT, "version": INT, "kind": TEXT},
        values={
            **dict.fromkeys(("at", *_PLACE, "group", *_FIGURES), INT),
        },
        indexes=(("kind", "at", *_PLACE, "group", *_FIGURES),),
    ),
    groups(dict.fromkeys(DIMENSIONS, TEXT)),
)
"""`at` is the ticket's clock; `seconds` is the time from its creation to the fact. The index holds
all that a report reads, so that a year's report is one walk through it."""

_NO_FIGURES = (None, None, None, None)


class FactsFold(Fold):
    """Facts of kind created, replied (the first reply), solved, reopened, closed, cancelled; and
    entered, left: the backlog of these dimensions has one ticket more or less."""

    __slots__ = ("backlog", "entered", "facts", "groups")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.facts: list[Row] = []
        self.groups: list[Row] = []
        """Those of the facts, one by one."""
        self.backlog: Row = ()
        """The dimensions under which the ticket counts in the backlog; empty: it doesn't."""
        self.entered = -1
        """Which fact says so."""

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event = recorded.event
        facts_of = _FACTS.get(type(event))
        if facts_of is not None:
            for kind, dimensions, figures in facts_of(event, before, after):
                self._add(recorded, after, kind, dimensions, figures)
        if after.status_category in _ENDED or after.spam or not after.status:
            dimensions = ()
        else:
            dimensions = _dimensions(after)
        if dimensions != self.backlog:
            self._move(recorded, after, dimensions)

    def _add(
        self, recorded: Recorded, after: Ticket, kind: str, dimensions: Row, figures: Row
    ) -> None:
        meta = recorded.meta
        key = (self.id, recorded.originator_version, kind)
        its = group(dimensions)
        self.facts.append((*key, after.clock, meta.partition, meta.offset, its[0], *figures))
        self.groups.append(its)

    def _move(self, recorded: Recorded, after: Ticket, dimensions: Row) -> None:
        """From one part of the backlog to another; what one commit does is one move."""
        if self.backlog and self.facts[self.entered][5] == recorded.meta.offset:
            del self.facts[self.entered], self.groups[self.entered]
        elif self.backlog:
            self._add(recorded, after, "left", self.backlog, _NO_FIGURES)
        if dimensions:
            self.entered = len(self.facts)
            self._add(recorded, after, "entered", dimensions, _NO_FIGURES)
        self.backlog = dimensions

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        return list(self.facts), list(self.groups)


_Fact = tuple[str, Row, Row]


def _seconds(after: Ticket) -> int:
    return (after.clock - after.created_at) // _SECOND


def _created(event: TicketCreated, before: Ticket, after: Ticket) -> list[_Fact]:
    return [("created", _dimensions(after), _NO_FIGURES)]


def _replied(event: Replied, before: Ticket, after: Ticket) -> list[_Fact]:
    """The first reply counts for the agent who gave it."""
    if before.first_reply_at is not None or after.first_reply_at is None:
        return []
    team, _, *others = _dimensions(after)
    dimensions = (team, event.author, *others)
    return [("replied", dimensions, (_seconds(after), None, None, None))]


def is_resolution(before: Ticket, after: Ticket) -> bool:
    """Whether to solve or to close it resolved the ticket: unless that had ended before, is a
    duplicate or spam."""
    return before.status_category not in _ENDED and not after.spam and not after.is_duplicate


def _solved(event: Solved | TicketClosed, before: Ticket, after: Ticket) -> list[_Fact]:
    """A resolution; closing what was never solved is one too."""
    if not is_resolution(before, after):
        return []
    first_contact = after.agent_replies <= 1 and after.reopens == 0
    hops = max(after.team_stations - 1, 0) + max(after.assignee_stations - 1, 0)
    figures = (_seconds(after), int(first_contact), hops, after.touches)
    return [("solved", _dimensions(after), figures)]


def _closed(event: TicketClosed, before: Ticket, after: Ticket) -> list[_Fact]:
    closed = ("closed", _dimensions(after), _NO_FIGURES)
    return [*_solved(event, before, after), closed]


def _reopened(event: Reopened, before: Ticket, after: Ticket) -> list[_Fact]:
    return [("reopened", _dimensions(after), _NO_FIGURES)]


def _cancelled(event: Cancelled, before: Ticket, after: Ticket) -> list[_Fact]:
    return [("cancelled", _dimensions(after), _NO_FIGURES)]


_FACTS: dict[type, Any] = {
    TicketCreated: _created,
    Replied: _replied,
    Solved: _solved,
    TicketClosed: _closed,
    Reopened: _reopened,
    Cancelled: _cancelled,
}
