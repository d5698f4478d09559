"""The tickets of agents who are gone: as the settings say, which are given to the query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sqlalchemy import ColumnElement, and_, false, or_

from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.settings.model import Settings

Gone: TypeAlias = Sequence[tuple[str, str | None]]
"""Agents, each with a team in which they don't work any more."""


def gone_of(pairs: Iterable[tuple[str, str | None]], settings: Settings) -> Gone:
    """Of agents who hold something, each with its team, those who don't work there any more."""
    return [pair for pair in pairs if why_gone(*pair, settings) is not None]


def held(
    agent: ColumnElement[str], team: ColumnElement[str], gone: Gone, no_team: str | None = None
) -> ColumnElement[bool]:
    """Whether a row is of one of them. `no_team`: what stands in the column for none."""
    pairs = [
        and_(agent == who, team.is_not_distinct_from(no_team if which is None else which))
        for who, which in gone
    ]
    return or_(false(), *pairs)
