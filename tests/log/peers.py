"""Other processes that have the same log (or desk) open, driven by a test one call at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from ticketlog.errors import Conflict
from ticketlog.log.commit import Commit
from ticketlog.log.port import Log

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["pytest", "ticketlog.desk", "ticketlog.application.views", "ticketlog.importing"]
)


class Opener(Protocol):
    def open(self, folder: Path) -> Any:
        """The logs that a peer has open."""


class Backend(Protocol):
    """A backend: the way to make and open logs of one kind; a module or a class with static
    methods."""

    def create(self, folder: Path, partitions: int) -> Log:
        """A new, empty log."""

    def open(self, folder: Path) -> Log:
        """The same log again."""

    def forget(self, folder: Path) -> None:
        """Deletes whatever of a closed log is a cache."""


class Peer:
    """A process with the log open. `start` sends a call, `answer` waits for what came of it."""

    def __init__(self, opener: Opener, folder: Path) -> None:
        self._line, theirs = PROCESSES.Pipe()
        self.process = PROCESSES.Process(target=_serve, args=(opener, folder, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.answer()

    def start(self, method: str, *arguments: Any, **named: Any) -> None:
        self._line.send((method, arguments, named))

    def answer(self) -> Any:
        """The result of the call; raises its exception."""
        result = self._line.recv()
        if isinstance(result, Exception):
            raise result
        return result

    def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        self.start(method, *arguments, **named)
        return self.answer()

    def stop(self) -> None:
        self._line.close()
        self.process.join()


@contextmanager
def peers(opener: Opener, folder: Path, number: int) -> Iterator[list[Peer]]:
    found = [Peer(opener, folder) for _ in range(number)]
    try:
        yield found
    finally:
        for peer in found:
            peer.stop()


def _serve(opener: Opener, folder: Path, line: Connection) -> None:
    log = opener.open(folder)
    line.send(None)
    while True:
        try:
            method, arguments, named = line.recv()
        except EOFError:
            break
        try:
            call = partial(EXTRA[method], log) if method in EXTRA else getattr(log, method)
            result = call(*arguments, **named)
        except Exception as error:
            result = error
        line.send(result)
    log.close()


def _contend(log: Log, commits: Sequence[Commit]) -> list[str]:
    """Appends every commit, whatever became of the one before; the ids that were accepted."""
    accepted = []
    for commit in commits:
        try:
            placed = log.append(commit)
        except Conflict:
            continue
        assert not placed.repeated
        accepted.append(commit.id)
    return accepted


EXTRA = {"contend": _contend}
