"""Processes that append to one log in Kafka, each with an index of its own, while a test does them
harm; and everything that the log told them."""

from __future__ import annotations

import faulthandler
import os
import random
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from tests.log.commits import a_commit
from tests.log.kafka_backend import NAME, topic_of
from tests.log.peers import PROCESSES
from ticketlog.errors import Conflict, InDoubt, Unreachable
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit
from ticketlog.log.kafka.log import KafkaLog
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Placed

LONGEST = 60
"""Seconds in which the log answers, whatever happens: docs/KAFKA.md."""
OPENING = 120
"""Seconds in which a writer must be ready, with a broker that answers."""
STOPPING = 3 * LONGEST
"""Seconds in which a writer must have an answer to its last commit, in doubt or not, and have read
to the end of the log."""


class Told(NamedTuple):
    """The last answer that a writer got for a commit. `placed` is None for one that was refused, or
    of which nothing was recorded."""

    stream: str
    id: str
    placed: Placed | None
    seconds: float
    """Seconds that the longest of its appends took."""
    doubts: int
    """The number of times that it was in doubt before."""


class Work(NamedTuple):
    url: str
    index: Path
    name: str
    threads: int
    streams: Sequence[str]


class Writer:
    """A process that writes until it is asked to stop."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._line, theirs = PROCESSES.Pipe()
        self._accepted = PROCESSES.Value("q", 0)
        self.process = PROCESSES.Process(
            target=_write, args=(work, self._accepted, theirs), daemon=True
        )
        self.process.start()
        theirs.close()

    def answer(self, within: float) -> Any:
        """The writer's next message. Fails with its name where it says nothing, or has failed."""
        if not self._line.poll(within):
            self.process.kill()
            raise AssertionError(f"writer {self.work.name} said nothing within {within:.0f} s")
        try:
            said = self._line.recv()
        except EOFError:
            raise AssertionError(f"writer {self.work.name} ended without a word") from None
        if isinstance(said, str) and said != "ready":
            raise AssertionError(f"writer {self.work.name}: {said}")
        return said

    def accepted(self) -> int:
        """The number of its commits that were acknowledged until now."""
        return int(self._accepted.value)

    def pause(self, seconds: float) -> None:
        """A process that doesn't run for a while: SIGSTOP, then SIGCONT."""
        os.kill(self.process.pid or 0, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.process.pid or 0, signal.SIGCONT)

    def stop(self) -> None:
        """Once: writes no more. Twice: reads to the end of the log, and closes it."""
        self._line.send("stop")

    def end(self) -> None:
        self.process.kill()
        self.process.join()


class Crew:
    """Writers at work."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self.writers = writers

    def accepted(self) -> int:
        return sum(writer.accepted() for writer in self.writers)

    def go_on(self, commits: int, within: float = 120) -> None:
        """Returns when so many more commits were acknowledged."""
        goal, deadline = self.accepted() + commits, time.monotonic() + within
        while (now := self.accepted()) < goal:
            assert all(writer.process.is_alive() for writer in self.writers), "a writer ended"
            assert time.monotonic() < deadline, f"{goal - now} of {commits} not after {within} s"
            time.sleep(0.02)

    def finish(self) -> list[Told]:
        """Lets every commit come to its answer, then every index to the end of the log; all that
        the writers were told."""
        for writer in self.writers:
            writer.stop()
        told = [each for writer in self.writers for each in writer.answer(STOPPING)]
        for writer in self.writers:
            writer.stop()
        for writer in self.writers:
            writer.answer(STOPPING)
        return told


@contextmanager
def crew(
    url: str, folder: Path, *, writers: int, threads: int, streams: Sequence[str]
) -> Iterator[Crew]:
    """Writers that contend for the streams, until the end or until `finish`."""
    works = [
        Work(url, folder / f"writer-{number}.db", f"w{number}", threads, streams)
        for number in range(writers)
    ]
    found = [Writer(work) for work in works]
    try:
        for writer in found:
            writer.answer(OPENING)
        yield Crew(found)
    finally:
        for writer in found:
            writer.end()


def opened(url: str, index: Path) -> KafkaLog:
    where = KafkaAddress.parse(url)
    return KafkaLog.open(where, topic_of(where), index, NAME, RecordCodec())


def _write(work: Work, accepted: Any, line: Connection) -> None:
    try:
        log = opened(work.url, work.index)
        line.send("ready")
        line.send(_written(log, work, accepted, line))
        line.recv()
        log.sync()
        log.close()
        line.send("ready")
    except Exception:
        line.send(traceback.format_exc())


def _written(log: KafkaLog, work: Work, accepted: Any, line: Connection) -> list[Told]:
    """Writes until a word comes."""
    stop = threading.Event()
    names = [f"{work.name}-{number}" for number in range(work.threads)]
    with ThreadPoolExecutor(work.threads) as threads:
        writing = [
            threads.submit(_one_after_the_other, log, name, work.streams, stop, accepted)
            for name in names
        ]
        try:
            line.recv()
        except EOFError:
            os._exit(1)  # Whoever would have asked is gone.
        stop.set()
        _, hanging = wait(writing, timeout=2 * LONGEST)
        if hanging:
            line.send(f"no answer within {2 * LONGEST:.0f} s:\n{_stacks()}")
            os._exit(1)
    return [told for each in writing for told in each.result()]


def _stacks() -> str:
    """The stack of every thread of this process."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        return file.read()


def _one_after_the_other(
    log: KafkaLog,
    name: str,
    streams: Sequence[str],
    stop: threading.Event,
    accepted: Any,
) -> list[Told]:
    dice = random.Random(name)
    told: list[Told] = []
    while not stop.is_set():
        stream = dice.choice(streams)
        id = f"{name}-{len(told)}"
        commit = a_commit(stream, log.head(stream).version, dice.randint(1, 3), id=id)
        answer = _answered(log, commit)
        told.append(answer)
        if answer.placed is not None:
            with accepted.get_lock():
                accepted.value += 1
    return told


def _answered(log: KafkaLog, commit: Commit) -> Told:
    """Appends as a client should: in doubt, the same again under the same id."""
    longest, doubts = 0.0, 0
    while True:
        begun = time.monotonic()
        placed: Placed | None = None
        in_doubt = False
        try:
            placed = log.append(commit)
        except InDoubt:
            in_doubt = True
        except (Conflict, Unreachable):
            pass
        longest = max(longest, time.monotonic() - begun)
        if not in_doubt:
            return Told(commit.stream, commit.id, placed, longest, doubts)
        doubts += 1
