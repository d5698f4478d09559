"""The log in Kafka: one topic, one record per commit, and an index of it on the local disk.

The order of the topic decides what is accepted, so there can be any number of writers. The index
is a cache: deleted, it comes back from the topic. Several processes may share it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import pysqlite3.dbapi2 as sqlite

from ticketlog.errors import Damaged, InDoubt, TicketlogError, Unreachable
from ticketlog.log.append_errors import stale_conflict
from ticketlog.log.awaited import future, resolve
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import FORMAT, Commit, Verdict, genesis_of
from ticketlog.log.index import reader
from ticketlog.log.index.indexed_log import IndexedLog
from ticketlog.log.index.writer import IndexWriter
from ticketlog.log.kafka.consumer import TopicConsumer, first_records
from ticketlog.log.kafka.index_applier import IndexApplier
from ticketlog.log.kafka.pending_append import PendingAppend
from ticketlog.log.kafka.producer import AppendProducer
from ticketlog.log.kafka.topics import BROKER_TIMEOUT_S, Topic
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Placed, bulk_outcome
from ticketlog.support.gc_paused import gc_paused


class KafkaLog(IndexedLog):
    """A `Log` (see port.py). The first read waits until the index holds all records that the topic
    held by then; after that the index follows within a tenth of a second, and `sync` waits for
    more."""

    def __init__(
        self,
        address: KafkaAddress,
        topic: Topic,
        path: Path,
        name: str,
        desk: str,
        codec: RecordCodec,
    ) -> None:
        super().__init__(path, topic.partitions, codec)
        self.name = name
        self.desk = desk
        self.siblings: tuple[KafkaLog, ...] = ()
        """The other logs of the desk: a stopped partition of one stops all."""
        self._synced = False
        self._doubts: dict[tuple[str, str], int] = {}
        self._index_writer = IndexWriter(path, topic.partitions, synchronous="NORMAL")
        self._applier = IndexApplier(self._index_writer, name, topic.partitions, self._notify)
        self._consumer = TopicConsumer(address, topic, list(self._applier.ends), self._applier)
        self._producer = AppendProducer(address, topic.name, self._applier, self._known_outcome)
        self._applier.start()
        self._consumer.start()

    @classmethod
    def open(
        cls,
        address: KafkaAddress,
        topic: Topic,
        path: Path,
        name: str,
        codec: RecordCodec,
    ) -> KafkaLog:
        """Opens a log whose topic was checked. Makes the index where there is none.

        Raises Unreachable, Damaged where the topic holds no log of that name, or the index is of
        another one.
        """
        if not path.exists():
            _make_index(address, topic, path, name)
        about = _about(path)
        if (about["cluster"], about["topic"]) != (topic.cluster, topic.id):
            raise Damaged(
                f"{path} is the index of another topic than {topic.name} is now (cluster "
                f"{topic.cluster}, id {topic.id}): it was made again, or the URL leads elsewhere. "
                "Delete the index if this is the log that you mean; it comes back from the topic"
            )
        try:
            return cls(address, topic, path, name, about["desk"], codec)
        except sqlite.Error as error:
            raise reader.storage_error(error, path) from error

    @property
    def reader(self) -> sqlite.Connection:
        if not self._synced and not self._closed:
            self.sync()
        return super().reader

    def sync(self, patience_s: float = BROKER_TIMEOUT_S) -> None:
        """Returns once the index holds all records that the topic holds now. `patience_s`: the time
        for which brokers that don't answer are asked again.

        Raises Unreachable, and Damaged or NewerFormat where a partition is stopped.
        """
        ends = self._consumer.ends(patience_s)
        for sibling in self.siblings:
            sibling._consumer.check(patience_s)
        seen, progress_at = self._applier.ends, time.monotonic()
        while any(reached < end for reached, end in zip(seen, ends, strict=True)):
            self._check_not_stopped()
            self._applier.wanted.set()
            self._pause(0.05)
            now = self._applier.ends
            if now != seen:
                seen, progress_at = now, time.monotonic()
            elif time.monotonic() - progress_at > BROKER_TIMEOUT_S:
                raise Unreachable(
                    f"the index of {self.name} doesn't come to the end of its topic: "
                    f"{self._consumer.trouble or 'nothing arrives'}"
                )
        self._check_not_stopped()
        self._synced = True

    def wait(self, ends: Sequence[int], timeout_s: float) -> bool:
        self._check_not_stopped()
        return super().wait(ends, timeout_s)

    def latest_ends(self) -> tuple[int, ...] | None:
        try:
            return self._consumer.ends()
        except Unreachable:
            return None

    def troubles(self) -> list[str]:
        found = [self._applier.failure, *self._applier.stopped.values(), self._consumer.trouble]
        return [str(each) for each in found if each is not None]

    def skip_sync(self) -> None:
        with suppress(TicketlogError):
            self.sync()
        self._synced = True

    def differences(self) -> Iterator[str]:
        for partition, end in enumerate(self.ends()):
            records = chain(self._consumer.read(partition, end), repeat(None))
            for indexed, found in zip(
                islice(self.indexed_records(partition), end), records, strict=False
            ):
                if found != (indexed.offset, indexed.data):
                    yield (
                        f"{self.name} {partition}:{indexed.offset}: the index holds another record "
                        "than the topic, or one that the topic has lost"
                    )
                    break

    def may_be_in_flight(self, stream: str, id: str) -> bool:
        expects = self._doubts.get((stream, id))
        if expects is None:
            return False
        if self.head(stream).version > expects:
            del self._doubts[stream, id]
            return False
        return True

    def append(self, commit: Commit) -> Placed:
        append = PendingAppend(commit, self.partitions, self.codec)
        self._deliver([append])
        if isinstance(append.outcome, Exception):
            raise append.outcome
        assert append.outcome is not None
        return append.outcome

    async def append_async(self, commit: Commit) -> Placed:
        append = PendingAppend(commit, self.partitions, self.codec)
        append.awaited = future()
        self._producer.await_append(append, self._settled)
        return await append.awaited

    def _settled(self, appends: Sequence[PendingAppend]) -> None:
        """Notes what became of awaited appends, and tells the tasks."""
        self._note_doubts(appends)
        resolve((each.awaited, each.outcome) for each in appends if each.awaited and each.outcome)

    def append_all(self, commits: Sequence[Commit]) -> list[Placed | Verdict]:
        with gc_paused():
            appends = [PendingAppend(commit, self.partitions, self.codec) for commit in commits]
            self._deliver(appends)
        return [bulk_outcome(append.outcome) for append in appends]

    def _deliver(self, appends: Sequence[PendingAppend]) -> None:
        if self._closed:
            raise Unreachable(f"{self.path} was closed: open it again")
        self._producer.deliver(appends)
        self._note_doubts(appends)

    def _note_doubts(self, appends: Sequence[PendingAppend]) -> None:
        for append in appends:
            if isinstance(append.outcome, InDoubt):
                commit = append.commit
                self._doubts[commit.stream, commit.id] = commit.expects

    def close(self) -> None:
        super().close()
        self._producer.close()
        self._consumer.close()
        self._applier.close()

    def _check_not_stopped(self) -> None:
        if self._applier.failure is not None:
            raise Unreachable(str(self._applier.failure))
        for log in (self, *self.siblings):
            for report in log._applier.stopped.values():
                raise type(report)(str(report))

    def _known_outcome(self, append: PendingAppend) -> Placed | Exception | None:
        """The outcome of a commit that needn't be sent: its id is known, or it is stale for
        good."""
        report = self._applier.failure or self._applier.stopped.get(append.partition)
        if report is not None:
            return type(report)(str(report))
        commit = append.commit
        if self._synced and self._index_writer.would_accept(
            commit.stream, commit.expects, commit.settings, append.id_hash
        ):
            return None
        head = self.head(commit.stream)
        if commit.expects > head.version:
            self.sync(patience_s=0)
            head = self.head(commit.stream)
        placed = self.find(commit.stream, commit.id) if head.version else None
        if placed is not None:
            (record,) = self.records(placed.partition, placed.offset, 1)
            return append.answer_for(placed, record.data)
        if commit.expects != head.version or commit.settings < head.settings:
            return stale_conflict(commit, head)
        return None


def _about(path: Path) -> dict[str, str]:
    connection = reader.connect(path)
    try:
        return dict(connection.execute("SELECT key, value FROM about").fetchall())
    except sqlite.Error as error:
        raise Damaged(
            f"{path} is damaged ({error}): delete it, it comes back from the topic"
        ) from error
    finally:
        connection.close()


def _make_index(address: KafkaAddress, topic: Topic, path: Path, name: str) -> None:
    """An empty index of the log that the topic's first record names. Raises Damaged."""
    about = {
        "name": name,
        "desk": _desk(address, topic, name),
        "partitions": topic.partitions,
        "format": FORMAT,
        "cluster": topic.cluster,
        "topic": topic.id,
    }
    try:
        with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
            made = Path(folder) / path.name
            connection = reader.connect(made)
            connection.execute("BEGIN IMMEDIATE")
            reader.create_tables(connection, about)
            connection.execute("COMMIT")
            connection.close()
            os.link(made, path)
    except FileExistsError:
        return
    except OSError as error:
        raise Unreachable(f"{path} can't be made: {error.strerror}") from error


def _desk(address: KafkaAddress, topic: Topic, name: str) -> str:
    """The desk whose log the topic holds, as its first record says."""
    data = first_records(address, topic).get(0)
    about = genesis_of(data) if data else None
    if about is None or (about["log"], about["partitions"]) != (name, topic.partitions):
        raise Damaged(
            f"{topic.name} holds no log of {name} with {topic.partitions} partitions: its first "
            "record doesn't say so. Is the URL right?"
        )
    return str(about["desk"])
