"""The desk's own rules at work in the simulation: what `ticketlog run` does, in memory.

After everything that somebody does, the policies are asked about it at the same instant; a timer
of a ticket stands on the world's agenda, once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ticketlog.application.executor import derived_id
from ticketlog.demo.case import DemoCase
from ticketlog.demo.world import World
from ticketlog.domain.base import Actor, Event, Recorded, Refused
from ticketlog.domain.ticket.automation import Choose
from ticketlog.policies import POLICIES, TIMERS
from ticketlog.policies.protocol import Policy, Reaction, Situation, Timer
from ticketlog.process_managers.command_sender import CHANNEL
from ticketlog.process_managers.workload_index import WorkloadIndex

Heard = Callable[[DemoCase, Sequence[Recorded]], None]


class _Commit(NamedTuple):
    stream: str
    events: list[Recorded]
    before: Any
    after: Any


class DemoRules:
    """`heard` is told of everything that happens to a ticket, before the rules answer it."""

    def __init__(self, world: World, heard: Heard) -> None:
        self._world = world
        self._heard = heard
        self._workload = WorkloadIndex()
        self._news: deque[_Commit] = deque()
        self._cases: dict[str, DemoCase] = {}
        """Those that aren't over, by stream: the world forgets what nobody else has plans for."""
        self._asked: dict[type[Event], list[Policy]] = {}
        world.told = self._told
        world.settle = self.settle

    def _told(self, stream: str, events: list[Recorded], before: Any, after: Any) -> None:
        self._news.append(_Commit(stream, events, before, after))

    def settle(self) -> None:
        """Does what the rules say to all that has happened since the last call."""
        while self._news:
            commit = self._news.popleft()
            kind = commit.stream.partition("/")[0]
            if kind == "ticket":
                self._of_ticket(commit)
            elif kind == "agent":
                self._workload.put_agent(commit.after)
                self._answer(commit)

    def _of_ticket(self, commit: _Commit) -> None:
        stream, world = commit.stream, self._world
        case = self._cases[stream] = self._case(stream)
        if case.over:
            del self._cases[stream]
        self._workload.put_ticket(stream, commit.after, world.settings)
        self._heard(case, commit.events)
        self._answer(commit)
        if not self._news or self._news[-1].stream != stream:  # Else it is asked then.
            self._plan(case)

    def _answer(self, commit: _Commit) -> None:
        situation = Situation(
            settings=self._world.settings,
            now=self._world.now,
            before=lambda: commit.before,
            after=lambda: commit.after,
            load=self._world.state_of,
            workload=self._workload,
            commit=commit.events,
        )
        reactions = []
        for recorded in commit.events:
            for policy in self._policies(type(recorded.event)):
                for reaction in policy.react(recorded, situation):
                    if isinstance(reaction.command, Choose) and reaction.on is not None:
                        self._workload.expect(reaction.on, reaction.command.agent)
                    reactions.append((recorded.id, policy.NAME, reaction))
        for cause, name, reaction in reactions:
            self._send(cause, name, reaction)

    def _policies(self, kind: type[Event]) -> list[Policy]:
        found = self._asked.get(kind)
        if found is None:
            found = self._asked[kind] = [each for each in POLICIES if kind in each.ON]
        return found

    def _send(self, cause: str, policy: str, reaction: Reaction) -> None:
        assert reaction.on is not None
        id = derived_id(cause, policy, reaction.slot)
        actor = Actor(reaction.rule, "rule", "rule")
        how: dict[str, Any] = {"id": id, "source": policy, "cause": cause, "seen": reaction.seen}
        try:
            if reaction.on.startswith("agent/"):
                state = self._world.state_of(reaction.on)
                self._world.act(state, reaction.command, actor, CHANNEL, **how)
            else:
                self._case(reaction.on).do(reaction.command, actor, CHANNEL, **how)
        except Refused:
            state = self._world.state_of(reaction.on)
            self._workload.put_ticket(reaction.on, state, self._world.settings)

    def _case(self, stream: str) -> DemoCase:
        case = self._world.cases[stream]
        assert isinstance(case, DemoCase)
        return case

    def _plan(self, case: DemoCase) -> None:
        """Asks when the next thing is due on a ticket."""
        due = self._due(case)
        if due is not None and due[0] != case.rings_at:
            case.rings_at = due[0]
            self._world.at(max(due[0], self._world.now), self._ring, case, due[0])

    def _due(self, case: DemoCase) -> tuple[int, Timer] | None:
        settings, ticket = self._world.settings, case.state
        if ticket.status_category == "closed":
            return None
        found = [
            (at, each)
            for each in TIMERS
            if (at := each.due(ticket, settings, self._workload.agent)) is not None
        ]
        return min(found, key=lambda due: due[0], default=None)

    def _ring(self, case: DemoCase, at: int) -> None:
        """What is due is done; where it is refused or changes nothing, the ticket has to change
        before it is tried again."""
        due = self._due(case)
        if due is None or case.rings_at != at:
            return
        if due[0] != at:
            self._plan(case)
            return
        case.rings_at = None
        for reaction in due[1].act(case.state, self._world.settings, self._workload.agent):
            self._send(f"{case.state.last_commit}@{at}", due[1].NAME, reaction)
