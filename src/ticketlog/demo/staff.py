"""The staff: agents with their shifts, the queues of teams, and the next ticket for an agent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from ticketlog.demo.case import DemoCase
from ticketlog.demo.world import DAY, HOUR, MINUTE, MONDAY, SECOND, World
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.agent import SetAvailability, SetShifts
from ticketlog.domain.settings.model import Agent
from ticketlog.domain.time.calendar import Weekday
from ticketlog.domain.time.shifts import Shift
from ticketlog.policies.agent_selection import rule_for

SHIFTS = ((7, 15), (8, 16), (9, 17), (8, 16), (10, 18), (11, 19))
"""From hour to hour, UTC; a team's agents take them in turn."""
DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")


@dataclass(slots=True)
class DemoAgent:
    """An agent at work."""

    agent: Agent
    actor: Actor
    shift: tuple[int, int]
    is_at_work: bool = False
    busy: bool = False
    todo: deque[DemoCase] = field(default_factory=deque)
    """Assigned tickets that the agent has to look at again."""

    @property
    def id(self) -> str:
        return self.agent.id

    @property
    def first(self) -> str:
        return (self.agent.name or self.agent.id).partition(" ")[0]


Sit = Callable[[DemoAgent, DemoCase], None]
"""Begins a sitting of an agent at a ticket, which ends with a call of `Staff.release`."""


class Staff:
    """The agents of all teams."""

    def __init__(self, world: World, sit: Sit) -> None:
        self.world = world
        self.sit = sit
        self.workers: dict[str, DemoAgent] = {}
        self.leads: dict[str, Actor] = {}
        """Team -> its supervisor."""
        self.teams: dict[str, list[DemoAgent]] = {team: [] for team in world.settings.teams}
        self.queues: dict[str, list[tuple[int, int, DemoCase]]] = {team: [] for team in self.teams}
        self._arrivals = count()
        for agent in world.settings.agents.values():
            self._employ(agent)

    def _employ(self, agent: Agent) -> None:
        """Takes an agent into the staff; one in no team, as the desk's admin, doesn't work
        tickets."""
        if not agent.teams:
            return
        if "agent" not in agent.roles:
            role = agent.roles[0]
            self.leads.update(dict.fromkeys(agent.teams, Actor(agent.id, "agent", role)))
            return
        team = self.teams[agent.teams[0]]
        shift = SHIFTS[len(team) % len(SHIFTS)]
        worker = DemoAgent(agent, Actor(agent.id, "agent", "agent"), shift)
        self.workers[agent.id] = worker
        for each in agent.teams:
            self.teams[each].append(worker)
        start, end = (f"{hour:02}:00" for hour in shift)
        hours = SetShifts(
            shifts=tuple(Shift(day=day, start=start, end=end) for day in DAYS), zone="UTC"
        )
        self.world.act(self.world.state_of(f"agent/{agent.id}"), hours, worker.actor, "web")
        midnight = self.world.now - self.world.now % (DAY * SECOND)
        self.world.at(midnight + shift[0] * HOUR * SECOND, self._arrive, worker)

    def _arrive(self, worker: DemoAgent) -> None:
        """An agent comes to work, except at weekends and when ill, and plans the next day."""
        self.world.after(DAY, self._arrive, worker)
        weekday = (self.world.now // SECOND - MONDAY) // DAY % 7
        if weekday >= len(DAYS) or self.world.dice.chance(0.04):
            return
        worker.is_at_work = True
        self._appear(worker, SetAvailability(availability="online"))
        start, end = worker.shift
        self.world.after((end - start) * HOUR, self._leave, worker)
        if self.world.dice.chance(0.1):
            self.world.after(self.world.dice.whole(2, 5) * HOUR, self._step_out, worker)
        self.next(worker)

    def _leave(self, worker: DemoAgent) -> None:
        worker.is_at_work = False
        self._appear(worker, SetAvailability(availability="offline"))

    def _step_out(self, worker: DemoAgent) -> None:
        """An agent goes away for the rest of the day."""
        if worker.is_at_work:
            worker.is_at_work = False
            why = self.world.dice.pick(("training", "at the dentist", "meeting of all"))
            self._appear(worker, SetAvailability(availability="away", reason=why))

    def _appear(self, worker: DemoAgent, command: SetAvailability) -> None:
        state = self.world.state_of(f"agent/{worker.id}")
        self.world.act(state, command, worker.actor, "web")

    def offer(self, case: DemoCase) -> None:
        """Puts a ticket into its team's queue, most urgent first, then oldest, unless a rule
        assigns it."""
        team = case.state.team
        if team is None or case.over or rule_for(case.state, self.world.settings) is not None:
            return
        priorities = self.world.settings.priorities
        rank = priorities.rank(case.state.priority) if priorities else 0
        heappush(self.queues[team], (rank, next(self._arrivals), case))
        for worker in self.teams[team]:
            if worker.is_at_work and not worker.busy:
                self.next(worker)
                return

    def hand_back(self, case: DemoCase) -> None:
        """Hands a ticket back to its assignee; without one it goes to the team's queue."""
        worker = self.workers.get(case.state.assignee or "")
        if worker is None:
            self.offer(case)
            return
        worker.todo.append(case)
        if worker.is_at_work and not worker.busy:
            self.next(worker)

    def next(self, worker: DemoAgent) -> None:
        """Begins a sitting at the agent's own ticket that waits longest, else at a queue's
        first."""
        if worker.busy or not worker.is_at_work:
            return
        while worker.todo:
            case = worker.todo.popleft()
            if not case.over and not case.busy and case.state.assignee == worker.id:
                self.sit(worker, case)
                return
        for team in worker.agent.teams:
            queue = self.queues[team]
            while queue:
                _, _, case = heappop(queue)
                if self._is_free(case, team):
                    self.sit(worker, case)
                    return

    def _is_free(self, case: DemoCase, team: str) -> bool:
        state = case.state
        return state.active and not case.busy and state.team == team and state.assignee is None

    def release(self, worker: DemoAgent) -> None:
        """Ends a sitting; the next one begins after a pause."""
        worker.busy = False
        if worker.is_at_work:
            self.world.after(self.world.dice.whole(1, 4) * MINUTE, self.next, worker)

    def at_work(self, team: str) -> list[DemoAgent]:
        return [worker for worker in self.teams[team] if worker.is_at_work]
