"""How much of their time agents work, and how much they have to do meanwhile: per agent or team, by
day, week or month in a zone.

Occupancy is the share of the time online that an agent works, utilisation the share of the time
that they should be there (MetricNet, Genesys; Zendesk's workforce management). Whoever works while
they are neither exceeds 100 %. Reports run on business time; ids only, whole numbers only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from ticketlog.projections.engine.projection import Projection, Tables
from ticketlog.projections.views.shared.dimensions import check
from ticketlog.projections.views.shared.periods import Period, PeriodKind, periods
from ticketlog.projections.views.utilisation.spans import Figure, Sweep, known
from ticketlog.projections.views.utilisation.worktime import TABLES, AgentFold, TicketFold

NAME = "utilisation"
VERSION = 2

DIMENSIONS = ("agent", "team")
SECONDS = ("online", "away", "on_shift", "worked", "engaged", "open", "waiting")
"""online, away: as they said. on_shift: as their weekly shifts say. worked: on one ticket or on
several. engaged: online, with a new or open ticket or more. open, waiting: of each ticket that was
theirs, while it was new or open, pending or on hold."""
COUNTS = ("tickets", "touches", "solved")
"""tickets: that they worked on; touches: commits by them; solved: resolutions of what was theirs.
A ticket that two agents worked on counts for both."""
RATIOS = {
    "load": ("carried", "online", 100),
    "occupancy": ("worked", "online", 10_000),
    "utilisation": ("worked", "on_shift", 10_000),
}
"""load: how many new and open tickets they had while online, in hundredths. occupancy, utilisation:
in hundredths of a percent. Cut to whole numbers; None: there was no such time."""

_Group = tuple[int, tuple[str, ...]]
"""Number of the period, values of the dimensions."""


def utilisation(
    connection: Connection,
    tables: Tables,
    *,
    period: PeriodKind = "month",
    zone: str = "UTC",
    by: Sequence[str] = (),
    start: int | None = None,
    end: int | None = None,
    teams: Mapping[str, Sequence[str]] | None = None,
    **where: str,
) -> list[dict[str, Any]]:
    """One row per period and group of the dimensions `by` with SECONDS (`online_seconds` and so
    on), COUNTS and RATIOS.

    `teams`: the members of each team; who is in two counts in both. `start` and `end`: instants;
    whole periods around them are reported, by default all. What still goes on counts up to the
    last instant that the view tells of. Raises ValueError for unknown dimensions, periods or zones.
    """
    check((*by, *where), DIMENSIONS)
    edges = known(connection, tables)
    if edges is None:
        return []
    first, last = edges
    found = periods(
        period, zone, first if start is None else start, last + 1 if end is None else end
    )
    figures = Sweep(connection, tables, found, last).figures() if found else ()
    return list(_rows(_summed(figures, by, _teams_of(teams or {}), where), found, by))


def _teams_of(teams: Mapping[str, Sequence[str]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for team, agents in teams.items():
        for agent in agents:
            found.setdefault(agent, []).append(team)
    return found


def _summed(
    figures: Iterable[Figure],
    by: Sequence[str],
    teams_of: Mapping[str, Sequence[str]],
    where: Mapping[str, str],
) -> dict[_Group, dict[str, int]]:
    sums: dict[_Group, dict[str, int]] = {}
    matters = "team" in (*by, *where)
    for agent, number, what, n in figures:
        for team in teams_of.get(agent, ("",)) if matters else ("",):
            its = {"agent": agent, "team": team}
            if all(its[name] == value for name, value in where.items()):
                group = (number, tuple(its[name] for name in by))
                sums.setdefault(group, defaultdict(int))[what] += n
    return sums


def _rows(
    sums: dict[_Group, dict[str, int]], found: Sequence[Period], by: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """One per group that has something to tell; without dimensions, one per period."""
    if not by:
        for number in range(len(found)):
            sums.setdefault((number, ()), defaultdict(int))
    for (number, group), its in sorted(sums.items()):
        yield {
            "period": found[number].label,
            **{name: value or None for name, value in zip(by, group, strict=True)},
            **{f"{name}_seconds": its[name] for name in SECONDS},
            **{name: its[name] for name in COUNTS},
            **{
                name: its[part] * scale // its[whole] if its[whole] else None
                for name, (part, whole, scale) in RATIOS.items()
            },
        }


VIEW = Projection(NAME, VERSION, TABLES, {"ticket": TicketFold, "agent": AgentFold}, (utilisation,))
