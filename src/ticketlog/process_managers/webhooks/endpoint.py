"""An endpoint at work: its lanes, its breaker, and the meaning of its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ticketlog.application.hook_signatures import Signer
from ticketlog.domain.settings.webhooks import Webhook
from ticketlog.process_managers.webhooks.deliveries import (
    Delivery,
    DeliveryNote,
    EventChoice,
    Failures,
)
from ticketlog.process_managers.webhooks.http_sender import HookAnswer
from ticketlog.process_managers.webhooks.lane import Lane
from ticketlog.process_managers.webhooks.schedule import (
    SECOND,
    WHOLE,
    CircuitBreaker,
    next_attempt,
    retry_after,
)

AT_ONCE = 32
"""Deliveries to an endpoint that are under way together, at most."""
GONE = 410
THROTTLING = frozenset({429, 502, 503, 504})
"""Statuses by which an endpoint says that it has too much to do."""
THROTTLED_FOR = 5 * SECOND
"""How long it gets nothing then, where it doesn't say."""


class Underway(NamedTuple):
    """A delivery that is being sent."""

    lane: Lane
    delivery: Delivery
    headers: dict[str, str]


class Consequence(NamedTuple):
    """The consequence of an answer: the endpoint is given up, or a delivery is, each for a reason.
    `note`: of the delivery."""

    note: DeliveryNote
    disables: str | None = None
    parks: str | None = None


class Endpoint:
    """An endpoint with its lanes. For one thread at a time; it sends nothing itself."""

    def __init__(
        self,
        webhook: Webhook,
        signer: Signer,
        choice: EventChoice,
        lanes: list[Lane],
        chance: Callable[[], float],
    ) -> None:
        """`chance`: a number from 0 to 1, for the jitter of retries."""
        self.webhook = webhook
        self.lanes = lanes
        self.choice = choice
        self.breaker = CircuitBreaker()
        self.is_ending = False
        """It begins no more deliveries: it is paused, or is to be made anew."""
        self.delivered = 0
        self.failed = 0
        self._signer = signer
        self._chance = chance
        self._busy: set[str] = set()
        self._held_until = 0
        self._room = AT_ONCE
        self._failing_since: int | None = None

    @property
    def under_way(self) -> int:
        """The number of deliveries that are being sent."""
        return len(self._busy)

    def go_on(self, failures: Failures, now: int) -> None:
        """Goes on where another process was: one that took nothing is probed first."""
        self._failing_since = failures.since
        self.breaker.go_on(failures.times, now)

    def fill(self, now: int) -> None:
        """Reads the log ahead; while the endpoint takes nothing, what was read is forgotten."""
        if self._is_let_be(now):
            if not self._busy:
                for lane in self.lanes:
                    lane.forget()
            return
        for lane in self.lanes:
            lane.fill(self.choice.delivery)

    def _is_let_be(self, now: int) -> bool:
        """Whether nothing may be sent now."""
        return now < max(self._held_until, self.breaker.probe_at or 0) or self.is_ending

    def next(self, now: int) -> Underway | None:
        """The next delivery to send now, marked as under way; None: none is due."""
        if self._is_let_be(now):
            return None
        if self.breaker.is_open:
            if self._busy:
                return None
            return self._found(now, lambda lane: lane.probe(self._busy, self.choice.delivery))
        if len(self._busy) >= self._room:
            return None
        return self._found(now, lambda lane: lane.next(now, self._busy, self.choice.delivery))

    def _found(self, now: int, find: Callable[[Lane], Delivery | None]) -> Underway | None:
        for lane in self.lanes:
            delivery = find(lane)
            if delivery is not None:
                self._busy.add(delivery.stream)
                return Underway(lane, delivery, self.headers(delivery, now))
        return None

    def headers(self, delivery: Delivery, now: int) -> dict[str, str]:
        """The headers of an attempt. `now`: its time, which is signed."""
        timestamp = now // SECOND
        return {
            "content-type": delivery.media_type,
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": self._signer.signature(delivery.id, timestamp, delivery.body),
        }

    def done(self, sent: Underway, answer: HookAnswer, now: int) -> Consequence:
        """Takes in the answer to a delivery."""
        lane, delivery = sent.lane, sent.delivery
        self._busy.discard(delivery.stream)
        note = self._note(sent, answer, now)
        if answer.is_success:
            self.delivered += 1
            self._failing_since = None
            self._room = min(self._room + 1, AT_ONCE)
            self.breaker.succeeded()
            lane.taken(delivery, now)
            return Consequence(note)
        self.failed += 1
        if self._failing_since is None:
            self._failing_since = now
        if answer.status == GONE:
            self.is_ending = True
            lane.put_back(delivery, now)
            return Consequence(note, disables="gone")
        return self._not_taken(sent, answer, now, note)

    def _not_taken(
        self, sent: Underway, answer: HookAnswer, now: int, note: DeliveryNote
    ) -> Consequence:
        lane, delivery = sent.lane, sent.delivery
        named = retry_after(answer.retry_after, now)
        throttled = answer.status in THROTTLING
        if throttled:
            self._room = max(1, self._room // 2)
        if throttled and (named is not None or answer.status == 429):
            # It is there, and says when to come again: that counts against no delivery.
            self._held_until = max(self._held_until, named or now + THROTTLED_FOR)
            lane.put_back(delivery, self._held_until)
            return Consequence(note, disables=self._unanswered(now))
        was_open = self.breaker.is_open
        self.breaker.failed(now)
        if was_open:
            # The endpoint is away: that says nothing about this delivery.
            lane.put_back(delivery, now)
            return Consequence(note, disables=self._unanswered(now))
        again = next_attempt(delivery.attempts + 1, now, self._chance())
        if again is None:
            lane.taken(delivery, now)
            return Consequence(note, parks=note.error or f"HTTP {answer.status}")
        lane.failed(delivery, now, max(again, named or 0))
        return Consequence(note)

    def _unanswered(self, now: int) -> str | None:
        since = self._failing_since
        return "unanswered" if since is not None and now - since > WHOLE else None

    def _note(self, sent: Underway, answer: HookAnswer, now: int) -> DeliveryNote:
        delivery = sent.delivery
        _, _, replay = sent.lane.name.partition(".replay-")
        return DeliveryNote(
            webhook=self.webhook.id,
            at=now,
            id=delivery.id,
            event=delivery.event,
            type=delivery.type,
            stream=delivery.stream,
            attempt=delivery.attempts + 1,
            status=answer.status,
            took=answer.took,
            error=answer.error,
            start=answer.start,
            replay=replay or None,
        )

    def next_at(self, now: int) -> int | None:
        """When a delivery can be sent though nothing new happens; None: not while all stays as it
        is, for now."""
        if self._is_let_be(now):
            return None
        if len(self._busy) >= (1 if self.breaker.is_open else self._room):
            return None
        return min(self._due_times(now), default=None)

    def _due_times(self, now: int) -> Iterator[int]:
        for lane in self.lanes:
            due = lane.due_at(self._busy)
            if lane.has_ready(self._busy):
                yield now
            elif due is not None:
                yield now if self.breaker.is_open else due

    def troubles(self) -> list[str]:
        """The troubles of the endpoint, a line each."""
        name = f"webhook {self.webhook.id}"
        found = [
            f"{name} stands still: {why}" for lane in self.lanes for why in lane.troubles.values()
        ]
        if self.breaker.is_open:
            found.append(f"{name} takes nothing; it is tried again now and then")
        return found
