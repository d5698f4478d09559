"""The schedule of reevaluations: policies look at waiting tickets again when a shift begins, and
when rules were applied, though no ticket or agent has changed.

`runner.py` asks it for the next one; `policies/assignment.py: reevaluate` says what is done then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ticketlog.domain.settings.automation_rules import AssignmentRule
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.time.shifts import next_start
from ticketlog.process_managers.workload_index import WorkloadIndex


class Reevaluation(NamedTuple):
    """A reevaluation of the waiting tickets of some teams. `why`: part of its commands' ids; `at`:
    the instant at which it fell due."""

    teams: tuple[str, ...]
    why: str
    at: int


class ReevaluationSchedule:
    """The schedule of a runner. For one thread at a time."""

    def __init__(self, workload: WorkloadIndex) -> None:
        self._workload = workload
        self._settings_applied = True
        self._latest_at = 0
        """The latest instant of a recorded commit."""
        self._done_until = 0
        """The instant up to which begun shifts were reevaluated."""
        self._repetition: Reevaluation | None = None
        self._next_shift_at: int | None = None
        self._next_shift_is_known = False

    def settings_applied(self) -> None:
        """Makes a reevaluation of all teams due, since other rules are in force."""
        self._settings_applied, self._next_shift_is_known = True, False

    def repeat(self, reevaluation: Reevaluation) -> None:
        """Makes a reevaluation due once more, since it has changed something."""
        self._repetition = reevaluation

    def recorded(self, at: int, *, agent: bool) -> None:
        """Takes note of a commit's time. `agent`: whether it is on an agent's stream."""
        self._latest_at = max(self._latest_at, at)
        self._next_shift_is_known = self._next_shift_is_known and not agent

    def next(
        self, settings: Settings, until: int, timer_at: int | None, *, uses_event_time: bool
    ) -> Reevaluation | None:
        """The reevaluation that is due next by `until`, and before the timer that fires next. Where
        commands aren't stamped with event time, all shifts that have begun are one of them."""
        repeated, self._repetition = self._repetition, None
        if repeated is not None:
            return repeated
        if self._settings_applied:
            # Once at the start as well: meanwhile rules may have come and shifts begun.
            self._settings_applied = False
            at = self._latest_at if uses_event_time else until
            self._pass(at)
            return Reevaluation(tuple(settings.teams), f"settings-{settings.position}", at)
        if not settings.rules_of(AssignmentRule):
            return None
        first = self.next_shift_at(settings)
        end = until if timer_at is None else min(until, timer_at)
        if first is None or first > end:
            return None
        if not self._workload.any_waiting():
            self._pass(end if uses_event_time else until)
            return None
        starts = list(self._shift_starts(settings))
        self._pass(first if uses_event_time else until)
        teams = {
            t for id, at in starts if at <= self._done_until for t in settings.agents[id].teams
        }
        return Reevaluation(tuple(sorted(teams)), f"shift-{first}", first)

    def next_shift_at(self, settings: Settings) -> int | None:
        """The next start of an online agent's shift; None where no rule asks for shifts."""
        if not self._next_shift_is_known:
            self._next_shift_at = min((at for _, at in self._shift_starts(settings)), default=None)
            self._next_shift_is_known = True
        return self._next_shift_at

    def _pass(self, at: int) -> None:
        self._done_until, self._next_shift_is_known = max(self._done_until, at), False

    def _shift_starts(self, settings: Settings) -> Iterator[tuple[str, int]]:
        if not any(rule.shifts for rule in settings.rules_of(AssignmentRule).values()):
            return
        for agent in self._workload.agents():
            if agent.availability == "online" and agent.id in settings.agents:
                at = next_start(agent.shifts, agent.zone, self._done_until)
                if at is not None:
                    yield agent.id, at
