"""The tickets that somebody should still work on: the most urgent first, then the oldest.

A duplicate isn't among them: the ticket that it is a duplicate of is worked on.

The order of the priorities is the settings'; it is given with the question, so that it can change
without touching a row. Priorities that it doesn't name (imported ones) come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, not_, or_, select, tuple_

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
)
from ticketlog.projections.gone import Gone, held
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

COUNTED = ("team", "assignee", "status", "status_category", "priority")
_ORDER = ("priority", "created_at", "ticket")
TABLES = (
    Rows(
        "entries",
        key={"ticket": TEXT},
        values={
            **dict.fromkeys(_TEXTS, TEXT),
            **{("updated_at" if name == "clock" else name): INT for name in _INTS},
        },
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
    Sum("counts", key=dict.fromkeys(COUNTED, TEXT)),
    Sum("priorities", key={"priority": TEXT}),
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


class QueuePage(NamedTuple):
    """A page of the queue; `next` is the `after` that gives the one behind it."""

    rows: list[dict[str, Any]]
    next: str | None


def page(
    connection: Connection,
    tables: Tables,
    *,
    team: str | None = None,
    assignee: str | None = None,
    unassigned: bool = False,
    gone: Gone = (),
    requester: str | None = None,
    organisation: str | None = None,
    status_category: str | None = None,
    priorities: Sequence[str] = PRIORITIES,
    after: str | None = None,
    limit: int = 50,
) -> QueuePage:
    """Active tickets in the order in which they should be worked on.

    `gone`: what they have there is unassigned. `requester`: with all who are one with them.
    `priorities`: from most to least urgent. `after` is the `next` of the page before.
    """
    entries = tables["entries"]
    wanted = {"team": team, "assignee": assignee, "organisation": organisation}
    wanted["status_category"] = status_category
    conditions = [entries.c[name] == value for name, value in wanted.items() if value is not None]
    if requester is not None:
        conditions.append(entries.c.requester.in_(same(connection, tables, requester)))
    theirs = held(entries.c.assignee, entries.c.team, gone)
    if assignee is not None:
        conditions.append(not_(theirs))
    if unassigned:
        conditions.append(or_(entries.c.assignee.is_(None), theirs))
    order = _priorities(connection, tables, priorities)
    place: tuple[int, str] | None = None
    if after is not None:
        created_at, ticket, priority = after.split(":", 2)
        if priority in order:
            order = order[order.index(priority) :]
            place = (int(created_at), ticket)
        else:
            order = [each for each in order if each not in priorities and each > priority]
    rows: list[dict[str, Any]] = []
    for priority in order:
        found = _of(connection, tables, priority, conditions, place, limit + 1 - len(rows))
        rows += [_without(row, gone) for row in found]
        if len(rows) > limit:
            last = rows[limit - 1]
            next = f"{last['created_at']}:{last['ticket']}:{last['priority']}"
            return QueuePage(rows[:limit], next)
        place = None
    return QueuePage(rows, None)


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


def counts(
    connection: Connection,
    tables: Tables,
    *,
    by: str | Sequence[str] = "team",
    gone: Gone = (),
    **filters: str | None,
) -> list[dict[str, Any]]:
    """How many active tickets there are by one or several of COUNTED.

    `gone`: what they have there counts as nobody's. A filter of None means: those without. Raises
    ValueError for an unknown name.
    """
    names = (by,) if isinstance(by, str) else tuple(by)
    unknown = [name for name in (*names, *filters) if name not in COUNTED]
    if unknown:
        raise ValueError(f"the queue isn't counted by {unknown[0]!r}; by {', '.join(COUNTED)}")
    table = tables["counts"]
    columns: dict[str, ColumnElement[str]] = {name: table.c[name] for name in COUNTED}
    if gone:
        theirs = held(table.c.assignee, table.c.team, gone, no_team="")
        columns["assignee"] = case((theirs, ""), else_=table.c.assignee)
    groups = [columns[name].label(name) for name in names]
    query = select(*groups, func.sum(table.c.n).label("tickets")).group_by(*groups)
    for name, value in filters.items():
        query = query.where(columns[name] == (value or ""))
    return [
        {name: row[name] or None for name in names} | {"tickets": int(row["tickets"])}
        for row in connection.execute(query.order_by(*groups)).mappings()
    ]


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": _Fold, "person": _PersonFold}, (page, counts))
