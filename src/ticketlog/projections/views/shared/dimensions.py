"""Combinations of values that many rows share, kept once each, as the dimensions of a star schema.

A row names its group by a number that follows from the values, so it is the same in every build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, Table, select

from ticketlog.projections.engine.projection import (
    INT,
    NOBODYS,
    Columns,
    Row,
    Sum,
    Tables,
)


def groups(values: Columns) -> Sum:
    """The table of the groups; `n` is how many rows belong to one."""
    return Sum("groups", key={"id": INT}, values=values, whose=NOBODYS)


@lru_cache(maxsize=1 << 16)
def group(values: Row) -> Row:
    """The row of these values in the table of groups: (id, *values, 1)."""
    digest = blake2b(orjson.dumps(values), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1, *values, 1)


def check(names: Iterable[str], known: Sequence[str], what: str = "dimension") -> None:
    """Raises ValueError for names that aren't known."""
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}; choose from {', '.join(known)}")


class Grouped:
    """Rows of a table, each with a kind and a group, as a report asks about them: those that hold,
    in groups `where` the dimensions are so, put together `by` dimensions."""

    def __init__(
        self,
        connection: Connection,
        tables: Tables,
        rows: Table,
        holds: ColumnElement[bool],
        by: Sequence[str],
        where: Mapping[str, str],
    ) -> None:
        names = tables["groups"].c
        self._connection = connection
        self._rows = rows.c
        self._holds = holds
        self._id = names.id
        self._columns = [names[name] for name in by]
        self._where = [names[name] == value for name, value in where.items()]

    def _named(self, query: Select[Any], group: ColumnElement[Any]) -> Select[Any]:
        """The query joined with the names of that group."""
        return query.join(self._id.table, self._id == group).where(*self._where)

    def _outermost(self, at: ColumnElement[int], kinds: Iterable[str], *, last: bool) -> int | None:
        """The first or the last instant of these kinds: a look-up a kind, not a walk."""
        query = self._named(select(at), self._rows.group).where(self._holds)
        query = query.order_by(at.desc() if last else at.asc()).limit(1)
        found = [
            self._connection.execute(query.where(self._rows.kind == kind)).scalar()
            for kind in kinds
        ]
        return (max if last else min)((each for each in found if each is not None), default=None)
