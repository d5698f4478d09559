"""Every ticket as it is, and one interval per change of what tickets are counted by.

An interval holds from a commit to the next one that changes status, team, assignee, priority or
category (or marks it as spam), so that any count by any of them at any instant is one query.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, ClassVar, Literal, get_args

import orjson
from pydantic import Field
from sqlalchemy import Connection, exists, func, select, tuple_

from ticketlog.documents import changes
from ticketlog.documents import ticket_rows as documents
from ticketlog.documents.base import Document
from ticketlog.documents.desks import Ahead, Circles
from ticketlog.domain.base import Instant, NotFound, Recorded
from ticketlog.domain.parties.person import Person
from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.imported import ActivityRecorded
from ticketlog.domain.ticket.relations import ACYCLIC
from ticketlog.domain.ticket.state import Link, Ticket
from ticketlog.domain.ticket.time_correction import TimeCorrected
from ticketlog.domain.ticket.withdrawal import Withdrawn
from ticketlog.domain.time.receipt import AHEAD, is_ahead
from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
    OF_TICKET,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Whose,
)
from ticketlog.projections.engine.query import After, Limit, Page, Query, Reading, ShellSpec
from ticketlog.projections.views.persons import MERGES, merges, same
from ticketlog.projections.views.reports.flow import OUTCOMES, flows
from ticketlog.projections.views.shared.dimensions import group, groups
from ticketlog.projections.views.shared.intervals import before, during

NAME = "tickets"
VERSION = 7

Counted = Literal["status", "status_category", "team", "assignee", "priority", "category", "spam"]
COUNTED: tuple[Counted, ...] = get_args(Counted)
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
        whose=Whose(("ticket",), team="team"),
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
        whose=OF_TICKET,
    ),
    groups({**dict.fromkeys(COUNTED[:-1], TEXT), "spam": BOOL}),
    Rows(
        "links",
        key={"ticket": TEXT, "version": INT, "kind": TEXT, "target": TEXT},
        values=dict.fromkeys(("from_at", "partition", "from_offset", "to_at", "to_offset"), INT),
        indexes=(("target",),),
        whose=Whose(("ticket", "target")),
    ),
    Rows("ahead", key={"stream": TEXT}, values={"clock": INT}, whose=Whose(streams=("stream",))),
    Rows(
        "corrections",
        key={"ticket": TEXT, "version": INT},
        values={"partition": INT, "offset": INT},
        whose=OF_TICKET,
    ),
    Rows("tags", key={"ticket": TEXT, "tag": TEXT}, indexes=(("tag", "ticket"),), whose=OF_TICKET),
    Rows(
        "externals",
        key={"ticket": TEXT, "number": TEXT},
        indexes=(("number", "ticket"),),
        whose=OF_TICKET,
    ),
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
    """The streams whose clock was ahead when they were last written, which are all that are ahead
    now."""
    return [(stream, state.clock)] if is_ahead(state.clock, received) else []


def _id(stream: str) -> str:
    return stream.removeprefix("ticket/")


FILTERS = (
    *("status", "status_category", "team", "assignee", "priority", "category", "type"),
    *("requester", "organisation", "product", "channel"),
)


class Tickets(Query[Page]):
    """Tickets that have all the given values, the newest first; of a requester those of all who are
    one with them by merges."""

    NAME = "tickets"
    DOCUMENT = documents.TicketRows
    SHELL = ShellSpec(
        help="""List tickets by what they are, the newest first.

        What somebody has who is gone is unassigned, as in the queue; asked for by --assignee it is
        told whose it was.
        """,
        examples=(
            "ticketlog ticket list --status open --team network",
            "ticketlog ticket list --tag vpn --limit 10 --json",
        ),
        fixed={"as_held": True},
        metavars={"assignee": "AGENT", "requester": "PERSON"},
        columns=("ticket", "status", "priority", "team", "assignee", "created_at", "subject"),
    )

    status: str | None = Field(None, description="Of this status.")
    status_category: str | None = Field(None, description="Of this category of status.")
    team: str | None = Field(None, description="Of this team.")
    assignee: str | None = Field(None, description="Of this agent.")
    priority: str | None = Field(None, description="Of this priority.")
    category: str | None = Field(None, description="Of this category.")
    type: str | None = Field(None, description="Of this type.")
    requester: str | None = Field(None, description="Of this person.")
    organisation: str | None = Field(None, description="Of this organisation.")
    product: str | None = Field(None, description="About this product.")
    channel: str | None = Field(None, description="That came by this channel.")
    tag: str | None = Field(None, description="With this tag.")
    limit: Limit = 50
    after: After = None
    as_held: bool = Field(
        False,
        description="What somebody has who is gone is unassigned, as in the queue; asked for by "
        "assignee it is told whose it was.",
    )

    def ask(self, at: Reading) -> Page:
        current = at.tables["current"]
        query = select(current).order_by(current.c.created_at.desc(), current.c.ticket.desc())
        for name in FILTERS:
            value = getattr(self, name)
            if value is not None:
                of = same(at.connection, at.tables, value) if name == "requester" else [value]
                query = query.where(current.c[name].in_(of))
        if self.tag is not None:
            tags = at.tables["tags"]
            tagged = select(tags.c.ticket).where(tags.c.tag == self.tag)
            query = query.where(current.c.ticket.in_(tagged))
        if self.after is not None:
            created_at, _, ticket = self.after.partition(":")
            place = tuple_(current.c.created_at, current.c.ticket)
            query = query.where(place < tuple_(int(created_at), ticket))
        found = at.connection.execute(query.limit(self.limit + 1)).mappings()
        rows = [_shown(row) for row in found]
        if self.as_held and self.assignee is None:
            rows = [_as_held(row, at.settings()) for row in rows]
        if len(rows) <= self.limit:
            return Page(rows, None)
        last = rows[self.limit - 1]
        return Page(rows[: self.limit], f"{last['created_at']}:{last['ticket']}")


def _as_held(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    agent, active = row["assignee"], row["status_category"] not in ("solved", "closed")
    if not active or row["spam"] or agent is None:
        return row
    return row if why_gone(agent, row["team"], settings) is None else row | {"assignee": None}


class OneTicket(Query[dict[str, Any] | None]):
    """A ticket as it stands in lists, with its links and with what links to it; None where there is
    none."""

    NAME = "ticket"
    DOCUMENT = documents.LinkedTicket

    ticket: str = Field(description="The ticket's id.")

    def ask(self, at: Reading) -> dict[str, Any] | None:
        current = at.tables["current"]
        query = select(current).where(current.c.ticket == self.ticket)
        row = at.connection.execute(query).mappings().first()
        if row is None:
            return None
        return {**_shown(row), **TicketLinks(ticket=self.ticket).ask(at)}

    def document(self, answer: dict[str, Any] | None, **about: Any) -> Document:
        """Raises NotFound where there is none."""
        if answer is None:
            raise NotFound(f"ticket/{self.ticket} doesn't exist")
        return super().document(answer, **about)


class NumberedTickets(Query[list[str]]):
    """The tickets that another system knows by a number, the newest first."""

    NAME = "numbered-tickets"
    DOCUMENT = documents.TicketIds

    number: str = Field(description="SYSTEM:NUMBER")

    def ask(self, at: Reading) -> list[str]:
        table, current = at.tables["externals"], at.tables["current"]
        query = select(table.c.ticket).join(current, current.c.ticket == table.c.ticket)
        query = query.where(table.c.number == self.number).order_by(current.c.created_at.desc())
        return list(at.connection.execute(query).scalars())


class TicketLinks(Query[dict[str, list[dict[str, Any]]]]):
    """The links of a ticket (`links`: kind, target), and links to it (`linked_by`: kind,
    ticket)."""

    NAME = "ticket-links"
    DOCUMENT = documents.TicketLinks
    OF_ANY_MOMENT = True

    ticket: str = Field(description="The ticket's id.")

    def ask(self, at: Reading) -> dict[str, list[dict[str, Any]]]:
        table = at.tables["links"]
        holds = during(table, at.moment)
        outward = select(table.c.kind, table.c.target).where(table.c.ticket == self.ticket, holds)
        inward = select(table.c.kind, table.c.ticket).where(table.c.target == self.ticket, holds)
        return {
            "links": _listed(at.connection, outward.order_by(table.c.kind, table.c.target)),
            "linked_by": _listed(at.connection, inward.order_by(table.c.kind, table.c.ticket)),
        }


class LinksTo(Query[list[dict[str, Any]]]):
    """The links to some tickets: kind, ticket, target."""

    NAME = "links-to"
    DOCUMENT = documents.IncomingLinks
    OF_ANY_MOMENT = True

    tickets: tuple[str, ...] = Field(description="The ids of the tickets.", max_length=10_000)

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        table = at.tables["links"]
        found: list[dict[str, Any]] = []
        for start in range(0, len(self.tickets), _AT_ONCE):
            some = self.tickets[start : start + _AT_ONCE]
            query = select(table.c.kind, table.c.ticket, table.c.target).where(
                table.c.target.in_(some), during(table, at.moment)
            )
            found += _listed(at.connection, query.order_by(table.c.kind, table.c.ticket))
        return found


_AT_ONCE = 500
"""Tickets that one statement asks about."""


class TicketIntervals(Query[list[dict[str, Any]]]):
    """The intervals of one ticket, with the values that it was counted by, in order."""

    NAME = "ticket-intervals"
    DOCUMENT = documents.TicketIntervals

    ticket: str = Field(description="The ticket's id.")

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        table, names = at.tables["intervals"], at.tables["groups"]
        query = select(
            *(column for column in table.c if column.name != "group"),
            *(names.c[name] for name in COUNTED),
        ).join(names, names.c.id == table.c.group)
        query = query.where(table.c.ticket == self.ticket)
        return _listed(at.connection, query.order_by(table.c.from_at, table.c.from_offset))


class TicketCounts(Query[list[dict[str, Any]]]):
    """The number of tickets (spam aside) that have the same in common."""

    NAME = "ticket-counts"
    DOCUMENT = documents.TicketCounts
    OF_ANY_MOMENT = True

    by: tuple[Counted, ...] = Field(("status",), description="What they have in common.")
    where: Mapping[Counted, str] = Field({}, description="Only those that have these.")

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        table, names = at.tables["intervals"], at.tables["groups"]
        counted = (
            select(table.c.group, func.count().label("tickets"))
            .where(during(table, at.moment))
            .group_by(table.c.group)
            .subquery()
        )
        columns = [names.c[name] for name in self.by]
        query = (
            select(*columns, func.sum(counted.c.tickets).label("tickets"))
            .join(counted, counted.c.group == names.c.id)
            .where(*(names.c[name] == value for name, value in self.where.items()))
            .group_by(*columns)
            .order_by(*columns)
        )
        if "spam" not in self.by:
            query = query.where(names.c.spam.is_(False))
        return _listed(at.connection, query)


class UsedTags(Query[Page]):
    """The tags that tickets have, with the number of their tickets, in alphabetical order."""

    NAME = "used-tags"
    DOCUMENT = changes.TagCounts

    limit: Limit = 100
    after: After = None

    def ask(self, at: Reading) -> Page:
        table = at.tables["tags"]
        query = select(table.c.tag, func.count().label("tickets")).group_by(table.c.tag)
        if self.after is not None:
            query = query.where(table.c.tag > self.after)
        rows = _listed(at.connection, query.order_by(table.c.tag).limit(self.limit + 1))
        more = len(rows) > self.limit
        return Page(rows[: self.limit], rows[self.limit - 1]["tag"] if more else None)


class ClocksAhead(Query[tuple[int, list[dict[str, Any]]]]):
    """The number of streams (of tickets, persons, organisations, agents) whose clock is ahead of
    now, and the first of them, the one farthest ahead first."""

    NAME = "clocks-ahead"
    DOCUMENT = Ahead

    now: Instant = Field(description="The instant that counts as now.")
    limit: Limit = 20

    def ask(self, at: Reading) -> tuple[int, list[dict[str, Any]]]:
        table = at.tables["ahead"]
        those = table.c.clock > self.now + AHEAD
        number = select(func.count()).select_from(table).where(those)
        query = select(table).where(those).order_by(table.c.clock.desc(), table.c.stream)
        rows = _listed(at.connection, query.limit(self.limit))
        return at.connection.execute(number).scalar_one(), rows


class LinkCircles(Query[tuple[int, list[dict[str, Any]]]]):
    """The number of circles of links that should never lead back (kind, tickets: each is linked to
    the next, the last to the first), and some of them. Commands make none any more; older histories
    may hold some."""

    NAME = "link-circles"
    DOCUMENT = Circles

    limit: Limit = 20

    def ask(self, at: Reading) -> tuple[int, list[dict[str, Any]]]:
        table = at.tables["links"]
        onward = table.alias()
        leads_on = exists().where(
            onward.c.ticket == table.c.target,
            onward.c.kind == table.c.kind,
            onward.c.to_at.is_(None),
        )
        query = select(table.c.kind, table.c.ticket, table.c.target).where(
            table.c.to_at.is_(None), table.c.kind.in_(sorted(ACYCLIC)), leads_on
        )
        ways: dict[tuple[str, str], list[str]] = {}
        for kind, ticket, target in at.connection.execute(query.order_by(*query.selected_columns)):
            ways.setdefault((kind, ticket), []).append(target)
        found: list[dict[str, Any]] = []
        told: set[tuple[str, str]] = set()
        for kind, ticket in ways:
            if (kind, ticket) not in told and (way := _way_round(ways, kind, ticket)):
                told.update((kind, each) for each in way)
                found.append({"kind": kind, "tickets": way})
        return len(found), found[: self.limit]


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


class CorrectedSince(Query[bool]):
    """Whether a ticket's clock was set back, or a ticket was withdrawn, by a commit behind these
    ends of the partitions."""

    NAME = "corrected-since"
    DOCUMENT = documents.CorrectedSince

    ends: tuple[int, ...] = Field(description="By partition.")

    def ask(self, at: Reading) -> bool:
        table = at.tables["corrections"]
        query = select(exists().where(~before(table.c.offset, table, self.ends)))
        return at.connection.execute(query).scalar_one()


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
    (
        Tickets,
        OneTicket,
        NumberedTickets,
        TicketLinks,
        LinksTo,
        TicketIntervals,
        TicketCounts,
        UsedTags,
        ClocksAhead,
        LinkCircles,
        CorrectedSince,
    ),
)
