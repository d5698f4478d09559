"""The timers of schedules: the next occurrence of each, in an index of due times. Nothing polls:
the runner sleeps until the first of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ticketlog.domain.base import kind_and_id
from ticketlog.domain.schedule import KIND
from ticketlog.domain.settings.model import Settings
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Log
from ticketlog.policies import schedules
from ticketlog.policies.protocol import Reaction
from ticketlog.process_managers.command_sender import Cause
from ticketlog.process_managers.due_index import DueIndex


class ScheduleTimers:
    """The schedules of a runner. For one thread at a time."""

    def __init__(self, log: Log, load: Callable[[str], Any]) -> None:
        self._log = log
        self._load = load
        self._due_index = DueIndex()

    def renew(self, settings: Settings) -> None:
        """Computes all due times anew, since other settings are in force."""
        for stream in list(self._due_index.streams()):
            if kind_and_id(stream)[1] not in settings.schedules:
                self._due_index.forget(stream)
        for id in settings.schedules:
            self.put(f"{KIND}/{id}", settings)

    def put(self, stream: str, settings: Settings) -> None:
        """Computes when a schedule's next occurrence is due."""
        if kind_and_id(stream)[1] in settings.schedules:
            self._due_index.put(stream, schedules.due(self._load(stream), settings))

    def next_at(self) -> int | None:
        """The earliest due time; None: nothing is due."""
        return self._due_index.next_at()

    def fire(
        self, settings: Settings, now: int, limit: int, *, uses_event_time: bool
    ) -> list[tuple[Cause, Reaction]]:
        """The commands of the schedules that are due by now, at most `limit`, those of the longest
        due first. A schedule's timer fires again when its stream has changed.

        In a catch-up run a command is stamped with its due time, as if the policies had run all the
        time; otherwise with now, so that its decision knows what is late.
        """
        found = []
        for stream in self._due_index.due(now, limit):
            state = self._load(stream)
            at = schedules.due(state, settings)
            self._due_index.put(stream, None if at is None or at <= now else at)
            if at is None or at > now:
                continue
            event = f"{stream}@{state.version}@{at}"
            partition = partition_of(stream, self._log.partitions)
            stamped = at if uses_event_time else None
            cause = Cause(schedules.NAME, event, stream, partition, 0, stamped)
            found.append((cause, schedules.act(state, settings)))
        return found

    def close(self) -> None:
        self._due_index.close()
