"""The patterns of acts that look as if they were done for the figures, and not for the ticket.

Likely, never proven: docs/SLA.md names innocent reasons for each pattern.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ticketlog.domain.time.business_hours import SECOND

PATTERNS = {
    "pending_after_reply": ("pending",),
    "paused_over_due": ("pending", "hold"),
    "solved_and_reopened": ("solve",),
    "priority_lowered": ("priority",),
}
"""Pattern -> the kinds of act that it is looked for in."""
THRESHOLDS = {
    "replied_seconds": 300,
    "answered_seconds": 600,
    "near_seconds": 900,
    "share_percent": 90,
    "reopened_seconds": 86_400,
}
"""pending_after_reply: at most `replied_seconds` after what a person said, and no agent answered it
before, with it, or within `answered_seconds` after it.

paused_over_due: pending or on hold with at most `near_seconds` of a target left; it would have been
breached meanwhile; and by nobody's reply, but by an agent its clock went on at most `near_seconds`
after that.

solved_and_reopened: with at most `near_seconds` of a target left, and reopened within
`reopened_seconds`, by whomever.

priority_lowered: the new one gives a clock more time, or no target, that had at most `near_seconds`
left or had used `share_percent` or more of its target."""


def limits_of(thresholds: Mapping[str, int] | None) -> Mapping[str, int]:
    """All thresholds, with the given ones in the place of the usual. Raises ValueError for unknown
    ones."""
    for name in thresholds or ():
        if name not in THRESHOLDS:
            raise ValueError(f"there is no threshold {name!r}; choose from {', '.join(THRESHOLDS)}")
    return {**THRESHOLDS, **(thresholds or {})}


def patterns(act: Mapping[Any, Any], limits: Mapping[str, int]) -> Iterator[str]:
    """Which patterns an act fits."""
    at, near, left = act["at"], limits["near_seconds"], act["left"]
    is_near = left is not None and left <= near
    undone = _since(act["undone_at"], at)
    if act["kind"] == "pending" and act["asked_at"] is not None:
        answered = _since(act["answered_at"], at)
        late = answered is None or answered > limits["answered_seconds"] * SECOND
        if late and at - act["asked_at"] <= limits["replied_seconds"] * SECOND:
            yield "pending_after_reply"
    if act["kind"] in ("pending", "hold") and is_near and act["undone_by"] == "agent":
        over = _since(act["undone_at"], act["due"])
        if over is not None and 0 <= over <= near * SECOND:
            yield "paused_over_due"
    elif act["kind"] == "solve" and is_near and undone is not None:
        if undone <= limits["reopened_seconds"] * SECOND:
            yield "solved_and_reopened"
    elif act["kind"] == "priority" and left is not None:
        used = act["target"] - left
        if is_near or used * 100 >= limits["share_percent"] * act["target"]:
            yield "priority_lowered"


def _since(at: int | None, start: int | None) -> int | None:
    return None if at is None or start is None else at - start
