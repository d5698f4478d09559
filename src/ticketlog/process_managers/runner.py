"""Follows the log for the policies, and rings their timers.

What was read is forgotten; what is sent has an id that follows from its cause. So it may be killed
at any instant, and any number of them may run on one desk: whatever is sent twice is done once.
How far a policy is gets recorded now and then, and always behind what it has sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from ticketlog.application.executor import Executor
from ticketlog.domain.base import Recorded, Refused, iso
from ticketlog.domain.policy_checkpoint import KIND, EventUnparked, Unpark
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.time.receipt import is_ahead
from ticketlog.errors import Usage
from ticketlog.log.port import Log
from ticketlog.policies import POLICIES, TIMERS
from ticketlog.policies.protocol import Policy, Reaction, Timer
from ticketlog.process_managers import policy_status
from ticketlog.process_managers.checkpoint_book import OURS, CheckpointBook
from ticketlog.process_managers.checkpoints import OUTBOX, park
from ticketlog.process_managers.command_sender import Cause, CommandSender
from ticketlog.process_managers.dispatch import Dispatcher
from ticketlog.process_managers.live_state import LiveState
from ticketlog.support.gc_paused import gc_paused

RINGS = 500
"""Tickets whose timers ring at once."""
EVERY = 10.0
"""Seconds after which it is recorded how far the policies are, where they moved."""
LOOK = 0.5
"""Seconds after which it looks whether it should stop."""


class _Stopped(Exception):
    """It was asked to stop before it knew enough."""


class Ran(NamedTuple):
    """What a run did: commands that changed something, and commands that a rule refused.

    `notifications`: how many were decided for each outbox. Outboxes send them, not a run.
    """

    done: int
    refused: int
    notifications: Mapping[str, int]


class PolicyRunner:
    """`run`, `run_until` or `retry` in one thread at a time; everything else from any."""

    def __init__(
        self,
        log: Log,
        executor: Executor,
        settings: Callable[[], Settings],
        clock: Callable[[], int],
        policies: Sequence[Policy] = POLICIES,
        timers: Sequence[Timer] = TIMERS,
        start: Sequence[int] | None = None,
    ) -> None:
        """`start`: before which record of each partition those policies begin that haven't yet;
        None: where the desk began."""
        self._log = log
        self._load = executor.repository.load
        self._settings = settings
        self._clock = clock
        self._simulated = executor.simulated
        self._sender = CommandSender(executor, clock)
        self._following = CheckpointBook(policies, log, self._load, self._sender, start)
        self._asking = Dispatcher(self._following, self._sender, executor.repository, clock)
        self._timers = tuple(timers)
        self._watch: LiveState | None = None
        self._passed = 0.0

    def run(self, stop: threading.Event) -> None:
        """Follows the log until it is told to stop. Run again, it goes on where it was.

        Raises Unreachable, Damaged, NewerFormat, Conflict.
        """
        self._asking.moved = False

        def goes_on(_: int) -> None:
            if stop.is_set():
                raise _Stopped

        with suppress(_Stopped), self._at_work(goes_on) as watch:
            while not stop.is_set():
                ends = self._log.ends()
                if self._page(ends, watch) or self._ring(self._clock(), watch):
                    continue
                self._following.record(EVERY)
                self._passed = time.time()
                self._log.wait(ends, self._patience(watch))
            self._following.record(0.0)

    def run_until(self, moment: int, progress: Callable[[str], None] = lambda _: None) -> Ran:
        """Reacts to all that the log holds and rings all that is due by the moment, each after the
        other and without a wait: as if it had been there all the time. What is sent is stamped
        with the time of its cause. `progress` is told now and then how far it is.

        Raises Refused for a moment ahead of now where the desk isn't made for simulation: what
        would be due by then hasn't happened. Raises Unreachable, Damaged, NewerFormat, Conflict.
        """
        self._check_reached(moment)
        self._asking.moved = True
        sender = self._sender
        done, refused, notified = sender.done, sender.refused, sender.notified.copy()

        def ran() -> Ran:
            news = dict(sorted((sender.notified - notified).items()))
            return Ran(sender.done - done, sender.refused - refused, news)

        def learned(records: int) -> None:
            progress(f"learning what is there: {records:,} records")

        with self._at_work(learned) as watch:
            self._log.sync()
            while self._page(self._log.ends(), watch) or self._ring(moment, watch):
                progress(f"at record {sum(self.positions()):,}: {ran().done:,} commands done")
            self._following.record(0.0)
        return ran()

    def _check_reached(self, moment: int) -> None:
        now = self._clock()
        if self._simulated or not is_ahead(moment, now):
            return
        raise Refused(
            f"{iso(moment)} is ahead of now, {iso(now)}: what is due by then hasn't happened, and "
            "this desk's clock isn't moved. Run until now, or rehearse in a desk that "
            "`ticketlog init DIR --simulation` makes",
            moment=iso(moment),
        )

    def passed(self) -> float:
        """When all there was to do was last done, in seconds since 1970; 0: not yet."""
        return self._passed

    def positions(self) -> list[int]:
        """Before which record of each partition the last of the policies is."""
        return self._following.positions()

    def troubles(self) -> list[str]:
        """What is parked, a line each."""
        return policy_status.troubles(self._names(), self._load)

    def status(self) -> list[dict[str, Any]]:
        """Where each policy and timer stands, as its stream says; keys are stable."""
        return policy_status.status([*self._names(), OUTBOX], self._log, self._load)

    def retry(self, name: str) -> list[dict[str, str]]:
        """Tries again what a policy or a timer has parked; returns what still is. Raises Usage for
        a name that none has."""
        if name not in self._names():
            known = ", ".join([*self._names(), OUTBOX])
            raise Usage(f"there is no policy {name}: there are {known}")
        with self._at_work() as watch:
            for parked in self._load(f"{KIND}/{name}").parked.values():
                cause = Cause(name, parked.event, parked.stream, parked.partition, parked.offset)
                if self._again(cause, watch):
                    self._sender.ours(name, Unpark(event=parked.event), parked.event)
        return policy_status.parked(self._load(f"{KIND}/{name}"))

    def _again(self, cause: Cause, watch: LiveState) -> bool:
        """Whether what was parked is done now. A timer's rings again when it is taken up."""
        follower = self._following.named(cause.policy)
        if follower is None:
            return True
        record = self._log.records(cause.partition, cause.offset, 1)[0]
        answers = self._asking.again(follower, cause, record, self._settings(), watch)
        return answers is not None and all(
            sent.failure is None for sent in self._sender.send(answers)
        )

    def _names(self) -> list[str]:
        followers = (each.name for each in self._following.followers)
        return sorted({*followers, *(each.NAME for each in self._timers)})

    @contextmanager
    def _at_work(self, goes_on: Callable[[int], None] = lambda _: None) -> Iterator[LiveState]:
        """What it knows is forgotten where it fails: it may have sent less than that says."""
        try:
            yield self._begun(goes_on)
        except BaseException:
            if self._watch is not None:
                self._watch.close()
            self._watch = None
            raise

    def _begun(self, goes_on: Callable[[int], None]) -> LiveState:
        if self._watch is None:
            # What is known ends where the policies are: they shall see things come one by one.
            ends = self._following.begin()
            self._watch = LiveState(self._log, self._timers, self._load, self._settings)
            self._watch.begin(ends, goes_on)
        return self._watch

    def _patience(self, watch: LiveState) -> float:
        dues = (watch.alarms.next(), watch.looks.first(self._settings()))
        due = min((each for each in dues if each is not None), default=None)
        return LOOK if due is None else min(max((due - self._clock()) / 1e6, 0.0), LOOK)

    def _page(self, ends: Sequence[int], watch: LiveState) -> bool:
        """Reacts to the next records of each partition. False where there were none."""
        settings = self._settings()
        records = self._following.next(ends)
        reactions: list[tuple[Cause, Reaction]] = []
        again: set[str] = set()
        with gc_paused():
            commits = sorted(self._asking.read(records), key=lambda c: c[0].meta.recorded_at)
        for commit in commits:
            if commit[0].originator_id.startswith(OURS):
                again.update(_tried_again(commit))
            elif commit[0].meta.actor.kind != "import":
                reactions.extend(self._asking.answers(commit, settings, watch))
        with gc_paused():
            self._send(reactions, watch)
        self._following.move(records)
        watch.again(again, settings)
        return bool(records)

    def _send(self, reactions: Sequence[tuple[Cause, Reaction]], watch: LiveState) -> int:
        """How many of them did something now."""
        new = 0
        for each in self._sender.send(reactions):
            new += each.is_new
            if each.failure is not None:
                park(self._sender, each.cause.policy, each.cause, each.failure)
            if not each.is_new and each.on is not None:
                watch.failed(each.on)
        return new

    def _ring(self, now: int, watch: LiveState) -> bool:
        """Sends what is due, and looks at what waits. False where there is nothing."""
        settings, moved = self._settings(), self._asking.moved
        look = watch.looks.next(settings, now, watch.alarms.next(), moved=moved)
        if look is not None:
            if self._send(self._asking.look(look, settings, watch), watch):
                watch.looks.repeat(look)  # For those that come behind the ones that got somebody.
            return True
        shift = watch.looks.first(settings)
        rung = watch.alarms.ring(now if shift is None else min(now, shift), RINGS)
        for cause, error in rung.failures:
            park(self._sender, cause.policy, cause, error)
        self._send(rung.reactions, watch)
        return bool(rung.reactions or rung.failures)


def _tried_again(commit: list[Recorded]) -> Iterator[str]:
    """Streams whose timers somebody has tried again."""
    for recorded in commit:
        if isinstance(recorded.event, EventUnparked):
            yield recorded.event.stream
