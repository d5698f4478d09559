"""Brings records into the index of a log in Kafka: each partition in log order, each record judged
by the acceptance rule, one thread at a time, which puts whatever has arrived into one transaction.

Records arrive in two ways: our own straight from their acknowledgement, where they are the next
that the index expects, and everything from the tail. What the index holds already is compared
with what arrives; a difference, or an offset that isn't there, stops the partition with a report.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeAlias

from ticketlog.domain.base import bare
from ticketlog.errors import Damaged, NewerFormat, TicketlogError, Unreachable
from ticketlog.log.acceptance import accept, judge
from ticketlog.log.append_errors import repeated_answer, stale_conflict
from ticketlog.log.commit import Commit, Verdict, encode
from ticketlog.log.index.reader import id_hash
from ticketlog.log.index.writer import IndexWriter
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Placed
from ticketlog.support.gc_paused import gc_paused

BATCH = 4_000
"""Arrivals put into one transaction at most."""
WAITING = 20_000
"""Records from the tail that wait at most, before it stops fetching."""
REMEMBERED = 2_000
"""Records of a partition that are kept at most until the tail brings them, to be compared without
a look into the index."""


class Job:
    """A commit on its way, and what became of it. Whoever waits for it watches `inbox`, where it
    comes with the offset that an attempt was acknowledged at, or with None where it failed or has
    an outcome."""

    __slots__ = (
        *("attempt", "behind", "commit", "data", "doubt", "error", "failed_at", "hash", "inbox"),
        *("outcome", "partition", "sent_at", "single", "under_way"),
    )

    def __init__(self, commit: Commit, partitions: int) -> None:
        self.commit = commit
        self.data = encode(commit)
        self.partition = partition_of(commit.stream, partitions)
        self.hash = id_hash(commit.id)
        self.single = False
        """Whether nothing else is delivered with it."""
        self.attempt = 0
        self.behind = False
        """Whether an earlier commit of its stream in the same bulk was stale."""
        self.sent_at = 0.0
        self.failed_at = 0.0
        self.under_way = False
        """Whether its last attempt was sent and has no answer yet."""
        self.doubt = False
        """Whether an attempt without an answer may stand in the log."""
        self.error: Exception | None = None
        """Why its last attempt failed."""
        self.outcome: Placed | Exception | None = None
        self.inbox: SimpleQueue[tuple[int | None, Job]]

    def repeated(self, first: Placed, data: bytes) -> Placed | Exception:
        """What it is told where its stream has its id: `data` is the record that has it, perhaps
        from an earlier attempt of its own."""
        if data == self.data and self.attempt > 1:
            return first
        return repeated_answer(self.commit, first, data)

    def settle(self, outcome: Placed | Exception) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self.inbox.put((None, self))


Tailed: TypeAlias = Sequence[tuple[int, bytes]]
"""Records as the tail delivers them: offsets and bytes."""
Arrival: TypeAlias = tuple[int, Job | Tailed]
"""A job, with the offset that it was acknowledged at, or what the tail brought of a partition."""


class IndexApplier:
    """`acked`, `apply`, `tailed` and `stop` may be called from any thread."""

    def __init__(
        self, book: IndexWriter, name: str, partitions: int, grown: Callable[[], None]
    ) -> None:
        self.book = book
        self.stopped: dict[int, TicketlogError] = {}
        """Partitions to which nothing is applied any more, with the report."""
        self.failure: Unreachable | None = None
        """Why nothing at all is applied any more."""
        self.wanted = threading.Event()
        """Set where somebody waits for what only the tail can bring."""
        self._name = name
        self._partitions = partitions
        self._grown = grown
        self._inbox: SimpleQueue[Arrival | None] = SimpleQueue()
        self._acked: list[dict[int, Job]] = [{} for _ in range(partitions)]
        self._doubled: list[list[tuple[int, Job]]] = [[] for _ in range(partitions)]
        """Acknowledgements that another job has got as well."""
        self._own: list[dict[int, bytes]] = [{} for _ in range(partitions)]
        """Records that were applied from their acknowledgement, until the tail brings them."""
        self._tail: list[deque[tuple[int, bytes]]] = [deque() for _ in range(partitions)]
        self._heads = [partial(book.head, p) for p in range(partitions)]
        self._ids = [partial(self._knows, p) for p in range(partitions)]
        self._waiting = 0
        self._room = threading.Condition()
        self._turn = threading.Lock()
        self._settled: list[tuple[Job, Placed | Exception]] = []
        book.begin()
        self.ends = book.ends()
        """How far each partition of the index is."""
        book.rollback()
        self._thread = threading.Thread(target=self._run, name="ticketlog-applier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._inbox.put(None)
        self._thread.join()
        self.book.close()

    def acked(self, offset: int, job: Job) -> None:
        self._inbox.put((offset, job))

    def apply(self, acked: Sequence[tuple[int, Job]]) -> None:
        """The same at once, in the caller's thread."""
        self._take(acked)

    def tailed(self, partition: int, records: Tailed) -> None:
        """Waits while too much is waiting."""
        with self._room:
            while self._waiting > WAITING:
                self._room.wait()
            self._waiting += len(records)
        self._inbox.put((partition, records))

    def stop(self, partition: int, report: TicketlogError) -> None:
        """Nothing is applied to the partition from now on; those who wait for it are told."""
        if partition not in self.stopped:
            self.stopped[partition] = report
            self._inbox.put((partition, ()))

    def _run(self) -> None:
        going = True
        while going:
            arrived = [self._inbox.get()]
            with suppress(Empty):
                while len(arrived) < BATCH:
                    arrived.append(self._inbox.get_nowait())
            going = None not in arrived
            self._take([each for each in arrived if each is not None])

    def _take(self, arrived: Sequence[Arrival]) -> None:
        with self._turn:
            try:
                self._apply(arrived)
            except Exception as error:
                logging.getLogger(__name__).debug("records can't be applied", exc_info=True)
                self.book.rollback()
                self._fail(error)

    def _apply(self, arrived: Sequence[Arrival]) -> None:
        touched = self._sorted(arrived)
        if self.failure is not None:
            self._refuse(touched, self.failure)
            return
        with gc_paused():
            self.book.begin()
            for partition in sorted(touched):
                self._advance_or_stop(partition)
            self.book.commit()
        self.ends = self.book.ends()
        settled, self._settled = self._settled, []
        for job, outcome in settled:
            job.settle(outcome)
        self._grown()

    def _sorted(self, arrived: Sequence[Arrival]) -> set[int]:
        """Puts arrivals where their partition finds them; returns the partitions."""
        touched = set()
        delivered = 0
        for number, what in arrived:
            if isinstance(what, Job):
                partition = what.partition
                if self._acked[partition].setdefault(number, what) is not what:
                    self._doubled[partition].append((number, what))
            else:
                partition = number
                delivered += len(what)
                self._tail[partition].extend(what)
            touched.add(partition)
        if delivered:
            with self._room:
                self._waiting -= delivered
                self._room.notify_all()
        return touched

    def _advance_or_stop(self, partition: int) -> None:
        try:
            if partition not in self.stopped:
                self._advance(partition)
        except (Damaged, NewerFormat) as report:
            self.stopped[partition] = report
        if partition in self.stopped:
            self._refuse((partition,), self.stopped[partition])

    def _refuse(self, partitions: Sequence[int] | set[int], why: TicketlogError) -> None:
        """Tells those whose records won't be applied here; they may stand in the log."""
        for partition in partitions:
            self._tail[partition].clear()
            doubled = [job for _, job in self._doubled[partition]]
            for job in (*self._acked[partition].values(), *doubled):
                job.settle(type(why)(str(why)))
            self._acked[partition].clear()
            self._doubled[partition].clear()

    def _advance(self, partition: int) -> None:
        """Applies what continues the partition. Raises Damaged, NewerFormat."""
        tail, acked = self._tail[partition], self._acked[partition]
        next = self.book.end(partition)
        while True:
            if tail and tail[0][0] < next:
                self._compare(partition, next)
            if (job := acked.pop(next, None)) is not None:
                self._settled.append((job, self._apply_own(job)))
            elif tail and tail[0][0] == next:
                self._apply_foreign(partition, next, tail.popleft()[1])
            elif tail:
                raise Damaged(self._gap(partition, next, tail[0][0]))
            else:
                break
            next += 1
        if acked and max(acked) > next:
            self.wanted.set()
        for offset in [offset for offset in acked if offset < next]:
            self._settle(acked.pop(offset), offset)
        for each in [each for each in self._doubled[partition] if each[0] < next]:
            self._doubled[partition].remove(each)
            self._settle(each[1], each[0])

    def _apply_own(self, job: Job) -> Placed | Exception:
        """Applies the record just acknowledged, of which nothing need be read again: what became
        of it."""
        book, commit, part = self.book, job.commit, job.partition
        stream, expects, settings = commit.stream, commit.expects, commit.settings
        head = book.head(part, stream)
        first = book.find(part, stream, commit.id, job.hash) if head.version else None
        verdict = judge(expects, settings, head, known=first is not None)
        if verdict is Verdict.ACCEPTED:
            entry = (stream, expects, len(commit.events), settings)
            offset = book.accept(part, job.data, commit.recorded_at, entry, job.hash)
        else:
            offset = book.void(part, job.data, verdict, commit.recorded_at)
        own = self._own[part]
        if len(own) < REMEMBERED:
            own[offset] = job.data
        return self._outcome(job, offset, verdict)

    def _apply_foreign(self, partition: int, offset: int, data: bytes) -> None:
        """A record that somebody wrote. Raises NewerFormat."""
        verdict, form, recorded_at = accept(
            data,
            partition=partition,
            partitions=self._partitions,
            offset=offset,
            head=self._heads[partition],
            known=self._ids[partition],
        )
        if form is None or verdict is not Verdict.ACCEPTED:
            self.book.void(partition, data, verdict, recorded_at)
            return
        entry = (form.stream, form.expects, len(form.events), form.settings)
        self.book.accept(partition, data, recorded_at, entry, id_hash(form.id))

    def _knows(self, partition: int, stream: str, id: str) -> bool:
        return self.book.find(partition, stream, id, id_hash(id)) is not None

    def _compare(self, partition: int, end: int) -> None:
        """What the tail brought of records that the index holds already. Raises Damaged."""
        tail, own = self._tail[partition], self._own[partition]
        others = []
        while tail and tail[0][0] < end:
            offset, data = tail.popleft()
            mine = own.pop(offset, None)
            if mine is None:
                others.append((offset, data))
            elif mine != data:
                raise Damaged(self._changed(partition, offset))
        if others:
            held = self.book.records(partition, others[0][0], others[-1][0])
            for offset, data in others:
                if held[offset] != data:
                    raise Damaged(self._changed(partition, offset))

    def _changed(self, partition: int, offset: int) -> str:
        return (
            f"{self._name} {partition}:{offset} is not the record that was there before: "
            "the topic was truncated or made again. Nothing was applied on top; find out "
            "why before you delete the index, which is built anew from the topic then"
        )

    def _gap(self, partition: int, expected: int, found: int) -> str:
        return (
            f"{self._name} {partition}:{expected} is missing, the next record is {found}: the "
            "topic was compacted, records were deleted, or a transactional producer wrote to it. "
            "Nothing behind it was applied"
        )

    def _settle(self, job: Job, offset: int) -> None:
        """What became of a job whose attempt stands at an offset. Raises Damaged."""
        record = self.book.record(job.partition, offset)
        if record.data != job.data:
            report = Damaged(
                f"{self._name} {job.partition}:{offset} was acknowledged for the commit "
                f"{job.commit.id}, and another record is there: the topic was made again"
            )
            self._settled.append((job, report))
            raise report
        self._settled.append((job, self._outcome(job, offset, record.verdict)))

    def _outcome(self, job: Job, offset: int, verdict: Verdict) -> Placed | Exception:
        commit = job.commit
        if verdict is Verdict.ACCEPTED:
            return bare(Placed, (job.partition, offset, commit.expects, len(commit.events), False))
        if verdict is Verdict.DUPLICATE:
            first = self.book.find(job.partition, commit.stream, commit.id, job.hash)
            assert first is not None
            return job.repeated(first, self.book.record(job.partition, first.offset).data)
        return stale_conflict(commit, self.book.head(job.partition, commit.stream))

    def _fail(self, error: Exception) -> None:
        """The index can't be written: nobody can be told what becomes of their records."""
        self.failure = Unreachable(
            f"the index of {self._name} can't be written ({error}): make room or mend the disk, "
            "then open the desk again; the same command ids are safe to send again"
        )
        jobs = [job for job, _ in self._settled]
        self._settled = []
        for job in jobs:
            job.settle(Unreachable(str(self.failure)))
        self._refuse(range(self._partitions), self.failure)
        self._grown()
