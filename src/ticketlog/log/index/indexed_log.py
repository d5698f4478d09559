"""The base of logs that are read through an index."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit, Verdict
from ticketlog.log.index.reader import IndexReader
from ticketlog.log.port import Placed

_CHECK_EVERY_S = 0.01
"""Seconds between two checks of the index for other processes' writes."""


class IndexedLog(IndexReader):
    """A `Log` (see port.py) without its writing side, which a backend adds."""

    def __init__(self, path: Path, partitions: int, codec: RecordCodec) -> None:
        super().__init__(path, partitions, codec)
        self._watchers: set[Lock] = set()

    @abstractmethod
    def append(self, commit: Commit) -> Placed: ...

    @abstractmethod
    async def append_async(self, commit: Commit) -> Placed: ...

    @abstractmethod
    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]: ...

    @abstractmethod
    def sync(self) -> None: ...

    @abstractmethod
    def latest_ends(self) -> tuple[int, ...] | None: ...

    @abstractmethod
    def troubles(self) -> list[str]: ...

    @abstractmethod
    def may_be_in_flight(self, stream: str, id: str) -> bool: ...

    def skip_sync(self) -> None:
        """From now on reads give the records of the index, also where the backend can't be trusted:
        for verification."""

    def differences(self) -> Iterator[str]:
        """The records in which the index differs from the backend that it is an index of, a line
        each."""
        return iter(())

    def wait(self, ends: Sequence[int], timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while True:
            if any(reached > seen for reached, seen in zip(self.ends(), ends, strict=True)):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._pause(min(_CHECK_EVERY_S, left))

    def _pause(self, at_most_s: float) -> None:
        """Waits until the index has grown, or `at_most_s` have gone by.

        Ctrl-C may come at any instant. A condition of `threading` would then now and then raise
        another exception instead, or keep its lock, which a thread that closes the log would wait
        for; a queue may forget its time-out. So the waiting thread acquires a lock that the writing
        thread releases.
        """
        woken = Lock()
        woken.acquire()
        self._watchers.add(woken)
        try:
            woken.acquire(timeout=at_most_s)
        finally:
            self._watchers.discard(woken)

    def _notify(self) -> None:
        for watcher in tuple(self._watchers):
            with suppress(RuntimeError):  # another one has woken it already
                watcher.release()
