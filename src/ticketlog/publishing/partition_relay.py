"""One partition of the log while it is published: how far it is, what goes next, what stops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ticketlog.errors import Damaged, TicketlogError, Unreadable
from ticketlog.log import history as reading
from ticketlog.log.commit import Verdict, parse
from ticketlog.log.port import Log
from ticketlog.publishing.cloudevent import Message, Shown, Told, is_public, message, source
from ticketlog.publishing.topic import MEND, Seen

PAGE_EVENTS = 500
PAGE_BYTES = 500_000
"""A page ends before the event that would take it beyond either; a larger event goes alone."""


class EventPlace(NamedTuple):
    """An event in the log: of the record at which offset, and which one of it."""

    offset: int
    number: int


class RelayPage(NamedTuple):
    """Events to send together, the place behind them, and what stops the partition there."""

    messages: list[Message]
    behind: EventPlace
    unreadable: Unreadable | None


class Part:
    def __init__(self, log: Log, topic: str, number: int, shown: Shown) -> None:
        self.next = EventPlace(0, 0)
        """The first event that isn't in the topic, as far as is known."""
        self.end = 0
        """How far the topic is known."""
        self.report: TicketlogError | None = None
        """Why it stands still, until the process begins anew."""
        self._log = log
        self._topic = topic
        self._number = number
        self._source = source(log.desk)
        self._shown = shown
        self._unchecked: Told | None = None

    def stop(self, why: str) -> None:
        self.report = Damaged(f"{self._topic} {self._number}: {why}. {MEND}")

    def is_behind(self, ends: Sequence[int]) -> bool:
        return self.report is None and self.next.offset < ends[self._number]

    def learn(self, found: Sequence[Seen], end: int) -> None:
        """Takes in what stands in the topic up to `end`."""
        self.end = end
        strangers = {seen.told.source for seen in found} - {self._source}
        if strangers:
            self.stop(f"it holds events of {strangers.pop()}, and the log is {self._source}")
        elif found:
            last = max((seen.told for seen in found), key=lambda told: (told.offset, told.number))
            if self.next <= (last.offset, last.number):
                self.next = EventPlace(last.offset, last.number + 1)
                self._unchecked = last

    def compare(self) -> None:
        """Stops where the log doesn't hold what the topic says was published from it.

        The topic doesn't hold the record's hash: whoever guesses a personal value that was left
        out could tell by it that the guess is right.
        """
        told, self._unchecked = self._unchecked, None
        if told is None or self.report is not None:
            return
        if self._log.ends()[self._number] <= told.offset:
            self._log.sync()
        records = self._log.records(self._number, told.offset, 1)
        envelope = parse(records[0].data) if records else None
        if envelope is None or records[0].verdict is not Verdict.ACCEPTED:
            envelope = {}
        if not _is_of(told, envelope):
            self.stop(
                f"it holds the event {told.commit}.{told.number} of {self._number}:{told.offset}, "
                "and the log doesn't hold that there: the log was truncated, or is another one"
            )
        elif told.number + 1 == len(envelope["events"]):
            self.next = max(self.next, EventPlace(told.offset + 1, 0))

    def page(self, end: int) -> RelayPage:
        """What is published next, of the records before `end`."""
        messages: list[Message] = []
        size = 0
        try:
            for each in reading.between(self._log, self._number, self.next.offset, end):
                if (each.meta.offset, each.index) < self.next or not is_public(each):
                    continue
                made = message(each, self._source, self._shown)
                size += len(made.value)
                if messages and (size > PAGE_BYTES or len(messages) == PAGE_EVENTS):
                    return RelayPage(messages, EventPlace(made.offset, made.number), None)
                messages.append(made)
        except Unreadable as error:
            last = messages[-1] if messages else None
            behind = EventPlace(last.offset, last.number + 1) if last else self.next
            return RelayPage(messages, behind, error)
        return RelayPage(messages, EventPlace(end, 0), None)

    def passed(self, page: RelayPage) -> None:
        """All of the page is in the topic."""
        self.next = page.behind
        if page.unreadable is not None:
            self.report = page.unreadable


def _is_of(told: Told, envelope: Mapping[str, Any]) -> bool:
    return bool(envelope) and (
        told.commit == envelope["id"]
        and told.stream == envelope["stream"]
        and told.number < len(envelope["events"])
        and told.version == envelope["expects"] + told.number
        and told.occurred_at == envelope["occurred_at"]
        and told.recorded_at == envelope["recorded_at"]
    )
