"""The status of policies, read from their own streams: for processes that don't run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ticketlog.documents import policies as documents
from ticketlog.domain.policy_checkpoint import KIND, PolicyCheckpoint
from ticketlog.log.port import Log
from ticketlog.process_managers.checkpoints import stream_named_in

EXACT_LAG_LIMIT = 5_000
"""The lag in records up to which policies' own records are left out of it; a larger lag counts
them too, since that needs no reading."""


def status(
    names: Sequence[str], log: Log, load: Callable[[str], Any]
) -> list[documents.PolicyPosition]:
    """The status of each policy. `positions`: the offset of the next record of each partition, None
    where the policy never ran; `behind`: its lag in records, without policies' own records."""
    ends = log.ends()
    found = []
    for name in names:
        progress: PolicyCheckpoint = load(f"{KIND}/{name}")
        places = [progress.places.get(p) for p in range(log.partitions)]
        at = [place.offset if place else None for place in places]
        behind = [records_behind(log, p, start, ends[p]) for p, start in enumerate(at) if start]
        held = parked(progress)
        found.append(
            documents.PolicyPosition(policy=name, positions=at, behind=sum(behind), parked=held)
        )
    return found


def parked(progress: PolicyCheckpoint) -> list[documents.ParkedEvent]:
    """The parked events of a policy."""
    return [
        documents.ParkedEvent(
            event=each.event,
            stream=each.stream,
            position=f"{each.partition}:{each.offset}",
            error=each.error,
        )
        for each in progress.parked.values()
    ]


def retried(name: str, progress: PolicyCheckpoint) -> documents.PolicyRetried:
    """The events of a policy that are still parked after a retry."""
    return documents.PolicyRetried(policy=name, parked=parked(progress))


def troubles(names: Sequence[str], load: Callable[[str], Any]) -> list[str]:
    """Parked events, a line each, with the command that retries them."""
    return [
        f"policy {name} has parked {each.event} of {each.stream} ({each.error}): "
        f"`ticketlog policies retry {name}` tries it again"
        for name in names
        for each in parked(load(f"{KIND}/{name}"))
    ]


def records_behind(log: Log, partition: int, start: int, end: int) -> int:
    """The records of a partition between two offsets; of a few, those that are no policy's own."""
    if end - start > EXACT_LAG_LIMIT:
        return end - start
    records = log.records(partition, start, max(end - start, 0))
    return sum(not stream_named_in(record).startswith(f"{KIND}/") for record in records)
