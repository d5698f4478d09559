"""Workers of a long-running process: each in a thread of its own, begun again after a failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ticketlog.errors import TicketlogError

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
"""Seconds between a failure and the next attempt; each pause is twice the one before."""


class Worker(NamedTuple):
    """A worker: it runs as long as the process lives."""

    name: str
    run: Callable[[threading.Event], None]
    """Works until the event is set. After an exception it is called again, so that it must go on
    where it was."""
    last_pass_at: Callable[[], float]
    """The end of the last complete pass, in seconds since 1970; 0: none yet."""
    positions: Callable[[], Sequence[int]] | None = None
    """The offset of the next record of each partition, where that isn't a view's position."""
    troubles: Callable[[], Sequence[str]] = tuple
    """Parked work, a line each, which the worker has left while the rest goes on."""
    deliveries: Callable[[], Mapping[str, tuple[int, int]]] = dict
    """Deliveries that were taken and that failed since the process began, by endpoint."""


Report = Callable[[Worker, Exception, float], None]
"""Called with a worker, its failure, and the seconds after which it is begun again."""


class Supervised:
    """A worker and its state."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.failures = 0
        self._error: Exception | None = None
        self._last_pass_at = 0.0
        self.thread: threading.Thread | None = None

    @property
    def error(self) -> Exception | None:
        """The error of the worker, until it has done all its work again."""
        return self._error if self.worker.last_pass_at() == self._last_pass_at else None

    @property
    def trouble(self) -> str | None:
        """The error in a line."""
        match self.error:
            case None:
                return None
            case TicketlogError() as error:
                return str(error)
            case error:
                return f"internal error: {type(error).__name__}: {error}"

    def work(self, stop: threading.Event) -> Exception | None:
        """Makes one attempt; returns its error, if it failed."""
        try:
            self.worker.run(stop)
        except Exception as error:
            logging.getLogger(__name__).debug("%s", self.worker.name, exc_info=True)
            self._last_pass_at = self.worker.last_pass_at()
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
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set():
            before = each.worker.last_pass_at()
            error = each.work(self._stop)
            if each.worker.last_pass_at() > before:
                pause_s = FIRST_PAUSE_S
            if error is not None:
                self._report(each.worker, error, pause_s)
            self._stop.wait(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
