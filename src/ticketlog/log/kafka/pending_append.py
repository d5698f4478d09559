"""An append in flight: a commit, the attempts to write it into the topic, and its outcome.

Three threads meet here: the caller's, which sends and waits; the Kafka client's, which answers
attempts; and the index applier's, which knows what the acceptance rule says. Each
calls a method, each method is one event, and TRANSITIONS holds every state that follows:

    state       begin     hand over  acknowledge  unwritten  unanswered  lose      settle
    ---------   -------   ---------  -----------  ---------  ----------  --------  -------
    NEW         STARTED   -          -            -          -           (NEW)     SETTLED
    STARTED     -         SENT       ACKED        FAILED     IN_DOUBT    IN_DOUBT  SETTLED
    SENT        -         (SENT)     ACKED        FAILED     IN_DOUBT    IN_DOUBT  SETTLED
    ACKED       (ACKED)   (ACKED)    ACKED        (ACKED)    (ACKED)     IN_DOUBT  SETTLED
    FAILED      STARTED   (FAILED)   -            FAILED     IN_DOUBT    (FAILED)  SETTLED
    IN_DOUBT    STARTED   (IN_DOUBT) ACKED        (IN_DOUBT) IN_DOUBT    IN_DOUBT  SETTLED
    SETTLED     (SETTLED) (SETTLED)  (SETTLED)    (SETTLED)  (SETTLED)   (SETTLED) (SETTLED)

In parentheses: the event comes too late to matter, which two threads can always bring about. A
dash: no order of events leads there, so it is a defect and raises.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import IntEnum
from queue import SimpleQueue
from threading import Lock

from kafka.errors import AuthorizationError, MessageSizeTooLargeError, NotEnoughReplicasError

from ticketlog.errors import InDoubt, TicketlogError, Unfit, Unreachable
from ticketlog.log.append_errors import repeated_answer
from ticketlog.log.awaited import Awaited
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Commit
from ticketlog.log.index.reader import id_hash
from ticketlog.log.partitioner import partition_of
from ticketlog.log.port import Placed

DEADLINE_S = 30.0
"""Seconds without any progress after which a caller's append is settled as in doubt."""


class AppendState(IntEnum):
    NEW = 0
    """No attempt has begun; perhaps the commit before it in its stream isn't settled yet."""
    STARTED = 1
    """An attempt has begun, and the Kafka client doesn't have the record yet."""
    SENT = 2
    """The Kafka client has the record, and the attempt has no answer."""
    ACKED = 3
    """A broker has said at which offset the record stands; the index doesn't hold it yet."""
    FAILED = 4
    """No attempt is under way, and none has written the record."""
    IN_DOUBT = 5
    """No attempt is under way, and an earlier one may have written the record."""
    SETTLED = 6
    """The outcome is known."""


class AppendEvent(IntEnum):
    BEGIN = 0
    HAND_OVER = 1
    ACKNOWLEDGE = 2
    UNWRITTEN = 3
    """The attempt failed, and no attempt can have written the record."""
    UNANSWERED = 4
    """The attempt failed, and this or an earlier one may have written the record."""
    LOSE = 5
    """The attempt has had no answer for too long."""
    SETTLE = 6


_NEW, _STARTED, _SENT, _ACKED, _FAILED, _IN_DOUBT, _SETTLED = AppendState
TRANSITIONS: Mapping[AppendEvent, Mapping[AppendState, AppendState]] = {
    AppendEvent.BEGIN: {
        _NEW: _STARTED,
        _FAILED: _STARTED,
        _IN_DOUBT: _STARTED,
        _ACKED: _ACKED,
        _SETTLED: _SETTLED,
    },
    AppendEvent.HAND_OVER: {
        _STARTED: _SENT,
        _SENT: _SENT,
        _ACKED: _ACKED,
        _FAILED: _FAILED,
        _IN_DOUBT: _IN_DOUBT,
        _SETTLED: _SETTLED,
    },
    AppendEvent.ACKNOWLEDGE: {
        _STARTED: _ACKED,
        _SENT: _ACKED,
        _ACKED: _ACKED,
        _IN_DOUBT: _ACKED,
        _SETTLED: _SETTLED,
    },
    AppendEvent.UNWRITTEN: {
        _STARTED: _FAILED,
        _SENT: _FAILED,
        _ACKED: _ACKED,
        _FAILED: _FAILED,
        _IN_DOUBT: _IN_DOUBT,
        _SETTLED: _SETTLED,
    },
    AppendEvent.UNANSWERED: {
        _STARTED: _IN_DOUBT,
        _SENT: _IN_DOUBT,
        _ACKED: _ACKED,
        _FAILED: _IN_DOUBT,
        _IN_DOUBT: _IN_DOUBT,
        _SETTLED: _SETTLED,
    },
    AppendEvent.LOSE: {
        _NEW: _NEW,
        _STARTED: _IN_DOUBT,
        _SENT: _IN_DOUBT,
        _ACKED: _IN_DOUBT,
        _FAILED: _FAILED,
        _IN_DOUBT: _IN_DOUBT,
        _SETTLED: _SETTLED,
    },
    AppendEvent.SETTLE: dict.fromkeys(AppendState, _SETTLED),
}
"""The next state by event and state; a state that an event doesn't name can't meet it."""
_BEGIN, _HAND_OVER, _ACKNOWLEDGE, _UNWRITTEN, _UNANSWERED, _LOSE, _SETTLE = (
    TRANSITIONS[event] for event in AppendEvent
)


class PendingAppend:
    """A commit on its way into the topic. Methods may be called from any thread."""

    __slots__ = (
        *("_lock", "_may_be_written", "attempt", "awaited", "commit", "data", "error", "failed_at"),
        *("follows_stale", "id_hash", "is_alone", "outcome", "partition", "results", "sent_at"),
        *("state", "waits_since"),
    )

    def __init__(self, commit: Commit, partitions: int, codec: RecordCodec) -> None:
        self.commit = commit
        self.data = codec.encode(commit)
        self.partition = partition_of(commit.stream, partitions)
        self.id_hash = id_hash(commit.id)
        self.state = AppendState.NEW
        self.outcome: Placed | Exception | None = None
        """None until it is settled."""
        self.error: Exception | None = None
        """Why the last attempt failed."""
        self.attempt = 0
        """The number of attempts that have begun."""
        self.sent_at = 0.0
        """When the last attempt began (`time.monotonic`, seconds)."""
        self.failed_at = 0.0
        """When the last attempt failed (`time.monotonic`, seconds)."""
        self.follows_stale = False
        """Whether an earlier commit of its stream in the same bulk was stale."""
        self.awaited: Awaited | None = None
        """The future of the task that awaits it; None: a thread waits for it."""
        self.waits_since = 0.0
        """Since when a task awaits it (`time.monotonic`, seconds)."""
        self.is_alone = True
        """Whether its caller waits for nothing else."""
        self.results: SimpleQueue[tuple[int | None, PendingAppend]] = SimpleQueue()
        """The queue that its caller waits at, shared by the appends of a bulk: this append comes
        with the offset that an attempt was acknowledged at, or with None where an attempt failed
        or the append is settled."""
        self._may_be_written = False
        """Whether an attempt without an answer may stand in the log."""
        self._lock = Lock()

    @property
    def is_settled(self) -> bool:
        return self.state is AppendState.SETTLED

    @property
    def wants_attempt(self) -> bool:
        """Whether its last attempt has failed, so that another one may begin."""
        return self.state is AppendState.FAILED or self.state is AppendState.IN_DOUBT

    @property
    def may_be_written(self) -> bool:
        """Whether the record may stand in the log, as far as this process knows."""
        return self._may_be_written or self.state in (AppendState.SENT, AppendState.ACKED)

    def begin(self) -> bool:
        """Begins an attempt. False where none is needed: it is acknowledged or settled."""
        with self._lock:
            self._move(_BEGIN)
            if self.state is not AppendState.STARTED:
                return False
            self.attempt += 1
            self.sent_at = time.monotonic()
            return True

    def hand_over(self) -> int | None:
        """The number of the attempt that the Kafka client is given now. None where the record
        isn't to be sent: an earlier attempt of it got through, or the attempt is over."""
        with self._lock:
            before = self.state
            self._move(_HAND_OVER)
            return self.attempt if before is AppendState.STARTED else None

    def acknowledge(self) -> None:
        """A broker has written the record: with this attempt or with an earlier one."""
        with self._lock:
            self._move(_ACKNOWLEDGE)

    def fail(self, attempt: int, error: Exception, *, may_be_written: bool) -> bool:
        """Takes the failure of an attempt. `may_be_written`: whether the attempt can have written
        the record all the same. False where the failure changes nothing."""
        with self._lock:
            if attempt != self.attempt:
                return False
            if self.state not in (AppendState.ACKED, AppendState.SETTLED):
                self._may_be_written |= may_be_written
            self._move(_UNANSWERED if self._may_be_written else _UNWRITTEN)
            if not self.wants_attempt:
                return False
            self.error = error
            self.failed_at = time.monotonic()
            return True

    def lose(self, error: Exception) -> None:
        """Gives up waiting for an attempt's answer; the record may stand in the log."""
        with self._lock:
            self._move(_LOSE)
            if self.state is AppendState.IN_DOUBT:
                self._may_be_written = True
                self.error = self.error or error

    def settle(self, outcome: Placed | Exception) -> None:
        """Gives the append its outcome and tells its caller; the first outcome counts."""
        with self._lock:
            if self.is_settled:
                return
            self.outcome = outcome
            self._move(_SETTLE)
        self.results.put((None, self))

    def failure(self, topic: str) -> TicketlogError:
        """The error for the caller where no attempt got through: in doubt where one may have
        written the record, else unreachable, or unfit where no broker would ever take it."""
        stream, error = self.commit.stream, self.error
        why = str(error or "no answer") or type(error).__name__
        match error:
            case AuthorizationError():
                why = f"writing to {topic} isn't allowed: grant WRITE on it ({why})"
            case MessageSizeTooLargeError():
                why = f"{topic} takes no record of {len(self.data):,} bytes: raise its "
                why += "max.message.bytes"
            case NotEnoughReplicasError():
                why = f"{topic} has fewer replicas in sync than min.insync.replicas"
        if self.may_be_written:
            return InDoubt(
                f"{stream}: no answer within {DEADLINE_S:.0f} s ({why}). Whether it was "
                f"recorded isn't known: send it again under the same id, {self.commit.id}"
            )
        if isinstance(error, MessageSizeTooLargeError):
            return Unfit(why)
        return Unreachable(f"{stream}: nothing was recorded: {why}. Try again; the same id is safe")

    def abandonment(self) -> TicketlogError:
        """The error for a task whose append has no outcome when the log is closed."""
        stream, id = self.commit.stream, self.commit.id
        if self.may_be_written:
            return InDoubt(
                f"{stream}: the log was closed before it was known whether it was recorded: send "
                f"it again under the same id, {id}"
            )
        return Unreachable(f"{stream}: nothing was recorded: the log was closed; open it again")

    def answer_for(self, first: Placed, data: bytes) -> Placed | Exception:
        """The outcome where the stream has the commit's id already. `data`: the record that has
        it, perhaps from an earlier attempt of this append."""
        if data == self.data and self.attempt > 1:
            return first
        return repeated_answer(self.commit, first, data)

    def _move(self, following: Mapping[AppendState, AppendState]) -> None:
        try:
            self.state = following[self.state]
        except KeyError:
            event = next(event for event in AppendEvent if TRANSITIONS[event] is following)
            raise AssertionError(
                f"{self.commit.id} can't meet {event.name} in state {self.state.name}"
            ) from None
