"""What agents hold who are gone: as settings say, which views don't know, so it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sqlalchemy import ColumnElement, and_, false, or_

Gone: TypeAlias = Sequence[tuple[str, str | None]]
"""Agents, each with a team in which they don't work any more."""


def held(
    agent: ColumnElement[str], team: ColumnElement[str], gone: Gone, no_team: str | None = None
) -> ColumnElement[bool]:
    """Whether a row is of one of them. `no_team`: what stands in the column for none."""
    pairs = [
        and_(agent == who, team.is_not_distinct_from(no_team if which is None else which))
        for who, which in gone
    ]
    return or_(false(), *pairs)
