"""The policy runner: it follows the log for the policies, and fires their timers.

It keeps nothing but what the log gives back, and every command has an id that follows from its
cause. So it may be killed at any instant, and any number of runners may work on one desk: a command
that is sent twice is done once. Checkpoints are recorded now and then, after the commands of the
records before them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from ticketlog.application.executor import Executor
from ticketlog.documents import policies as documents
from ticketlog.domain.base import Recorded, Refused, iso
from ticketlog.domain.policy_checkpoint import KIND, EventUnparked, Unpark
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.time.receipt import is_ahead
from ticketlog.errors import Usage
from ticketlog.log.port import Log
from ticketlog.policies import POLICIES, TIMERS
from ticketlog.policies.protocol import Policy, Reaction, Timer
from ticketlog.process_managers import policy_status
from ticketlog.process_managers.checkpoints import OUTBOX, park
from ticketlog.process_managers.command_sender import Cause, CommandSender
from ticketlog.process_managers.dispatch import Dispatcher
from ticketlog.process_managers.live_state import LiveState
from ticketlog.process_managers.subscriptions import POLICY_STREAMS, Subscriptions
from ticketlog.support.gc_paused import gc_paused

TIMERS_AT_ONCE = 500
"""Tickets whose timers fire in one batch of commands."""
RECORD_AFTER_S = 10.0
"""Seconds after which checkpoints are recorded that have moved."""
STOP_CHECK_S = 0.5
"""Seconds that it waits for records before it checks whether it shall stop."""


class _Stopped(Exception):
    """The stop event was set while the live state was made."""


class Ran(NamedTuple):
    """The outcome of a run up to an instant: the number of commands that changed something, and of
    those refused.

    `notifications`: how many were decided for each outbox. Outboxes send them, not a run.
    """

    done: int
    refused: int
    notifications: Mapping[str, int]
    until: int

    def document(self, policies: Sequence[documents.PolicyPosition]) -> documents.PoliciesRan:
        """`policies`: the position of each after it."""
        return documents.PoliciesRan.filled(self._asdict(), policies=policies)


class PolicyRunner:
    """Runs policies and timers. `run`, `run_until` and `retry` are for one thread at a time, the
    rest for any."""

    def __init__(
        self,
        log: Log,
        executor: Executor,
        settings: Callable[[], Settings],
        now: Callable[[], int],
        policies: Sequence[Policy] = POLICIES,
        timers: Sequence[Timer] = TIMERS,
        start: Sequence[int] | None = None,
    ) -> None:
        """`now`: the time in microseconds. `start`: per partition the offset at which policies
        begin that never ran; None: at the desk's beginning."""
        self._log = log
        self._load = executor.repository.load
        self._settings = settings
        self._now = now
        self._simulated = executor.simulated
        self._sender = CommandSender(executor, now)
        self._subscriptions = Subscriptions(policies, log, self._load, self._sender, start)
        self._dispatcher = Dispatcher(self._subscriptions, self._sender, executor.repository, now)
        self._timers = tuple(timers)
        self._live: LiveState | None = None
        self._last_pass_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Follows the log until `stop` is set. Run again, it goes on where it was.

        Raises Unreachable, Damaged, NewerFormat, Conflict.
        """
        self._dispatcher.uses_event_time = False

        def on_progress(_: int) -> None:
            if stop.is_set():
                raise _Stopped

        with suppress(_Stopped), self._live_state(on_progress) as live:
            while not stop.is_set():
                ends = self._log.ends()
                if self._react_to_page(ends, live) or self._fire_timers(self._now(), live):
                    continue
                self._subscriptions.record(RECORD_AFTER_S)
                self._last_pass_at = time.time()
                self._log.wait(ends, self._wait_s(live))
            self._subscriptions.record(0.0)

    def run_until(self, moment: int, on_progress: Callable[[str], None] = lambda _: None) -> Ran:
        """Reacts to all records of the log and fires all timers that are due by the moment, one
        after the other and without waiting: as if it had run all the time. Commands are stamped
        with the time of their cause. `on_progress` is called now and then with a line of text.

        Raises Refused for a moment ahead of now where the desk isn't made for simulation: what
        would be due by then hasn't happened. Raises Unreachable, Damaged, NewerFormat, Conflict.
        """
        self._check_reached(moment)
        self._dispatcher.uses_event_time = True
        sender = self._sender
        done, refused, notified = sender.done, sender.refused, sender.notified.copy()

        def ran() -> Ran:
            notifications = dict(sorted((sender.notified - notified).items()))
            return Ran(sender.done - done, sender.refused - refused, notifications, moment)

        def learned(records: int) -> None:
            on_progress(f"learning what is there: {records:,} records")

        with self._live_state(learned) as live:
            self._log.sync()
            while self._react_to_page(self._log.ends(), live) or self._fire_timers(moment, live):
                on_progress(f"at record {sum(self.positions()):,}: {ran().done:,} commands done")
            self._subscriptions.record(0.0)
        return ran()

    def _check_reached(self, moment: int) -> None:
        now = self._now()
        if self._simulated or not is_ahead(moment, now):
            return
        raise Refused(
            f"{iso(moment)} is ahead of now, {iso(now)}: what is due by then hasn't happened, and "
            "this desk's clock isn't moved. Run until now, or rehearse in a desk that "
            "`ticketlog init DIR --simulation` makes",
            moment=iso(moment),
        )

    def last_pass_at(self) -> float:
        """The end of the last complete pass, in seconds since 1970; 0: none yet."""
        return self._last_pass_at

    def positions(self) -> list[int]:
        """Per partition the offset of the next record for the policy that is behind the most."""
        return self._subscriptions.positions()

    def troubles(self) -> list[str]:
        """Parked events, a line each."""
        return policy_status.troubles(self._names(), self._load)

    def status(self) -> list[documents.PolicyPosition]:
        """The status of each policy and timer, from its stream."""
        return policy_status.status([*self._names(), OUTBOX], self._log, self._load)

    def retry(self, name: str) -> documents.PolicyRetried:
        """Retries the parked events of a policy or a timer; tells those that are still parked.
        Raises Usage for a name that none has."""
        if name not in self._names():
            known = ", ".join([*self._names(), OUTBOX])
            raise Usage(f"there is no policy {name}: there are {known}")
        with self._live_state() as live:
            for parked in self._load(f"{KIND}/{name}").parked.values():
                cause = Cause(name, parked.event, parked.stream, parked.partition, parked.offset)
                if self._retry(cause, live):
                    self._sender.record_for(name, Unpark(event=parked.event), parked.event)
        return policy_status.retried(name, self._load(f"{KIND}/{name}"))

    def _retry(self, cause: Cause, live: LiveState) -> bool:
        """Whether a parked event is done now. A timer fires again once its event is unparked."""
        subscription = self._subscriptions.find(cause.policy)
        if subscription is None:
            return True
        record = self._log.records(cause.partition, cause.offset, 1)[0]
        reactions = self._dispatcher.retry(subscription, cause, record, self._settings(), live)
        return reactions is not None and all(
            sent.failure is None for sent in self._sender.send(reactions)
        )

    def _names(self) -> list[str]:
        subscriptions = (each.name for each in self._subscriptions.all)
        return sorted({*subscriptions, *(each.NAME for each in self._timers)})

    @contextmanager
    def _live_state(
        self, on_progress: Callable[[int], None] = lambda _: None
    ) -> Iterator[LiveState]:
        """The live state, which is dropped where a run fails: commands that it expects may be
        unsent."""
        try:
            yield self._begin(on_progress)
        except BaseException:
            if self._live is not None:
                self._live.close()
            self._live = None
            raise

    def _begin(self, on_progress: Callable[[int], None]) -> LiveState:
        if self._live is None:
            # The live state ends at the checkpoints: policies shall see records come one by one.
            ends = self._subscriptions.begin()
            self._live = LiveState(self._log, self._timers, self._load, self._settings)
            self._live.begin(ends, on_progress)
        return self._live

    def _wait_s(self, live: LiveState) -> float:
        dues = (live.timers.next_at(), live.reevaluations.next_shift_at(self._settings()))
        due = min((each for each in dues if each is not None), default=None)
        return (
            STOP_CHECK_S if due is None else min(max((due - self._now()) / 1e6, 0.0), STOP_CHECK_S)
        )

    def _react_to_page(self, ends: Sequence[int], live: LiveState) -> bool:
        """Reacts to the next records of each partition. False where there were none."""
        settings = self._settings()
        records = self._subscriptions.next(ends)
        reactions: list[tuple[Cause, Reaction]] = []
        unparked: set[str] = set()
        with gc_paused():
            commits = sorted(self._dispatcher.read(records), key=lambda c: c[0].meta.recorded_at)
        for commit in commits:
            if commit[0].originator_id.startswith(POLICY_STREAMS):
                unparked.update(_unparked(commit))
            elif commit[0].meta.actor.kind != "import":
                reactions.extend(self._dispatcher.reactions_to(commit, settings, live))
        with gc_paused():
            self._send(reactions, live)
        self._subscriptions.advance(records)
        live.renew_due_times(unparked, settings)
        return bool(records)

    def _send(self, reactions: Sequence[tuple[Cause, Reaction]], live: LiveState) -> int:
        """Sends commands and parks failures. Returns the number of commands that changed
        something."""
        new = 0
        for each in self._sender.send(reactions):
            new += each.is_new
            if each.failure is not None:
                park(self._sender, each.cause.policy, each.cause, each.failure)
            if not each.is_new and each.on is not None:
                live.command_failed(each.on)
        return new

    def _fire_timers(self, now: int, live: LiveState) -> bool:
        """Sends the commands of the next reevaluation or of due timers. False where none is due."""
        settings, uses_event_time = self._settings(), self._dispatcher.uses_event_time
        reevaluation = live.reevaluations.next(
            settings, now, live.timers.next_at(), uses_event_time=uses_event_time
        )
        if reevaluation is not None:
            if self._send(self._dispatcher.reevaluate(reevaluation, settings, live), live):
                # For the tickets behind those that were assigned.
                live.reevaluations.repeat(reevaluation)
            return True
        shift_at = live.reevaluations.next_shift_at(settings)
        fired = live.timers.fire(now if shift_at is None else min(now, shift_at), TIMERS_AT_ONCE)
        for cause, error in fired.failures:
            park(self._sender, cause.policy, cause, error)
        self._send(fired.reactions, live)
        return bool(fired.reactions or fired.failures)


def _unparked(commit: list[Recorded]) -> Iterator[str]:
    """Streams of events that were unparked: their timers fire again."""
    for recorded in commit:
        if isinstance(recorded.event, EventUnparked):
            yield recorded.event.stream
