"""The recorder of a simulation: it appends each step to a desk's log, as one commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from ticketlog.demo import DemoStep
from ticketlog.documents import desks as documents
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.errors import Conflict
from ticketlog.log.commit import Commit, Verdict
from ticketlog.log.port import Log

BATCH = 2_000


@dataclass
class Simulated:
    """The result of a simulation; `known` commits were in the log already."""

    tickets: int = 0
    commits: int = 0
    events: int = 0
    known: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Commits per second."""
        return self.commits / self.seconds if self.seconds else 0.0

    def document(self) -> documents.Simulated:
        return documents.Simulated.filled(
            tickets=self.tickets,
            commits=self.commits,
            events=self.events,
            known=self.known,
            seconds=round(self.seconds, 3),
            commits_per_second=round(self.rate),
        )


def check_room(log: Log, first: DemoStep) -> None:
    """Raises Conflict, before anything is written, where the log holds something else than the
    simulation that begins with `first`."""
    empty = all(end <= 1 for end in log.ends())
    if not empty and log.find(first.commit.stream, first.commit.id) is None:
        raise Conflict("this desk has a history of its own: simulate in a new desk")


def record(
    log: Log,
    steps: Iterable[DemoStep],
    writer: str,
    on_progress: Callable[[Simulated], None] | None = None,
) -> Simulated:
    """Appends the steps, in batches that are each durable. The ids are those of the simulation,
    so that the same one adds nothing twice and an interrupted one goes on.

    Raises Conflict where another actor worked on the simulated tickets, Unreachable, Damaged.
    """
    done = Simulated()
    started = time.monotonic()
    for batch in _batches(steps):
        outcomes = log.append_all([_received(step.commit, writer) for step in batch])
        for step, outcome in zip(batch, outcomes, strict=True):
            if outcome is Verdict.STALE:
                raise Conflict(
                    f"{step.commit.stream} has moved on since it was simulated: simulate in a new "
                    "desk"
                )
            done.tickets += isinstance(step.command, CreateTicket)
            if isinstance(outcome, Verdict):
                done.known += 1
            else:
                done.commits += 1
                done.events += outcome.events
        done.seconds = time.monotonic() - started
        if on_progress is not None:
            on_progress(done)
    return done


def _batches(steps: Iterable[DemoStep]) -> Iterator[list[DemoStep]]:
    left = iter(steps)
    while batch := list(islice(left, BATCH)):
        yield batch


def _received(commit: Commit, writer: str) -> Commit:
    """A simulated commit as it is recorded: now. Which version its sender saw isn't kept."""
    return replace(commit, recorded_at=time.time_ns() // 1000, writer=writer, seen=None)
