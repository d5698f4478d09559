"""The log in a SQLite file: the default backend.

Concurrent callers share commits: one of them leads and writes everything that waits, then wakes
the others and hands the lead to the first that came meanwhile, so that each is woken once.
Several processes may share a file: what another process wrote is noticed inside the write
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
from tempfile import TemporaryDirectory
from typing import Any

import pysqlite3.dbapi2 as sqlite

from ticketlog.errors import CommandReused, Conflict, Damaged, Unreachable, Usage
from ticketlog.log import index
from ticketlog.log.commit import FORMAT, Commit, Head, Verdict, encode, genesis, judge
from ticketlog.log.index import Index, id_hash
from ticketlog.log.partition import partition_of
from ticketlog.log.port import Placed

DEFAULT_PARTITIONS = 12
_FORGET = 50_000
"""Stream heads kept in memory at most."""
_POLL = 0.01
"""Seconds between looks for what other processes wrote."""


class _Job:
    """A commit on its way: its bytes, and what became of it."""

    __slots__ = ("behind", "commit", "data", "leads", "outcome", "partition", "woken")

    def __init__(self, commit: Commit, partitions: int, behind: set[str] | None = None) -> None:
        self.behind = set() if behind is None else behind
        """Streams of which an earlier commit of the same bulk was stale."""
        self.commit = commit
        self.data = encode(commit)
        self.partition = partition_of(commit.stream, partitions)
        self.outcome: Placed | Exception | None = None
        self.leads = False
        self.woken: threading.Lock | None = None


class EmbeddedLog(Index):
    """A `Log` (see port.py) in one SQLite file."""

    def __init__(self, path: Path, name: str, desk: str, partitions: int) -> None:
        super().__init__(path, partitions)
        self.name = name
        self.desk = desk
        self._writing = threading.Lock()
        self._queue = threading.Lock()
        self._led = False
        self._waiting: list[_Job] = []
        self._watchers = 0
        self._grown = threading.Condition()
        self._broken: str | None = None
        self._writer = index.connect(path)
        self._version = -1
        self._heads: dict[str, Head] = {}
        self._begun: dict[str, set[int]] = {}
        """The id hashes of streams that began while nobody else wrote: no need to look them up."""
        self._tails: list[tuple[int, int, int]] = []

    @classmethod
    def create(
        cls, path: Path, *, name: str, desk: str, partitions: int = DEFAULT_PARTITIONS
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
            raise index.translated(error, path) from error
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> EmbeddedLog:
        """Opens an existing log; what the WAL holds is made durable first. Where that can't be
        done, on a full disk, the log can be read and accepts nothing."""
        if not path.exists():
            raise Unreachable(f"there is no log at {path}: make a desk with `ticketlog init`")
        connection = index.connect(path)
        try:
            about = dict(connection.execute("SELECT key, value FROM about").fetchall())
            tables = {
                name for (name,) in connection.execute("SELECT name FROM sqlite_schema").fetchall()
            }
        except sqlite.Error as error:
            if "no such table" in str(error):
                raise Damaged(f"{path} is no ticketlog log") from error
            raise index.translated(error, path) from error
        finally:
            connection.close()
        log = cls(path, about["name"], about["desk"], int(about["partitions"]))
        log._settle()
        if "entry" not in tables:
            log.reindex()
        return log

    def _settle(self) -> None:
        """What a writer left in the WAL when it failed may be readable and not on the disk."""
        try:
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite.Error as error:
            failure = index.translated(error, self.path)
            if isinstance(failure, Damaged):
                raise failure from error
            self._broken = f"{error}; make room or mend the disk, then open the desk again"

    def find(self, stream: str, id: str) -> Placed | None:
        """Says nothing, as `append` doesn't, while what can be read may not be on the disk."""
        if self._broken:
            raise self._refused()
        return super().find(stream, id)

    def _refused(self) -> Unreachable:
        return Unreachable(f"{self.path} accepts nothing: {self._broken}")

    def append(self, commit: Commit) -> Placed:
        job = _Job(commit, self.partitions)
        with self._queue:
            job.leads = not self._led
            self._led = True
            if not job.leads:
                job.woken = threading.Lock()
                job.woken.acquire()
                self._waiting.append(job)
        if job.woken is not None:
            job.woken.acquire()
        if job.leads:
            self._lead(job)
        assert job.outcome is not None
        if isinstance(job.outcome, Exception):
            raise job.outcome
        return job.outcome

    def _lead(self, job: _Job) -> None:
        """Writes this job and all that wait, wakes them, and hands the lead on."""
        with self._queue:
            others, self._waiting = self._waiting, []
        try:
            with self._writing:
                self._write([job, *others])
        finally:
            with self._queue:
                self._led = bool(self._waiting)
                heir = self._waiting.pop(0) if self._led else None
            if heir is not None:
                heir.leads = True
                _wake(heir)
            for other in others:
                _wake(other)
            self._notify()

    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]:
        behind: set[str] = set()
        jobs = [_Job(commit, self.partitions, behind) for commit in commits]
        with self._writing:
            self._write(jobs)
        self._notify()
        return [_bulk_outcome(job) for job in jobs]

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

    def reindex(self) -> None:
        """Makes the caches anew from the records, by the acceptance rule."""
        from ticketlog.log.replay import reindex

        with self._writing:
            try:
                reindex(self._writer, self.partitions)
            except sqlite.Error as error:
                raise index.translated(error, self.path) from error
            self._version = -1

    def close(self) -> None:
        with self._writing:
            self._broken = "it was closed"
            self._writer.close()
        super().close()

    def _notify(self) -> None:
        if self._watchers:
            with self._grown:
                self._grown.notify_all()

    def _write(self, jobs: list[_Job]) -> None:
        """Decides and writes a batch in one transaction; every job has an outcome afterwards."""
        if self._broken:
            self._fail(jobs, self._refused())
            return
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite.Error as error:
            self._fail(jobs, index.translated(error, self.path))
            return
        try:
            self._catch_up()
            self._insert(jobs)
            self._writer.execute("COMMIT")
        except sqlite.Error as error:
            self._version = -1
            failure = index.translated(error, self.path)
            self._broken = f"{error}; open the desk again"
            with suppress(sqlite.Error):
                self._writer.execute("ROLLBACK")
            self._fail(jobs, failure)
        except BaseException as error:
            self._version = -1
            with suppress(sqlite.Error):
                self._writer.execute("ROLLBACK")
            self._fail(jobs, error if isinstance(error, Exception) else Unreachable("interrupted"))
            raise

    def _fail(self, jobs: list[_Job], error: Exception) -> None:
        for job in jobs:
            job.outcome = error

    def _catch_up(self) -> None:
        """Forgets what it remembers where another process has written since."""
        version = self._writer.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._forget()
            self._tails = [index.tail(self._writer, p) for p in range(self.partitions)]
            self._version = version
        elif len(self._heads) > _FORGET:
            self._forget()

    def _forget(self) -> None:
        self._heads.clear()
        self._begun.clear()

    def _insert(self, jobs: list[_Job]) -> None:
        records: dict[int, list[tuple[Any, ...]]] = {}
        entries: list[tuple[Any, ...]] = []
        placed: dict[tuple[str, str], _Job] = {}
        for job in jobs:
            hash = id_hash(job.commit.id)
            job.outcome = self._refusal(job, hash, placed)
            if job.outcome is not None:
                continue
            commit = job.commit
            part = job.partition
            offset, clock, ordinal = self._tails[part]
            clock = max(clock, commit.recorded_at)
            events = len(commit.events)
            self._tails[part] = (offset + 1, clock, ordinal + events)
            self._heads[commit.stream] = Head(commit.expects + events, commit.settings)
            row = (offset, job.data, 0, clock, ordinal + events)
            records.setdefault(part, []).append(row)
            entries.append(
                (part, commit.stream, commit.expects, events, commit.settings, offset, hash)
            )
            if commit.stream in self._begun:
                self._begun[commit.stream].add(hash)
            job.outcome = Placed(part, offset, commit.expects, events)
            placed[commit.stream, commit.id] = job
        for part, rows in records.items():
            self._writer.executemany(f"INSERT INTO record_{part} VALUES (?, ?, ?, ?, ?)", rows)
        self._writer.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", entries)

    def _refusal(
        self, job: _Job, hash: int, placed: dict[tuple[str, str], _Job]
    ) -> Placed | Exception | None:
        """The acceptance rule, on a commit that is well-formed because we made it."""
        commit = job.commit
        twin = placed.get((commit.stream, commit.id))
        if twin is not None:
            assert isinstance(twin.outcome, Placed)
            return _again(commit, twin.outcome, twin.commit.command, twin.commit.digest)
        head = self._heads.get(commit.stream) or self._looked_up(job)
        if head.version and hash in self._begun.get(commit.stream, (hash,)):
            first = index.found(self._writer, job.partition, commit.stream, commit.id)
            if first is not None:
                envelope = index.envelope_at(self._writer, first.partition, first.offset)
                command = envelope["command"]
                return _again(commit, first, command["name"], command["digest"])
        verdict = judge(commit.expects, commit.settings, head, known=False)
        if verdict is Verdict.ACCEPTED and commit.stream not in job.behind:
            return None
        job.behind.add(commit.stream)
        return Conflict(
            f"{commit.stream} is at version {head.version} under settings {head.settings}; "
            f"the commit expects {commit.expects} under {commit.settings}: load and try again"
        )

    def _looked_up(self, job: _Job) -> Head:
        stream = job.commit.stream
        row = self._writer.execute(index.SELECT_HEAD, (job.partition, stream)).fetchone()
        head = self._heads[stream] = Head(*row) if row else Head(0, 0)
        if row is None:
            self._begun[stream] = set()
        return head


def _make(path: Path, about: dict[str, Any]) -> None:
    connection = index.connect(path)
    now = time.time_ns() // 1000
    try:
        connection.execute("BEGIN IMMEDIATE")
        index.make(connection, {**about, "format": FORMAT})
        for p in range(about["partitions"]):
            first = genesis(about["desk"], about["name"], p, about["partitions"], now)
            connection.execute(
                f"INSERT INTO record_{p} VALUES (0, ?, ?, ?, 0)", (first, Verdict.GENESIS, now)
            )
        connection.execute("COMMIT")
    finally:
        connection.close()


def _wake(job: _Job) -> None:
    assert job.woken is not None
    job.woken.release()


def _bulk_outcome(job: _Job) -> Placed | Verdict:
    if isinstance(job.outcome, Placed):
        return Verdict.DUPLICATE if job.outcome.again else job.outcome
    if isinstance(job.outcome, CommandReused):
        return Verdict.DUPLICATE
    if isinstance(job.outcome, Conflict):
        return Verdict.STALE
    assert job.outcome is not None
    raise job.outcome


def _again(commit: Commit, first: Placed, command: str, digest: str) -> Placed | Exception:
    if digest == commit.digest and command == commit.command:
        return first._replace(again=True)
    return CommandReused(
        f"the command id {commit.id} was used on {commit.stream} for another command ({command}) "
        "or with other arguments: send a new command under a new id"
    )
