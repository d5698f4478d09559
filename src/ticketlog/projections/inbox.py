"""What waits for one agent, the longest wait first.

An agent has seen what happened on a ticket when they do something on it themselves: reading is
not recorded.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from ticketlog.domain.base import Recorded
from ticketlog.domain.ticket.conversation import Noted, Replied
from ticketlog.domain.ticket.lifecycle import StatusEvent
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.base import INT, TEXT, Fold, Projection, Row, Rows, Tables

NAME = "inbox"
VERSION = 1

WHY = ("waiting", "held", "mentioned", "news")
"""waiting: the requester waits for the assignee; held: on hold until an instant; mentioned: a note
calls the agent; news: a ticket that the agent follows has moved on."""

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
)
"""`since` of a held ticket is the instant until which it is held."""


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
            return [], []
        about = (state.subject, state.status, state.priority, state.team)
        waits = [
            *(("mentioned", agent, since) for agent, since in self.mentioned.items()),
            *(("news", agent, at) for agent, at in self.news.items() if agent in state.followers),
        ]
        active = state.status_category not in ("solved", "closed")
        if active and state.assignee is not None:
            if state.waiting_since is not None:
                waits.append(("waiting", state.assignee, state.waiting_since))
            if state.hold_until is not None:
                waits.append(("held", state.assignee, state.hold_until))
        entries = [(self.id, why, agent, since, *about) for why, agent, since in waits]
        if active and state.assignee is None:
            return entries, [(self.id, state.waiting_since or state.created_at, *about)]
        return entries, []


_NEWS = (Replied, Noted, StatusEvent)


def inbox(
    connection: Connection, tables: Tables, *, agent: str, now: int, limit: int = 100
) -> list[dict[str, Any]]:
    """What waits for the agent; a held ticket does once `now` (microseconds) has come."""
    entries = tables["entries"]
    reached = or_(entries.c.why != "held", entries.c.since <= now)
    return _oldest(connection, entries, and_(entries.c.agent == agent, reached), limit)


def unassigned(
    connection: Connection, tables: Tables, *, teams: Collection[str], limit: int = 100
) -> list[dict[str, Any]]:
    """Active tickets of these teams that no agent has."""
    table = tables["unassigned"]
    return _oldest(connection, table, table.c.team.in_(list(teams)), limit)


def _oldest(
    connection: Connection, table: Any, condition: ColumnElement[bool], limit: int
) -> list[dict[str, Any]]:
    query = select(table).where(condition).order_by(table.c.since, table.c.ticket).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": _Fold}, (inbox, unassigned))
