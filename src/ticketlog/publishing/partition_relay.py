"""The relay of one partition of the log to the public topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ticketlog.errors import Damaged, TicketlogError, Unreadable
from ticketlog.log import history as histories
from ticketlog.log.commit import Verdict, parse
from ticketlog.log.port import Log
from ticketlog.publishing.cloudevent import (
    EventOrigin,
    Message,
    PublishedFields,
    is_public,
    message,
    source,
)
from ticketlog.publishing.topic import MEND, PublishedEvent

PAGE_EVENTS = 500
PAGE_BYTES = 500_000
"""A page ends before the event that would take it beyond either; a larger event goes alone."""


class EventPlace(NamedTuple):
    """The place of an event in the log: its record's offset, and its number in the record."""

    offset: int
    number: int


class RelayPage(NamedTuple):
    """Events to send together, the place behind them, and the error that stops the partition
    there."""

    messages: list[Message]
    next_place: EventPlace
    unreadable: Unreadable | None


class PartitionRelay:
    """A partition's position in both logs, and its next page. For one thread."""

    def __init__(
        self, log: Log, topic: str, number: int, published_fields: PublishedFields
    ) -> None:
        self.next = EventPlace(0, 0)
        """The place of the first event that isn't in the topic, as far as the topic was read."""
        self.end = 0
        """The offset up to which the topic was read."""
        self.report: TicketlogError | None = None
        """The error for which the partition stands still until the process is started again."""
        self._log = log
        self._topic = topic
        self._number = number
        self._source = source(log.desk)
        self._published_fields = published_fields
        self._unchecked: EventOrigin | None = None

    def stop(self, why: str) -> None:
        self.report = Damaged(f"{self._topic} {self._number}: {why}. {MEND}")

    def is_behind(self, ends: Sequence[int]) -> bool:
        return self.report is None and self.next.offset < ends[self._number]

    def take_in(self, found: Sequence[PublishedEvent], end: int) -> None:
        """Takes in the published events up to the topic's offset `end`."""
        self.end = end
        foreign_sources = {event.origin.source for event in found} - {self._source}
        if foreign_sources:
            self.stop(f"it holds events of {foreign_sources.pop()}, and the log is {self._source}")
        elif found:
            last = max(
                (event.origin for event in found), key=lambda origin: (origin.offset, origin.number)
            )
            if self.next <= (last.offset, last.number):
                self.next = EventPlace(last.offset, last.number + 1)
                self._unchecked = last

    def compare(self) -> None:
        """Stops where the log doesn't hold the event that the topic says was published from it.

        The topic doesn't hold the record's hash: a reader who guesses a personal value that was
        left out could check the guess by it.
        """
        origin, self._unchecked = self._unchecked, None
        if origin is None or self.report is not None:
            return
        if self._log.ends()[self._number] <= origin.offset:
            self._log.sync()
        records = self._log.records(self._number, origin.offset, 1)
        envelope = parse(records[0].data) if records else None
        if envelope is None or records[0].verdict is not Verdict.ACCEPTED:
            envelope = {}
        if not _is_of(origin, envelope):
            event = f"{origin.commit}.{origin.number}"
            self.stop(
                f"it holds the event {event} of {self._number}:{origin.offset}, "
                "and the log doesn't hold that there: the log was truncated, or is another one"
            )
        elif origin.number + 1 == len(envelope["events"]):
            self.next = max(self.next, EventPlace(origin.offset + 1, 0))

    def page(self, end: int) -> RelayPage:
        """The next events to publish, of the records before `end`."""
        messages: list[Message] = []
        size = 0
        try:
            for each in histories.between(self._log, self._number, self.next.offset, end):
                if (each.meta.offset, each.index) < self.next or not is_public(each):
                    continue
                made = message(each, self._source, self._published_fields)
                size += len(made.value)
                if messages and (size > PAGE_BYTES or len(messages) == PAGE_EVENTS):
                    return RelayPage(messages, EventPlace(made.offset, made.number), None)
                messages.append(made)
        except Unreadable as error:
            last = messages[-1] if messages else None
            next_place = EventPlace(last.offset, last.number + 1) if last else self.next
            return RelayPage(messages, next_place, error)
        return RelayPage(messages, EventPlace(end, 0), None)

    def sent(self, page: RelayPage) -> None:
        """Moves behind a page, all of which is in the topic."""
        self.next = page.next_place
        if page.unreadable is not None:
            self.report = page.unreadable


def _is_of(origin: EventOrigin, envelope: Mapping[str, Any]) -> bool:
    return bool(envelope) and (
        origin.commit == envelope["id"]
        and origin.stream == envelope["stream"]
        and origin.number < len(envelope["events"])
        and origin.version == envelope["expects"] + origin.number
        and origin.occurred_at == envelope["occurred_at"]
        and origin.recorded_at == envelope["recorded_at"]
    )
