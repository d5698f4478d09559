"""What waits for one agent, the longest wait first.

An agent has seen what happened on a ticket when they do something on it themselves: reading is
not recorded.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, literal, or_, select, union_all

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import Noted, Replied
from ticketlog.domain.ticket.lifecycle import StatusEvent
from ticketlog.domain.ticket.relations import targets
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.base import INT, TEXT, Fold, Projection, Row, Rows, Tables

NAME = "inbox"
VERSION = 2

WHY = ("waiting", "held", "mentioned", "news", "duplicate")
"""waiting: the requester waits for the assignee; held: on hold until an instant; mentioned: a note
calls the agent; news: a ticket that the agent follows has moved on; duplicate: an end user waits
for an answer on a duplicate of the agent's ticket."""

_ENTRY = {"subject": TEXT, "status": TEXT, "priority": TEXT, "team": TEXT}
TABLES = (
    Rows(
        "entries",
        key={"ticket": TEXT, "why": TEXT, "agent": TEXT},
        values={"since": INT, **_ENTRY},
        indexes=(("agent", "since"),),
    ),
    Rows(
        "unassigned",
        key={"ticket": TEXT},
        values={"since": INT, **_ENTRY},
        indexes=(("team", "since"),),
    ),
    Rows(
        "duplicates",
        key={"ticket": TEXT},
        values={"original": TEXT, "since": INT, **_ENTRY},
        indexes=(("original",),),
    ),
    Rows("assigned", key={"ticket": TEXT}, values={"agent": TEXT}, indexes=(("agent",),)),
)
"""`duplicates` are those on which an end user waits; `assigned` says whose an active ticket is.
`since` of a held ticket is the instant until which it is held."""


class _Fold(Fold):
    __slots__ = ("mentioned", "news")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.mentioned: dict[str, int] = {}
        self.news: dict[str, int] = {}
        """Agent -> since when there is something that they haven't answered."""

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        event, actor = recorded.event, recorded.meta.actor.id
        if self.mentioned:
            self.mentioned.pop(actor, None)
        if self.news:
            self.news.pop(actor, None)
        if isinstance(event, Noted):
            for agent in event.mentions:
                if agent != actor:
                    self.mentioned.setdefault(agent, after.clock)
        if after.followers and isinstance(event, _NEWS):
            for agent in after.followers:
                if agent != actor:
                    self.news.setdefault(agent, after.clock)

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        if state.spam or not state.status:
            return [], [], [], []
        about = (state.subject, state.status, state.priority, state.team)
        if state.is_duplicate:
            return [], [], self._duplicate(state, about), []
        waits = [
            *(("mentioned", agent, since) for agent, since in self.mentioned.items()),
            *(("news", agent, at) for agent, at in self.news.items() if agent in state.followers),
        ]
        if state.active and state.assignee is not None:
            if state.waiting_since is not None:
                waits.append(("waiting", state.assignee, state.waiting_since))
            if state.hold_until is not None:
                waits.append(("held", state.assignee, state.hold_until))
        entries = [(self.id, why, agent, since, *about) for why, agent, since in waits]
        if not state.active:
            return entries, [], [], []
        if state.assignee is None:
            return entries, [(self.id, state.waiting_since or state.created_at, *about)], [], []
        return entries, [], [], [(self.id, state.assignee)]

    def _duplicate(self, state: Ticket, about: Row) -> list[Row]:
        if state.waiting_since is None or not state.active:
            return []
        original = targets(state, "duplicate-of")[0]
        return [(self.id, original.removeprefix("ticket/"), state.waiting_since, *about)]


_NEWS = (Replied, Noted, StatusEvent)


def inbox(
    connection: Connection, tables: Tables, *, agent: str, now: int, limit: int = 100
) -> list[dict[str, Any]]:
    """What waits for the agent; a held ticket does once `now` (microseconds) has come."""
    entries, duplicates, assigned = tables["entries"], tables["duplicates"], tables["assigned"]
    reached = or_(entries.c.why != "held", entries.c.since <= now)
    columns = ("since", *_ENTRY)
    own = select(
        entries.c.ticket, entries.c.why, entries.c.agent, *(entries.c[name] for name in columns)
    ).where(entries.c.agent == agent, reached)
    of_own = (
        select(
            duplicates.c.ticket,
            literal("duplicate").label("why"),
            assigned.c.agent,
            *(duplicates.c[name] for name in columns),
        )
        .join(assigned, assigned.c.ticket == duplicates.c.original)
        .where(assigned.c.agent == agent)
    )
    found = union_all(own, of_own).subquery()
    query = select(found).order_by(found.c.since, found.c.ticket, found.c.why).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def unassigned(
    connection: Connection, tables: Tables, *, teams: Collection[str], limit: int = 100
) -> list[dict[str, Any]]:
    """Active tickets of these teams that no agent has."""
    table = tables["unassigned"]
    query = select(table).where(table.c.team.in_(list(teams)))
    query = query.order_by(table.c.since, table.c.ticket).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": _Fold}, (inbox, unassigned))
