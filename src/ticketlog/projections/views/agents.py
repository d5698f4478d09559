"""Who is there, how much each agent has to do, and what those hold who aren't."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, func, select

from ticketlog.domain.parties.agent import AgentAtWork
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.engine.projection import (
    INT,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Sum,
    Tables,
)
from ticketlog.projections.views.shared.dimensions import check

NAME = "agents"
VERSION = 2

CATEGORIES = ("new", "open", "pending", "on-hold")
TABLES = (
    Rows(
        "presence",
        key={"agent": TEXT},
        values={"availability": TEXT, "since": INT, "absent_since": INT},
    ),
    Sum("load", key={"agent": TEXT, "status_category": TEXT}),
    Rows(
        "held",
        key={"ticket": TEXT},
        values={"agent": TEXT, "team": TEXT, "created_at": INT},
        indexes=(("agent", "team", "created_at"),),
    ),
)
DIMENSIONS = ("agent", "team", "why")
ABSENT = "absent"
WhyGone: TypeAlias = Callable[[str, str | None], tuple[str, int | None] | None]
"""(agent, team) -> why they don't work there any more by the settings, and since when, where that
is known; None: they do."""


class _TicketFold(Fold):
    __slots__ = ()

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        if state.assignee is None or state.spam or state.status_category not in CATEGORIES:
            return [], [], []
        held = (self.id, state.assignee, state.team, state.created_at)
        return [], [(state.assignee, state.status_category, 1)], [held]


class _AgentFold(Fold):
    __slots__ = ()

    def rows(self, state: AgentAtWork) -> tuple[list[Row], ...]:
        return [(self.id, state.availability, state.since, state.absent_since)], [], []


def load(
    connection: Connection, tables: Tables, *, agents: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Per agent whether they are there, since when, and how many tickets they have per category
    of status; `active` is their sum. With `agents`: these, also those that have nothing."""
    rows: dict[str, dict[str, Any]] = {agent: _idle(agent) for agent in agents or ()}
    presence = tables["presence"].c
    query = select(presence.agent, presence.availability, presence.since)
    for agent, availability, since in connection.execute(query):
        if agents is None or agent in rows:
            rows[agent] = _idle(agent) | {"availability": availability, "since": since}
    for agent, category, n in connection.execute(select(tables["load"])):
        if agents is None or agent in rows:
            row = rows.setdefault(agent, _idle(agent))
            row[category] = n
            row["active"] += n
    return [rows[agent] for agent in sorted(rows)]


def held_by_absent(
    connection: Connection,
    tables: Tables,
    *,
    why_gone: WhyGone,
    by: Sequence[str] = DIMENSIONS,
    start: int | None = None,
    end: int | None = None,
    **where: str,
) -> list[dict[str, Any]]:
    """The active tickets of agents who don't work there any more, or are away or offline as they
    said: one row per group of the dimensions `by`, the longest gone first. `why`: retired, removed
    from the settings, not in the team, absent. `since` is when that began (None: it isn't known),
    `oldest` when the oldest of the tickets was created.

    It tells how things stand: `period` and `zone` count for nothing. Raises ValueError for a time
    in which, and for unknown dimensions.
    """
    if start is not None or end is not None:
        raise ValueError("it tells how things stand, not what happened in a time: ask as of one")
    where = {name: value for name, value in where.items() if name not in ("period", "zone")}
    check((*by, *where), DIMENSIONS)
    held, presence = tables["held"].c, tables["presence"].c
    found = connection.execute(select(presence.agent, presence.absent_since))
    absent: dict[str, int | None] = {row.agent: row.absent_since for row in found}
    query = select(held.agent, held.team, func.count(), func.min(held.created_at))
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for agent, team, number, oldest in connection.execute(query.group_by(held.agent, held.team)):
        since = absent.get(agent)
        gone = why_gone(agent, team) or (None if since is None else (ABSENT, since))
        if gone is None:
            continue
        its: dict[str, Any] = {"agent": agent, "team": team, "why": gone[0]}
        if any(its[name] != value for name, value in where.items()):
            continue
        row = groups.setdefault(
            tuple(its[name] for name in by),
            {**{name: its[name] for name in by}, "tickets": 0, "since": gone[1], "oldest": oldest},
        )
        row["tickets"] += number
        row["since"] = min((at for at in (row["since"], gone[1]) if at is not None), default=None)
        row["oldest"] = min(row["oldest"], oldest)
    return sorted(groups.values(), key=lambda row: (row["since"] or 0, *map(str, row.values())))


def _idle(agent: str) -> dict[str, Any]:
    nothing = dict.fromkeys(CATEGORIES, 0)
    return {"agent": agent, "availability": "offline", "since": None, **nothing, "active": 0}


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": _TicketFold, "agent": _AgentFold},
    (load, held_by_absent),
)
