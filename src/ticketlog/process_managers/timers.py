"""The timer queue: the next due time of each ticket, and the commands of timers that fire.

Nothing is set and nothing is cancelled. When a ticket changes, its due time is computed anew; when
that has come it is computed once more, from the state at that moment.
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
    """The instant at which a timer fires."""

    at: int
    timer: Timer


class FiredTimers(NamedTuple):
    """The outcome of timers that fired: commands with their causes, and causes that failed."""

    reactions: list[tuple[Cause, Reaction]]
    failures: list[tuple[Cause, Exception]]


class TimerQueue:
    """The timers of all tickets. For one thread at a time."""

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
        self._due_index = DueIndex()

    def streams(self) -> Iterator[str]:
        """The streams of tickets that aren't closed."""
        return self._due_index.streams()

    def put(self, stream: str, ticket: Ticket, settings: Settings) -> None:
        """Computes the due time of a ticket that has changed."""
        if ticket.status_category == "closed" or ticket.withdrawn:
            self._due_index.forget(stream)
            return
        due = self._next_due(ticket, settings)[0]
        self._due_index.put(stream, due.at if due else None)

    def _next_due(
        self, ticket: Ticket, settings: Settings
    ) -> tuple[_Due | None, list[tuple[Timer, Exception]]]:
        """The timer that fires first, and the timers that failed to say when they do. Where one
        failed, the ticket is due at once, so that it is parked."""
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

    def next_at(self) -> int | None:
        """The earliest due time; None: nothing is due."""
        return self._due_index.next_at()

    def fire(self, now: int, limit: int) -> FiredTimers:
        """Fires the timers that are due by now, of at most `limit` tickets. A ticket's timers fire
        again when it has changed: so a command that is refused, or changes nothing, isn't sent for
        ever."""
        fired = FiredTimers([], [])
        settings = self._settings()
        for stream in self._due_index.due(now, limit):
            try:
                ticket: Ticket = self._load(stream)
            except Unreadable:
                self._due_index.forget(stream)  # Its last record is parked when it is read.
                continue
            due, failed = self._next_due(ticket, settings)
            if failed:
                self._due_index.put(stream, None)
                fired.failures.extend((self._cause(stream, t.NAME), why) for t, why in failed)
            elif due is None or due.at > now:
                self._due_index.put(stream, due.at if due else None)
            else:
                self._due_index.put(stream, None)
                fired.reactions.extend(self._act(stream, due, ticket, settings, fired))
        return fired

    def _act(
        self, stream: str, due: _Due, ticket: Ticket, settings: Settings, fired: FiredTimers
    ) -> list[tuple[Cause, Reaction]]:
        """A timer's commands. Their ids follow from the ticket's last commit and the due time."""
        name, event = due.timer.NAME, f"{ticket.last_commit}@{due.at}"
        try:
            reactions = list(due.timer.act(ticket, settings, self._at_work))
        except Exception as error:
            fired.failures.append((self._cause(stream, name), error))
            return []
        cause = Cause(name, event, stream, partition_of(stream, self._log.partitions), 0, due.at)
        return [(cause, reaction) for reaction in reactions]

    def _cause(self, stream: str, timer: str) -> Cause:
        """The cause of a timer that failed: the ticket's last record."""
        last = self._log.stream(stream, self._log.head(stream).version - 1)[-1]
        return Cause(timer, stream, stream, last.partition, last.offset)

    def close(self) -> None:
        self._due_index.close()
