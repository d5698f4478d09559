"""Every clock that was promised something, what is due next, what was kept, and why what wasn't.

How clocks come to their state is in docs/SLA.md, and how these rows are read too. A row of a
running clock doesn't change with time: what is used and left at an instant is reckoned when
somebody asks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, select, tuple_
from sqlalchemy.types import TypeEngine

from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
    TEXT,
    Columns,
    Projection,
    Rows,
    Tables,
)
from ticketlog.projections.views.shared.custody import HOLDER
from ticketlog.projections.views.shared.dimensions import groups
from ticketlog.projections.views.sla.attainment import attainment
from ticketlog.projections.views.sla.breaches import breaches, causes
from ticketlog.projections.views.sla.clock_outcomes import DIMENSIONS, LISTED, PromisesFold
from ticketlog.projections.views.sla.time_left import Calendars, no_calendars, standing

NAME = "sla"
VERSION = 2

_PLACE = ("at", "ticket", "metric")
FILTERS = ("team", "assignee", "organisation", "metric", "policy", "priority")
_BOOLS = ("breached", "business", "last")
_TEXTS = (
    *("ticket", "metric", "phase", "because", "policy", "calendar", "kind", "recorded_by"),
    *(*DIMENSIONS, *HOLDER, *LISTED),
)


def _columns(names: str) -> Columns:
    """What is no text and no truth is a whole number."""
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


class ClockPage(NamedTuple):
    """A page of a list; `next` is the `after` that gives the one behind it."""

    rows: list[dict[str, Any]]
    next: str | None


def at_risk(
    connection: Connection,
    tables: Tables,
    *,
    breached: bool = False,
    unassigned: bool = False,
    until: int | None = None,
    now: int | None = None,
    calendars: Calendars = no_calendars,
    after: str | None = None,
    limit: int = 50,
    **filters: str,
) -> ClockPage:
    """The running clocks that aren't breached, the next due first; or those that are `breached`
    and haven't ended, the longest breached first.

    `filters`: values of FILTERS. `until`: only what is due, or was breached, by this instant.
    `now`, `calendars`: see `standing`. `after` is the `next` of the page before. Raises ValueError
    for an unknown filter.
    """
    table = tables["at_risk"]
    query = select(table).where(table.c.breached.is_(breached))
    for name, value in filters.items():
        if name not in FILTERS:
            raise ValueError(f"clocks can't be listed by {name!r}; by {', '.join(FILTERS)}")
        query = query.where(table.c[name] == value)
    if unassigned:
        query = query.where(table.c.assignee.is_(None))
    if until is not None:
        query = query.where(table.c.at <= until)
    order = (table.c.at, table.c.ticket, table.c.metric)
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*_behind(after)))
    found = _with_clocks(query.order_by(*order).limit(limit + 1), tables)
    rows = [_shown(row, now, calendars) for row in connection.execute(found).mappings()]
    if len(rows) <= limit:
        return ClockPage(rows, None)
    last = rows[limit - 1]
    at = last["breached_at"] if breached else last["due"]
    return ClockPage(rows[:limit], f"{at}:{last['metric']}:{last['ticket']}")


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


def clocks(
    connection: Connection,
    tables: Tables,
    *,
    ticket: str,
    now: int | None = None,
    calendars: Calendars = no_calendars,
) -> list[dict[str, Any]]:
    """Every clock of a ticket that has or had a target, also those that ended and began anew."""
    table = tables["clocks"]
    query = select(table).where(table.c.ticket == ticket)
    query = query.order_by(table.c.activated_at, table.c.metric, table.c.instance)
    return [_shown(row, now, calendars) for row in connection.execute(query).mappings()]


def _shown(row: Any, now: int | None, calendars: Calendars) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in ("at", "breached")}
    return shown if now is None else shown | standing(shown, now, calendars)


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": PromisesFold},
    (at_risk, clocks, attainment, breaches, causes),
    promises=True,
)
