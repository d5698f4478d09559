"""How far a policy is: kept in memory, recorded now and then on its own stream."""

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

OLD = 86_400_000_000
"""Microseconds before a policy begins after which what happened is old: nobody is told of it any
more."""
OUTBOX = "outbox"
"""Not a policy: who delivers what one has decided stands in the log like one."""


class Checkpoint(NamedTuple):
    """Before which record of a partition; `leaf` is the hash of the record before that one."""

    offset: int
    leaf: bytes


class Follower:
    """A policy and its places in the log."""

    def __init__(
        self,
        policy: Policy,
        log: Log,
        load: Callable[[str], Any],
        start: Sequence[int] | None = None,
    ) -> None:
        """`start`: before which record of each partition it begins, where it hasn't yet; None:
        where the desk began."""
        self.policy = policy
        self.at: list[Checkpoint] = []
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
        """What its stream says."""
        found: records.PolicyCheckpoint = self._load(f"policy/{self.name}")
        return found

    def begin(self, sender: CommandSender) -> None:
        """Goes where its stream says, or else where it shall begin, and records that, so that all
        who run it begin alike.

        Raises Damaged where the log isn't the one that it has followed.
        """
        if not self.state.places:
            start = self._start or [1] * self._log.partitions  # Behind the genesis.
            standing = [standing_at(self._log, p, at) for p, at in enumerate(start)]
            since = sender.now() - OLD if self._start is None and not sender.simulated else None
            begin = records.Advance(places=_places(standing), tells_since=since)
            # Where another runner was first, what that one has recorded counts.
            with suppress(CommandReused):
                sender.ours(self.name, begin, "begin")
        places, self.tells_since = self.state.places, self.state.tells_since
        self.at = []
        for partition in range(self._log.partitions):
            place = places[partition]
            there = standing_at(self._log, partition, place.offset)
            if there.leaf.hex() != place.leaf:
                raise Damaged(
                    f"policy {self.name} was at {partition}:{place.offset} of another "
                    f"{self._log.name} log, or of one that was cut off: restore the log"
                )
            self.at.append(there)
        self._recorded = list(self.at)

    def is_old(self, recorded: Recorded) -> bool:
        """Whether nobody is told of an event any more, since it was old when this began."""
        at = min(recorded.meta.occurred_at, recorded.meta.recorded_at)
        return self.tells_since is not None and at < self.tells_since

    def record(self, sender: CommandSender) -> None:
        """Makes it known how far it is."""
        changed = [
            (p, now)
            for p, (now, then) in enumerate(zip(self.at, self._recorded, strict=True))
            if now != then
        ]
        if changed:
            places = tuple(_place(p, now) for p, now in changed)
            marks = [f"{each.partition}:{each.offset}" for each in places]
            sender.ours(self.name, records.Advance(places=places), *marks)
            self._recorded = list(self.at)


def park(sender: CommandSender, policy: str, cause: Cause, error: Exception) -> None:
    """Leaves an event for later, visibly."""
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
    sender.ours(policy, command, cause.event, str(cause.offset))


def stream_in(record: Record) -> str:
    """Which stream a record is for; empty where it can't be told."""
    envelope = parse(record.data)
    return str(envelope.get("stream", "")) if envelope else ""


def standing_at(log: Log, partition: int, offset: int) -> Checkpoint:
    """Raises Damaged where the log doesn't reach so far."""
    before = log.records(partition, offset - 1, 1)
    if not before or before[0].offset != offset - 1:
        raise Damaged(f"the {log.name} log at {partition}:{offset - 1} is missing: restore it")
    return Checkpoint(offset, leaf(before[0].data))


def _places(standing: Sequence[Checkpoint]) -> tuple[records.Place, ...]:
    return tuple(_place(partition, each) for partition, each in enumerate(standing))


def _place(partition: int, standing: Checkpoint) -> records.Place:
    return records.Place(partition=partition, offset=standing.offset, leaf=standing.leaf.hex())
