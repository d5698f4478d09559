"""Who is there, and how much each agent has to do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select

from ticketlog.domain.agent import AgentAtWork
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.base import INT, TEXT, Fold, Projection, Row, Rows, Sum, Tables

NAME = "agents"
VERSION = 1

CATEGORIES = ("new", "open", "pending", "on-hold")
TABLES = (
    Rows("presence", key={"agent": TEXT}, values={"availability": TEXT, "since": INT}),
    Sum("load", key={"agent": TEXT, "status_category": TEXT}),
)


class _TicketFold(Fold):
    __slots__ = ()

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        if state.assignee is None or state.spam or state.status_category not in CATEGORIES:
            return [], []
        return [], [(state.assignee, state.status_category, 1)]


class _AgentFold(Fold):
    __slots__ = ()

    def rows(self, state: AgentAtWork) -> tuple[list[Row], ...]:
        return [(self.id, state.availability, state.since)], []


def load(
    connection: Connection, tables: Tables, *, agents: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Per agent whether they are there, since when, and how many tickets they have per category
    of status; `active` is their sum. With `agents`: these, also those that have nothing."""
    rows: dict[str, dict[str, Any]] = {agent: _idle(agent) for agent in agents or ()}
    for agent, availability, since in connection.execute(select(tables["presence"])):
        if agents is None or agent in rows:
            rows[agent] = _idle(agent) | {"availability": availability, "since": since}
    for agent, category, n in connection.execute(select(tables["load"])):
        if agents is None or agent in rows:
            row = rows.setdefault(agent, _idle(agent))
            row[category] = n
            row["active"] += n
    return [rows[agent] for agent in sorted(rows)]


def _idle(agent: str) -> dict[str, Any]:
    nothing = dict.fromkeys(CATEGORIES, 0)
    return {"agent": agent, "availability": "offline", "since": None, **nothing, "active": 0}


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": _TicketFold, "agent": _AgentFold}, (load,))
