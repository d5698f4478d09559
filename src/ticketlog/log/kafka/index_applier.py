"""The index applier: it brings records into the index of a log in Kafka, each partition in log
order, each record judged by the acceptance rule.

One thread at a time applies, and puts whatever has arrived into one transaction. Records arrive in
two ways: those of this process from their acknowledgement, where they are the next that the index
expects, and all records from the topic consumer. What the index holds already is compared with
what the consumer fetched; a difference, or an offset that is missing, stops the partition with a
report.
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
from ticketlog.log.append_errors import stale_conflict
from ticketlog.log.commit import Verdict
from ticketlog.log.index.reader import id_hash
from ticketlog.log.index.writer import IndexWriter
from ticketlog.log.kafka.pending_append import PendingAppend
from ticketlog.log.port import Placed
from ticketlog.support.gc_paused import gc_paused

BATCH_ARRIVALS = 4_000
"""Arrivals put into one transaction at most."""
FETCHED_LIMIT = 20_000
"""The number of fetched records that may wait here before the topic consumer has to wait."""
OWN_LIMIT = 2_000
"""The number of applied records of a partition that are remembered until the consumer fetches
them, to be compared without a look into the index."""

FetchedRecords: TypeAlias = Sequence[tuple[int, bytes]]
"""Offsets and bytes, as the topic consumer delivers them."""
Arrival: TypeAlias = tuple[int, PendingAppend | FetchedRecords]
"""The offset of an acknowledgement and its append, or a partition and records fetched of it."""


class IndexApplier:
    """The only writer of the index. `acked`, `apply`, `fetched` and `stop` may be called from any
    thread."""

    def __init__(
        self, writer: IndexWriter, name: str, partitions: int, on_growth: Callable[[], None]
    ) -> None:
        self.writer = writer
        self.stopped: dict[int, TicketlogError] = {}
        """Partitions to which nothing is applied any more, with the report."""
        self.failure: Unreachable | None = None
        """Why nothing at all is applied any more."""
        self.wanted = threading.Event()
        """Set where a caller waits for records that only the topic consumer can fetch."""
        self._name = name
        self._partitions = partitions
        self._on_growth = on_growth
        self._inbox: SimpleQueue[Arrival | None] = SimpleQueue()
        self._acked: list[dict[int, PendingAppend]] = [{} for _ in range(partitions)]
        self._acked_twice: list[list[tuple[int, PendingAppend]]] = [[] for _ in range(partitions)]
        """Acknowledgements at an offset that another append was acknowledged at as well."""
        self._own: list[dict[int, bytes]] = [{} for _ in range(partitions)]
        """Records that were applied from their acknowledgement and not fetched since."""
        self._fetched: list[deque[tuple[int, bytes]]] = [deque() for _ in range(partitions)]
        self._heads = [partial(writer.head, p) for p in range(partitions)]
        self._ids = [partial(self._knows, p) for p in range(partitions)]
        self._fetched_count = 0
        self._has_room = threading.Condition()
        self._turn = threading.Lock()
        self._settled: list[tuple[PendingAppend, Placed | Exception]] = []
        writer.begin()
        self.ends = writer.ends()
        """The ends of the index's partitions."""
        writer.rollback()
        self._thread = threading.Thread(target=self._run, name="ticketlog-applier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._inbox.put(None)
        self._thread.join()
        self.writer.close()

    def acked(self, offset: int, append: PendingAppend) -> None:
        """Takes an acknowledged append, which the applier's thread applies."""
        self._inbox.put((offset, append))

    def apply(self, acked: Sequence[tuple[int, PendingAppend]]) -> None:
        """Applies acknowledged appends in the caller's thread."""
        self._take(acked)

    def fetched(self, partition: int, records: FetchedRecords) -> None:
        """Takes fetched records; waits while more than FETCHED_LIMIT of them are to be applied."""
        with self._has_room:
            while self._fetched_count > FETCHED_LIMIT:
                self._has_room.wait()
            self._fetched_count += len(records)
        self._inbox.put((partition, records))

    def stop(self, partition: int, report: TicketlogError) -> None:
        """Stops a partition: nothing is applied to it any more, its appends are settled with the
        report."""
        if partition not in self.stopped:
            self.stopped[partition] = report
            self._inbox.put((partition, ()))

    def _run(self) -> None:
        going = True
        while going:
            arrived = [self._inbox.get()]
            with suppress(Empty):
                while len(arrived) < BATCH_ARRIVALS:
                    arrived.append(self._inbox.get_nowait())
            going = None not in arrived
            self._take([each for each in arrived if each is not None])

    def _take(self, arrived: Sequence[Arrival]) -> None:
        with self._turn:
            try:
                self._apply(arrived)
            except Exception as error:
                logging.getLogger(__name__).debug("records can't be applied", exc_info=True)
                self.writer.rollback()
                self._fail(error)

    def _apply(self, arrived: Sequence[Arrival]) -> None:
        touched = self._sort(arrived)
        if self.failure is not None:
            self._refuse(touched, self.failure)
            return
        with gc_paused():
            self.writer.begin()
            for partition in sorted(touched):
                self._advance_or_stop(partition)
            self.writer.commit()
        self.ends = self.writer.ends()
        settled, self._settled = self._settled, []
        for append, outcome in settled:
            append.settle(outcome)
        self._on_growth()

    def _sort(self, arrived: Sequence[Arrival]) -> set[int]:
        """Puts arrivals where their partition finds them; returns the partitions."""
        touched = set()
        delivered = 0
        for number, arrival in arrived:
            if isinstance(arrival, PendingAppend):
                partition = arrival.partition
                if self._acked[partition].setdefault(number, arrival) is not arrival:
                    self._acked_twice[partition].append((number, arrival))
            else:
                partition = number
                delivered += len(arrival)
                self._fetched[partition].extend(arrival)
            touched.add(partition)
        if delivered:
            with self._has_room:
                self._fetched_count -= delivered
                self._has_room.notify_all()
        return touched

    def _advance_or_stop(self, partition: int) -> None:
        try:
            if partition not in self.stopped:
                self._advance(partition)
        except (Damaged, NewerFormat) as report:
            self.stopped[partition] = report
        if partition in self.stopped:
            self._refuse((partition,), self.stopped[partition])

    def _refuse(self, partitions: Sequence[int] | set[int], error: TicketlogError) -> None:
        """Settles appends whose records won't be applied; the records may stand in the log."""
        for partition in partitions:
            self._fetched[partition].clear()
            doubled = [append for _, append in self._acked_twice[partition]]
            for append in (*self._acked[partition].values(), *doubled):
                append.settle(type(error)(str(error)))
            self._acked[partition].clear()
            self._acked_twice[partition].clear()

    def _advance(self, partition: int) -> None:
        """Applies what continues the partition. Raises Damaged, NewerFormat."""
        fetched, acked = self._fetched[partition], self._acked[partition]
        next = self.writer.end(partition)
        while True:
            if fetched and fetched[0][0] < next:
                self._compare(partition, next)
            if (append := acked.pop(next, None)) is not None:
                self._settled.append((append, self._apply_own(append)))
            elif fetched and fetched[0][0] == next:
                self._apply_foreign(partition, next, fetched.popleft()[1])
            elif fetched:
                raise Damaged(self._gap(partition, next, fetched[0][0]))
            else:
                break
            next += 1
        if acked and max(acked) > next:
            self.wanted.set()
        for offset in [offset for offset in acked if offset < next]:
            self._settle(acked.pop(offset), offset)
        for each in [each for each in self._acked_twice[partition] if each[0] < next]:
            self._acked_twice[partition].remove(each)
            self._settle(each[1], each[0])

    def _apply_own(self, append: PendingAppend) -> Placed | Exception:
        """Applies an acknowledged record, of which nothing has to be read; returns its outcome."""
        writer, commit, part = self.writer, append.commit, append.partition
        stream, expects, settings = commit.stream, commit.expects, commit.settings
        head = writer.head(part, stream)
        first = writer.find(part, stream, commit.id, append.id_hash) if head.version else None
        verdict = judge(expects, settings, head, known=first is not None)
        if verdict is Verdict.ACCEPTED:
            entry = (stream, expects, len(commit.events), settings)
            offset = writer.accept(part, append.data, commit.recorded_at, entry, append.id_hash)
        else:
            offset = writer.void(part, append.data, verdict, commit.recorded_at)
        own = self._own[part]
        if len(own) < OWN_LIMIT:
            own[offset] = append.data
        return self._outcome(append, offset, verdict)

    def _apply_foreign(self, partition: int, offset: int, data: bytes) -> None:
        """Applies a fetched record. Raises NewerFormat."""
        verdict, envelope, recorded_at = accept(
            data,
            partition=partition,
            partitions=self._partitions,
            offset=offset,
            head=self._heads[partition],
            known=self._ids[partition],
        )
        if envelope is None or verdict is not Verdict.ACCEPTED:
            self.writer.void(partition, data, verdict, recorded_at)
            return
        entry = (envelope.stream, envelope.expects, len(envelope.events), envelope.settings)
        self.writer.accept(partition, data, recorded_at, entry, id_hash(envelope.id))

    def _knows(self, partition: int, stream: str, id: str) -> bool:
        return self.writer.find(partition, stream, id, id_hash(id)) is not None

    def _compare(self, partition: int, end: int) -> None:
        """Compares fetched records with those that the index holds already. Raises Damaged."""
        fetched, own = self._fetched[partition], self._own[partition]
        unremembered = []
        while fetched and fetched[0][0] < end:
            offset, data = fetched.popleft()
            applied = own.pop(offset, None)
            if applied is None:
                unremembered.append((offset, data))
            elif applied != data:
                raise Damaged(self._changed(partition, offset))
        if unremembered:
            held = self.writer.records(partition, unremembered[0][0], unremembered[-1][0])
            for offset, data in unremembered:
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

    def _settle(self, append: PendingAppend, offset: int) -> None:
        """Notes the outcome of an append that was acknowledged at an offset below the index's end.
        Raises Damaged."""
        record = self.writer.record(append.partition, offset)
        if record.data != append.data:
            report = Damaged(
                f"{self._name} {append.partition}:{offset} was acknowledged for the commit "
                f"{append.commit.id}, and another record is there: the topic was made again"
            )
            self._settled.append((append, report))
            raise report
        self._settled.append((append, self._outcome(append, offset, record.verdict)))

    def _outcome(self, append: PendingAppend, offset: int, verdict: Verdict) -> Placed | Exception:
        commit = append.commit
        if verdict is Verdict.ACCEPTED:
            return bare(
                Placed, (append.partition, offset, commit.expects, len(commit.events), False)
            )
        if verdict is Verdict.DUPLICATE:
            first = self.writer.find(append.partition, commit.stream, commit.id, append.id_hash)
            assert first is not None
            return append.answer_for(first, self.writer.record(append.partition, first.offset).data)
        return stale_conflict(commit, self.writer.head(append.partition, commit.stream))

    def _fail(self, error: Exception) -> None:
        """Settles all appends as unreachable: the index can't be written."""
        self.failure = Unreachable(
            f"the index of {self._name} can't be written ({error}): make room or mend the disk, "
            "then open the desk again; the same command ids are safe to send again"
        )
        appends = [append for append, _ in self._settled]
        self._settled = []
        for append in appends:
            append.settle(Unreachable(str(self.failure)))
        self._refuse(range(self._partitions), self.failure)
        self._on_growth()
