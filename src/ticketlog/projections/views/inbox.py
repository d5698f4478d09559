"""The inbox: the tickets that wait for one agent, the longest wait first.

An agent has seen what happened on a ticket when they do something on it themselves, or say so
(`domain.parties.attention`): reading is not recorded. A solved ticket stays for whom a note has
called or who follow it, until they have seen it; a closed one waits for nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

from pydantic import Field
from sqlalchemy import (
    ColumnElement,
    Select,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)

from ticketlog.documents import ticket_rows as documents
from ticketlog.documents.base import Document
from ticketlog.domain.base import Instant, Recorded
from ticketlog.domain.parties.agent import AgentAtWork
from ticketlog.domain.parties.attention import TicketsSeen, TicketsSnoozed
from ticketlog.domain.ticket.assignment import AssigneeChanged
from ticketlog.domain.ticket.conversation import Noted, Replied
from ticketlog.domain.ticket.relations import targets
from ticketlog.domain.ticket.state import Ticket
from ticketlog.domain.ticket.status_events import StatusEvent
from ticketlog.projections.engine.projection import (
    INT,
    OF_TICKET,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Tables,
    Whose,
)
from ticketlog.projections.engine.query import Limit, Query, Reading
from ticketlog.projections.gone import Gone, gone_of, held

NAME = "inbox"
VERSION = 5

# Why an entry is there. waiting: the requester waits for the assignee; held: on hold until an
# instant; mentioned: a note calls the agent; news: a ticket that the agent follows has moved on;
# duplicate: an end user waits for an answer on a duplicate of the agent's ticket.
SEEN = ("mentioned", "news")
"""Reasons that end when the agent has seen the ticket; the others when somebody acts."""
_MARKS = ("seen", "snoozed", "asleep")
_ENTRY = {"subject": TEXT, "status": TEXT, "priority": TEXT, "team": TEXT}
TABLES = (
    Rows(
        "entries",
        key={"ticket": TEXT, "why": TEXT, "agent": TEXT, "version": INT},
        values={"since": INT, "by": TEXT, **_ENTRY},
        indexes=(("agent", "since"),),
        whose=OF_TICKET,
    ),
    Rows(
        "unassigned",
        key={"ticket": TEXT},
        values={"since": INT, **_ENTRY},
        indexes=(("team", "since"),),
        whose=OF_TICKET,
    ),
    Rows(
        "duplicates",
        key={"ticket": TEXT},
        values={"original": TEXT, "version": INT, "since": INT, **_ENTRY},
        indexes=(("original",),),
        whose=Whose(("ticket", "original")),
    ),
    Rows(
        "assigned",
        key={"ticket": TEXT},
        values={"agent": TEXT, "since": INT, **_ENTRY},
        indexes=(("agent",),),
        whose=OF_TICKET,
    ),
    Rows(
        "followed",
        key={"ticket": TEXT, "agent": TEXT},
        indexes=(("agent",),),
        whose=OF_TICKET,
    ),
    Rows(
        "marks",
        key={"agent": TEXT, "ticket": TEXT},
        values=dict.fromkeys(_MARKS, INT),
        whose=Whose(("ticket",), staff=True),
    ),
)
"""`version`: the ticket's at which it began to wait so, or was told more. `duplicates` are those on
which an end user waits; `assigned` says whose an active ticket is, and from when on it would wait
for somebody. `since` of a held ticket is the instant until which it is held. `marks`: up to which
version an agent has `seen` a ticket; until when it is `snoozed`, as long as it isn't beyond the
version `asleep`."""
Waits: TypeAlias = dict[str, dict[int, tuple[int, str]]]
"""Agent -> version of the ticket -> when, and by whom ('person/KIM')."""


class _Fold(Fold):
    __slots__ = ("mentioned", "news", "said")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.mentioned: Waits = {}
        self.news: Waits = {}
        """What they haven't answered."""
        self.said = 0
        """The version at which an end user said something last, or somebody got it."""

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event, actor = recorded.event, recorded.meta.actor.id
        version, at = recorded.originator_version, after.clock
        told = (at, f"{recorded.meta.actor.kind}/{actor}")
        if self.mentioned:
            self.mentioned.pop(actor, None)
        if self.news:
            self.news.pop(actor, None)
        if isinstance(event, Noted):
            for agent in event.mentions:
                if agent != actor:
                    self.mentioned.setdefault(agent, {})[version] = told
        if after.followers and isinstance(event, _NEWS):
            for agent in after.followers:
                if agent != actor:
                    self.news.setdefault(agent, {})[version] = told
        if isinstance(event, AssigneeChanged) or (
            isinstance(event, Replied) and event.direction == "inbound"
        ):
            self.said = version

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        followed: list[Row] = [(self.id, agent) for agent in state.followers]
        if state.spam or not state.status:
            return [], [], [], [], followed, []
        about = (state.subject, state.status, state.priority, state.team)
        if state.is_duplicate:
            return [], [], self._duplicate(state, about), [], followed, []
        entries = [(self.id, *wait, *about) for wait in self._waits(state)]
        if not state.active:
            return entries, [], [], [], followed, []
        since = state.waiting_since or state.created_at
        if state.assignee is None:
            return entries, [(self.id, since, *about)], [], [], followed, []
        return entries, [], [], [(self.id, state.assignee, since, *about)], followed, []

    def _waits(self, state: Ticket) -> Iterator[tuple[str, str, int, int, str | None]]:
        """(why, agent, version, since, by)."""
        if state.status_category == "closed":
            return
        followers = {agent: self.news[agent] for agent in self.news if agent in state.followers}
        for why, waits in (("mentioned", self.mentioned), ("news", followers)):
            for agent, told in waits.items():
                for version, (at, by) in told.items():
                    yield why, agent, version, at, by
        if state.active and state.assignee is not None:
            if state.waiting_since is not None:
                yield "waiting", state.assignee, self.said, state.waiting_since, None
            if state.hold_until is not None:
                yield "held", state.assignee, self.said, state.hold_until, None

    def _duplicate(self, state: Ticket, about: Row) -> list[Row]:
        if state.waiting_since is None or not state.active:
            return []
        original = targets(state, "duplicate-of")[0].removeprefix("ticket/")
        return [(self.id, original, self.said, state.waiting_since, *about)]


_NEWS = (Replied, Noted, StatusEvent)


class _Marks(Fold):
    """Of an agent."""

    __slots__ = ("marks",)

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.marks: dict[str, Row] = {}
        """Ticket -> seen, snoozed, asleep."""

    def step(self, recorded: Recorded, before: AgentAtWork, after: AgentAtWork) -> None:
        event = recorded.event
        if isinstance(event, TicketsSeen):
            for ticket, version in event.tickets.items():
                seen, *snoozed = self._of(ticket)
                self.marks[ticket] = (version if seen is None else max(seen, version), *snoozed)
        elif isinstance(event, TicketsSnoozed):
            for ticket, version in event.tickets.items():
                seen, *_ = self._of(ticket)
                asleep = (event.until, version) if event.until is not None else (None, None)
                self.marks[ticket] = (seen, *asleep)

    def _of(self, ticket: str) -> Row:
        return self.marks.get(ticket, (None, None, None))

    def rows(self, state: AgentAtWork) -> tuple[list[Row], ...]:
        marks: list[Row] = [
            (self.id, ticket.removeprefix("ticket/"), *mark) for ticket, mark in self.marks.items()
        ]
        return [], [], [], [], [], marks


class Inbox(Query[list[dict[str, Any]]]):
    """The tickets that wait for an agent, the longest wait first.

    `since`: of what they haven't seen; `version`: what they have seen then of the ticket. What they
    have in a team in which they don't work any more waits for nobody of them.
    """

    NAME = "inbox"
    DOCUMENT = documents.InboxRows

    agent: str = Field(description="The agent's id.")
    now: Instant = Field(description="What is held or snoozed waits once this instant has come.")
    selves: tuple[str, ...] = Field(
        (),
        description="Under which other ids (person/KIM) the agent acts: it is no news to them.",
    )
    limit: Limit = 50

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        tables = at.tables
        entries, marks = tables["entries"].c, tables["marks"].c
        gone = _gone(at, tables["assigned"].c.agent == self.agent)
        own = _own(tables, self.agent, self.selves).where(
            _not_asleep(marks, entries.version, self.now),
            or_(entries.why != "held", entries.since <= self.now),
            or_(entries.why.not_in(SEEN), _unseen(tables)),
            or_(entries.why.in_(SEEN), not_(held(entries.agent, entries.team, gone))),
        )
        duplicates = _of_duplicates(tables, self.agent, gone, self.now)
        found = union_all(own, duplicates).subquery().c
        grouped = ("ticket", "why", "agent", *_ENTRY)
        query = (
            select(
                *(found[name] for name in ("ticket", "why", "agent")),
                *(func.max(found.version).label("version"), func.min(found.since).label("since")),
                *(found[name] for name in _ENTRY),
            )
            .group_by(*(found[name] for name in grouped))
            .order_by(func.min(found.since), found.ticket, found.why)
            .limit(self.limit)
        )
        return [dict(row) for row in at.connection.execute(query).mappings()]


def _gone(at: Reading, which: ColumnElement[bool]) -> Gone:
    assigned = at.tables["assigned"].c
    query = select(assigned.agent, assigned.team).where(which).distinct()
    return gone_of(((agent, team) for agent, team in at.connection.execute(query)), at.settings())


def _of_duplicates(tables: Tables, agent: str, gone: Gone, now: int) -> Select[Any]:
    """Duplicates of the agent's tickets on which an end user waits."""
    duplicates, assigned, marks = tables["duplicates"], tables["assigned"], tables["marks"].c
    found: Any = select(
        *(duplicates.c.ticket, literal("duplicate").label("why"), assigned.c.agent),
        *(duplicates.c.version, duplicates.c.since, null().label("by")),
        *(duplicates.c[name] for name in _ENTRY),
    )
    found = (
        found.join(assigned, assigned.c.ticket == duplicates.c.original)
        .outerjoin(
            tables["marks"],
            (marks.agent == assigned.c.agent) & (marks.ticket == duplicates.c.ticket),
        )
        .where(
            assigned.c.agent == agent,
            not_(held(assigned.c.agent, assigned.c.team, gone)),
            _not_asleep(marks, duplicates.c.version, now),
        )
    )
    of_own: Select[Any] = found
    return of_own


class UnseenTickets(Query[dict[str, int]]):
    """The tickets that an agent has something new on, awake or not, each with the version up to
    which there is."""

    NAME = "unseen-tickets"
    DOCUMENT = documents.UnseenTickets

    agent: str = Field(description="The agent's id.")
    selves: tuple[str, ...] = Field(
        (),
        description="Under which other ids (person/KIM) the agent acts: it is no news to them.",
    )

    def ask(self, at: Reading) -> dict[str, int]:
        entries = at.tables["entries"].c
        own = _own(at.tables, self.agent, self.selves)
        query = own.where(entries.why.in_(SEEN), _unseen(at.tables)).subquery().c
        latest = select(query.ticket, func.max(query.version)).group_by(query.ticket)
        found = at.connection.execute(latest.order_by(query.ticket))
        return {row[0]: row[1] for row in found}

    def document(self, answer: dict[str, int], **about: Any) -> Document:
        return self.DOCUMENT.filled(tickets=answer, **about)


class SnoozedTickets(Query[list[dict[str, Any]]]):
    """The tickets that an agent wants to see later, the next one first."""

    NAME = "snoozed-tickets"
    DOCUMENT = documents.SnoozedTickets

    agent: str = Field(description="The agent's id.")
    now: Instant = Field(description="The instant that counts as now.")

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        marks = at.tables["marks"].c
        query = select(marks.ticket, marks.snoozed.label("until"))
        query = query.where(marks.agent == self.agent, marks.snoozed > self.now)
        found = at.connection.execute(query.order_by(marks.snoozed, marks.ticket)).mappings()
        return [dict(row) for row in found]


class FollowedTickets(Query[list[str]]):
    """The tickets that an agent follows."""

    NAME = "followed-tickets"
    DOCUMENT = documents.TicketIds

    agent: str = Field(description="The agent's id.")

    def ask(self, at: Reading) -> list[str]:
        table = at.tables["followed"].c
        query = select(table.ticket).where(table.agent == self.agent).order_by(table.ticket)
        return list(at.connection.execute(query).scalars())


def _own(tables: Tables, agent: str, selves: Collection[str]) -> Select[Any]:
    entries, marks = tables["entries"], tables["marks"]
    mine = (marks.c.agent == entries.c.agent) & (marks.c.ticket == entries.c.ticket)
    query = select(entries).outerjoin(marks, mine).where(entries.c.agent == agent)
    if selves:
        query = query.where(or_(entries.c.by.is_(None), entries.c.by.not_in(list(selves))))
    return query


def _unseen(tables: Tables) -> ColumnElement[bool]:
    return tables["entries"].c.version > func.coalesce(tables["marks"].c.seen, -1)


def _not_asleep(marks: Any, version: ColumnElement[int], now: int) -> ColumnElement[bool]:
    return or_(marks.snoozed.is_(None), marks.snoozed <= now, version > marks.asleep)


class UnassignedTickets(Query[list[dict[str, Any]]]):
    """Active tickets of teams that no agent has, or one who is gone, the longest wait first."""

    NAME = "unassigned-tickets"
    DOCUMENT = documents.UnassignedRows

    teams: tuple[str, ...] = Field(description="The teams' ids.")
    limit: Limit = 50

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        free, assigned = at.tables["unassigned"].c, at.tables["assigned"].c
        gone = _gone(at, assigned.team.in_(self.teams))
        names = ("ticket", "since", *_ENTRY)
        query: Any = select(*(free[name] for name in names)).where(free.team.in_(self.teams))
        if gone:
            held_tickets = select(*(assigned[name] for name in names)).where(
                assigned.team.in_(self.teams), held(assigned.agent, assigned.team, gone)
            )
            query = union_all(query, held_tickets)
        query = query.order_by("since", "ticket").limit(self.limit)
        return [dict(row) for row in at.connection.execute(query).mappings()]


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": _Fold, "agent": _Marks},
    (Inbox, UnseenTickets, SnoozedTickets, FollowedTickets, UnassignedTickets),
)
