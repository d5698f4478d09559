"""The subscriptions of all policies of a runner: the next records for them, and their
checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ticketlog.domain.policy_checkpoint import KIND
from ticketlog.log.commit import leaf
from ticketlog.log.port import Log, Record
from ticketlog.policies.protocol import Policy
from ticketlog.process_managers.checkpoints import Checkpoint, Subscription, stream_named_in
from ticketlog.process_managers.command_sender import CommandSender

PAGE = 200
"""Records of a partition that are read at once."""
RECORD_AFTER = 5_000
"""Records after which checkpoints are recorded, however short a time they took."""
POLICY_STREAMS = f"{KIND}/"
"""Prefix of the streams that policies record their own checkpoints on."""


class Subscriptions:
    """The subscriptions of a runner's policies. For one thread at a time; `positions` for any."""

    def __init__(
        self,
        policies: Sequence[Policy],
        log: Log,
        load: Callable[[str], Any],
        sender: CommandSender,
        start: Sequence[int] | None = None,
    ) -> None:
        """`start`: offsets where policies begin that never ran; None: at the desk's beginning."""
        self.all = [Subscription(each, log, load, start) for each in policies]
        self._log = log
        self._sender = sender
        self._known_until: list[int] = []
        self._unrecorded = 0
        self._recorded_at = 0.0

    def begin(self) -> list[int]:
        """Loads the checkpoints. Returns, per partition, the offset from which records are new to
        the runner: the least of the checkpoints, or without policies the log's end."""
        for each in self.all:
            each.begin(self._sender)
        self._known_until = self.positions() if self.all else list(self._log.ends())
        return self._known_until

    def find(self, name: str) -> Subscription | None:
        return next((each for each in self.all if each.name == name), None)

    def positions(self) -> list[int]:
        """Per partition the offset of the next record for the policy that is behind the most."""
        places = [[each.offset for each in subscription.checkpoints] for subscription in self.all]
        return [min(at) for at in zip(*places, strict=False)] or [0] * self._log.partitions

    def next(self, ends: Sequence[int]) -> list[Record]:
        """The next records of each partition, for the policy that is behind the most."""
        return [
            record for partition, end in enumerate(ends) for record in self._next_of(partition, end)
        ]

    def _next_of(self, partition: int, end: int) -> list[Record]:
        at = (each.checkpoints[partition].offset for each in self.all)
        start = min((self._known_until[partition], *at))
        return self._log.records(partition, start, min(PAGE, end - start)) if end > start else []

    def last_record(self, stream: str) -> Record:
        """A stream's last record. The stream must exist."""
        return self._log.stream(stream, self._log.head(stream).version - 1)[-1]

    def awaiting(self, partition: int, offset: int) -> list[Subscription]:
        """The subscriptions that a record is still to be delivered to."""
        return [each for each in self.all if each.checkpoints[partition].offset <= offset]

    def is_unknown(self, partition: int, offset: int) -> bool:
        """Whether the live state holds nothing of a record yet."""
        return offset >= self._known_until[partition]

    def advance(self, records: Sequence[Record]) -> None:
        """Moves the checkpoints behind these records."""
        for record in {each.partition: each for each in records}.values():
            now = Checkpoint(record.offset + 1, leaf(record.data))
            self._known_until[record.partition] = max(
                self._known_until[record.partition], now.offset
            )
            for each in self.awaiting(record.partition, record.offset):
                each.checkpoints[record.partition] = now
        self._unrecorded += sum(
            not stream_named_in(record).startswith(POLICY_STREAMS) for record in records
        )
        if self._unrecorded >= RECORD_AFTER:
            self.record(0.0)

    def record(self, after_s: float) -> None:
        """Records the checkpoints, where `after_s` seconds have gone by since it last did.
        Policies' own records don't count as progress, or recording would never come to rest."""
        if self._unrecorded and time.monotonic() - self._recorded_at >= after_s:
            for each in self.all:
                each.record(self._sender)
            self._unrecorded = 0
            self._recorded_at = time.monotonic()
