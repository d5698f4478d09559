"""Refused attempts to sign in, in the log of access: the first of a kind is recorded at once, those
that come within a minute of it are one record with their number. So a flood can't fill the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from ticketlog.errors import TicketlogError

if TYPE_CHECKING:
    from ticketlog.application.access_log import AccessLog
    from ticketlog.domain.base import Actor

Way = Literal["token", "session", "link", "oidc", "passkey"]
WINDOW_S = 60
"""Seconds in which attempts of a kind are counted into one record."""
_MICROSECONDS = 1_000_000


class RefusedAttempt(NamedTuple):
    """A refused attempt. `code`: its kind, a word; `why`: the same for people; `on`: the stream of
    the token, link or session, where it is known; `actor`: whose it was, where that is known."""

    way: Way
    code: str
    why: str
    on: str | None = None
    actor: Actor | None = None

    @property
    def kind(self) -> tuple[str, str, str | None]:
        return self.way, self.code, self.on


class FailedSignIns:
    """The counter of refused attempts. Thread-safe."""

    def __init__(self, log: AccessLog, clock: Callable[[], int], nobody: Actor) -> None:
        """`clock`: microseconds since 1970. `nobody`: the actor where none is known."""
        self._log = log
        self._clock = clock
        self._nobody = nobody
        self._until: dict[tuple[str, str, str | None], int] = {}
        """Kind -> the instant from which on the next attempt is recorded by itself."""
        self._counted: dict[tuple[str, str, str | None], tuple[RefusedAttempt, int]] = {}
        """Kind -> an attempt of it, and how many were counted and not recorded."""
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def count(self, attempt: RefusedAttempt, address: str | None = None) -> None:
        """Records or counts an attempt. `address`: the network address that it came from. Raises
        Unreachable, Damaged where it can't be recorded."""
        now = self._clock()
        with self._lock:
            if now < self._until.get(attempt.kind, 0):
                _, times = self._counted.get(attempt.kind, (attempt, 0))
                self._counted[attempt.kind] = (attempt, times + 1)
                self._flush_later()
                return
            self._until[attempt.kind] = now + WINDOW_S * _MICROSECONDS
            _, counted = self._counted.pop(attempt.kind, (attempt, 0))
        self._record(attempt, counted + 1, address)

    def flush(self) -> None:
        """Records what is counted; what can't be is lost. Raises Unreachable, Damaged."""
        with self._lock:
            counted, self._counted = self._counted, {}
            now = self._clock()
            self._until = {kind: until for kind, until in self._until.items() if now < until}
            self._timer = None
        for attempt, times in counted.values():
            self._record(attempt, times, None)

    def close(self) -> None:
        """Records what is counted, where that can be."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        with suppress(TicketlogError):
            self.flush()

    def _flush_later(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(WINDOW_S, self._flush_quietly)
            self._timer.daemon = True
            self._timer.start()

    def _flush_quietly(self) -> None:
        with suppress(TicketlogError):
            self.flush()

    def _record(self, attempt: RefusedAttempt, times: int, address: str | None) -> None:
        self._log.refused(
            attempt.actor or self._nobody,
            f"sign-in:{attempt.way}",
            attempt.why,
            code=attempt.code,
            on=() if attempt.on is None else (attempt.on,),
            times=times,
            address=address,
        )
