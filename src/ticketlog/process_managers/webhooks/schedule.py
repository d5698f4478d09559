"""The times of deliveries: when a failed one is tried again, and when an endpoint that fails is
left alone. Pure: the time and the chance are given."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DELAYS: tuple[int, ...] = (
    *(0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR),
    *(10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
)
"""Microseconds before each attempt, as Standard Webhooks say: 75 h 35 min in all."""
WHOLE = sum(DELAYS)
JITTER = 0.1
"""The greatest part of a delay by which it is longer, so that tickets that failed together don't
come again together."""
LONGEST_RETRY_AFTER = 24 * HOUR
PROBES = (MINUTE, 5 * MINUTE, 30 * MINUTE)
"""Microseconds that an open breaker waits before each probe; the last one again and again."""
FAILURES_IN_A_ROW = 10
WATCHED = 50
"""Deliveries of which more than half may not fail."""


def next_attempt(attempts: int, now: int, chance: float) -> int | None:
    """When a delivery that has failed so many times is tried again; None: never. `chance`: from 0
    to 1, of the jitter."""
    if attempts >= len(DELAYS):
        return None
    return now + int(DELAYS[attempts] * (1 + JITTER * chance))


def retry_after(text: str | None, now: int) -> int | None:
    """The instant that a Retry-After header names, in seconds or as a date; None for none, or one
    that can't be read. At most a day from now."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        at = now + int(text) * SECOND
    else:
        try:
            date = parsedate_to_datetime(text)
            if date.tzinfo is None:
                date = date.replace(tzinfo=UTC)
            at = int((date - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * SECOND
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return min(max(at, now), now + LONGEST_RETRY_AFTER)


class CircuitBreaker:
    """The breaker of an endpoint: closed while it takes what is sent; open while it doesn't, and
    then one delivery probes it now and then."""

    def __init__(self) -> None:
        self.opened_at: int | None = None
        """None: it is closed."""
        self._in_a_row = 0
        self._last: deque[bool] = deque(maxlen=WATCHED)
        self._probes = 0
        self._probe_at = 0

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None

    @property
    def probe_at(self) -> int | None:
        """When the next probe may be sent; None: it is closed."""
        return self._probe_at if self.is_open else None

    def go_on(self, failures: int, now: int) -> None:
        """Takes over from another one, which saw so many failures in a row: where it was open, one
        delivery probes the endpoint at once."""
        self._in_a_row = failures
        if failures >= FAILURES_IN_A_ROW:
            self.opened_at = self._probe_at = now

    def succeeded(self) -> None:
        """A delivery was taken."""
        if self.is_open:
            self.__init__()  # type: ignore[misc]
            return
        self._in_a_row = 0
        self._last.append(True)

    def failed(self, now: int) -> None:
        """A delivery wasn't taken. An answer that was under way when it opened changes nothing."""
        if self.is_open:
            if now >= self._probe_at:
                self._probes += 1
                self._probe_at = now + PROBES[min(self._probes, len(PROBES) - 1)]
            return
        self._in_a_row += 1
        self._last.append(False)
        full = len(self._last) == WATCHED
        if self._in_a_row >= FAILURES_IN_A_ROW or (full and 2 * self._last.count(False) > WATCHED):
            self.opened_at = now
            self._probe_at = now + PROBES[0]
