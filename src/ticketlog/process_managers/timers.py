"""Timers at work: what is due on which ticket, and the commands for it.

Nothing is set and nothing is cancelled. When a ticket changes, what is due on it is asked again;
when it is due it is asked once more, of the state of that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.state import Ticket
from ticketlog.errors import Unreadable
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Log
from ticketlog.policies.protocol import AtWork, Reaction, Timer
from ticketlog.process_managers.command_sender import Cause
from ticketlog.process_managers.due_index import DueIndex


class _Due(NamedTuple):
    at: int
    timer: Timer


class Rung(NamedTuple):
    """What is due: commands with their causes, and causes that failed."""

    reactions: list[tuple[Cause, Reaction]]
    failures: list[tuple[Cause, Exception]]


class TimerQueue:
    """Used by one thread at a time."""

    def __init__(
        self,
        log: Log,
        timers: Sequence[Timer],
        load: Callable[[str], Any],
        settings: Callable[[], Settings],
        at_work: AtWork,
    ) -> None:
        self._log = log
        self._timers = tuple(timers)
        self._load = load
        self._settings = settings
        self._at_work = at_work
        self._timetable = DueIndex()

    def streams(self) -> Iterator[str]:
        """The tickets on which something is due or may become so."""
        return self._timetable.streams()

    def put(self, stream: str, ticket: Ticket, settings: Settings) -> None:
        """Asks what is due on a ticket that has changed."""
        if ticket.status_category == "closed" or ticket.withdrawn:
            self._timetable.forget(stream)
            return
        due = self._asked(ticket, settings)[0]
        self._timetable.put(stream, due.at if due else None)

    def _asked(
        self, ticket: Ticket, settings: Settings
    ) -> tuple[_Due | None, list[tuple[Timer, Exception]]]:
        """What is due first, and the timers that can't say. A ticket with one of these rings at
        once, so that it is parked."""
        found: list[_Due] = []
        failed: list[tuple[Timer, Exception]] = []
        for timer in self._timers:
            try:
                at = timer.due(ticket, settings, self._at_work)
            except Exception as error:
                failed.append((timer, error))
                at = 0
            if at is not None:
                found.append(_Due(at, timer))
        return min(found, key=lambda due: due.at, default=None), failed

    def next(self) -> int | None:
        """When it rings next."""
        return self._timetable.next()

    def ring(self, now: int, limit: int) -> Rung:
        """What is due by now, of at most so many tickets. Each of them rings again when it has
        changed: so what was refused, or changed nothing, doesn't ring for ever."""
        rung = Rung([], [])
        settings = self._settings()
        for stream in self._timetable.due(now, limit):
            try:
                ticket: Ticket = self._load(stream)
            except Unreadable:
                self._timetable.forget(stream)  # Its last record is parked where it is met.
                continue
            due, failed = self._asked(ticket, settings)
            if failed:
                self._timetable.put(stream, None)
                rung.failures.extend((self._cause(stream, t.NAME), why) for t, why in failed)
            elif due is None or due.at > now:
                self._timetable.put(stream, due.at if due else None)
            else:
                self._timetable.put(stream, None)
                rung.reactions.extend(self._answers(stream, due, ticket, settings, rung))
        return rung

    def _answers(
        self, stream: str, due: _Due, ticket: Ticket, settings: Settings, rung: Rung
    ) -> list[tuple[Cause, Reaction]]:
        """The ids of the commands follow from the ticket's last commit and the time."""
        name, event = due.timer.NAME, f"{ticket.last_commit}@{due.at}"
        try:
            answers = list(due.timer.act(ticket, settings, self._at_work))
        except Exception as error:
            rung.failures.append((self._cause(stream, name), error))
            return []
        cause = Cause(name, event, stream, partition_of(stream, self._log.partitions), 0, due.at)
        return [(cause, reaction) for reaction in answers]

    def _cause(self, stream: str, timer: str) -> Cause:
        """Of a timer that fails: the ticket's last record."""
        last = self._log.stream(stream, self._log.head(stream).version - 1)[-1]
        return Cause(timer, stream, stream, last.partition, last.offset)

    def close(self) -> None:
        self._timetable.close()
