"""The facts that reports count: one for each countable event of a ticket.

Facts are never changed. Each carries its ticket's dimensions of that instant, so that a solve
counts for the team and the agent who solved it, whatever happens to the ticket later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TypeAlias

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.recorded_refusal import CommandRefused
from ticketlog.domain.ticket.conversation import Replied
from ticketlog.domain.ticket.feedback import Rated, SurveyOffered
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import TicketClosed
from ticketlog.policies import RULES
from ticketlog.policies.protocol import ActReader, RuleAct, RulePolicy
from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
    OF_TICKET,
    TEXT,
    Fold,
    Row,
    Rows,
)
from ticketlog.projections.views.reports.flow import flows, in_backlog
from ticketlog.projections.views.shared.dimensions import group, groups

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
_SECOND = 1_000_000

_FIGURES = ("seconds", "first_contact", "hops", "touches")
_PLACE = ("partition", "offset")
_OCCASION = {**dict.fromkeys(("at", *_PLACE, "group"), INT)}
TABLES = (
    Rows(
        "facts",
        whose=OF_TICKET,
        key={"ticket": TEXT, "version": INT, "kind": TEXT},
        values={**_OCCASION, **dict.fromkeys(("source", *_FIGURES), INT)},
        seconds=("seconds",),
        indexes=(("kind", "at", *_PLACE, "group", "source", *_FIGURES),),
    ),
    groups(dict.fromkeys(DIMENSIONS, TEXT)),
    Rows(
        "surveys",
        whose=OF_TICKET,
        key={"ticket": TEXT, "version": INT},
        values={**_OCCASION, "score": INT, "comment": BOOL},
        indexes=(("at",),),
    ),
    Rows(
        "firings",
        whose=OF_TICKET,
        key={"ticket": TEXT, "version": INT},
        values={**_OCCASION, "kind": TEXT, "rule": TEXT, "edition": INT, "refused": BOOL},
        indexes=(("at",),),
    ),
)
"""`at` is the ticket's clock; `seconds` is the time from its creation to the fact; `source` is the
group that it came from. The index of the facts holds all that a report of them reads, so that a
year's report is one walk through it.

surveys: `score` is null where a survey was offered. firings: what rules did to tickets, or were
refused; `edition` is the position of the settings that made the rule as it was."""

_NO_FIGURES = (None, None, None, None)


class FactsFold(Fold):
    """Facts of kind created, reopened, restored; solved, cancelled, spam, duplicates; moved: the
    ticket is in the backlog under other dimensions than before. So the backlog is the sum of these.
    Besides, replied (the first reply) and closed."""

    __slots__ = ("backlog", "facts", "firings", "groups", "moved", "surveys")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.facts: list[Row] = []
        self.groups: list[Row] = []
        """Those of all other rows; of what moved both."""
        self.surveys: list[Row] = []
        self.firings: list[Row] = []
        self.backlog: Row = ()
        """The dimensions under which the ticket counts in the backlog; empty: it doesn't."""
        self.moved: tuple[Row, Row, int] | None = None
        """The last fact, where it says that the ticket moved: from which dimensions, the fact, in
        which commit."""

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event = type(recorded.event)
        if event is Replied:
            self._reply(recorded, before, after)
        elif event is TicketClosed:
            self._add(recorded, after, "closed", _dimensions(after))
        elif event is SurveyOffered or event is Rated:
            self._survey(recorded, after)
        self._flow(recorded, before, after)
        if event in _NAMED or recorded.meta.actor.kind == "rule":
            self._rule(recorded, before, after)

    def _flow(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        """The backlog after an event; what changes dimensions moves first, so that a ticket leaves
        the backlog where it is in it."""
        dimensions = _dimensions(after)
        if self.backlog and dimensions != self.backlog:
            self._move(recorded, after, dimensions)
        for kind in flows(before, after):
            figures = _figures(after) if kind == "solved" else _NO_FIGURES
            self._add(recorded, after, kind, dimensions, figures)
        self.backlog = dimensions if in_backlog(after) else ()

    def _move(self, recorded: Recorded, after: Ticket, dimensions: Row) -> None:
        """From one part of the backlog to another; what one commit does is one move."""
        source = self.backlog
        if self.moved and self.moved[1] is self.facts[-1] and self.moved[2] == recorded.meta.offset:
            source = self.moved[0]
            self.facts.pop()
            self.groups.remove(group(source))
            self.groups.remove(group(self.backlog))
        self.moved = None
        if source != dimensions:
            self.groups.append(group(source))
            self._add(recorded, after, "moved", dimensions, source=group(source)[0])
            self.moved = (source, self.facts[-1], recorded.meta.offset)

    def _add(
        self,
        recorded: Recorded,
        after: Ticket,
        kind: str,
        dimensions: Row,
        figures: Row = _NO_FIGURES,
        source: int | None = None,
    ) -> None:
        key = (self.id, recorded.originator_version, kind)
        self.facts.append((*key, *self._occasion(recorded, after, dimensions), source, *figures))

    def _occasion(self, recorded: Recorded, after: Ticket, dimensions: Row) -> Row:
        its, meta = group(dimensions), recorded.meta
        self.groups.append(its)
        return (after.clock, meta.partition, meta.offset, its[0])

    def _reply(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        """The first reply counts for the agent who gave it."""
        if before.first_reply_at is None and after.first_reply_at is not None:
            assert isinstance(recorded.event, Replied)
            team, _, *rest = _dimensions(after)
            dimensions = (team, recorded.event.author, *rest)
            self._add(recorded, after, "replied", dimensions, (_seconds(after), *_NO_FIGURES[1:]))

    def _survey(self, recorded: Recorded, after: Ticket) -> None:
        event, dimensions = recorded.event, _dimensions(after)
        said: Row = (None, False)
        if isinstance(event, Rated):
            said = (event.score, event.comment is not None)
            dimensions = (event.team, event.assignee, *dimensions[2:])
        key = (self.id, recorded.originator_version)
        self.surveys.append((*key, *self._occasion(recorded, after, dimensions), *said))

    def _rule(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        found = _firing(recorded, before)
        if found is not None:
            kind, act = found
            rule, at, edition = act.rule.rpartition("@")
            named = (rule, int(edition) if edition.isdecimal() else None) if at else (edition, None)
            said = (kind, *named, act.refused)
            key = (self.id, recorded.originator_version)
            occasion = self._occasion(recorded, after, _dimensions(after))
            self.firings.append((*key, *occasion, *said))

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        return list(self.facts), list(self.groups), list(self.surveys), list(self.firings)


def _seconds(after: Ticket) -> int:
    return (after.clock - after.created_at) // _SECOND


def _figures(after: Ticket) -> Row:
    """Of a resolution. At first contact: with exactly one public reply by an agent, and for the
    first time; whether it holds, the reopenings that follow tell."""
    first_contact = after.agent_replies == 1 and after.reopens == 0
    hops = max(after.team_stations - 1, 0) + max(after.assignee_stations - 1, 0)
    return (_seconds(after), int(first_contact), hops, after.touches)


def _readers(of: Callable[[RulePolicy], Mapping[type[Event], ActReader]]) -> _Readers:
    found: dict[type[Event], list[tuple[str, ActReader]]] = {}
    for policy in RULES:
        for event, reader in of(policy).items():
            found.setdefault(event, []).append((policy.kind.word, reader))
    return found


def _refused(recorded: Recorded, before: Ticket) -> RuleAct:
    return RuleAct(recorded.meta.actor.id, refused=True)


_Readers: TypeAlias = Mapping[type[Event], Sequence[tuple[str, ActReader]]]
_NAMED: _Readers = _readers(lambda policy: policy.acts)
_AS_ACTOR: _Readers = _readers(lambda policy: policy.acts_as_actor)
_REFUSED: Mapping[str, Sequence[tuple[str, ActReader]]] = {
    name: [(policy.kind.word, _refused)] for policy in RULES for name in policy.commands
}


def _firing(recorded: Recorded, before: Ticket) -> tuple[str, RuleAct] | None:
    """(kind of rule, what it did or tried to do); None: the event is no such thing, or follows from
    another one that is."""
    event = recorded.event
    readers = _NAMED.get(type(event), ())
    if not readers and recorded.meta.actor.kind == "rule":
        if isinstance(event, CommandRefused):
            readers = _REFUSED.get(event.command, ())
        else:
            readers = _AS_ACTOR.get(type(event), ())
    for kind, reader in readers:
        act = reader(recorded, before)
        if act is not None:
            return kind, act
    return None
