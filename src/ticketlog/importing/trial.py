"""A log to try an import on: it reads as the desk's does, and keeps nothing of what is appended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ticketlog.log.commit import Commit, Verdict
from ticketlog.log.port import Log, Placed


class Trial:
    def __init__(self, log: Log) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]:
        """Raises Usage for a record that would be too large, as the log does."""
        for commit in commits:
            self._log.codec.encode(commit)
        return [self._placed(commit) for commit in commits]

    def _placed(self, commit: Commit) -> Placed:
        return Placed(0, 0, commit.expects, len(commit.events))
