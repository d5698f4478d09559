"""The outbox relay: it hands each decided notification to an outbox at least once, with a key by
which the receiver recognises a second delivery."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson

from ticketlog.application.executor import Executor
from ticketlog.documents.policies import PolicyRetried
from ticketlog.domain.base import Event, Recorded, iso
from ticketlog.domain.policy_checkpoint import Unpark
from ticketlog.domain.ticket.automation import NotificationDecided
from ticketlog.errors import Unreachable, Unreadable
from ticketlog.log.codec import RecordCodec
from ticketlog.log.commit import Verdict, leaf
from ticketlog.log.history import events_of
from ticketlog.log.port import Log, Record
from ticketlog.policies.protocol import Reaction, Situation
from ticketlog.process_managers import policy_status
from ticketlog.process_managers.checkpoints import OUTBOX, Checkpoint, Subscription, park
from ticketlog.process_managers.command_sender import Cause, CommandSender, is_failure

PAGE = 500
"""Records of a partition that are read at once."""
RECORD_AFTER = 5_000
"""Records after which the checkpoints are recorded, where nothing was to be sent."""
STOP_CHECK_S = 0.5
"""Seconds that it waits for records before it checks whether it shall stop."""


class Outbox(Protocol):
    """A receiver of notifications. `send` returns when they are durable there.

    Where it raises Unreachable, ConnectionError or TimeoutError, nothing can be sent now: all are
    tried again. Any other exception says that it can't take one of them: they are sent one by one,
    and those that fail are parked.
    """

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None: ...


class LogOutbox:
    """An outbox that writes a line for each notification to the log of the process."""

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        for each in messages:
            logging.getLogger("ticketlog.outbox").info("%s", orjson.dumps(each).decode())


class FileOutbox:
    """An outbox that appends a JSON line for each notification to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        lines = b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in messages)
        try:
            with open(self._path, "ab") as out:
                out.write(lines)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise Unreachable(f"{self._path} can't be written: {error.strerror}") from error


class _RelayPolicy:
    """Stands in for a policy, so that the relay's checkpoint is kept like a policy's."""

    NAME = OUTBOX
    ON: frozenset[type[Event]] = frozenset({NotificationDecided})

    def react(self, recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
        return ()


class OutboxRelay:
    """Delivers notifications to the outboxes that they name; to `log` where a name isn't known."""

    def __init__(
        self,
        log: Log,
        executor: Executor,
        now: Callable[[], int],
        outboxes: Mapping[str, Outbox],
    ) -> None:
        self._log = log
        self._outboxes = {"log": LogOutbox(), **outboxes}
        self._sender = CommandSender(executor, now)
        self._load = executor.repository.load
        self._subscription = Subscription(_RelayPolicy(), log, self._load)
        self._unrecorded = 0
        self._last_pass_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Delivers until `stop` is set. Raises the error of an outbox that can't be reached, and
        those of reading the log; run again, it goes on where it was."""
        self._subscription.begin(self._sender)
        while not stop.is_set():
            ends = self._log.ends()
            if not self._deliver_page(ends):
                self._last_pass_at = time.time()
                self._log.wait(ends, STOP_CHECK_S)

    def catch_up(self) -> None:
        """Delivers the notifications that are decided by now."""
        self._subscription.begin(self._sender)
        self._log.sync()
        while self._deliver_page(self._log.ends()):
            pass

    def retry(self) -> PolicyRetried:
        """Sends parked notifications again; tells those that are still parked. Raises the error
        of an outbox that can't be reached."""
        for parked in self._subscription.state.parked.values():
            record = self._log.records(parked.partition, parked.offset, 1)[0]
            decided = [
                each for each in _decided(record, self._log.codec) if each.id == parked.event
            ]
            failed = [
                why for each in decided for why in self._failed(self._outbox_of(each), [each])
            ]
            if decided and not failed:
                self._sender.record_for(OUTBOX, Unpark(event=parked.event), parked.event)
        return policy_status.retried(OUTBOX, self._subscription.state)

    def troubles(self) -> list[str]:
        """Parked notifications, a line each."""
        return policy_status.troubles([OUTBOX], self._load)

    def last_pass_at(self) -> float:
        return self._last_pass_at

    def positions(self) -> list[int]:
        checkpoints = self._subscription.checkpoints
        return [each.offset for each in checkpoints] or [0] * self._log.partitions

    def _deliver_page(self, ends: Sequence[int]) -> bool:
        records: list[Record] = []
        for partition, end in enumerate(ends):
            at = self._subscription.checkpoints[partition].offset
            if end > at:
                records += self._log.records(partition, at, min(PAGE, end - at))
        found: dict[str, list[Recorded]] = {}
        for record in records:
            for recorded in _decided(record, self._log.codec):
                if self._subscription.is_old(recorded):
                    continue
                found.setdefault(self._outbox_of(recorded), []).append(recorded)
        for name, decided in found.items():
            for recorded, error in self._failed(name, decided):
                park(self._sender, OUTBOX, _cause(recorded), error)
        for record in records:
            self._subscription.checkpoints[record.partition] = Checkpoint(
                record.offset + 1, leaf(record.data)
            )
        self._unrecorded += len(records)
        if found or self._unrecorded >= RECORD_AFTER:
            self._subscription.record(self._sender)
            self._unrecorded = 0
        return bool(records)

    def _outbox_of(self, recorded: Recorded) -> str:
        name: str = recorded.event.outbox  # type: ignore[attr-defined]
        return name if name in self._outboxes else "log"

    def _failed(
        self, name: str, decided: Sequence[Recorded]
    ) -> Iterator[tuple[Recorded, Exception]]:
        """Sends notifications; yields those that the outbox can't take, with its error."""
        try:
            self._outboxes[name].send([_message(each) for each in decided])
        except Exception as error:
            if is_failure(error) or isinstance(error, ConnectionError | TimeoutError):
                raise
            if len(decided) == 1:
                yield decided[0], error
                return
            for each in decided:
                yield from self._failed(name, [each])


def _cause(recorded: Recorded) -> Cause:
    meta = recorded.meta
    return Cause(OUTBOX, recorded.id, recorded.originator_id, meta.partition, meta.offset)


def _decided(record: Record, codec: RecordCodec) -> list[Recorded]:
    """The decided notifications of a record; none in a record that this release can't read."""
    if record.verdict is not Verdict.ACCEPTED or NotificationDecided.NAME.encode() not in (
        record.data
    ):
        return []
    try:
        return [
            each
            for each in events_of((record,), codec)
            if isinstance(each.event, NotificationDecided)
        ]
    except Unreadable:
        return []


def _message(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    return {
        "key": recorded.id,
        "ticket": recorded.originator_id,
        "decided_at": iso(recorded.meta.occurred_at),
        **event.model_dump(mode="json"),
    }
