"""The utilisation report: the working time of agents, and their load meanwhile: per agent or team,
by day, week or month in a zone.

Occupancy is the share of the time online that an agent works, utilisation the share of the time
that they should be there (MetricNet, Genesys; Zendesk's workforce management). An agent who works
while they are neither exceeds 100 %. Reports run on business time; ids only, whole numbers only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ticketlog.documents.reports import Utilisation
from ticketlog.domain.settings.model import Settings
from ticketlog.projections.engine.projection import Projection
from ticketlog.projections.engine.query import Reading
from ticketlog.projections.views.shared.dimensions import check
from ticketlog.projections.views.shared.periods import Period, periods
from ticketlog.projections.views.shared.report import ReportQuery
from ticketlog.projections.views.utilisation.spans import Figure, Sweep, known
from ticketlog.projections.views.utilisation.worktime import TABLES, AgentFold, TicketFold

NAME = "utilisation"
VERSION = 3

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


class UtilisationReport(ReportQuery):
    """The working time of agents, and their load: SECONDS (`online_seconds`
    and so on), COUNTS and RATIOS.

    Who is in two teams counts in both. What still goes on counts up to the last instant that the
    view tells of.
    """

    NAME = "utilisation"
    DOCUMENT = Utilisation
    DIMENSIONS = ("agent", "team")

    def ask(self, at: Reading) -> list[dict[str, Any]]:
        check((*self.groups, *self.where), self.DIMENSIONS)
        edges = known(at.connection, at.tables)
        if edges is None:
            return []
        first, last = edges
        start = first if self.start is None else self.start
        end = last + 1 if self.end is None else self.end
        found = periods(self.period, self.zone, start, end)
        figures = Sweep(at.connection, at.tables, found, last).figures() if found else ()
        sums = _summed(figures, self.groups, _teams_of(at.settings()), self.where)
        return list(_rows(sums, found, self.groups))


def _teams_of(settings: Settings) -> Mapping[str, Sequence[str]]:
    """Agent -> the teams that they are in."""
    return {agent.id: agent.teams for agent in settings.agents.values() if agent.teams}


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


VIEW = Projection(
    NAME, VERSION, TABLES, {"ticket": TicketFold, "agent": AgentFold}, (UtilisationReport,)
)
