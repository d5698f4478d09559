"""Reads of single streams by an actor: states, histories, and events as they come.

A stream that the actor doesn't see is as one that isn't there. Refusals, and reads of restricted
tickets, are recorded before anything is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ticketlog.application.access import Access
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Actor, NotFound, Recorded, kind_and_id

HISTORY, EVENTS = "query:history", "query:events"
_OF_KIND: Mapping[str, str] = {
    "ticket": "query:ticket",
    "person": "query:person",
    "organisation": "query:organisation",
    "agent": "query:agent",
}


def right_to_read(kind: str) -> str:
    """The right that it takes to read a stream of a kind."""
    return _OF_KIND.get(kind, "query:stream")


class StreamReads:
    """The reads of single streams. Thread-safe."""

    def __init__(self, access: Access, history: Callable[[str], list[Recorded]]) -> None:
        """`history`: all events of a stream."""
        self._access = access
        self._history = history

    def load(self, stream: str, actor: Actor | None) -> Any:
        """The state of a stream as it is now, or that of one that isn't there. Raises Forbidden."""
        if actor is None:
            return self._access.load(stream)
        right = right_to_read(kind_and_id(stream)[0])
        return self.state(stream, self._access.load(stream), actor, right)

    def state(self, stream: str, state: Any, actor: Actor, right: str) -> Any:
        """A state of any moment as an actor may read it now, or that of a stream that isn't there.
        Raises Forbidden."""
        viewer = self._access.check(actor, right, stream)
        if not state.exists:
            return state
        if not self._admits(stream, actor, right):
            kind, id = kind_and_id(stream)
            return AGGREGATES[kind].initial(id)
        return viewer.state(state)

    def history(self, stream: str, actor: Actor | None, right: str = HISTORY) -> list[Recorded]:
        """The events of a stream; none of one that isn't there. Raises Forbidden."""
        return self.events_of(stream, self._history(stream), actor, right)

    def events_of(
        self, stream: str, events: list[Recorded], actor: Actor | None, right: str = HISTORY
    ) -> list[Recorded]:
        """The events of a stream up to any moment, as an actor may read them now."""
        if actor is None:
            return events
        viewer = self._access.check(actor, right, stream)
        if not events or not self._admits(stream, actor, right):
            return []
        if viewer.unlimited:
            return events
        return [shown for each in events if (shown := viewer.shown(each, right)) is not None]

    def events(self, events: Iterable[Recorded], actor: Actor | None) -> Iterator[Recorded]:
        """Events of all streams, as far as they are for an actor when they come. Raises Forbidden
        at once."""
        if actor is None:
            return iter(events)
        self._access.check(actor, EVENTS)
        return self._as_they_come(events, actor)

    def _as_they_come(self, events: Iterable[Recorded], actor: Actor) -> Iterator[Recorded]:
        told: set[str] = set()
        for each in events:
            shown = self._access.viewer(actor).event(each, EVENTS)
            if shown is None:
                continue
            stream = each.originator_id
            if stream not in told and self._access.is_restricted(self._access.load(stream)):
                self._access.read(actor, EVENTS, [stream])
                told.add(stream)
            yield shown

    def _admits(self, stream: str, actor: Actor, right: str) -> bool:
        """Whether an actor sees a stream, by its state of now; recorded either way where that is
        called for."""
        state, viewer = self._access.load(stream), self._access.viewer(actor)
        if not viewer.sees_state(state, right):
            self._access.refused(actor, right, NotFound(f"{stream} isn't for them"), [stream])
            return False
        if self._access.is_restricted(state):
            self._access.read(actor, right, [stream])
        return True
