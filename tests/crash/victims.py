"""Programs that a crash test kills. Each reports what was acknowledged to it as it goes."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tests.log.commits import a_commit
from ticketlog.errors import Conflict
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit
from ticketlog.log.embedded import EmbeddedLog
from ticketlog.log.port import Log, Placed

STREAMS = [f"ticket/{number}" for number in range(12)]


class Acked(NamedTuple):
    """The log's answer to a commit before the crash."""

    stream: str
    id: str
    placed: Placed


Tell = Callable[[Acked], None]


def append(folder: Path, run: str, line: Connection) -> None:
    """Threads and tasks that append for ever, one commit at a time and in bulk."""
    log = EmbeddedLog.open(folder / "log.db", RecordCodec())
    speaking = threading.Lock()

    def tell(acked: Acked) -> None:
        with speaking:
            line.send(acked)

    for number in range(3):
        work = threading.Thread(target=_one_by_one, args=(log, f"{run}-{number}", tell))
        work.start()
    threading.Thread(target=_in_tasks, args=(log, f"{run}-task", tell)).start()
    _in_bulk(log, f"{run}-bulk", tell)


def _one_by_one(log: Log, name: str, tell: Tell) -> None:
    dice = random.Random(name)
    number = 0
    while True:
        commit = _next(log, dice.choice(STREAMS), f"{name}-{number}", dice)
        try:
            placed = log.append(commit)
        except Conflict:
            continue
        tell(Acked(commit.stream, commit.id, placed))
        number += 1


def _in_tasks(log: Log, name: str, tell: Tell) -> None:
    async def work(task: int) -> None:
        dice = random.Random(f"{name}-{task}")
        for number in count():
            commit = _next(log, dice.choice(STREAMS), f"{name}-{task}-{number}", dice)
            try:
                placed = await log.append_async(commit)
            except Conflict:
                continue
            tell(Acked(commit.stream, commit.id, placed))

    async def all_of_them() -> None:
        await asyncio.gather(*map(work, range(6)))

    asyncio.run(all_of_them())


def _in_bulk(log: Log, name: str, tell: Tell) -> None:
    dice = random.Random(name)
    number = 0
    while True:
        streams = dice.sample(STREAMS, 5)
        ids = [f"{name}-{number + n}" for n in range(5)]
        commits = [_next(log, s, id, dice) for s, id in zip(streams, ids, strict=True)]
        for commit, placed in zip(commits, log.append_all(commits), strict=True):
            if isinstance(placed, Placed):
                tell(Acked(commit.stream, commit.id, placed))
        number += 5


def _next(log: Log, stream: str, id: str, dice: random.Random) -> Commit:
    reason = "x" * dice.choice([1, 100, 10_000])
    return a_commit(stream, log.head(stream).version, dice.randint(1, 3), id=id, reason=reason)
