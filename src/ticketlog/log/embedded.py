"""The log in a SQLite file: the default backend.

Concurrent callers share transactions: one of them leads and writes all appends that wait, then
wakes their callers and hands the lead to the first that came meanwhile, so that each is woken once.
Appends that tasks await have no thread of their own: where one of them is to lead, the log's writer
thread does.
Several processes may share a file: the writes of another process are noticed inside the write
transaction (`PRAGMA data_version`) and read again.

After a failed write the writer refuses everything until the log is opened again, since SQLite
itself would go on after a failed fsync and might acknowledge what is not on disk.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import pysqlite3.dbapi2 as sqlite

from ticketlog.errors import Damaged, Unreachable, Usage
from ticketlog.log.acceptance import judge
from ticketlog.log.append_errors import repeated_answer, stale_conflict
from ticketlog.log.awaited import Awaited, future, resolve
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import FORMAT, Commit, Verdict, genesis
from ticketlog.log.index import reader
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.index.reader import id_hash
from ticketlog.log.index.writer import IndexWriter
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import DEFAULT_PARTITIONS, Placed, bulk_outcome


class _QueuedAppend:
    """A commit that waits to be written, with its record and its outcome."""

    __slots__ = (
        "awaited",
        "commit",
        "data",
        "id_hash",
        "leads",
        "outcome",
        "partition",
        "stale_streams",
        "woken",
    )

    def __init__(
        self, commit: Commit, log: IndexedLog, stale_streams: set[str] | None = None
    ) -> None:
        self.stale_streams = set() if stale_streams is None else stale_streams
        """Streams with an earlier commit of the same bulk that was stale."""
        self.commit = commit
        self.data = log.codec.encode(commit)
        self.partition = partition_of(commit.stream, log.partitions)
        self.id_hash = id_hash(commit.id)
        self.outcome: Placed | Exception | None = None
        self.leads = False
        self.woken: threading.Lock | None = None
        """Released where the thread that waits for it is woken."""
        self.awaited: Awaited | None = None
        """The future of the task that awaits it."""


class EmbeddedLog(IndexedLog):
    """A `Log` (see port.py) in one SQLite file."""

    def __init__(
        self, path: Path, name: str, desk: str, partitions: int, codec: RecordCodec
    ) -> None:
        super().__init__(path, partitions, codec)
        self.name = name
        self.desk = desk
        self._write_lock = threading.Lock()
        self._queue_lock = threading.Lock()
        self._has_leader = False
        self._waiting: list[_QueuedAppend] = []
        self._gathered = threading.local()
        """The appends that tasks of the thread's event loop have made in its present turn."""
        self._writer: threading.Thread | None = None
        """The thread that leads for tasks, from the first of them on."""
        self._leads: SimpleQueue[bool] = SimpleQueue()
        """The leads that the writer thread is given; False: it ends."""
        self._ended = False
        """Whether the writer thread is given no lead any more."""
        self._broken: str | None = None
        self._facts: set[str] = set()
        self._index_writer = IndexWriter(path, partitions)

    @classmethod
    def create(
        cls,
        path: Path,
        codec: RecordCodec,
        *,
        name: str,
        desk: str,
        partitions: int = DEFAULT_PARTITIONS,
    ) -> EmbeddedLog:
        """A new log with a genesis record in each partition; it appears whole or not at all.
        Raises Usage where one exists, Unreachable."""
        exists = f"{path} exists already: open it, or choose another folder"
        if path.exists():
            raise Usage(exists)
        try:
            with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
                made = Path(folder) / path.name
                _make(made, {"name": name, "desk": desk, "partitions": partitions})
                os.link(made, path)
        except FileExistsError:
            raise Usage(exists) from None
        except OSError as error:
            raise Unreachable(f"{path} can't be made: {error.strerror}") from error
        except sqlite.Error as error:
            raise reader.storage_error(error, path) from error
        return cls.open(path, codec)

    @classmethod
    def open(cls, path: Path, codec: RecordCodec) -> EmbeddedLog:
        """Opens an existing log; the WAL is made durable first. Where that can't be
        done, on a full disk, the log can be read and accepts nothing."""
        if not path.exists():
            raise Unreachable(f"there is no log at {path}: make a desk with `ticketlog init`")
        connection = reader.connect(path)
        try:
            about = dict(connection.execute("SELECT key, value FROM about").fetchall())
            tables = {
                name for (name,) in connection.execute("SELECT name FROM sqlite_schema").fetchall()
            }
        except sqlite.Error as error:
            if "no such table" in str(error):
                raise Damaged(f"{path} is no ticketlog log") from error
            raise reader.storage_error(error, path) from error
        finally:
            connection.close()
        log = cls(path, about["name"], about["desk"], int(about["partitions"]), codec)
        log._facts.update(about)
        log._write_back_wal()
        if "entry" not in tables:
            log.reindex()
        return log

    def _write_back_wal(self) -> None:
        """Writes the WAL back: a writer that failed may have left records there that can be read
        and aren't on the disk."""
        try:
            self._index_writer.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite.Error as error:
            failure = reader.storage_error(error, self.path)
            if isinstance(failure, Damaged):
                raise failure from error
            self._broken = f"{error}; make room or mend the disk, then open the desk again"

    def has_fact(self, name: str) -> bool:
        """Whether `keep_fact` kept a fact of that name beside the records."""
        return name in self._facts

    def keep_fact(self, name: str) -> None:
        """Keeps a fact about the desk beside the records, durably; where that can't be done now,
        on a full disk, the next opening does it."""
        if name in self._facts:
            return
        with self._write_lock, suppress(sqlite.Error):
            self._index_writer.connection.execute(
                "INSERT OR IGNORE INTO about VALUES (?, 1)", (name,)
            )
            self._facts.add(name)

    def find(self, stream: str, id: str) -> Placed | None:
        """Raises Unreachable, as `append` does, while records that can be read may not be on
        disk."""
        if self._broken:
            raise self._refused()
        return super().find(stream, id)

    def _refused(self) -> Unreachable:
        return Unreachable(f"{self.path} accepts nothing: {self._broken}")

    def latest_ends(self) -> tuple[int, ...] | None:
        return self.ends()

    def troubles(self) -> list[str]:
        return [str(self._refused())] if self._broken else []

    def append(self, commit: Commit) -> Placed:
        append = _QueuedAppend(commit, self)
        with self._queue_lock:
            append.leads = not self._has_leader
            self._has_leader = True
            if not append.leads:
                append.woken = threading.Lock()
                append.woken.acquire()
                self._waiting.append(append)
        if append.woken is not None:
            append.woken.acquire()
        if append.leads:
            self._lead([append])
        assert append.outcome is not None
        if isinstance(append.outcome, Exception):
            raise append.outcome
        return append.outcome

    async def append_async(self, commit: Commit) -> Placed:
        if self._ended:
            raise self._refused()
        append = _QueuedAppend(commit, self)
        append.awaited = future()
        loop = append.awaited.get_loop()
        if getattr(self._gathered, "loop", None) is not loop:
            self._gathered.loop, self._gathered.appends = loop, []
        appends: list[_QueuedAppend] = self._gathered.appends
        appends.append(append)
        if len(appends) == 1:
            loop.call_soon(self._queue_gathered, appends)
        return await append.awaited

    def _queue_gathered(self, appends: list[_QueuedAppend]) -> None:
        """Queues the appends that the tasks of a loop have made in one of its turns: the writer
        thread would begin with the first while the loop still makes the rest."""
        queued = appends[:]
        appends.clear()
        with self._queue_lock:
            ended = self._ended
            if not ended:
                self._waiting += queued
                if not self._has_leader:
                    self._has_leader = True
                    self._give_lead_to_writer()
        if ended:
            resolve((each.awaited, self._refused()) for each in queued if each.awaited)

    def _give_lead_to_writer(self) -> None:
        """To be called under the lock of the queue."""
        if self._writer is None:
            self._writer = threading.Thread(
                target=self._lead_for_tasks, name="ticketlog-writer", daemon=True
            )
            self._writer.start()
        self._leads.put(True)

    def _lead_for_tasks(self) -> None:
        while self._leads.get():
            with suppress(Exception):  # who awaits it is told
                self._lead([])

    def _lead(self, own: list[_QueuedAppend]) -> None:
        """Writes the leader's own append and all that wait, wakes their callers, and hands the
        lead on."""
        with self._queue_lock:
            followers, self._waiting = self._waiting, []
        try:
            with self._write_lock:
                self._write([*own, *followers])
        finally:
            self._hand_on_lead()
            tasks = []
            for follower in followers:
                if follower.woken is not None:
                    follower.woken.release()
                elif follower.awaited is not None:
                    assert follower.outcome is not None
                    tasks.append((follower.awaited, follower.outcome))
            resolve(tasks)
            self._notify()

    def _hand_on_lead(self) -> None:
        with self._queue_lock:
            self._has_leader = bool(self._waiting)
            if not self._has_leader:
                return
            following = self._waiting[0]
            if following.woken is not None:
                following.leads = True
                del self._waiting[0]
                following.woken.release()
            elif not self._ended:
                self._give_lead_to_writer()
                return
        if following.awaited is not None:
            self._lead([])

    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]:
        stale_streams: set[str] = set()
        appends = [_QueuedAppend(commit, self, stale_streams) for commit in commits]
        with self._write_lock:
            self._write(appends)
        self._notify()
        return [bulk_outcome(append.outcome) for append in appends]

    def sync(self) -> None:
        """Reads see everything at once: the file is where the records are."""

    def may_be_in_flight(self, stream: str, id: str) -> bool:
        return False

    def reindex(self) -> None:
        """Makes the caches anew from the records, by the acceptance rule."""
        from ticketlog.log.index.reindex import reindex

        with self._write_lock:
            try:
                reindex(self._index_writer.connection, self.partitions)
            except sqlite.Error as error:
                raise reader.storage_error(error, self.path) from error
            self._index_writer.rollback()

    def close(self) -> None:
        with self._write_lock:
            self._broken = "it was closed"
            self._index_writer.close()
        with self._queue_lock:
            self._ended = True
            writer = self._writer
        if writer is not None:
            self._leads.put(False)
            writer.join()
        super().close()

    def _write(self, appends: list[_QueuedAppend]) -> None:
        """Judges and writes a batch in one transaction; every append has an outcome afterwards."""
        if self._broken:
            self._fail(appends, self._refused())
            return
        try:
            self._index_writer.begin()
        except sqlite.Error as error:
            self._index_writer.rollback()
            self._fail(appends, reader.storage_error(error, self.path))
            return
        try:
            for append in appends:
                append.outcome = self._refusal(append) or self._placed(append)
            self._index_writer.commit()
        except sqlite.Error as error:
            self._index_writer.rollback()
            self._broken = f"{error}; open the desk again"
            self._fail(appends, reader.storage_error(error, self.path))
        except BaseException as error:
            self._index_writer.rollback()
            self._fail(
                appends, error if isinstance(error, Exception) else Unreachable("interrupted")
            )
            raise

    def _fail(self, appends: list[_QueuedAppend], error: Exception) -> None:
        for append in appends:
            append.outcome = error

    def _refusal(self, append: _QueuedAppend) -> Placed | Exception | None:
        """The outcome of an append that isn't written; None: it is accepted. Commits of this
        process are well-formed."""
        commit, writer, partition = append.commit, self._index_writer, append.partition
        head = writer.head(partition, commit.stream)
        first = (
            writer.find(partition, commit.stream, commit.id, append.id_hash)
            if head.version
            else None
        )
        if first is not None:
            return repeated_answer(commit, first, writer.record(partition, first.offset).data)
        verdict = judge(commit.expects, commit.settings, head, known=False)
        if verdict is Verdict.ACCEPTED and commit.stream not in append.stale_streams:
            return None
        append.stale_streams.add(commit.stream)
        return stale_conflict(commit, head)

    def _placed(self, append: _QueuedAppend) -> Placed:
        commit = append.commit
        entry = (commit.stream, commit.expects, len(commit.events), commit.settings)
        offset = self._index_writer.accept(
            append.partition, append.data, commit.recorded_at, entry, append.id_hash
        )
        return Placed(append.partition, offset, commit.expects, len(commit.events))


def _make(path: Path, about: dict[str, Any]) -> None:
    connection = reader.connect(path)
    now = time.time_ns() // 1000
    try:
        connection.execute("BEGIN IMMEDIATE")
        reader.create_tables(connection, {**about, "format": FORMAT})
        for p in range(about["partitions"]):
            first = genesis(about["desk"], about["name"], p, about["partitions"], now)
            connection.execute(
                f"INSERT INTO record_{p} VALUES (0, ?, ?, ?, 0)", (first, Verdict.GENESIS, now)
            )
        connection.execute("COMMIT")
    finally:
        connection.close()
