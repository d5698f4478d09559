"""Streams folded by several processes, each with partitions of its own; their chunks come through
pipes to the one that writes.

Run as a module it is one of those processes.
"""

from __future__ import annotations

import marshal
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any

from ticketlog import errors
from ticketlog.errors import TicketlogError, Unreachable
from ticketlog.log.index.reader import IndexReader
from ticketlog.projections import named
from ticketlog.projections.engine.bulk_fold import Chunk, Stuck, Task, chunks

_PLAIN = 2
"""marshal's format without references: the fastest for rows."""
_WAITING = 4
"""Chunks that wait to be written at most."""
_LENGTH = 8


def chunks_from_workers(log: IndexReader, task: Task, workers: int) -> Iterator[Chunk]:
    """The same as `chunks`, in another order. Raises Poison, and what else a worker raises."""
    shares = [task.partitions[at::workers] for at in range(workers)]
    processes = [_started(log, task._replace(partitions=share)) for share in shares if share]
    arrived: Queue[bytes | None] = Queue(_WAITING)
    threads = [
        Thread(target=_receive, args=(process.stdout, arrived), daemon=True)
        for process in processes
    ]
    try:
        for thread in threads:
            thread.start()
        done = ended = 0
        while done < len(processes):
            data = arrived.get()
            if data is None:
                ended += 1
                if ended > done:
                    raise Unreachable("a process that folds streams has ended early: try again")
                continue
            error, values = marshal.loads(data)
            if error is not None:
                raise getattr(errors, error[0])(error[1])
            if values is None:
                done += 1
                continue
            rows, stuck, records, events = values
            yield Chunk(rows, [Stuck(*each) for each in stuck], records, events)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        while any(thread.is_alive() for thread in threads):
            with suppress(Empty):
                arrived.get(timeout=0.01)


def _started(log: IndexReader, task: Task) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,  # Ctrl-C is for this process alone, which ends the workers.
    )
    names = [view.name for view in task.views]
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as pipe:
        pickle.dump((log.path, log.partitions, names, task._replace(views=())), pipe)
    return process


def _receive(pipe: IO[bytes], arrived: Queue[bytes | None]) -> None:
    """The bytes that one process sends; None where it ends."""
    with pipe:
        while length := pipe.read(_LENGTH):
            arrived.put(pipe.read(int.from_bytes(length, "big")))
    arrived.put(None)


def _send(values: tuple[Any, ...] | None, error: TicketlogError | None = None) -> None:
    """A chunk; None: that was all."""
    failure = None if error is None else (type(error).__name__, str(error))
    data = marshal.dumps((failure, values), _PLAIN)
    sys.stdout.buffer.write(len(data).to_bytes(_LENGTH, "big"))
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _main() -> None:
    path, partitions, names, task = pickle.load(sys.stdin.buffer)
    log = IndexReader(path, partitions, task.codec)
    try:
        for chunk in chunks(log, task._replace(views=[named(name) for name in names])):
            stuck = [tuple(each) for each in chunk.stuck]
            _send((chunk.rows, stuck, chunk.records, chunk.events))
        _send(None)
    except TicketlogError as error:
        _send(None, error)
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    _main()
