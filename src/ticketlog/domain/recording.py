"""The events of a commit as its readers see them: each at its version, with the envelope."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.base import Event, Meta, Recorded, bare


def recorded_events(
    stream: str, first_version: int, events: Iterable[Event], meta: Meta
) -> list[Recorded]:
    """The events of one commit. `first_version`: that of the first of them in the stream."""
    return [
        bare(Recorded, (stream, first_version + index, event, meta, index))
        for index, event in enumerate(events)
    ]
