"""The desk's own rules at work in the simulation: what `ticketlog run` does, in memory.

Policies react to each commit at the same instant; a ticket's timer stands on the world's agenda,
once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ticketlog.application.executor import derived_id
from ticketlog.demo.case import DemoCase
from ticketlog.demo.world import World
from ticketlog.domain.base import Actor, Event, Recorded, Refused, kind_and_id
from ticketlog.domain.ticket.automation import Choose
from ticketlog.policies import POLICIES, TIMERS
from ticketlog.policies.protocol import Policy, Reaction, Situation, Timer
from ticketlog.process_managers.command_sender import CHANNEL
from ticketlog.process_managers.workload_index import WorkloadIndex

OnCommit = Callable[[DemoCase, Sequence[Recorded]], None]


class _Commit(NamedTuple):
    stream: str
    events: list[Recorded]
    before: Any
    after: Any


class DemoRules:
    """The policies and timers of the simulation. `on_commit` is called with every commit on a
    ticket, before the policies react to it."""

    def __init__(self, world: World, on_commit: OnCommit) -> None:
        self._world = world
        self._on_commit = on_commit
        self._workload = WorkloadIndex()
        self._commits: deque[_Commit] = deque()
        self._cases: dict[str, DemoCase] = {}
        """The open cases by stream: the world itself only has weak references."""
        self._policies_of: dict[type[Event], list[Policy]] = {}
        world.on_commit = self._queue_commit
        world.settle = self.settle

    def _queue_commit(self, stream: str, events: list[Recorded], before: Any, after: Any) -> None:
        self._commits.append(_Commit(stream, events, before, after))

    def settle(self) -> None:
        """Lets the policies react to all commits since the last call."""
        while self._commits:
            commit = self._commits.popleft()
            kind = kind_and_id(commit.stream)[0]
            if kind == "ticket":
                self._take_ticket_commit(commit)
            elif kind == "agent":
                self._workload.put_agent(commit.after)
                self._react(commit)

    def _take_ticket_commit(self, commit: _Commit) -> None:
        stream, world = commit.stream, self._world
        case = self._cases[stream] = self._case(stream)
        if case.over:
            del self._cases[stream]
        self._workload.put_ticket(stream, commit.after, world.settings)
        self._on_commit(case, commit.events)
        self._react(commit)
        if not self._commits or self._commits[-1].stream != stream:  # Else it is asked then.
            self._plan(case)

    def _react(self, commit: _Commit) -> None:
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
            for policy in self._policies_for(type(recorded.event)):
                for reaction in policy.react(recorded, situation):
                    if isinstance(reaction.command, Choose) and reaction.on is not None:
                        self._workload.expect(reaction.on, reaction.command.agent)
                    reactions.append((recorded.id, policy.NAME, reaction))
        for cause, name, reaction in reactions:
            self._send(cause, name, reaction)

    def _policies_for(self, kind: type[Event]) -> list[Policy]:
        found = self._policies_of.get(kind)
        if found is None:
            found = self._policies_of[kind] = [each for each in POLICIES if kind in each.ON]
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
        """Puts the ticket's next timer on the agenda."""
        due = self._due(case)
        if due is not None and due[0] != case.timer_at:
            case.timer_at = due[0]
            self._world.at(max(due[0], self._world.now), self._fire, case, due[0])

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

    def _fire(self, case: DemoCase, at: int) -> None:
        """Fires a timer. Where its command is refused or changes nothing, it fires again only after
        the ticket has changed."""
        due = self._due(case)
        if due is None or case.timer_at != at:
            return
        if due[0] != at:
            self._plan(case)
            return
        case.timer_at = None
        for reaction in due[1].act(case.state, self._world.settings, self._workload.agent):
            self._send(f"{case.state.last_commit}@{at}", due[1].NAME, reaction)
