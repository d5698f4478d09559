"""When tickets that wait are looked at though nothing happened to them or to an agent: a shift
begins, or rules were applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ticketlog.domain.settings.model import Settings
from ticketlog.domain.time.shifts import next_start
from ticketlog.process_managers.workload_index import WorkloadIndex


class Reevaluation(NamedTuple):
    """Which teams' tickets are looked at, why, and at what time."""

    teams: tuple[str, ...]
    why: str
    at: int


class ReevaluationSchedule:
    """Used by one thread at a time."""

    def __init__(self, floor: WorkloadIndex) -> None:
        self._floor = floor
        self._applied = True
        self._latest = 0
        """The latest time of what is recorded."""
        self._looked = 0
        """Shifts that began by then are done with."""
        self._repeated: Reevaluation | None = None
        self._first: int | None = None
        self._known = False

    def applied(self) -> None:
        """Other rules are in force."""
        self._applied, self._known = True, False

    def repeat(self, look: Reevaluation) -> None:
        """It has done something: it is due once more."""
        self._repeated = look

    def passed(self, at: int, *, agent: bool) -> None:
        """Something was recorded, of an agent or of something else."""
        self._latest = max(self._latest, at)
        self._known = self._known and not agent

    def next(
        self, settings: Settings, by: int, alarm: int | None, *, moved: bool
    ) -> Reevaluation | None:
        """What comes next by then and before an alarm. On a clock that isn't moved all shifts that
        have begun are one."""
        repeated, self._repeated = self._repeated, None
        if repeated is not None:
            return repeated
        if self._applied:
            # Once at the start as well: rules may have come and shifts begun while nobody was here.
            self._applied = False
            at = self._latest if moved else by
            self._go(at)
            return Reevaluation(tuple(settings.teams), f"settings-{settings.position}", at)
        if not settings.assignment:
            return None
        first = self.first(settings)
        until = by if alarm is None else min(by, alarm)
        if first is None or first > until:
            return None
        if not self._floor.waits():
            self._go(until if moved else by)
            return None
        starts = list(self._starts(settings))
        self._go(first if moved else by)
        teams = {t for id, at in starts if at <= self._looked for t in settings.agents[id].teams}
        return Reevaluation(tuple(sorted(teams)), f"shift-{first}", first)

    def first(self, settings: Settings) -> int | None:
        """When the next shift begins of somebody who is there, where rules ask for shifts."""
        if not self._known:
            self._first = min((at for _, at in self._starts(settings)), default=None)
            self._known = True
        return self._first

    def _go(self, at: int) -> None:
        self._looked, self._known = max(self._looked, at), False

    def _starts(self, settings: Settings) -> Iterator[tuple[str, int]]:
        if not any(rule.shifts for rule in settings.assignment.values()):
            return
        for agent in self._floor.agents():
            if agent.availability == "online" and agent.id in settings.agents:
                at = next_start(agent.shifts, agent.zone, self._looked)
                if at is not None:
                    yield agent.id, at
