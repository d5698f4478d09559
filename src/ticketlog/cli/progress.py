"""How far a long command is: one line on standard error that is written over, on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

_EVERY = 0.1
"""Seconds between two looks of the line."""


class Meter:
    """A context manager; the line is gone when it is left."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._on:
            self._write("")

    def show(self, text: str) -> None:
        now = time.monotonic()
        if self._on and now - self._last >= _EVERY:
            self._last = now
            self._write(text)

    def far(self, what: str, done: int, unit: str, share: float, seconds: float) -> None:
        """`share`: how much of the whole is done, 0 to 1."""
        rate = done / seconds if seconds else 0.0
        left = f", {duration(seconds * (1 / share - 1))} left" if share > 0 else ""
        self.show(f"{what}: {done:,} {unit}, {rate:,.0f}/s, {share:.0%}{left}")

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """'8 s', '3 min', '2 h'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
