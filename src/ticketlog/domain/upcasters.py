"""Upcasters: how older versions of events are read.

The log is never rewritten: what was stored under an old name is brought to the next version each
time it is read. An upcaster sees the data as it stands in the record. Personal values are wrapped
there, and may be encrypted: it may move them, and never look inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Data: TypeAlias = dict[str, Any]


def _availability_v1(data: Data) -> Data:
    """It knew `available` and `was_available` alone: who wasn't available counts as offline."""
    state = {True: "online", False: "offline"}
    told = {name: value for name, value in data.items() if not name.endswith("available")}
    return told | {
        "old": state[data.get("was_available", False)],
        "new": state[data.get("available", False)],
    }


UPCASTERS: dict[str, tuple[str, Callable[[Data], Data]]] = {
    "agent.availability-changed.v1": ("agent.availability-changed.v2", _availability_v1),
}
"""Old stored name -> (next name, how its data becomes the next version's)."""
