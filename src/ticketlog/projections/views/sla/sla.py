"""The view of clocks with a promise: states, due times, outcomes, and the causes of breaches.

docs/SLA.md says how clocks come to their state, and how these rows are read. A row of a running
clock doesn't change with time: the used and the left time at an instant are computed by the query.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from sqlalchemy import Select, and_, select, tuple_
from sqlalchemy.types import TypeEngine

from ticketlog.documents import sla as documents
from ticketlog.documents.base import Document, WithheldFields, in_seconds
from ticketlog.domain.base import Instant
from ticketlog.domain.settings.sla_policy import Metric
from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
    OF_TICKET,
    TEXT,
    Columns,
    Projection,
    Rows,
    Tables,
)
from ticketlog.projections.engine.query import After, Limit, Page, Query, Reading
from ticketlog.projections.views.shared.custody import HOLDER
from ticketlog.projections.views.shared.dimensions import groups
from ticketlog.projections.views.sla.attainment import AttainmentReport
from ticketlog.projections.views.sla.breaches import BreachesReport, TicketBreaches
from ticketlog.projections.views.sla.clock_outcomes import DIMENSIONS, LISTED, PromisesFold
from ticketlog.projections.views.sla.time_left import (
    Calendars,
    calendars_of,
    edition_values,
    standing,
)

NAME = "sla"
VERSION = 2

_PLACE = ("at", "ticket", "metric")
_BOOLS = ("breached", "business", "last")
_TEXTS = (
    *("ticket", "metric", "phase", "because", "policy", "calendar", "kind", "recorded_by"),
    *(*DIMENSIONS, *HOLDER, *LISTED),
)


def _columns(names: str) -> Columns:
    """The columns of these names: whole numbers, but for texts and booleans."""
    types: dict[str, TypeEngine[Any]] = {
        **dict.fromkeys(_TEXTS, TEXT),
        **dict.fromkeys(_BOOLS, BOOL),
        "policy_version": INT,
    }
    return {name: types.get(name, INT) for name in names.split()}


_INSTANCE = _columns("ticket metric instance")
TABLES = (
    Rows(
        "clocks",
        whose=OF_TICKET,
        key=_INSTANCE,
        values=_columns(
            "phase because activated_at since used business_used target business due breached_at "
            "policy policy_version calendar calendar_version"
        ),
        seconds=("target",),
        microseconds=("used", "business_used"),
    ),
    Rows(
        "at_risk",
        whose=OF_TICKET,
        key=_columns("ticket metric"),
        values=_columns(f"instance breached at policy {' '.join(LISTED)}"),
        indexes=(
            ("breached", *_PLACE),
            ("breached", "assignee", *_PLACE),
            ("breached", "organisation", *_PLACE),
            ("breached", "team", *_PLACE, "assignee", "priority", "policy"),
            ("breached", "metric", "at", "ticket", "team", "priority", "policy"),
            ("breached", "policy", *_PLACE, "team", "priority"),
            ("breached", "priority", *_PLACE, "team", "policy"),
        ),
    ),
    Rows(
        "outcomes",
        whose=OF_TICKET,
        key=_columns("ticket metric instance version"),
        values=_columns(
            "kind decided_at from_at partition from_offset to_at to_offset group used business_used"
        ),
        seconds=("used", "business_used"),
        indexes=(
            (
                *("kind", "decided_at", "to_at", "group", "used", "business_used"),
                *("from_at", "partition", "from_offset", "to_offset"),
            ),
        ),
    ),
    Rows(
        "breaches",
        whose=OF_TICKET,
        key=_columns("ticket version"),
        values=_columns(
            "instance breached_at at partition offset group used target business because "
            "recorded_at recorded_by"
        ),
        seconds=("target",),
        microseconds=("used",),
        indexes=(("breached_at", "ticket", "version"),),
    ),
    Rows(
        "spans",
        whose=OF_TICKET,
        key=_columns("ticket version number"),
        values=_columns("started ended team agent status calendar calendar_version last"),
    ),
    groups(_columns(" ".join(DIMENSIONS))),
)
"""Times are microseconds; targets, and the time used of outcomes, are seconds.

at_risk: the clocks that live and are due, or breached; `at` says when. What many clocks have in
common is in the indexes of each other, so that a page by several of them reads no row in vain.
outcomes: met, breached, withdrawn; and late, a breached clock that was fulfilled after all, which
decides nothing. One holds until its clock goes on (a reopening). breaches: `breached_at` is when it
was due, `at` the ticket's clock when it was recorded. spans: when the clock of a breach had run,
and in whose hands.
"""


class ClocksAtRisk(Query[Page]):
    """The running clocks that aren't breached, the next due first; or those that are `breached` and
    haven't ended, the longest breached first."""

    NAME = "clocks-at-risk"
    DOCUMENT = documents.ClockPage

    team: str | None = Field(None, description="Only this team's.")
    assignee: str | None = Field(None, description="Only this agent's.")
    unassigned: bool = Field(False, description="Only those of tickets that no agent has.")
    organisation: str | None = Field(None, description="Only this organisation's.")
    metric: Metric | None = Field(None, description="Only these.")
    policy: str | None = Field(None, description="Only what this SLA policy promised.")
    priority: str | None = Field(None, description="Only those of tickets of this priority.")
    until: Instant | None = Field(
        None, description="Only what is due, or was breached, by this instant."
    )
    breached: bool = Field(False, description="Those that are broken and go on.")
    now: Instant | None = Field(
        None, description="The instant up to which clocks are read. Default: as their rows stand."
    )
    limit: Limit = 50
    after: After = None

    def ask(self, at: Reading) -> Page:
        table = at.tables["at_risk"]
        query = select(table).where(table.c.breached.is_(self.breached))
        for name in _FILTERS:
            value = getattr(self, name)
            if value is not None:
                query = query.where(table.c[name] == value)
        if self.unassigned:
            query = query.where(table.c.assignee.is_(None))
        if self.until is not None:
            query = query.where(table.c.at <= self.until)
        order = (table.c.at, table.c.ticket, table.c.metric)
        if self.after is not None:
            query = query.where(tuple_(*order) > tuple_(*_behind(self.after)))
        found = _with_clocks(query.order_by(*order).limit(self.limit + 1), at.tables)
        calendars = calendars_of(at.settings())
        shown = at.connection.execute(found).mappings()
        rows = [_shown(row, self.now, calendars) for row in shown]
        if len(rows) <= self.limit:
            return Page(rows, None)
        last = rows[self.limit - 1]
        behind = last["breached_at"] if self.breached else last["due"]
        return Page(rows[: self.limit], f"{behind}:{last['metric']}:{last['ticket']}")

    def document(self, answer: Page, **about: Any) -> Document:
        clocks = [listed_clock_values(row) for row in answer.rows]
        return self.DOCUMENT.filled(clocks=clocks, next=answer.next, **about)


_FILTERS = ("team", "assignee", "organisation", "metric", "policy", "priority")


def _behind(after: str) -> tuple[int, str, str]:
    try:
        at, metric, ticket = after.split(":", 2)
        return int(at), ticket, metric
    except ValueError:
        raise ValueError(f"{after!r} is no end of a page: give the `next` of one") from None


def _with_clocks(query: Select[Any], tables: Tables) -> Select[Any]:
    """The page first, then what the clocks' rows say of it."""
    page, clock = query.subquery(), tables["clocks"].c
    columns = [each for each in clock if each.name not in (*_INSTANCE, "policy")]
    same = [clock[name] == page.c[name] for name in _INSTANCE]
    found = select(page, *columns).join(tables["clocks"], and_(*same))
    return found.order_by(page.c.at, page.c.ticket, page.c.metric)


class TicketClocks(Query[list[dict[str, Any]]]):
    """Every clock of a ticket that has or had a target, also those that ended and began anew."""

    NAME = "ticket-clocks"
    DOCUMENT = documents.TicketClocks

    ticket: str = Field(description="The ticket's id.")
    now: Instant | None = Field(
        None, description="The instant up to which clocks are read. Default: as their rows stand."
    )

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        table = at.tables["clocks"]
        query = select(table).where(table.c.ticket == self.ticket)
        query = query.order_by(table.c.activated_at, table.c.metric, table.c.instance)
        calendars = calendars_of(at.settings())
        rows = at.connection.execute(query).mappings()
        return [_shown(row, self.now, calendars) for row in rows]

    def document(self, answer: list[dict[str, Any]], **about: Any) -> Document:
        return self.DOCUMENT.filled(clocks=list(map(clock_values, answer)), **about)


def clock_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """A clock as `documents.sla.Clock` has it."""
    values = {
        **{name: row[name] for name in ("metric", "instance", "phase", "because")},
        "activated_at": row["activated_at"],
        "used_seconds": in_seconds(row["used"]),
        "business_used_seconds": in_seconds(row["business_used"]),
        "target_seconds": row["target"],
        "business": row["business"],
        "left_seconds": in_seconds(row.get("left")),
        "due": row["due"],
        "breached_at": row["breached_at"],
    }
    return WithheldFields.like(row, values)


def listed_clock_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """A clock with its ticket, as `documents.sla.ClockAtRisk` has it."""
    values = {
        **clock_values(row),
        **{name: row[name] for name in _OF_TICKET},
        "until_due_seconds": in_seconds(row.get("until_due")),
        "policy": edition_values(row, "policy"),
        "calendar": edition_values(row, "calendar"),
    }
    return WithheldFields.like(row, values)


_OF_TICKET = ("ticket", "subject", "status", "priority", "team", "assignee", "organisation")


def _shown(row: Any, now: int | None, calendars: Calendars) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in ("at", "breached")}
    return shown if now is None else shown | standing(shown, now, calendars)


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": PromisesFold},
    (ClocksAtRisk, TicketClocks, AttainmentReport, TicketBreaches, BreachesReport),
    promises=True,
)
