"""Checkpoints of policies: kept in memory, recorded now and then on each policy's own stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ticketlog.domain import policy_checkpoint as records
from ticketlog.domain.base import Recorded
from ticketlog.errors import CommandReused, Damaged, TicketlogError
from ticketlog.log.commit import leaf, parse
from ticketlog.log.port import Log, Record
from ticketlog.policies.protocol import Policy
from ticketlog.process_managers.command_sender import Cause, CommandSender

OLD_AFTER_US = 86_400_000_000
"""An event that is older than this when a policy first begins is old: no notification is sent of
it any more."""
OUTBOX = "outbox"
"""The outbox relay's name. It is no policy, and keeps its checkpoint like one."""


class Checkpoint(NamedTuple):
    """A position in a partition: the offset of the next record, and the leaf hash of the record
    before it."""

    offset: int
    leaf: bytes


class Subscription:
    """A policy and its checkpoints, one for each partition of the log."""

    def __init__(
        self,
        policy: Policy,
        log: Log,
        load: Callable[[str], Any],
        start: Sequence[int] | None = None,
    ) -> None:
        """`start`: per partition the offset at which the policy begins, where it never ran; None:
        at the desk's beginning."""
        self.policy = policy
        self.checkpoints: list[Checkpoint] = []
        self.tells_since: int | None = None
        self._start = start
        self._log = log
        self._load = load
        self._recorded: list[Checkpoint] = []

    @property
    def name(self) -> str:
        return self.policy.NAME

    @property
    def state(self) -> records.PolicyCheckpoint:
        """The state of the policy's own stream: its recorded checkpoints, and parked events."""
        found: records.PolicyCheckpoint = self._load(f"policy/{self.name}")
        return found

    def begin(self, sender: CommandSender) -> None:
        """Loads the recorded checkpoints. Where there are none, records those where the policy
        begins, so that it begins alike in every runner.

        Raises Damaged where the log isn't the one that the checkpoints were recorded of.
        """
        if not self.state.places:
            start = self._start or [1] * self._log.partitions  # Behind the genesis.
            checkpoints = [checkpoint_at(self._log, p, at) for p, at in enumerate(start)]
            since = (
                sender.now() - OLD_AFTER_US
                if self._start is None and not sender.simulated
                else None
            )
            begin = records.Advance(places=_places(checkpoints), tells_since=since)
            # Where another runner was first, the checkpoints that it has recorded count.
            with suppress(CommandReused):
                sender.record_for(self.name, begin, "begin")
        places, self.tells_since = self.state.places, self.state.tells_since
        self.checkpoints = []
        for partition in range(self._log.partitions):
            place = places[partition]
            found = checkpoint_at(self._log, partition, place.offset)
            if found.leaf.hex() != place.leaf:
                raise Damaged(
                    f"policy {self.name} was at {partition}:{place.offset} of another "
                    f"{self._log.name} log, or of one that was cut off: restore the log"
                )
            self.checkpoints.append(found)
        self._recorded = list(self.checkpoints)

    def is_old(self, recorded: Recorded) -> bool:
        """Whether no notification is sent of an event, since it was old when the policy began."""
        at = min(recorded.meta.occurred_at, recorded.meta.recorded_at)
        return self.tells_since is not None and at < self.tells_since

    def record(self, sender: CommandSender) -> None:
        """Records the checkpoints that have moved since they were last recorded."""
        changed = [
            (p, now)
            for p, (now, then) in enumerate(zip(self.checkpoints, self._recorded, strict=True))
            if now != then
        ]
        if changed:
            places = tuple(_place(p, now) for p, now in changed)
            marks = [f"{each.partition}:{each.offset}" for each in places]
            sender.record_for(self.name, records.Advance(places=places), *marks)
            self._recorded = list(self.checkpoints)


def park(sender: CommandSender, policy: str, cause: Cause, error: Exception) -> None:
    """Parks an event: records on the policy's stream that it failed, so that it can be retried."""
    known = isinstance(error, TicketlogError)
    text = f"{error}" if known else f"{type(error).__name__}: {error}"
    line = " ".join(text.split())[:500] or type(error).__name__
    command = records.Park(
        event=cause.event[:100],
        stream=cause.stream,
        partition=cause.partition,
        offset=cause.offset,
        error=line,
    )
    sender.record_for(policy, command, cause.event, str(cause.offset))


def stream_named_in(record: Record) -> str:
    """The name of a record's stream; empty for a record that has none."""
    envelope = parse(record.data)
    return str(envelope.get("stream", "")) if envelope else ""


def checkpoint_at(log: Log, partition: int, offset: int) -> Checkpoint:
    """The checkpoint at an offset. Raises Damaged where the log doesn't reach so far."""
    before = log.records(partition, offset - 1, 1)
    if not before or before[0].offset != offset - 1:
        raise Damaged(f"the {log.name} log at {partition}:{offset - 1} is missing: restore it")
    return Checkpoint(offset, leaf(before[0].data))


def _places(checkpoints: Sequence[Checkpoint]) -> tuple[records.Place, ...]:
    return tuple(_place(partition, each) for partition, each in enumerate(checkpoints))


def _place(partition: int, checkpoint: Checkpoint) -> records.Place:
    return records.Place(partition=partition, offset=checkpoint.offset, leaf=checkpoint.leaf.hex())
