"""The queue: tickets that are still to be worked on, the most urgent first, then the oldest.

A duplicate isn't among them: the ticket that it is a duplicate of is worked on.

The order of the priorities is the settings' at the moment that is asked about, so that it can
change without touching a row. Priorities that they don't name (imported ones) come last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal, get_args

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, case, func, not_, or_, select, tuple_

from ticketlog.documents import ticket_rows as documents
from ticketlog.domain.parties.person import Person
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
    Whose,
)
from ticketlog.projections.engine.query import After, Limit, Page, Query, Reading, ShellSpec
from ticketlog.projections.gone import Gone, gone_of, held
from ticketlog.projections.views.persons import MERGES, merges, same

NAME = "queue"
VERSION = 3

PRIORITIES = ("critical", "high", "medium", "low")
"""The order where the settings say nothing else."""

_TEXTS = (
    *("subject", "type", "status", "status_category", "priority", "team", "assignee"),
    *("requester", "organisation"),
)
_INTS = ("created_at", "clock", "due_at", "waiting_since", "hold_until")
_entry = attrgetter(*_TEXTS, *_INTS)

Counted = Literal["team", "assignee", "status", "status_category", "priority"]
COUNTED: tuple[Counted, ...] = get_args(Counted)
_ORDER = ("priority", "created_at", "ticket")


def _counts(tables: Tables) -> Any:
    entries = tables["entries"].c
    counted = [func.coalesce(entries[name], "").label(name) for name in COUNTED]
    return select(*counted, func.count().label("n")).group_by(*counted)


def _of_priorities(tables: Tables) -> Any:
    counts = tables["counts"].c
    return select(counts.priority, func.sum(counts.n).label("n")).group_by(counts.priority)


TABLES = (
    Rows(
        "entries",
        key={"ticket": TEXT},
        values={
            **dict.fromkeys(_TEXTS, TEXT),
            **{("updated_at" if name == "clock" else name): INT for name in _INTS},
        },
        whose=Whose(("ticket",), team="team"),
        indexes=(
            _ORDER,
            ("team", *_ORDER),
            ("assignee", *_ORDER),
            ("team", "assignee", *_ORDER),
            ("status_category", *_ORDER),
            ("team", "status_category", *_ORDER),
            ("requester", *_ORDER),
            ("organisation", *_ORDER),
        ),
    ),
    Sum("counts", key=dict.fromkeys(COUNTED, TEXT), whose=Whose(team="team", made_of=_counts)),
    Sum("priorities", key={"priority": TEXT}, whose=Whose(made_of=_of_priorities)),
    MERGES,
)


class _Fold(Fold):
    __slots__ = ()

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        if not state.active or state.is_duplicate or not state.status:
            return [], [], [], []
        counted = (
            *(state.team or "", state.assignee or "", state.status),
            *(state.status_category, state.priority, 1),
        )
        return [(self.id, *_entry(state))], [counted], [(state.priority, 1)], []


class _PersonFold(Fold):
    __slots__ = ()

    def rows(self, state: Person) -> tuple[list[Row], ...]:
        return [], [], [], merges(state)


class Queue(Query[Page]):
    """Active tickets in the order in which they should be worked on: the most urgent first, then
    the oldest. Tickets of an agent who is gone are unassigned."""

    NAME = "queue"
    DOCUMENT = documents.Queue
    SHELL = ShellSpec(
        options={"assignee": "agent", "status_category": "status"},
        metavars={"requester": "PERSON"},
        columns=(
            *("ticket", "priority", "status", "team", "assignee", "created_at", "requester"),
            "subject",
        ),
    )

    team: str | None = Field(None, description="Only this team's.")
    assignee: str | None = Field(None, description="Only this agent's.")
    unassigned: bool = Field(False, description="Only those that no agent has.")
    requester: str | None = Field(None, description="Only this person's.")
    organisation: str | None = Field(None, description="Only this organisation's.")
    status_category: str | None = Field(
        None, description="Only of this category of status: new, open, pending, on-hold."
    )
    limit: Limit = 50
    after: After = None

    def ask(self, at: Reading) -> Page:
        connection, tables, *_ = at
        gone = _gone(at)
        known = at.settings().priorities
        priorities = known.names if known else PRIORITIES
        conditions = self._conditions(connection, tables, gone)
        order = _priorities(connection, tables, priorities)
        place: tuple[int, str] | None = None
        if self.after is not None:
            created_at, ticket, priority = self.after.split(":", 2)
            if priority in order:
                order = order[order.index(priority) :]
                place = (int(created_at), ticket)
            else:
                order = [each for each in order if each not in priorities and each > priority]
        rows: list[dict[str, Any]] = []
        for priority in order:
            wanted = self.limit + 1 - len(rows)
            found = _of(connection, tables, priority, conditions, place, wanted)
            rows += [_without(row, gone) for row in found]
            if len(rows) > self.limit:
                last = rows[self.limit - 1]
                next = f"{last['created_at']}:{last['ticket']}:{last['priority']}"
                return Page(rows[: self.limit], next)
            place = None
        return Page(rows, None)

    def _conditions(
        self, connection: Connection, tables: Tables, gone: Gone
    ) -> list[ColumnElement[bool]]:
        entries = tables["entries"]
        wanted = {name: getattr(self, name) for name in _EQUAL}
        found = [entries.c[name] == value for name, value in wanted.items() if value is not None]
        if self.requester is not None:
            found.append(entries.c.requester.in_(same(connection, tables, self.requester)))
        held_by_gone = held(entries.c.assignee, entries.c.team, gone)
        if self.assignee is not None:
            found.append(not_(held_by_gone))
        if self.unassigned:
            found.append(or_(entries.c.assignee.is_(None), held_by_gone))
        return found


_EQUAL = ("team", "assignee", "organisation", "status_category")


def _gone(at: Reading) -> Gone:
    counts = at.tables["counts"].c
    query = select(counts.assignee, counts.team).where(counts.assignee != "").distinct()
    pairs = ((agent, team or None) for agent, team in at.connection.execute(query))
    return gone_of(pairs, at.settings())


def _without(row: dict[str, Any], gone: Gone) -> dict[str, Any]:
    return row | {"assignee": None} if (row["assignee"], row["team"]) in gone else row


def _of(
    connection: Connection,
    tables: Tables,
    priority: str,
    conditions: Sequence[ColumnElement[bool]],
    start: tuple[int, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """The oldest entries of one priority, behind `start`."""
    entries = tables["entries"]
    query = select(entries).where(entries.c.priority == priority, *conditions)
    if start is not None:
        query = query.where(tuple_(entries.c.created_at, entries.c.ticket) > tuple_(*start))
    query = query.order_by(entries.c.created_at, entries.c.ticket).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def _priorities(connection: Connection, tables: Tables, known: Sequence[str]) -> list[str]:
    """The known priorities in their order, then those in the queue that are unknown."""
    found = connection.execute(select(tables["priorities"].c.priority)).scalars()
    return [*known, *sorted(set(found) - set(known))]


class QueueCounts(Query[list[dict[str, Any]]]):
    """The number of active tickets that have the same in common. Tickets of an agent who is gone
    count as unassigned."""

    NAME = "queue-counts"
    DOCUMENT = documents.QueueCounts

    by: tuple[Counted, ...] = Field(("team",), description="What they have in common.")
    where: Mapping[Counted, str | None] = Field(
        {}, description="Only those that have these; null: those without."
    )

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        table, gone = at.tables["counts"], _gone(at)
        columns: dict[Counted, ColumnElement[str]] = {name: table.c[name] for name in COUNTED}
        if gone:
            held_by_gone = held(table.c.assignee, table.c.team, gone, no_team="")
            columns["assignee"] = case((held_by_gone, ""), else_=table.c.assignee)
        groups = [columns[name].label(name) for name in self.by]
        query = select(*groups, func.sum(table.c.n).label("tickets")).group_by(*groups)
        for name, value in self.where.items():
            query = query.where(columns[name] == (value or ""))
        return [
            {name: row[name] or None for name in self.by} | {"tickets": int(row["tickets"])}
            for row in at.connection.execute(query.order_by(*groups)).mappings()
        ]


VIEW = Projection(
    NAME, VERSION, TABLES, {"ticket": _Fold, "person": _PersonFold}, (Queue, QueueCounts)
)
