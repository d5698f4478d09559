"""Rows that hold from one commit to another: which of them hold at a moment."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, FromClause, Table, and_, case, or_, true

from ticketlog.projections.engine.moment import Cut, Moment


def before(
    offset: ColumnElement[int], table: FromClause, ends: Sequence[int]
) -> ColumnElement[bool]:
    """Whether a commit of the row's partition lies within the cut."""
    if len(set(ends)) == 1:
        return offset < ends[0]
    return offset < case(dict(enumerate(ends)), value=table.c.partition, else_=0)


def during(table: Table, moment: Moment | None) -> ColumnElement[bool]:
    """The intervals that hold at the moment; None: now."""
    if moment is None:
        return table.c.to_at.is_(None)
    if isinstance(moment, Cut):
        ended = before(table.c.to_offset, table, moment.ends)
        return and_(
            before(table.c.from_offset, table, moment.ends),
            or_(table.c.to_offset.is_(None), ~ended),
        )
    return and_(
        table.c.from_at <= moment.at, or_(table.c.to_at.is_(None), table.c.to_at > moment.at)
    )


def known(table: FromClause, moment: Moment | None) -> ColumnElement[bool]:
    """The rows of single commits (`at`, `partition`, `offset`) that lie before the moment."""
    if moment is None:
        return true()
    if isinstance(moment, Cut):
        return before(table.c.offset, table, moment.ends)
    return table.c.at <= moment.at
