"""What every log that is read through an index has in common."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

from ticketlog.log.commit import Commit, Verdict
from ticketlog.log.index import Index
from ticketlog.log.port import Placed

_POLL = 0.01
"""Seconds between looks for what other processes wrote."""


class IndexedLog(Index):
    """The waiting side of a `Log`; see port.py for all of its methods."""

    def __init__(self, path: Path, partitions: int) -> None:
        super().__init__(path, partitions)
        self._watchers = 0
        self._grown = threading.Condition()

    @abstractmethod
    def append(self, commit: Commit) -> Placed: ...

    @abstractmethod
    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]: ...

    @abstractmethod
    def sync(self) -> None: ...

    @abstractmethod
    def reach(self) -> tuple[int, ...] | None: ...

    @abstractmethod
    def troubles(self) -> list[str]: ...

    @abstractmethod
    def unsettled(self, stream: str, id: str) -> bool: ...

    def look(self) -> None:
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
            with self._grown:
                self._watchers += 1
                self._grown.wait(min(_POLL, left))
                self._watchers -= 1

    def _notify(self) -> None:
        if self._watchers:
            with self._grown:
                self._grown.notify_all()
