"""Every ticket as it is, and one interval per change of what tickets are counted by.

An interval holds from a commit to the next one that changes status, team, assignee, priority or
category (or marks it as spam), so that any count by any of them at any instant is one query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

import orjson
from sqlalchemy import Connection, exists, func, select, tuple_

from ticketlog.domain.base import Recorded
from ticketlog.domain.parties.person import Person
from ticketlog.domain.ticket.imported import ActivityRecorded
from ticketlog.domain.ticket.relations import ACYCLIC
from ticketlog.domain.ticket.state import Link, Ticket
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.domain.time.receipt import AHEAD, is_ahead
from ticketlog.projections.engine.moment import Moment
from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Tables,
)
from ticketlog.projections.views.persons import MERGES, merges, same
from ticketlog.projections.views.reports.flow import OUTCOMES, flows
from ticketlog.projections.views.shared.dimensions import group, groups
from ticketlog.projections.views.shared.intervals import before, during

NAME = "tickets"
VERSION = 7

COUNTED = ("status", "status_category", "team", "assignee", "priority", "category", "spam")
"""What an interval holds; any of them can be counted by."""
_counted = attrgetter(*COUNTED)

_TEXTS = (
    *("subject", "type", "status", "status_category", "priority", "team", "assignee"),
    *("requester", "organisation", "tier", "product", "category", "channel", "language"),
    "resolution_code",
)
_INTS = (
    *("created_at", "clock", "solved_at", "closed_at", "due_at", "first_reply_at"),
    *("waiting_since", "hold_until", "reopens", "touches", "rating", "version"),
)
_current = attrgetter(*_TEXTS, *_INTS)

TABLES = (
    Rows(
        "current",
        key={"ticket": TEXT},
        values={
            **dict.fromkeys(_TEXTS, TEXT),
            **{("updated_at" if name == "clock" else name): INT for name in _INTS},
            "comments": INT,
            "spam": BOOL,
            "cancelled": BOOL,
            "tags": TEXT,
            "external": TEXT,
            "original_status": TEXT,
            "original_substatus": TEXT,
            "outcome": TEXT,
            "ended_at": INT,
        },
        indexes=(
            ("created_at", "ticket"),
            ("requester", "created_at", "ticket"),
            ("organisation", "created_at", "ticket"),
            ("assignee", "created_at", "ticket"),
        ),
    ),
    Rows(
        "intervals",
        key={"ticket": TEXT, "version": INT},
        values=dict.fromkeys(
            ("group", "from_at", "partition", "from_offset", "to_at", "to_offset"), INT
        ),
    ),
    groups({**dict.fromkeys(COUNTED[:-1], TEXT), "spam": BOOL}),
    Rows(
        "links",
        key={"ticket": TEXT, "version": INT, "kind": TEXT, "target": TEXT},
        values=dict.fromkeys(("from_at", "partition", "from_offset", "to_at", "to_offset"), INT),
        indexes=(("target",),),
    ),
    Rows("ahead", key={"stream": TEXT}, values={"clock": INT}),
    Rows(
        "corrections",
        key={"ticket": TEXT, "version": INT},
        values={"partition": INT, "offset": INT},
    ),
    Rows("tags", key={"ticket": TEXT, "tag": TEXT}, indexes=(("tag", "ticket"),)),
    Rows("externals", key={"ticket": TEXT, "number": TEXT}, indexes=(("number", "ticket"),)),
    MERGES,
)

_NAMES = [table.name for table in TABLES]
_CORRECTIONS, _AHEAD = _NAMES.index("corrections"), _NAMES.index("ahead")


class _Fold(Fold):
    __slots__ = (
        *("closed", "corrections", "ended_at", "groups", "linked", "original", "outcome"),
        *("received", "since", "substatus", "unlinked"),
        *("values", "version"),
    )

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.closed: list[Row] = []
        self.groups: list[Row] = []
        """Those of the closed intervals and of the open one."""
        self.values: Row = ()
        self.version = -1
        """That of the event from which the open interval holds; -1: there is none."""
        self.since: Row = ()
        self.linked: dict[Link, Row] = {}
        """What it is linked to -> since when."""
        self.unlinked: list[Row] = []
        self.received = 0
        self.corrections: list[Row] = []
        self.original: str | None = None
        self.substatus: str | None = None
        self.outcome: str | None = None
        """How it left the backlog; None: it is in it."""
        self.ended_at: int | None = None

    def step(self, recorded: Recorded, before: Ticket, after: Ticket) -> None:
        self.received = recorded.meta.recorded_at
        if type(recorded.event) in (TimeCorrected, Withdrawn):
            meta = recorded.meta
            key = (self.id, recorded.originator_version)
            self.corrections.append((*key, meta.partition, meta.offset))
        if type(recorded.event) is ActivityRecorded:
            self.original = recorded.event.status
            self.substatus = recorded.event.substatus
        for flow in flows(before, after):
            self.outcome = OUTCOMES.get(flow)
            self.ended_at = after.clock if self.outcome else None
        values = _counted(after)
        if values != self.values and after.status:
            self.values = values
            self._turn(recorded, after.clock)
        if after.links is not before.links:
            self._relink(recorded, after)

    def _relink(self, recorded: Recorded, after: Ticket) -> None:
        """Ends the links that the ticket has no more, and begins those that are new."""
        meta = recorded.meta
        now = dict.fromkeys(after.links)
        for link in [each for each in self.linked if each not in now]:
            self.unlinked.append(self._link(link, after.clock, meta.offset))
            del self.linked[link]
        for link in now:
            since = (recorded.originator_version, after.clock, meta.partition, meta.offset)
            self.linked.setdefault(link, since)

    def _link(self, link: Link, to_at: int | None, to_offset: int | None) -> Row:
        version, *since = self.linked[link]
        return (self.id, version, link.kind, _id(link.target), *since, to_at, to_offset)

    def _turn(self, recorded: Recorded, clock: int) -> None:
        """Ends the open interval and begins the next; what one commit does is one change."""
        meta = recorded.meta
        if self.groups and self.since[2] == meta.offset:
            self.groups[-1] = group(self.values)
            return
        if self.groups:
            self.closed.append(self._interval(clock, meta.offset))
        self.groups.append(group(self.values))
        self.version = recorded.originator_version
        self.since = (clock, meta.partition, meta.offset)

    def _interval(self, to_at: int | None, to_offset: int | None) -> Row:
        return (self.id, self.version, self.groups[-1][0], *self.since, to_at, to_offset)

    def rows(self, state: Ticket) -> tuple[list[Row], ...]:
        if not self.groups:
            return tuple([] for _ in TABLES)
        id, tags = self.id, state.tags
        comments = sum([not each.redacted for each in state.comments])
        current = (
            *(id, *_current(state), comments, state.spam, state.cancelled),
            *(orjson.dumps(tags).decode(), orjson.dumps(state.external).decode()),
            *(self.original, self.substatus, self.outcome, self.ended_at),
        )
        return (
            [current],
            [*self.closed, self._interval(None, None)],
            list(self.groups),
            [*self.unlinked, *(self._link(link, None, None) for link in self.linked)],
            _ahead(f"ticket/{id}", state, self.received),
            list(self.corrections),
            [(id, tag) for tag in dict.fromkeys(tags)],
            [(id, number) for number in dict.fromkeys(state.external)],
            [],
        )

    def withdrawn(self, tables: int) -> tuple[list[Row], ...]:
        """Nothing but since when, so that what was asked of before it is folded anew."""
        found = super().withdrawn(tables)
        found[_CORRECTIONS].extend(self.corrections)
        return found


class _ClockFold(Fold):
    """Of the other streams, whether their clock is ahead."""

    __slots__ = ("received",)
    KIND: ClassVar[str]

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.received = 0

    def step(self, recorded: Recorded, before: Any, after: Any) -> None:
        self.received = recorded.meta.recorded_at

    def rows(self, state: Any) -> tuple[list[Row], ...]:
        name = f"{self.KIND}/{self.id}"
        found = self.withdrawn(len(TABLES))
        found[_AHEAD].extend(_ahead(name, state, self.received))
        return found


class _PersonFold(_ClockFold):
    __slots__ = ()
    KIND = "person"

    def rows(self, state: Person) -> tuple[list[Row], ...]:
        *found, _ = super().rows(state)
        return *found, merges(state)


class _OrganisationFold(_ClockFold):
    __slots__ = ()
    KIND = "organisation"


class _AgentFold(_ClockFold):
    __slots__ = ()
    KIND = "agent"


def _ahead(stream: str, state: Any, received: int) -> list[Row]:
    """Whose clock was ahead when it was last written, which is all whose clock is ahead of now."""
    return [(stream, state.clock)] if is_ahead(state.clock, received) else []


def _id(stream: str) -> str:
    return stream.removeprefix("ticket/")


class TicketPage(NamedTuple):
    """A page of a list; `next` is the `after` that gives the one behind it."""

    rows: list[dict[str, Any]]
    next: str | None


FILTERS = (
    *("status", "status_category", "team", "assignee", "priority", "category", "type"),
    *("requester", "organisation", "product", "channel"),
)


def page(
    connection: Connection,
    tables: Tables,
    *,
    tag: str | None = None,
    after: str | None = None,
    limit: int = 50,
    **filters: str,
) -> TicketPage:
    """Tickets, the newest first, that have all the given values (names: see FILTERS); of a
    requester those of all who are one with them by merges.

    `after` is the `next` of the page before. Raises ValueError for an unknown filter.
    """
    current = tables["current"]
    query = select(current).order_by(current.c.created_at.desc(), current.c.ticket.desc())
    for name, value in filters.items():
        if name not in FILTERS:
            raise ValueError(f"tickets can't be listed by {name!r}; by {', '.join(FILTERS)}, tag")
        wanted = same(connection, tables, value) if name == "requester" else [value]
        query = query.where(current.c[name].in_(wanted))
    if tag is not None:
        tags = tables["tags"]
        query = query.where(current.c.ticket.in_(select(tags.c.ticket).where(tags.c.tag == tag)))
    if after is not None:
        created_at, _, ticket = after.partition(":")
        place = tuple_(current.c.created_at, current.c.ticket)
        query = query.where(place < tuple_(int(created_at), ticket))
    rows = [_shown(row) for row in connection.execute(query.limit(limit + 1)).mappings()]
    if len(rows) <= limit:
        return TicketPage(rows, None)
    last = rows[limit - 1]
    return TicketPage(rows[:limit], f"{last['created_at']}:{last['ticket']}")


def ticket(connection: Connection, tables: Tables, *, ticket: str) -> dict[str, Any] | None:
    """One ticket with its links and with what links to it; None where there is none."""
    current = tables["current"]
    row = connection.execute(select(current).where(current.c.ticket == ticket)).mappings().first()
    if row is None:
        return None
    return {**_shown(row), **links(connection, tables, ticket=ticket)}


def numbered(connection: Connection, tables: Tables, *, number: str) -> list[str]:
    """The tickets that another system knows by a number, 'SYSTEM:NUMBER'; the newest first."""
    table, current = tables["externals"], tables["current"]
    query = select(table.c.ticket).join(current, current.c.ticket == table.c.ticket)
    query = query.where(table.c.number == number).order_by(current.c.created_at.desc())
    return list(connection.execute(query).scalars())


def links(
    connection: Connection, tables: Tables, *, ticket: str, moment: Moment | None = None
) -> dict[str, list[dict[str, Any]]]:
    """What a ticket is linked to (`links`: kind, target), and what is linked to it (`linked_by`:
    kind, ticket); now, or at a moment."""
    table = tables["links"]
    holds = during(table, moment)
    outward = select(table.c.kind, table.c.target).where(table.c.ticket == ticket, holds)
    inward = select(table.c.kind, table.c.ticket).where(table.c.target == ticket, holds)
    return {
        "links": _listed(connection, outward.order_by(table.c.kind, table.c.target)),
        "linked_by": _listed(connection, inward.order_by(table.c.kind, table.c.ticket)),
    }


def intervals(connection: Connection, tables: Tables, *, ticket: str) -> list[dict[str, Any]]:
    """What one ticket was counted by, from when to when, in order."""
    table, names = tables["intervals"], tables["groups"]
    query = select(
        *(column for column in table.c if column.name != "group"),
        *(names.c[name] for name in COUNTED),
    ).join(names, names.c.id == table.c.group)
    query = query.where(table.c.ticket == ticket)
    return _listed(connection, query.order_by(table.c.from_at, table.c.from_offset))


def count_at(
    connection: Connection,
    tables: Tables,
    *,
    by: str | Sequence[str] = "status",
    moment: Moment | None = None,
    **filters: str,
) -> list[dict[str, Any]]:
    """How many tickets (spam aside) there were by one or several of COUNTED; now, or at a moment.

    Raises ValueError for a name that tickets aren't counted by.
    """
    wanted = (by,) if isinstance(by, str) else tuple(by)
    unknown = [name for name in (*wanted, *filters) if name not in COUNTED]
    if unknown:
        raise ValueError(f"tickets aren't counted by {unknown[0]!r}; by {', '.join(COUNTED)}")
    table, names = tables["intervals"], tables["groups"]
    counted = (
        select(table.c.group, func.count().label("tickets"))
        .where(during(table, moment))
        .group_by(table.c.group)
        .subquery()
    )
    columns = [names.c[name] for name in wanted]
    query = (
        select(*columns, func.sum(counted.c.tickets).label("tickets"))
        .join(counted, counted.c.group == names.c.id)
        .where(*(names.c[name] == value for name, value in filters.items()))
        .group_by(*columns)
        .order_by(*columns)
    )
    return _listed(connection, query if "spam" in wanted else query.where(names.c.spam.is_(False)))


def ahead(
    connection: Connection, tables: Tables, *, now: int, limit: int = 20
) -> tuple[int, list[dict[str, Any]]]:
    """How many streams (of tickets, persons, organisations, agents) have a clock that is ahead of
    now, and the first of them, the one farthest ahead first."""
    table = tables["ahead"]
    those = table.c.clock > now + AHEAD
    number = connection.execute(select(func.count()).select_from(table).where(those)).scalar_one()
    query = select(table).where(those).order_by(table.c.clock.desc(), table.c.stream)
    return number, _listed(connection, query.limit(limit))


def circles(
    connection: Connection, tables: Tables, *, limit: int = 20
) -> tuple[int, list[dict[str, Any]]]:
    """How many circles links make that should never lead back (kind, tickets: each is linked to
    the next, the last to the first), and some of them. Nothing makes them any more; histories of
    before may hold some."""
    table = tables["links"]
    onward = table.alias()
    leads_on = exists().where(
        onward.c.ticket == table.c.target, onward.c.kind == table.c.kind, onward.c.to_at.is_(None)
    )
    query = select(table.c.kind, table.c.ticket, table.c.target).where(
        table.c.to_at.is_(None), table.c.kind.in_(sorted(ACYCLIC)), leads_on
    )
    ways: dict[tuple[str, str], list[str]] = {}
    for kind, ticket, target in connection.execute(query.order_by(*query.selected_columns)):
        ways.setdefault((kind, ticket), []).append(target)
    found: list[dict[str, Any]] = []
    told: set[tuple[str, str]] = set()
    for kind, ticket in ways:
        if (kind, ticket) not in told and (way := _way_round(ways, kind, ticket)):
            told.update((kind, each) for each in way)
            found.append({"kind": kind, "tickets": way})
    return len(found), found[:limit]


def _way_round(ways: Mapping[tuple[str, str], list[str]], kind: str, start: str) -> list[str]:
    """The shortest way over links from a ticket to itself; empty: there is none."""
    seen = {start: [start]}
    waiting = [start]
    for each in waiting:
        for target in ways.get((kind, each), ()):
            if target == start:
                return seen[each]
            if target not in seen:
                seen[target] = [*seen[each], target]
                waiting.append(target)
    return []


def corrected_since(connection: Connection, tables: Tables, *, ends: Sequence[int]) -> bool:
    """Whether a ticket's clock was set back, or a ticket was withdrawn, by a commit behind these
    ends of the partitions."""
    table = tables["corrections"]
    return connection.execute(
        select(exists().where(~before(table.c.offset, table, ends)))
    ).scalar_one()


def _listed(connection: Connection, query: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _shown(row: Any) -> dict[str, Any]:
    return {**row, **{name: orjson.loads(row[name]) for name in ("tags", "external")}}


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {
        "ticket": _Fold,
        "person": _PersonFold,
        "organisation": _OrganisationFold,
        "agent": _AgentFold,
    },
    (page, ticket, numbered, links, intervals, count_at, ahead, circles, corrected_since),
)
