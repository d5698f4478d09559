"""What every log that is read through an index has in common."""

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

_POLL = 0.01
"""Seconds between looks for what other processes wrote."""


class IndexedLog(IndexReader):
    """The waiting side of a `Log`; see port.py for all of its methods."""

    def __init__(self, path: Path, partitions: int, codec: RecordCodec | None = None) -> None:
        super().__init__(path, partitions, codec)
        self._watchers: set[Lock] = set()

    @abstractmethod
    def append(self, commit: Commit) -> Placed: ...

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
        """From now on reads give what the index holds, also where the log can't be trusted behind
        it: for those who find out what is wrong."""

    def differences(self) -> Iterator[str]:
        """Where the index holds other records than the place that it is an index of."""
        return iter(())

    def wait(self, ends: Sequence[int], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        version = -1
        while True:
            now = self.rows("PRAGMA data_version")[0][0]
            if now != version:
                version = now
                if any(mine > theirs for mine, theirs in zip(self.ends(), ends, strict=True)):
                    return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._pause(min(_POLL, left))

    def _pause(self, seconds: float) -> None:
        """Waits until the index has grown, so many seconds at most.

        Ctrl-C may come at any instant. A condition of `threading` would then now and then raise
        something else instead, or keep its lock, which those who close the log would wait for; a
        queue may forget how long it was to wait. So one waits for a lock that the other lets go.
        """
        woken = Lock()
        woken.acquire()
        self._watchers.add(woken)
        try:
            woken.acquire(timeout=seconds)
        finally:
            self._watchers.discard(woken)

    def _notify(self) -> None:
        for watcher in tuple(self._watchers):
            with suppress(RuntimeError):  # another one has woken it already
                watcher.release()
