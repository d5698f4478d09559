"""The view of changes: each ticket, person and organisation at the place of its last change.

Who copies a desk asks for what changed behind a place, and gets each once, in its present state. A
place is a cut, an offset of each partition, because times don't order the records of several
writers: what is recorded later may bear an earlier time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from typing import Any, ClassVar, Literal

from pydantic import Field
from sqlalchemy import RowMapping, Select, Table, func, select, tuple_

from ticketlog.documents import changes as documents
from ticketlog.domain.base import Instant, Recorded
from ticketlog.domain.ticket.feedback import Rated
from ticketlog.projections.engine.moment import Cut
from ticketlog.projections.engine.projection import (
    BOOL,
    INT,
    OF_STAFF,
    OF_TICKET,
    TEXT,
    Fold,
    Projection,
    Row,
    Rows,
    Whose,
)
from ticketlog.projections.engine.query import After, Limit, Page, Query, Reading
from ticketlog.projections.views.shared.stream_numbers import chosen_number, made_number

NAME = "changes"
VERSION = 1

ChangedKind = Literal["ticket", "person", "organisation"]
_TABLES: Mapping[ChangedKind, str] = {
    "ticket": "tickets",
    "person": "persons",
    "organisation": "organisations",
}

_WHOSE: Mapping[ChangedKind, Whose] = {
    "ticket": OF_TICKET,
    "person": Whose(persons="person"),
    "organisation": OF_STAFF,
}


def _changed(kind: ChangedKind) -> Rows:
    return Rows(
        _TABLES[kind],
        key={kind: TEXT},
        values={
            **dict.fromkeys(("created_at", "changed_at", "partition", "offset"), INT),
            "withdrawn": BOOL,
            "chosen": INT,
        },
        indexes=(("partition", "offset"), ("changed_at", kind), ("chosen",)),
        whose=_WHOSE[kind],
    )


TABLES = (
    *map(_changed, _TABLES),
    Rows(
        "ratings",
        key={"ticket": TEXT, "version": INT},
        values={"at": INT, "score": INT},
        indexes=(("at", "ticket", "version"),),
        whose=OF_TICKET,
    ),
)
"""`partition` and `offset`: the record of the last change, `changed_at`: when it was recorded.
`chosen`: the number of an id that no desk made (`shared/stream_numbers.py`)."""
_RATINGS = len(TABLES) - 1


class _Fold(Fold):
    __slots__ = ("changed_at", "created_at", "offset", "partition")
    KIND: ClassVar[ChangedKind]

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.created_at: int | None = None
        self.changed_at = 0
        self.partition = 0
        self.offset = 0

    def step(self, recorded: Recorded, before: Any, after: Any) -> None:
        meta = recorded.meta
        if self.created_at is None:
            self.created_at = meta.occurred_at
        self.changed_at = max(self.changed_at, meta.recorded_at)
        self.partition, self.offset = meta.partition, meta.offset

    def rows(self, state: Any) -> tuple[list[Row], ...]:
        return self._rows(False) if state.exists else tuple([] for _ in TABLES)

    def withdrawn(self, tables: int) -> tuple[list[Row], ...]:
        """That it is gone, for those who have it."""
        return self._rows(True)

    def _rows(self, withdrawn: bool) -> tuple[list[Row], ...]:
        chosen = None if made_number(self.id) is not None else chosen_number(self.KIND, self.id)
        place = (self.created_at, self.changed_at, self.partition, self.offset)
        found: tuple[list[Row], ...] = tuple([] for _ in TABLES)
        found[list(_TABLES).index(self.KIND)].append((self.id, *place, withdrawn, chosen))
        return found


class _TicketFold(_Fold):
    __slots__ = ("ratings",)
    KIND = "ticket"

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.ratings: list[Row] = []

    def step(self, recorded: Recorded, before: Any, after: Any) -> None:
        super().step(recorded, before, after)
        if isinstance(recorded.event, Rated):
            key = (self.id, recorded.originator_version)
            self.ratings.append((*key, recorded.meta.occurred_at, recorded.event.score))

    def rows(self, state: Any) -> tuple[list[Row], ...]:
        found = super().rows(state)
        found[_RATINGS].extend(self.ratings)
        return found


class _PersonFold(_Fold):
    __slots__ = ()
    KIND = "person"


class _OrganisationFold(_Fold):
    __slots__ = ()
    KIND = "organisation"


class Changes(Query[dict[str, Any]]):
    """Tickets, persons or organisations that changed behind a cut, each once, in the order of their
    last changes: asked again with the cut of the answer, none is missed, and those that were
    withdrawn with their import are among them."""

    NAME = "changes"
    DOCUMENT = documents.ChangedStreams

    kind: ChangedKind = Field("ticket", description="Which.")
    after: str | None = Field(None, description="A cut: only what changed behind it.")
    limit: Limit = 100

    def ask(self, at: Reading) -> dict[str, Any]:
        table = at.tables[_TABLES[self.kind]]
        ends = list(_ends(self.after))
        behind = [
            at.connection.execute(
                _columns(table, self.kind)
                .where(table.c.partition == partition, table.c.offset >= start)
                .order_by(table.c.offset)
                .limit(self.limit + 1)
            ).mappings()
            for partition, start in _starts(at, table, ends)
        ]
        ordered = list(merge(*behind, key=lambda row: row["changed_at"]))
        found = ordered[: self.limit]
        for row in found:
            ends.extend([0] * (row["partition"] + 1 - len(ends)))
            ends[row["partition"]] = row["offset"] + 1
        return {
            "changes": [_told(row) for row in found],
            "cut": str(Cut(tuple(ends) or (0,), _settings(self.after))),
            "more": len(ordered) > len(found),
        }


def _ends(after: str | None) -> tuple[int, ...]:
    if after is None:
        return ()
    cut = Cut.parse(after)
    if cut is None:
        raise ValueError(f"{after!r} is no cut: give the one of an answer, or leave it out")
    return cut.ends


def _settings(after: str | None) -> int:
    cut = None if after is None else Cut.parse(after)
    return 0 if cut is None else cut.settings


def _starts(at: Reading, table: Table, ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The partitions that anything is in, each with the offset to begin at. What lies in a
    partition that a cut doesn't name is behind it."""
    last = at.connection.execute(select(func.max(table.c.partition))).scalar()
    for partition in range(0 if last is None else last + 1):
        yield partition, ends[partition] if partition < len(ends) else 0


def _columns(table: Table, kind: ChangedKind) -> Select[Any]:
    names = ("created_at", "changed_at", "partition", "offset", "withdrawn")
    return select(table.c[kind].label("id"), *(table.c[name] for name in names))


def _told(row: RowMapping) -> dict[str, Any]:
    said = {name: row[name] for name in ("id", "created_at", "changed_at", "withdrawn")}
    return {**said, "position": f"{row['partition']}:{row['offset']}"}


class ChangesSince(Query[list[dict[str, Any]]]):
    """Tickets, persons or organisations whose last change was recorded at an instant or later, in
    the order of those instants. One that comes at the limit brings all of the same second along, so
    that who goes on at the next second misses none of them."""

    NAME = "changes-since"
    DOCUMENT = documents.LastChanges

    kind: ChangedKind = Field("ticket", description="Which.")
    since: Instant = Field(description="From when on.")
    limit: Limit = 1_000

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        table = at.tables[_TABLES[self.kind]]
        order = (table.c.changed_at, table.c[self.kind])
        query = _columns(table, self.kind).order_by(*order)
        first = at.connection.execute(
            query.where(table.c.changed_at >= self.since).limit(self.limit)
        ).mappings()
        rows = list(first)
        if len(rows) == self.limit:
            last = rows[-1]
            second = last["changed_at"] - last["changed_at"] % _SECOND + _SECOND
            rest = query.where(
                tuple_(*order) > tuple_(last["changed_at"], last["id"]),
                table.c.changed_at < second,
            )
            rows.extend(at.connection.execute(rest).mappings())
        return [_told(row) for row in rows]


_SECOND = 1_000_000


class ChosenStream(Query[str | None]):
    """The ticket, person or organisation of a number, where no desk made its id."""

    NAME = "chosen-stream"
    DOCUMENT = documents.StreamId

    kind: ChangedKind = Field(description="Which.")
    number: int = Field(description="Its number.")

    def ask(self, at: Reading) -> str | None:
        table = at.tables[_TABLES[self.kind]]
        query = select(table.c[self.kind]).where(table.c.chosen == self.number)
        found: str | None = at.connection.execute(query).scalar()
        return found


class Ratings(Query[Page]):
    """The answers of requesters to how satisfied they are, in their order."""

    NAME = "ratings"
    DOCUMENT = documents.TicketRatings

    since: Instant | None = Field(None, description="From when on.")
    until: Instant | None = Field(None, description="Before when.")
    limit: Limit = 100
    after: After = None

    def ask(self, at: Reading) -> Page:
        table = at.tables["ratings"]
        order = (table.c.at, table.c.ticket, table.c.version)
        query = select(table).order_by(*order)
        if self.since is not None:
            query = query.where(table.c.at >= self.since)
        if self.until is not None:
            query = query.where(table.c.at < self.until)
        if self.after is not None:
            query = query.where(tuple_(*order) > tuple_(*_place(self.after)))
        rows = [dict(row) for row in at.connection.execute(query.limit(self.limit + 1)).mappings()]
        if len(rows) <= self.limit:
            return Page(rows, None)
        last = rows[self.limit - 1]
        behind = f"{last['at']}:{last['version']}:{last['ticket']}"
        return Page(rows[: self.limit], behind)


def _place(after: str) -> tuple[int, str, int]:
    try:
        at, version, ticket = after.split(":", 2)
        return int(at), ticket, int(version)
    except ValueError:
        raise ValueError(f"{after!r} is no end of a page: give the `next` of one") from None


VIEW = Projection(
    NAME,
    VERSION,
    TABLES,
    {"ticket": _TicketFold, "person": _PersonFold, "organisation": _OrganisationFold},
    (Changes, ChangesSince, ChosenStream, Ratings),
)
