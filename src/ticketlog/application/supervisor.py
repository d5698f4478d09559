"""Workers of a long-running process: each in a thread of its own, begun again after a failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ticketlog.errors import TicketlogError

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between a failure and the next attempt; each pause is twice the one before."""


class Worker(NamedTuple):
    """A worker: it runs as long as the process lives."""

    name: str
    run: Callable[[threading.Event], None]
    """Works until the event is set. What it raises is tried again, so that it must go on where
    it was."""
    passed: Callable[[], float]
    """When it had last done all there was to do, in seconds since 1970; 0: not yet."""
    positions: Callable[[], Sequence[int]] | None = None
    """How far it is in each partition of the log, where that isn't a view's position."""
    troubles: Callable[[], Sequence[str]] = tuple
    """What it has left for good while the rest goes on, a line each."""


Report = Callable[[Worker, Exception, float], None]
"""Told of a failure of a worker, and in how many seconds it is begun again."""


class Supervised:
    """A worker and how it does."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.failures = 0
        self._error: Exception | None = None
        self._passed = 0.0
        self.thread: threading.Thread | None = None

    @property
    def error(self) -> Exception | None:
        """The error of the worker, until it has done all its work again."""
        return self._error if self.worker.passed() == self._passed else None

    @property
    def trouble(self) -> str | None:
        """The same in a line."""
        match self.error:
            case None:
                return None
            case TicketlogError() as error:
                return str(error)
            case error:
                return f"internal error: {type(error).__name__}: {error}"

    def work(self, stop: threading.Event) -> Exception | None:
        """One attempt; returns what it failed with."""
        try:
            self.worker.run(stop)
        except Exception as error:
            logging.getLogger(__name__).debug("%s", self.worker.name, exc_info=True)
            self._passed = self.worker.passed()
            self.failures += 1
            self._error = error
            return error
        return None


class Supervisor:
    """Runs workers until it is stopped."""

    def __init__(self, workers: Iterable[Worker], report: Report) -> None:
        self.workers = [Supervised(worker) for worker in workers]
        self._report = report
        self._stop = threading.Event()

    @property
    def alive(self) -> bool:
        return all(each.thread is not None and each.thread.is_alive() for each in self.workers)

    def start(self) -> None:
        for each in self.workers:
            name = f"ticketlog-{each.worker.name}"
            each.thread = threading.Thread(target=self._keep, args=(each,), name=name)
            each.thread.start()

    def stop(self) -> None:
        """Returns once all have stopped."""
        self._stop.set()
        for each in self.workers:
            if each.thread is not None:
                each.thread.join()

    def _keep(self, each: Supervised) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            before = each.worker.passed()
            error = each.work(self._stop)
            if each.worker.passed() > before:
                pause = FIRST_PAUSE
            if error is not None:
                self._report(each.worker, error, pause)
            self._stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
