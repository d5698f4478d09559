"""The progress of a long command: one line on standard error that is written over, on a
terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ticketlog.projections.engine.fill import ReplayProgress

_EVERY = 0.1
"""Seconds between two looks of the line."""
_A_WHILE = 0.5
"""Seconds that nobody needs to be told why they wait."""


class Meter:
    """A context manager; the line is gone when it is left."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._shown = False
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        if self._shown:
            self._write("")
            self._shown = False

    def show(self, text: str) -> None:
        now = time.monotonic()
        if self._on and now - self._last >= _EVERY:
            self._last = now
            self._shown = True
            self._write(text)

    def far(self, what: str, done: int, unit: str, share: float, seconds: float) -> None:
        """`share`: how much of the whole is done, 0 to 1."""
        rate = done / seconds if seconds else 0.0
        left = f", {duration(seconds * (1 / share - 1))} left" if share > 0 else ""
        self.show(f"{what}: {done:,} {unit}, {rate:,.0f}/s, {share:.0%}{left}")

    def replayed(self, what: str, progress: ReplayProgress) -> None:
        share = progress.records / max(progress.total, 1)
        self.far(what, progress.events, "events", share, progress.seconds)

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


class Waiting:
    """Tells why a question waits for its answer, once that takes a while: see
    `projections.filling.Told`. Of several things at once, the one that is least far."""

    def __init__(self) -> None:
        self._meter = Meter()
        self._far: dict[str, ReplayProgress] = {}

    def __call__(self, what: str, progress: ReplayProgress | None) -> None:
        if progress is None:
            self._far.pop(what, None)
            self._meter.clear()
        elif progress.seconds > _A_WHILE:
            self._far[what] = progress
            # A copy: other threads tell, too.
            self._meter.replayed(*min(list(self._far.items()), key=lambda far: far[1].records))


def duration(seconds: float) -> str:
    """'8 s', '3 min', '2 h'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
