"""Other processes that have the same log open, driven by a test one call at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from ticketlog.errors import Conflict
from ticketlog.log.commit import Commit
from ticketlog.log.port import Log

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["ticketlog.log.embedded", "tests.log.commits"])


class Backend(Protocol):
    """How a test makes and opens logs of one kind; a module or a class with static methods."""

    def create(self, folder: Path, partitions: int) -> Log:
        """A new, empty log."""

    def open(self, folder: Path) -> Log:
        """The same log again."""

    def forget(self, folder: Path) -> None:
        """Deletes whatever of a closed log is a cache."""


class Peer:
    """A process with the log open. `start` sends a call, `answer` waits for what came of it."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self._line, theirs = PROCESSES.Pipe()
        self.process = PROCESSES.Process(target=_serve, args=(backend, folder, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.answer()

    def start(self, method: str, *arguments: Any) -> None:
        self._line.send((method, arguments))

    def answer(self) -> Any:
        """What the call returned; raises what it raised."""
        result = self._line.recv()
        if isinstance(result, Exception):
            raise result
        return result

    def call(self, method: str, *arguments: Any) -> Any:
        self.start(method, *arguments)
        return self.answer()

    def stop(self) -> None:
        self._line.close()
        self.process.join()


@contextmanager
def peers(backend: Backend, folder: Path, number: int) -> Iterator[list[Peer]]:
    found = [Peer(backend, folder) for _ in range(number)]
    try:
        yield found
    finally:
        for peer in found:
            peer.stop()


def _serve(backend: Backend, folder: Path, line: Connection) -> None:
    log = backend.open(folder)
    line.send(None)
    while True:
        try:
            method, arguments = line.recv()
        except EOFError:
            break
        try:
            call = EXTRA.get(method)
            result = call(log, *arguments) if call else getattr(log, method)(*arguments)
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
        assert not placed.again
        accepted.append(commit.id)
    return accepted


EXTRA = {"contend": _contend}
