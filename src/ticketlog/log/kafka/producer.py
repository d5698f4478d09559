"""The producer of a log: it sends commits to the topic until each of them has an outcome.

The client's producer is a plain one: no idempotence, no transactions, no retries. Where an
attempt's fate isn't known the same commit is sent again, and the acceptance rule voids the double
(kafka-python's idempotent producer can hang for ever after a broker's crash, and its transactions
can report a success that was none).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
)

from ticketlog.errors import Conflict, Damaged, InDoubt, TicketlogError, Unreachable
from ticketlog.log.kafka import pending_append
from ticketlog.log.kafka.client import close_now, connect_client
from ticketlog.log.kafka.index_applier import IndexApplier
from ticketlog.log.kafka.pending_append import PendingAppend
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Placed

ATTEMPT_TIMEOUT_S = 12.0
"""Seconds without an answer after which an attempt counts as lost and the client is
replaced. Longer than the client's own `delivery_timeout_ms`, which should have answered."""
BACKOFF_S = 0.1
"""Seconds between a failed attempt and the next one."""
BATCH_FROM_THREADS = 4
"""The number of threads with one append each from which on their appends share requests."""
BATCH_WAIT_S = 0.005
"""Seconds that an append waits to share a request. 5 ms: docs/decisions/022."""
_CHECK_EVERY_S = 1.0
"""Seconds between two looks for awaited appends without an answer."""
_IDLE_S = 3_600.0
"""Seconds that the thread of a delivery sleeps that has nothing to deliver, if nobody wakes it."""
_ARRIVED, _ENDED = -1, -2
"""Stand for an offset in the queue of a standing delivery: an append is new, or nothing comes any
more."""
_NOTHING: Any = None
PRODUCER: Mapping[str, Any] = {
    "acks": "all",
    "enable_idempotence": False,
    "max_in_flight_requests_per_connection": 1,
    "retries": 0,
    "linger_ms": 0,
    "batch_size": 1 << 18,
    "max_request_size": 2 << 20,
    "request_timeout_ms": 8_000,
    "delivery_timeout_ms": 10_000,
    "max_block_ms": 5_000,
    "bootstrap_timeout_ms": 5_000,
    "reconnect_backoff_max_ms": 1_000,
    "retry_backoff_ms": 50,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}
_NOT_WRITTEN = (
    AuthorizationError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
)
"""Answers of a broker that show that it hasn't written the record."""


class AppendProducer:
    """Appends commits to one topic. Thread-safe.

    `known_outcome` gives the outcome of a commit of which the index says that it needn't be sent.
    """

    def __init__(
        self,
        address: KafkaAddress,
        topic: str,
        applier: IndexApplier,
        known_outcome: Callable[[PendingAppend], Placed | Exception | None],
    ) -> None:
        self._address = address
        self._topic = topic
        self._applier = applier
        self._known_outcome = known_outcome
        self._callers: set[int] = set()
        """The threads that wait for appends."""
        self._single_callers: set[int] = set()
        """The callers that wait for one append each."""
        self._batch_changed = threading.Condition()
        self._batch: list[PendingAppend] = []
        """Appends of several threads that one of them is going to send."""
        self._for_tasks: _StandingDelivery | None = None
        """The appends that tasks await, from the first of them on."""
        self._starting = threading.Lock()
        self._ended = False
        self._client_lock = threading.Lock()
        self._client: KafkaProducer | None = None
        self._connected_at = 0.0
        self._connect_failed_at = 0.0
        self._connect_error = ""

    def close(self) -> None:
        with self._starting:
            self._ended = True
            standing = self._for_tasks
        if standing is not None:
            standing.end()
        with self._client_lock:
            if self._client is not None:
                close_now(self._client)
                self._client = None
        if standing is not None and standing.thread is not None:
            standing.thread.join()

    def await_append(
        self, append: PendingAppend, on_settled: Callable[[Sequence[PendingAppend]], None]
    ) -> None:
        """Takes an append that a task awaits, and returns at once; the producer's own thread
        delivers it. `on_settled`: told of appends that were settled together.
        Raises Unreachable where the producer is closed."""
        with self._starting:
            if self._ended:
                raise Unreachable(f"the log in {self._topic} was closed: open it again")
            if self._for_tasks is None:
                standing = self._for_tasks = _StandingDelivery()
                standing.thread = threading.Thread(
                    target=self._deliver_for_tasks,
                    args=(standing, on_settled),
                    name="ticketlog-sender",
                    daemon=True,
                )
                standing.thread.start()
            self._for_tasks.arrive(append)

    def _deliver_for_tasks(
        self,
        delivery: _StandingDelivery,
        on_settled: Callable[[Sequence[PendingAppend]], None],
    ) -> None:
        while not delivery.ended:
            try:
                self._advance(delivery)
                if delivery.is_check_due():
                    self._check_overdue(delivery)
            except Exception:
                # A defect; those who wait are told once their time is up.
                logging.getLogger(__name__).exception("appends can't be sent")
            if settled := delivery.take_settled():
                on_settled(settled)
        left = delivery.left()
        for append in left:
            append.settle(append.abandonment())
        on_settled(left)

    def deliver(self, appends: Sequence[PendingAppend]) -> None:
        """Returns when every append is settled. Those of one stream are sent one after the other,
        since each was decided on the one before it."""
        caller = threading.get_ident()
        self._callers.add(caller)
        if len(appends) == 1:
            self._single_callers.add(caller)
        try:
            self._deliver(_Delivery(appends))
        finally:
            self._callers.discard(caller)
            self._single_callers.discard(caller)

    def _deliver(self, delivery: _Delivery) -> None:
        self._attempt(delivery, delivery.take_ready())
        while delivery.in_flight:
            self._advance(delivery)

    def _advance(self, delivery: _Delivery) -> None:
        """Waits for news of a delivery, and does what follows from them."""
        results = delivery.wait_for_results()
        if results:
            self._take(delivery, results)
        elif not delivery.ready:
            self._check_overdue(delivery)
        enough = _is_batch(len(delivery.ready), len(delivery.in_flight))
        if delivery.ready and (enough or not results):
            self._attempt(delivery, delivery.take_ready())

    def _take(
        self, delivery: _Delivery, results: Sequence[tuple[int | None, PendingAppend]]
    ) -> None:
        acked = [(offset, append) for offset, append in results if offset is not None]
        if acked:
            self._applier.apply(acked)
        failed = []
        for _, append in results:
            if append not in delivery.in_flight:
                continue
            if append.is_settled:
                delivery.settled(append)
            elif append.wants_attempt and append not in failed:
                failed.append(append)
        if failed:
            self._retry(delivery, failed)

    def _retry(self, delivery: _Delivery, failed: Sequence[PendingAppend]) -> None:
        """Attempts appends again that failed at the same time: together, since where no broker
        answers they would find that out one after the other."""
        last = max(append.failed_at for append in failed)
        time.sleep(max(0.0, last + BACKOFF_S - time.monotonic()))
        self._give_up(delivery)
        self._attempt(delivery, [each for each in failed if not each.is_settled])

    def _attempt(self, delivery: _Delivery, appends: Sequence[PendingAppend]) -> None:
        """Begins an attempt of each append; sends those whose outcome isn't known by now."""
        unknown = []
        for append in appends:
            if not append.begin():
                continue
            if self._must_be_sent(append):
                unknown.append(append)
            elif append.awaited is None and append.error and delivery.is_overdue(append):
                break  # The rest of the bulk is given up with it.
        single = len(unknown) == 1 and appends[0].is_alone
        if single and len(self._single_callers) >= BATCH_FROM_THREADS:
            self._send_batched(unknown[0])
        elif unknown:
            self._send(unknown)

    def _must_be_sent(self, append: PendingAppend) -> bool:
        """Whether the log's index leaves the outcome open. If not, the append is settled, or its
        attempt has failed."""
        try:
            outcome = self._known_outcome(append)
        except Unreachable as error:
            self._fail(append, append.attempt, error, may_be_written=False)
            return False
        except TicketlogError as error:
            outcome = error
        if outcome is None and append.follows_stale:
            outcome = Conflict(f"{append.commit.stream}: what it was decided on was stale")
        if outcome is not None:
            append.settle(outcome)
        return outcome is None

    def _send_batched(self, append: PendingAppend) -> None:
        """Sends the appends of several threads by one of these threads: a request costs the client
        more than all that is in it."""
        with self._batch_changed:
            self._batch.append(append)
            if len(self._batch) > 1:
                if self._batch_is_full():
                    self._batch_changed.notify()
                return
            try:
                self._batch_changed.wait_for(self._batch_is_full, BATCH_WAIT_S)
            finally:
                appends, self._batch = self._batch, []
        self._send(appends)

    def _batch_is_full(self) -> bool:
        return _is_batch(len(self._batch), len(self._single_callers))

    def _send(self, appends: Sequence[PendingAppend]) -> None:
        """Hands appends to the client. Where one of them finds no broker, the rest fail with it
        instead of waiting for a broker one after the other."""
        handed_over = 0
        try:
            client = self._connected_client()
            for append in appends:
                self._hand_over(client, append)
                handed_over += 1
        except (KafkaError, Unreachable) as error:
            for append in appends[handed_over:]:
                self._fail(append, append.attempt, error, may_be_written=False)

    def _hand_over(self, client: KafkaProducer, append: PendingAppend) -> None:
        """Raises KafkaTimeoutError where no broker can be found."""
        attempt = append.hand_over()
        if attempt is None:
            return

        def answered(metadata: Any) -> None:
            if metadata.offset >= 0:
                self._acknowledge(metadata.offset, append)
            else:
                error = InDoubt("the broker didn't say where it wrote")
                self._fail(append, attempt, error, may_be_written=True)

        def failed(error: Exception) -> None:
            may_be_written = not isinstance(error, _NOT_WRITTEN)
            self._fail(append, attempt, error, may_be_written=may_be_written)

        try:
            future = client.send(self._topic, value=append.data, partition=append.partition)
        except KafkaTimeoutError:
            raise
        except KafkaError as error:
            self._fail(append, attempt, error, may_be_written=False)
        except Exception as error:
            # Another thread has replaced the client, which was closed while this one used it.
            failed(error)
        else:
            future.add_callback(answered)
            future.add_errback(failed)

    def _acknowledge(self, offset: int, append: PendingAppend) -> None:
        """A single caller applies its record itself, which spares a change of threads; the records
        of several callers are put into one transaction by the applier's thread."""
        append.acknowledge()
        tasks = self._for_tasks is not None and bool(self._for_tasks.in_flight)
        if len(self._callers) + tasks == 1:
            append.results.put((offset, append))
        else:
            self._applier.acked(offset, append)

    def _fail(
        self, append: PendingAppend, attempt: int, error: Exception, *, may_be_written: bool
    ) -> None:
        if not append.fail(attempt, error, may_be_written=may_be_written):
            return
        if isinstance(error, AuthorizationError | MessageSizeTooLargeError):
            append.settle(append.failure(self._topic))
        else:
            append.results.put((None, append))

    def _check_overdue(self, delivery: _Delivery) -> None:
        """Begins the attempts anew that have had no answer for too long, with another client."""
        self._give_up(delivery)
        now = time.monotonic()
        lost = [
            each
            for each in delivery.in_flight
            if not each.is_settled and each.attempt and now - each.sent_at > ATTEMPT_TIMEOUT_S
        ]
        if lost:
            self._replace_client(max(append.sent_at for append in lost))
        for append in lost:
            append.lose(Unreachable("no answer"))
        self._attempt(delivery, lost)

    def _give_up(self, delivery: _Delivery) -> None:
        """Settles the appends whose time is up."""
        for append in list(delivery.in_flight):
            if delivery.is_overdue(append):
                append.settle(append.failure(self._topic))

    def _connected_client(self) -> KafkaProducer:
        """The client of kafka-python, connected when it is first needed. Raises Unreachable.

        Callers that come while another one connects share what comes of it: one after the other
        they would wait for minutes.
        """
        called_at = time.monotonic()
        with self._client_lock:
            if self._client is None:
                if self._connect_failed_at > called_at:
                    raise Unreachable(self._connect_error)
                try:
                    self._client = connect_client(KafkaProducer, self._address, **PRODUCER)
                except Unreachable as error:
                    self._connect_failed_at, self._connect_error = time.monotonic(), str(error)
                    raise
                self._connected_at = time.monotonic()
            return self._client

    def _replace_client(self, sent_at: float) -> None:
        """Closes the client that attempts until then were sent with, not one connected since."""
        with self._client_lock:
            if self._client is None or self._connected_at > sent_at:
                return
            broken, self._client = self._client, None
        threading.Thread(target=close_now, args=(broken,), daemon=True).start()


def _is_batch(ready: int, in_flight: int) -> bool:
    """Whether two thirds are ready: with fewer the requests get small, with more brokers idle."""
    return 3 * ready >= 2 * in_flight


class _Delivery:
    """Appends that a caller waits for together. For the caller's thread."""

    def __init__(self, appends: Sequence[PendingAppend]) -> None:
        self.results: SimpleQueue[tuple[int | None, PendingAppend]] = SimpleQueue()
        self.in_flight: set[PendingAppend] = set()
        self.ready: list[PendingAppend] = []
        """Appends in flight of which no attempt has begun."""
        self._by_stream: dict[str, list[PendingAppend]] = {}
        """Appends that aren't in flight yet, of each stream the next one last."""
        self._progress_at = time.monotonic()
        for append in appends:
            append.results = self.results
            append.is_alone = len(appends) == 1
            self._by_stream.setdefault(append.commit.stream, []).append(append)
        for waiting in self._by_stream.values():
            waiting.reverse()
            self.ready.append(waiting.pop())
        self.in_flight.update(self.ready)

    def take_ready(self) -> list[PendingAppend]:
        taken, self.ready = self.ready, []
        return taken

    def settled(self, append: PendingAppend) -> None:
        """Makes the stream's next append ready. What was decided on a commit that isn't recorded
        is stale with it, also where its version fits by chance."""
        self.in_flight.discard(append)
        self._progress_at = time.monotonic()
        waiting = self._by_stream[append.commit.stream]
        outcome = append.outcome
        if isinstance(outcome, Unreachable | Damaged):
            for later in waiting:
                later.settle(outcome)
            waiting.clear()
        if waiting:
            following = waiting.pop()
            following.follows_stale = append.follows_stale or isinstance(outcome, Conflict)
            self.in_flight.add(following)
            self.ready.append(following)

    def wait_for_results(self) -> list[tuple[int | None, PendingAppend]]:
        """Appends with news of an attempt or their outcome, at least one unless time is up."""
        found = []
        with suppress(Empty):
            found.append(self.results.get(timeout=self._patience_s()))
            while True:
                found.append(self.results.get_nowait())
        return found

    def _patience_s(self) -> float:
        if self.ready:
            return BATCH_WAIT_S
        left = self._progress_at + pending_append.DEADLINE_S - time.monotonic()
        return max(0.0, min(ATTEMPT_TIMEOUT_S, left))

    def is_overdue(self, append: PendingAppend) -> bool:
        """Whether an append in flight is to be given up: nothing of the delivery has come through
        for too long."""
        return time.monotonic() - self._progress_at >= pending_append.DEADLINE_S


class _StandingDelivery(_Delivery):
    """Appends that tasks await, each for itself: they come at any time, and have nothing to do with
    each other but that those of one stream go one after the other. For the producer's own thread,
    apart from `arrive` and `end`."""

    def __init__(self) -> None:
        super().__init__(())
        self.thread: threading.Thread | None = None
        self.ended = False
        self._settled: list[PendingAppend] = []
        self._checked_at = time.monotonic()

    def arrive(self, append: PendingAppend) -> None:
        append.results = self.results
        append.is_alone = False
        append.waits_since = time.monotonic()
        self.results.put((_ARRIVED, append))

    def end(self) -> None:
        self.results.put((_ENDED, _NOTHING))

    def wait_for_results(self) -> list[tuple[int | None, PendingAppend]]:
        found = []
        for news, append in super().wait_for_results():
            if news == _ENDED:
                self.ended = True
            elif news == _ARRIVED:
                self._add(append)
            else:
                found.append((news, append))
        return found

    def _add(self, append: PendingAppend) -> None:
        waiting = self._by_stream.get(append.commit.stream)
        if waiting is None:
            self._by_stream[append.commit.stream] = []
            self.in_flight.add(append)
            self.ready.append(append)
        else:
            waiting.insert(0, append)

    def settled(self, append: PendingAppend) -> None:
        self.in_flight.discard(append)
        self._settled.append(append)
        stream = append.commit.stream
        waiting = self._by_stream[stream]
        if waiting:
            following = waiting.pop()
            self.in_flight.add(following)
            self.ready.append(following)
        else:
            del self._by_stream[stream]

    def take_settled(self) -> list[PendingAppend]:
        taken, self._settled = self._settled, []
        return taken

    def left(self) -> list[PendingAppend]:
        """The appends that have no outcome when the delivery ends."""
        waiting = [append for each in self._by_stream.values() for append in each]
        return [*self._settled, *self.in_flight, *waiting]

    def _patience_s(self) -> float:
        if self.ready:
            return BATCH_WAIT_S
        return _CHECK_EVERY_S if self.in_flight else _IDLE_S

    def is_check_due(self) -> bool:
        """Whether it is time to look for appends that have had no answer for too long: answers to
        other appends say nothing of them."""
        now = time.monotonic()
        if now - self._checked_at < _CHECK_EVERY_S:
            return False
        self._checked_at = now
        return True

    def is_overdue(self, append: PendingAppend) -> bool:
        return time.monotonic() - append.waits_since >= pending_append.DEADLINE_S
