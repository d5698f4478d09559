"""All policies' places in the log: what comes next for them, and how far that brings them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ticketlog.domain.policy_checkpoint import KIND
from ticketlog.log.commit import leaf
from ticketlog.log.port import Log, Record
from ticketlog.policies.protocol import Policy
from ticketlog.process_managers.checkpoints import Checkpoint, Follower, stream_in
from ticketlog.process_managers.command_sender import CommandSender

PAGE = 200
"""Records of a partition that are read at once."""
MANY = 5_000
"""Records after which it is recorded how far they are, however short a time they took."""
OURS = f"{KIND}/"


class CheckpointBook:
    """Used by one thread at a time; `positions` by any."""

    def __init__(
        self,
        policies: Sequence[Policy],
        log: Log,
        load: Callable[[str], Any],
        sender: CommandSender,
        start: Sequence[int] | None = None,
    ) -> None:
        """`start`: where those begin that haven't yet; None: where the desk began."""
        self.followers = [Follower(each, log, load, start) for each in policies]
        self._log = log
        self._sender = sender
        self._told: list[int] = []
        self._moved = 0
        self._recorded = 0.0

    def begin(self) -> list[int]:
        """Goes where each policy was. Returns up to where the log is known from then on; without
        policies that is its end."""
        for each in self.followers:
            each.begin(self._sender)
        self._told = self.positions() if self.followers else list(self._log.ends())
        return self._told

    def named(self, name: str) -> Follower | None:
        return next((each for each in self.followers if each.name == name), None)

    def positions(self) -> list[int]:
        """Before which record of each partition the last of the policies is."""
        places = [[each.offset for each in follower.at] for follower in self.followers]
        return [min(at) for at in zip(*places, strict=False)] or [0] * self._log.partitions

    def next(self, ends: Sequence[int]) -> list[Record]:
        """The next records of each partition, for the last of the policies."""
        return [record for partition, end in enumerate(ends) for record in self._of(partition, end)]

    def _of(self, partition: int, end: int) -> list[Record]:
        at = (each.at[partition].offset for each in self.followers)
        start = min((self._told[partition], *at))
        return self._log.records(partition, start, min(PAGE, end - start)) if end > start else []

    def last(self, stream: str) -> Record:
        """The last record of a stream that exists."""
        return self._log.stream(stream, self._log.head(stream).version - 1)[-1]

    def at_or_before(self, partition: int, offset: int) -> list[Follower]:
        """The policies that haven't passed a record yet."""
        return [each for each in self.followers if each.at[partition].offset <= offset]

    def is_new(self, partition: int, offset: int) -> bool:
        """Whether nothing of a record is known yet."""
        return offset >= self._told[partition]

    def move(self, records: Sequence[Record]) -> None:
        """They stand behind these records now."""
        for record in {each.partition: each for each in records}.values():
            now = Checkpoint(record.offset + 1, leaf(record.data))
            self._told[record.partition] = max(self._told[record.partition], now.offset)
            for each in self.at_or_before(record.partition, record.offset):
                each.at[record.partition] = now
        self._moved += sum(not stream_in(record).startswith(OURS) for record in records)
        if self._moved >= MANY:
            self.record(0.0)

    def record(self, every: float) -> None:
        """Records how far they are, so many seconds after it last did. To have passed their own
        records is no progress, or they would never come to rest."""
        if self._moved and time.monotonic() - self._recorded >= every:
            for each in self.followers:
                each.record(self._sender)
            self._moved = 0
            self._recorded = time.monotonic()
