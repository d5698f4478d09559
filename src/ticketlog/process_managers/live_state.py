"""The runner's live state: workload, due times and pending reevaluations. It is made from the log
when the runner starts, and brought forward with every page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import kind_and_id
from ticketlog.domain.parties.agent import KIND as AGENT
from ticketlog.domain.parties.person import KIND as PERSON
from ticketlog.domain.parties.person import PersonMerged
from ticketlog.domain.settings.automation_rules import AbsenceRule
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.automation import Choose
from ticketlog.errors import Unreadable
from ticketlog.log.history import events_of
from ticketlog.log.port import Log, Record
from ticketlog.policies.protocol import Reaction, Timer
from ticketlog.process_managers.shift_starts import ReevaluationSchedule
from ticketlog.process_managers.timers import TimerQueue
from ticketlog.process_managers.workload_index import WorkloadIndex
from ticketlog.support.gc_paused import gc_paused

_MERGED = PersonMerged.NAME.encode()


class LiveState:
    """The state that policies and timers are asked with. For one thread at a time."""

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
        self._settings_position = -1
        self.workload = WorkloadIndex()
        self.timers = TimerQueue(log, timers, load, settings, self.workload.agent)
        self.reevaluations = ReevaluationSchedule(self.workload)

    def begin(self, ends: Sequence[int], on_progress: Callable[[int], None]) -> None:
        """Folds all streams up to the ends. `on_progress` is called after each stream with the
        number of records so far; an exception that it raises ends this."""
        settings = self._settings()
        self._settings_position = settings.position
        read = 0
        for partition in range(self._log.partitions):
            for stream, records in self._log.streams(partition, ends):
                read += len(records)
                on_progress(read)
                kind, id = kind_and_id(stream)
                if kind in (TICKET, AGENT) or (kind == PERSON and _is_merged(records)):
                    with gc_paused():
                        self._learn(stream, kind, id, records, settings)
        for agent in self.workload.agents():
            if agent.absent_since is not None:
                self._renew_due_times_of(agent.id, settings)

    def _learn(
        self, stream: str, kind: str, id: str, records: Sequence[Record], settings: Settings
    ) -> None:
        try:
            history = list(events_of(records, self._log.codec))
        except Exception:
            return  # A stream that can't be read is parked when its last record is read.
        aggregate = AGGREGATES[kind]
        state = aggregate.fold(aggregate.initial(id), history)
        if kind == PERSON:
            self.workload.put_person(state)
            return
        self.reevaluations.recorded(state.clock, agent=kind == AGENT)
        if kind == AGENT:
            self.workload.put_agent(state)
        elif any(each.meta.actor.kind != "import" for each in history):
            self.timers.put(stream, state, settings)
            self.workload.put_ticket(stream, state, settings)

    def apply(self, stream: str, state: Any, settings: Settings) -> None:
        """Takes in the state of a stream after its next commit; policies react to the commit before
        a later one is taken in."""
        kind = kind_and_id(stream)[0]
        self.reevaluations.recorded(state.clock, agent=kind == AGENT)
        if kind == TICKET:
            self.timers.put(stream, state, settings)
            self.workload.put_ticket(stream, state, settings)
        elif kind == AGENT:
            known = self.workload.agent(state.id)
            self.workload.put_agent(state)
            if known.absent_since != state.absent_since:
                self._renew_due_times_of(state.id, settings)
        elif kind == PERSON:
            self.workload.put_person(state)

    def _renew_due_times_of(self, agent: str, settings: Settings) -> None:
        """Computes anew what is due on the tickets of an agent who came or went."""
        if settings.rules_of(AbsenceRule):
            self._put(self.workload.all_held_by(agent), settings)

    def _put(self, streams: Iterable[str], settings: Settings) -> None:
        for stream in streams:
            # One that can't be read has been parked.
            with suppress(Unreadable):
                if kind_and_id(stream)[0] == TICKET:
                    self.timers.put(stream, self._load(stream), settings)

    def renew_due_times(self, streams: Iterable[str], settings: Settings) -> None:
        """Computes anew what is due on tickets: on these, or on all where the settings changed."""
        if settings.position != self._settings_position:
            streams = {*streams, *self.timers.streams()}
            self.reevaluations.settings_applied()
            self._settings_position = settings.position
        self._put(streams, settings)

    def command_failed(self, stream: str) -> None:
        """Takes back what `expect` has noted for a ticket, since the command wasn't done."""
        with suppress(Unreadable):
            if kind_and_id(stream)[0] == TICKET:
                self.workload.put_ticket(stream, self._load(stream), self._settings())

    def expect(self, reaction: Reaction) -> None:
        """Notes the agent whom a command chooses that isn't sent yet, so that later reactions see
        it."""
        if isinstance(reaction.command, Choose) and reaction.on is not None:
            self.workload.expect(reaction.on, reaction.command.agent)

    def close(self) -> None:
        self.timers.close()
        self.workload.close()


def _is_merged(records: Sequence[Record]) -> bool:
    """Whether a person may have been merged; of most persons nothing else need be known."""
    return any(_MERGED in record.data for record in records)
