"""The simulated world: a virtual clock, an agenda, the states, and real commands that move them."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

from ticketlog.demo.dice import Dice
from ticketlog.domain.aggregates import AGGREGATES, aggregate_of, informed
from ticketlog.domain.base import (
    Actor,
    Aggregate,
    Command,
    Context,
    Recorded,
    Refused,
    kind_and_id,
    stream_key,
)
from ticketlog.domain.settings.model import Settings
from ticketlog.log.commit import Commit, commit_of, digest_of, recorded_of

SECOND = 1_000_000
MINUTE = 60
HOUR = 3600
DAY = 86_400
WEEK = 7 * DAY
MONDAY = 4 * DAY
"""1970-01-05, in seconds: the first Monday."""

Action = Callable[..., None]
CommitCallback = Callable[[str, list[Recorded], Any, Any], None]
"""A commit: its stream, its events, and the states before and after it."""


class HasState(Protocol):
    state: Any


class DemoStep(NamedTuple):
    """A command that was carried out, and its commit, received when it happens."""

    command: Command
    commit: Commit


class Mistake(Exception):
    """The simulation asked for something that the rules refuse: a fault of the simulation."""


class World:
    def __init__(self, settings: Settings, seed: int, tickets: int, start: int) -> None:
        self.settings = settings
        self.dice = Dice(seed)
        self.now = start
        self.tickets = tickets
        self.created = 0
        self._steps: list[DemoStep] = []
        self.states: dict[str, Any] = {}
        """Persons, organisations and agents by stream; a ticket's state is in its case."""
        self.cases: WeakValueDictionary[str, HasState] = WeakValueDictionary()
        """The cases that something may still happen to, by their tickets' stream."""
        self.fresh: list[HasState] = []
        """Strong references to the cases that began in this action, until they are on the
        agenda."""
        self.on_commit: CommitCallback | None = None
        """Called with each commit."""
        self.settle: Callable[[], None] | None = None
        """Called after each action: lets the policies react."""
        self._key = stream_key(f"demo\0{seed}\0{tickets}\0{start}")
        self._commands = count(1)
        self._agenda: list[tuple[int, int, Action, tuple[Any, ...]]] = []
        self._turns = count()

    def at(self, moment: int, action: Action, *arguments: Any) -> None:
        heappush(self._agenda, (moment, next(self._turns), action, arguments))

    def after(self, seconds: int, action: Action, *arguments: Any) -> None:
        self.at(self.now + seconds * SECOND, action, *arguments)

    def advance(self, end: int | None) -> bool:
        """Does what is next on the agenda; False where nothing is left until `end`."""
        if not self._agenda or (end is not None and self._agenda[0][0] > end):
            return False
        self.fresh.clear()
        self.now, _, action, arguments = heappop(self._agenda)
        action(*arguments)
        if self.settle is not None:
            self.settle()
        return True

    def taken(self) -> list[DemoStep]:
        """The steps since the last call."""
        steps, self._steps = self._steps, []
        return steps

    @property
    def full(self) -> bool:
        """All the tickets that were asked for have been opened."""
        return self.created >= self.tickets

    def begin(self, command: Command, actor: Actor, channel: str, **how: Any) -> Any:
        """Carries out a command that opens a stream under a derived id; its new state."""
        id = self._next_id()
        aggregate = aggregate_of(type(command))
        state = aggregate.initial(stream_key(id))
        return self._carry_out(aggregate, state, command, actor, channel, id, how)

    def act(
        self,
        state: Any,
        command: Command,
        actor: Actor,
        channel: str,
        id: str | None = None,
        **how: Any,
    ) -> Any:
        """The state after a command. Raises Refused for a rule's command that is refused, Mistake
        for that of any other actor."""
        aggregate = aggregate_of(type(command))
        id = id or self._next_id()
        return self._carry_out(aggregate, state, command, actor, channel, id, how)

    def state_of(self, stream: str) -> Any:
        """The state of a stream, which may not exist yet."""
        case = self.cases.get(stream)
        if case is not None:
            return case.state
        known = self.states.get(stream)
        if known is None:
            kind, id = kind_and_id(stream)
            known = AGGREGATES[kind].initial(id)
        return known

    def _next_id(self) -> str:
        return f"{self._key}-{next(self._commands)}"

    def _carry_out(
        self,
        aggregate: Aggregate,
        state: Any,
        command: Command,
        actor: Actor,
        channel: str,
        id: str,
        how: dict[str, Any],
    ) -> Any:
        seen = how.pop("seen", None)
        stream = f"{aggregate.kind}/{state.id}"
        context = Context(
            settings=self.settings,
            now=self.now,
            actor=actor,
            stream=stream,
            channel=channel,
            command_id=id,
            seen=seen,
        )
        context = informed(aggregate, command, state, context, self.state_of)
        try:
            events = aggregate.decide(command, state, context)
        except Refused as no:
            if actor.kind == "rule":
                raise
            raise Mistake(f"{command.NAME} on {stream} by {actor.id}: {no}") from no
        if not events:
            return state
        named = (command.NAME, digest_of(command), state.version + 1)
        commit = commit_of(context, *named, events, recorded_at=self.now, **how)
        self._steps.append(DemoStep(command, commit))
        recorded = recorded_of(commit)
        before, state = state, aggregate.fold(state, recorded)
        if aggregate.kind != "ticket":
            self.states[stream] = state
        if self.on_commit is not None:
            self.on_commit(stream, recorded, before, state)
        return state
