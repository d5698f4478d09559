"""What the runner knows of the desk besides its places in the log: made from the log when it
starts, and brought forward with every page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.parties.person import PersonMerged
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.automation import Choose
from ticketlog.errors import Unreadable
from ticketlog.log.history import events_of
from ticketlog.log.port import Log, Record
from ticketlog.policies.protocol import Reaction, Timer
from ticketlog.process_managers.reevaluation import ReevaluationSchedule
from ticketlog.process_managers.timers import TimerQueue
from ticketlog.process_managers.workload_index import WorkloadIndex
from ticketlog.support.gc_paused import gc_paused

_TICKET, _AGENT, _PERSON = "ticket", "agent", "person"
_MERGED = PersonMerged.NAME.encode()


class LiveState:
    """Used by one thread at a time."""

    def __init__(
        self,
        log: Log,
        timers: Sequence[Timer],
        load: Callable[[str], Any],
        settings: Callable[[], Settings],
    ) -> None:
        self._log = log
        self._load = load
        self._settings = settings
        self._under = -1
        self.floor = WorkloadIndex()
        self.alarms = TimerQueue(log, timers, load, settings, self.floor.agent)
        self.looks = ReevaluationSchedule(self.floor)

    def begin(self, ends: Sequence[int], goes_on: Callable[[int], None]) -> None:
        """Learns what the log says up to the ends. `goes_on` is told after each stream how many
        records that were; what it raises ends this."""
        settings = self._settings()
        self._under = settings.position
        learned = 0
        for partition in range(self._log.partitions):
            for stream, records in self._log.streams(partition, ends):
                learned += len(records)
                goes_on(learned)
                kind = stream.partition("/")[0]
                if kind in (_TICKET, _AGENT) or (kind == _PERSON and _is_merged(records)):
                    with gc_paused():
                        self._learn(stream, kind, records, settings)
        for agent in self.floor.agents():
            if agent.absent_since is not None:
                self._ask_again(agent.id, settings)

    def _learn(self, stream: str, kind: str, records: Sequence[Record], settings: Settings) -> None:
        try:
            history = list(events_of(records, self._log.codec))
        except Exception:
            return  # A stream that can't be read is parked where its last record is met.
        aggregate = AGGREGATES[kind]
        state = aggregate.fold(aggregate.initial(stream.partition("/")[2]), history)
        if kind == _PERSON:
            self.floor.put_person(state)
            return
        self.looks.passed(state.clock, agent=kind == _AGENT)
        if kind == _AGENT:
            self.floor.put_agent(state)
        elif any(each.meta.actor.kind != "import" for each in history):
            self.alarms.put(stream, state, settings)
            self.floor.put_ticket(stream, state, settings)

    def sees(self, stream: str, state: Any, settings: Settings) -> None:
        """The next commit of the log, and the state after it: what comes behind it isn't known
        yet when it is answered."""
        self.looks.passed(state.clock, agent=stream.startswith(f"{_AGENT}/"))
        if stream.startswith(f"{_TICKET}/"):
            self.alarms.put(stream, state, settings)
            self.floor.put_ticket(stream, state, settings)
        elif stream.startswith(f"{_AGENT}/"):
            known = self.floor.agent(state.id)
            self.floor.put_agent(state)
            if known.absent_since != state.absent_since:
                self._ask_again(state.id, settings)
        elif stream.startswith(f"{_PERSON}/"):
            self.floor.put_person(state)

    def _ask_again(self, agent: str, settings: Settings) -> None:
        """Asks again what is due on the tickets of an agent who came or went."""
        if settings.absence:
            self._put(self.floor.all_held_by(agent), settings)

    def _put(self, streams: Iterable[str], settings: Settings) -> None:
        for stream in streams:
            # One that can't be read has been parked.
            with suppress(Unreadable):
                if stream.startswith(f"{_TICKET}/"):
                    self.alarms.put(stream, self._load(stream), settings)

    def again(self, streams: Iterable[str], settings: Settings) -> None:
        """Asks again what is due on tickets, and on all of them where the settings have changed."""
        if settings.position != self._under:
            streams = {*streams, *self.alarms.streams()}
            self.looks.applied()
            self._under = settings.position
        self._put(streams, settings)

    def failed(self, stream: str) -> None:
        """What was to be sent to a ticket was not done: nobody is chosen for it by that."""
        with suppress(Unreadable):
            if stream.startswith(f"{_TICKET}/"):
                self.floor.put_ticket(stream, self._load(stream), self._settings())

    def sends(self, reaction: Reaction) -> None:
        """What follows of a command that is about to be sent: those after it shall know."""
        if isinstance(reaction.command, Choose) and reaction.on is not None:
            self.floor.expect(reaction.on, reaction.command.agent)

    def close(self) -> None:
        self.alarms.close()
        self.floor.close()


def _is_merged(records: Sequence[Record]) -> bool:
    """Whether a person may have been merged; of most persons nothing else need be known."""
    return any(_MERGED in record.data for record in records)
