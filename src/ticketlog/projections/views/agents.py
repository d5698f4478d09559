"""The view of agents: presence, load, and the tickets of those who are gone."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import func, select

from ticketlog.documents import ticket_rows as documents
from ticketlog.documents.reports import HeldByAbsent
from ticketlog.domain.parties.agent import AgentAtWork
from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.state import Ticket
from ticketlog.projections.engine.projection import (
    INT,
    OF_STAFF,
    OF_TICKET,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Sum,
    Tables,
    Whose,
)
from ticketlog.projections.engine.query import Query, Reading, ShellSpec
from ticketlog.projections.views.shared.dimensions import check
from ticketlog.projections.views.shared.report import ReportQuery

NAME = "agents"
VERSION = 3

CATEGORIES = ("new", "open", "pending", "on-hold")


def _load(tables: Tables) -> Any:
    held = tables["held"].c
    columns = (held.agent, held.status_category)
    return select(*columns, func.count().label("n")).group_by(*columns)


TABLES = (
    Rows(
        "presence",
        key={"agent": TEXT},
        values={"availability": TEXT, "since": INT, "absent_since": INT},
        whose=OF_STAFF,
    ),
    Sum(
        "load",
        key={"agent": TEXT, "status_category": TEXT},
        whose=Whose(made_of=_load),
    ),
    Rows(
        "held",
        key={"ticket": TEXT},
        values={"agent": TEXT, "team": TEXT, "created_at": INT, "status_category": TEXT},
        whose=OF_TICKET,
        indexes=(("agent", "team", "created_at"),),
    ),
)
ABSENT = "absent"


class _TicketFold(Fold):
    __slots__ = ()

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        if state.assignee is None or state.spam or state.status_category not in CATEGORIES:
            return [], [], []
        held = (self.id, state.assignee, state.team, state.created_at, state.status_category)
        return [], [(state.assignee, state.status_category, 1)], [held]


class _AgentFold(Fold):
    __slots__ = ()

    def rows(self, state: AgentAtWork) -> tuple[list[Row], ...]:
        return [(self.id, state.availability, state.since, state.absent_since)], [], []


class AgentLoad(Query[list[dict[str, Any]]]):
    """Agents and their load: whether they are there, since when, and how many tickets they have by
    category of status; `active` is the sum."""

    NAME = "agent-load"
    DOCUMENT = documents.Agents
    SHELL = ShellSpec(
        help="List agents and their load.",
        examples=("ticketlog agent list", "ticketlog agent list --as-of 2026-01-31T09:00:00Z"),
        hidden=("agents",),
    )

    agents: tuple[str, ...] | None = Field(
        None, description="Only these. Default: those of the settings, and all who have something."
    )

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        listed = at.settings().agents if self.agents is None else self.agents
        rows: dict[str, dict[str, Any]] = {agent: _idle(agent) for agent in listed}
        presence = at.tables["presence"].c
        query = select(presence.agent, presence.availability, presence.since)
        for agent, availability, since in at.connection.execute(query):
            if self.agents is None or agent in rows:
                rows[agent] = _idle(agent) | {"availability": availability, "since": since}
        for agent, category, n in at.connection.execute(select(at.tables["load"])):
            if self.agents is None or agent in rows:
                row = rows.setdefault(agent, _idle(agent))
                row[category] = n
                row["active"] += n
        return [rows[agent] for agent in sorted(rows)]


class HeldByAbsentReport(ReportQuery):
    """The active tickets of agents who don't work there any more, or are away or offline as they
    said: one row per group, the longest gone first. `why`: retired, removed from the settings, not
    in the team, absent. `since` is when that began (None: it isn't known), `oldest` when the oldest
    of the tickets was created.

    It tells how things stand: `period` and `zone` count for nothing, and there is no `start` and
    no `end`.
    """

    NAME = "held-by-absent"
    DOCUMENT = HeldByAbsent
    DIMENSIONS = ("agent", "team", "why")
    BY = DIMENSIONS

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        if self.start is not None or self.end is not None:
            raise ValueError(
                "it tells how things stand, not what happened in a time: ask as of one"
            )
        check((*self.groups, *self.where), self.DIMENSIONS)
        held, presence, settings = at.tables["held"].c, at.tables["presence"].c, at.settings()
        found = at.connection.execute(select(presence.agent, presence.absent_since))
        absent: dict[str, int | None] = {row.agent: row.absent_since for row in found}
        query = select(held.agent, held.team, func.count(), func.min(held.created_at))
        query = query.group_by(held.agent, held.team)
        groups: dict[tuple[Any, ...], dict[str, Any]] = {}
        for agent, team, number, oldest in at.connection.execute(query):
            since = absent.get(agent)
            gone = _gone(agent, team, settings) or (None if since is None else (ABSENT, since))
            if gone is None:
                continue
            its: dict[str, Any] = {"agent": agent, "team": team, "why": gone[0]}
            if any(its[name] != value for name, value in self.where.items()):
                continue
            named = {name: its[name] for name in self.groups}
            new = {**named, "tickets": 0, "since": gone[1], "oldest": oldest}
            row = groups.setdefault(tuple(named.values()), new)
            row["tickets"] += number
            row["since"] = min(
                (at for at in (row["since"], gone[1]) if at is not None), default=None
            )
            row["oldest"] = min(row["oldest"], oldest)
        return sorted(groups.values(), key=lambda row: (row["since"] or 0, *map(str, row.values())))


def _gone(agent: str, team: str | None, settings: Settings) -> tuple[str, int | None] | None:
    """Why an agent doesn't work in a team any more by the settings, and since when, where that is
    known; None: they do."""
    found, since = why_gone(agent, team, settings), settings.gone_since
    return (found, since.get((agent, None), since.get((agent, team)))) if found else None


def _idle(agent: str) -> dict[str, Any]:
    nothing = dict.fromkeys(CATEGORIES, 0)
    return {"agent": agent, "availability": "offline", "since": None, **nothing, "active": 0}


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": _TicketFold, "agent": _AgentFold},
    (AgentLoad, HeldByAbsentReport),
)
