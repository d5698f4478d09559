"""Where policies stand, as their streams say: for whoever looks from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ticketlog.domain.policy_checkpoint import KIND, PolicyCheckpoint
from ticketlog.log.port import Log
from ticketlog.process_managers.checkpoints import stream_in

MANY = 5_000
"""Records behind from which they are no longer looked at one by one."""


def status(names: Sequence[str], log: Log, load: Callable[[str], Any]) -> list[dict[str, Any]]:
    """`positions`: the next record of each partition, None where it follows none. `behind`:
    records that it hasn't passed; what policies record of themselves isn't counted."""
    ends = log.ends()
    found = []
    for name in names:
        progress: PolicyCheckpoint = load(f"{KIND}/{name}")
        places = [progress.places.get(p) for p in range(log.partitions)]
        at = [place.offset if place else None for place in places]
        behind = [_behind(log, p, start, ends[p]) for p, start in enumerate(at) if start]
        found.append(
            {"policy": name, "positions": at, "behind": sum(behind), "parked": parked(progress)}
        )
    return found


def parked(progress: PolicyCheckpoint) -> list[dict[str, str]]:
    return [
        {
            "event": each.event,
            "stream": each.stream,
            "position": f"{each.partition}:{each.offset}",
            "error": each.error,
        }
        for each in progress.parked.values()
    ]


def troubles(names: Sequence[str], load: Callable[[str], Any]) -> list[str]:
    return [
        f"policy {name} has parked {each['event']} of {each['stream']} ({each['error']}): "
        f"`ticketlog policies retry {name}` tries it again"
        for name in names
        for each in parked(load(f"{KIND}/{name}"))
    ]


def _behind(log: Log, partition: int, start: int, end: int) -> int:
    if end - start > MANY:
        return end - start
    records = log.records(partition, start, max(end - start, 0))
    return sum(not stream_in(record).startswith(f"{KIND}/") for record in records)
