"""Sends commits to a topic and sees to it that each of them gets an answer.

A plain producer: no idempotence, no transactions, no retries of its own. In doubt the same commit
goes again; the acceptance rule voids the double (kafka-python's idempotent producer can hang for
ever after a broker's crash, and its transactions can report a success that was none).
"""

from __future__ import annotations

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

from ticketlog.errors import Conflict, Damaged, InDoubt, TicketlogError, Unfit, Unreachable
from ticketlog.log.kafka.client import close_now, connect_client
from ticketlog.log.kafka.index_applier import IndexApplier, Job
from ticketlog.log.kafka.url import KafkaAddress
from ticketlog.log.port import Placed

DEADLINE_S = 30.0
"""Seconds without any answer after which those who wait are told that they are in doubt."""
ATTEMPT_TIMEOUT_S = 12.0
"""Seconds after which an attempt without an answer counts as lost, and the producer as broken."""
BACKOFF_S = 0.1
"""Seconds before the next attempt."""
BATCH_FROM_THREADS = 4
"""Threads with a commit under way from which on theirs are sent together."""
BATCH_WAIT_S = 0.005
"""Seconds for which a commit waits at most for others to be sent with it."""
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
"""Answers of a broker that hasn't written the record."""


class AppendProducer:
    """Thread-safe. `known` gives the answer of a commit that the index holds it already."""

    def __init__(
        self,
        address: KafkaAddress,
        topic: str,
        applier: IndexApplier,
        known: Callable[[Job], Placed | Exception | None],
    ) -> None:
        self._address = address
        self._topic = topic
        self._applier = applier
        self._known = known
        self._delivering: set[int] = set()
        """The threads that have jobs under way."""
        self._gathering = threading.Condition()
        self._gathered: list[Job] = []
        self._alone: set[int] = set()
        """Those of the threads that have one job each."""
        self._making = threading.Lock()
        self._live: KafkaProducer | None = None
        self._made_at = 0.0
        self._failed_at = 0.0
        """When a producer couldn't be made the last time, and why."""
        self._why = ""

    def close(self) -> None:
        with self._making:
            if self._live is not None:
                close_now(self._live)
                self._live = None

    def deliver(self, jobs: Sequence[Job]) -> None:
        """Returns when every job has an outcome; those of one stream go one after the other, since
        each was decided on the one before it."""
        me = threading.get_ident()
        self._delivering.add(me)
        if len(jobs) == 1:
            self._alone.add(me)
        try:
            self._deliver(_Round(jobs))
        finally:
            self._delivering.discard(me)
            self._alone.discard(me)

    def _deliver(self, round: _Round) -> None:
        self._launch(round, round.sendable())
        while round.flying:
            told = round.told()
            if told:
                self._take(round, told)
            elif not round.ready:
                self._look_after(round)
            if round.ready and (not told or _enough(len(round.ready), len(round.flying))):
                self._launch(round, round.sendable())

    def _take(self, round: _Round, told: Sequence[tuple[int | None, Job]]) -> None:
        acked = [(offset, job) for offset, job in told if offset is not None]
        if acked:
            self._applier.apply(acked)
        for _, job in told:
            if job not in round.flying:
                continue
            if job.outcome is not None:
                round.settled(job)
            elif not job.under_way:
                self._try_again(round, job)

    def _try_again(self, round: _Round, job: Job) -> None:
        time.sleep(max(0.0, job.failed_at + BACKOFF_S - time.monotonic()))
        if round.over():
            self._give_up(round)
        else:
            self._launch(round, [job])

    def _launch(self, round: _Round, jobs: Sequence[Job]) -> None:
        """Sends jobs, but those whose answer is known by now."""
        unanswered = []
        for job in jobs:
            job.attempt += 1
            job.sent_at = time.monotonic()
            job.under_way = False
            if self._unanswered(job):
                unanswered.append(job)
            elif job.error is not None and round.over():
                break
        if len(unanswered) == 1 and jobs[0].single and len(self._alone) >= BATCH_FROM_THREADS:
            self._gather(unanswered[0])
        elif unanswered:
            self._send(unanswered)

    def _unanswered(self, job: Job) -> bool:
        """Whether it is to be sent. If not, it has an outcome or has failed."""
        try:
            answer = self._known(job)
        except Unreachable as error:
            self._failed(job, job.attempt, error, doubt=False)
            return False
        except TicketlogError as error:
            answer = error
        if answer is None and job.behind:
            answer = Conflict(f"{job.commit.stream}: what it was decided on was stale")
        if answer is not None:
            job.settle(answer)
        return answer is None

    def _gather(self, job: Job) -> None:
        """Sends what several threads have, by one of them: a request costs the client more than
        all that is in it."""
        with self._gathering:
            self._gathered.append(job)
            if len(self._gathered) > 1:
                if self._gathered_enough():
                    self._gathering.notify()
                return
            try:
                self._gathering.wait_for(self._gathered_enough, BATCH_WAIT_S)
            finally:
                jobs, self._gathered = self._gathered, []
        self._send(jobs)

    def _gathered_enough(self) -> bool:
        return _enough(len(self._gathered), len(self._alone))

    def _send(self, jobs: Sequence[Job]) -> None:
        """Where one of them finds no broker, the others don't wait for one either."""
        sent = 0
        try:
            producer = self._producer()
            for job in jobs:
                self._post(producer, job)
                sent += 1
        except (KafkaError, Unreachable) as error:
            for job in jobs[sent:]:
                self._failed(job, job.attempt, error, doubt=False)

    def _post(self, producer: KafkaProducer, job: Job) -> None:
        """Raises KafkaTimeoutError where no broker can be found."""
        attempt = job.attempt

        def acked(metadata: Any) -> None:
            if metadata.offset >= 0:
                self._acked(metadata.offset, job)
            else:
                self._failed(job, attempt, InDoubt("the broker didn't say where it wrote"))

        job.under_way = True
        try:
            future = producer.send(self._topic, value=job.data, partition=job.partition)
        except KafkaTimeoutError:
            raise
        except KafkaError as error:
            self._failed(job, attempt, error, doubt=False)
        except Exception as error:
            # Another thread has given the producer up, and it is closed under our hands.
            self._failed(job, attempt, error)
        else:
            future.add_callback(acked)
            future.add_errback(lambda error: self._failed(job, attempt, error))

    def _acked(self, offset: int, job: Job) -> None:
        """Who waits alone applies its record itself, which spares a change of threads; the records
        of many are put into one transaction by the applier's thread."""
        if len(self._delivering) == 1:
            job.inbox.put((offset, job))
        else:
            self._applier.acked(offset, job)

    def _failed(self, job: Job, attempt: int, error: Exception, *, doubt: bool = True) -> None:
        if attempt != job.attempt:
            return
        job.error = error
        job.failed_at = time.monotonic()
        job.under_way = False
        job.doubt |= doubt and not isinstance(error, _NOT_WRITTEN)
        if isinstance(error, AuthorizationError | MessageSizeTooLargeError):
            job.settle(self._explained(job))
        else:
            job.inbox.put((None, job))

    def _look_after(self, round: _Round) -> None:
        """No future may stay unresolved: a producer that says nothing is replaced."""
        if round.over():
            self._give_up(round)
            return
        lost = [j for j in round.flying if time.monotonic() - j.sent_at > ATTEMPT_TIMEOUT_S]
        if lost:
            self._replace(max(job.sent_at for job in lost))
        for job in lost:
            job.doubt = True
            job.error = job.error or Unreachable("no answer")
        self._launch(round, lost)

    def _give_up(self, round: _Round) -> None:
        for job in list(round.flying):
            job.settle(self._explained(job))

    def _explained(self, job: Job) -> TicketlogError:
        """What whoever waits is told when no attempt got through."""
        why = str(job.error or "no answer") or type(job.error).__name__
        match job.error:
            case AuthorizationError():
                why = f"writing to {self._topic} isn't allowed: grant WRITE on it ({why})"
            case MessageSizeTooLargeError():
                why = f"{self._topic} takes no record of {len(job.data):,} bytes: raise its "
                why += "max.message.bytes"
            case NotEnoughReplicasError():
                why = f"{self._topic} has fewer replicas in sync than min.insync.replicas"
        if job.doubt or job.under_way:
            return InDoubt(
                f"{job.commit.stream}: no answer within {DEADLINE_S:.0f} s ({why}). Whether it was "
                f"recorded isn't known: send it again under the same id, {job.commit.id}"
            )
        if isinstance(job.error, MessageSizeTooLargeError):
            return Unfit(why)
        return Unreachable(
            f"{job.commit.stream}: nothing was recorded: {why}. Try again; the same id is safe"
        )

    def _producer(self) -> KafkaProducer:
        """Raises Unreachable. Who waits while another one looks for a broker shares what came of
        it: one after the other they would wait for minutes."""
        came = time.monotonic()
        with self._making:
            if self._live is None:
                if self._failed_at > came:
                    raise Unreachable(self._why)
                try:
                    self._live = connect_client(KafkaProducer, self._address, **PRODUCER)
                except Unreachable as error:
                    self._failed_at, self._why = time.monotonic(), str(error)
                    raise
                self._made_at = time.monotonic()
            return self._live

    def _replace(self, sent_at: float) -> None:
        """Gives up the producer of attempts that were made until then, not one made since."""
        with self._making:
            if self._live is None or self._made_at > sent_at:
                return
            broken, self._live = self._live, None
        threading.Thread(target=close_now, args=(broken,), daemon=True).start()


def _enough(ready: int, under_way: int) -> bool:
    """Whether it is time to send: with fewer the requests get small, with more the brokers idle."""
    return 3 * ready >= 2 * under_way


class _Round:
    """Jobs that are delivered together."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.inbox: SimpleQueue[tuple[int | None, Job]] = SimpleQueue()
        self.flying: set[Job] = set()
        self.ready: list[Job] = []
        """Those of the flying that can be sent."""
        self._chains: dict[str, list[Job]] = {}
        self._progress = time.monotonic()
        for job in jobs:
            job.inbox = self.inbox
            job.single = len(jobs) == 1
            self._chains.setdefault(job.commit.stream, []).append(job)
        for chain in self._chains.values():
            chain.reverse()
            self.ready.append(chain.pop())
        self.flying.update(self.ready)

    def sendable(self) -> list[Job]:
        found, self.ready = self.ready, []
        return found

    def settled(self, job: Job) -> None:
        """Takes a job's outcome, which makes the next one of its stream ready. What was decided on
        a commit that isn't there is stale with it, also where its version fits by chance."""
        self.flying.discard(job)
        self._progress = time.monotonic()
        chain = self._chains[job.commit.stream]
        if isinstance(job.outcome, Unreachable | Damaged):
            for later in chain:
                later.outcome = job.outcome
            chain.clear()
        if chain:
            after = chain.pop()
            after.behind = job.behind or isinstance(job.outcome, Conflict)
            self.flying.add(after)
            self.ready.append(after)

    def told(self) -> list[tuple[int | None, Job]]:
        """Jobs of which something is known, at least one unless time is up."""
        found = []
        with suppress(Empty):
            found.append(self.inbox.get(timeout=self.patience()))
            while True:
                found.append(self.inbox.get_nowait())
        return found

    def patience(self) -> float:
        if self.ready:
            return BATCH_WAIT_S
        return max(0.0, min(ATTEMPT_TIMEOUT_S, self._progress + DEADLINE_S - time.monotonic()))

    def over(self) -> bool:
        return time.monotonic() - self._progress >= DEADLINE_S
