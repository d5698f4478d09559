"""Progress of a long command on a terminal: one line on standard error, which goes away."""

from __future__ import annotations

import sys
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ticketlog.projections.engine.fill import ReplayProgress

_SHOWN_AFTER_S = 0.5
"""A wait that is shorter needs no reason."""


class Meter:
    """A line of progress; silent where standard error is no terminal. A context manager: the line
    is gone when it is left. Its library is loaded with the first line."""

    def __init__(self) -> None:
        self._line: tuple[Progress, TaskID] | None = None

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
        if self._line is not None:
            self._line[0].stop()
            self._line = None

    def show(self, text: str, share: float | None = None, details: str = "") -> None:
        """`share`: the part of the whole that is done, 0 to 1; None: it isn't known."""
        if not sys.stderr.isatty():
            return
        progress, task = self._line or _line()
        total = None if share is None else 1
        progress.update(task, description=text, completed=share, total=total, details=details)
        if self._line is None:
            self._line = progress, task
            progress.start()

    def far(self, what: str, done: int, unit: str, share: float, seconds: float) -> None:
        """`done`: how many of `unit`, in `seconds`; `share` as in `show`."""
        rate = done / seconds if seconds else 0.0
        left = f", {duration(seconds * (1 / share - 1))} left" if share > 0 else ""
        self.show(what, share, f"{done:,} {unit}, {rate:,.0f}/s{left}")

    def replayed(self, what: str, progress: ReplayProgress) -> None:
        share = progress.records / max(progress.total, 1)
        self.far(what, progress.events, "events", share, progress.seconds)


def _line() -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[details]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    return progress, progress.add_task("", total=None, details="")


class Waiting:
    """The progress of what a question waits for, shown once that takes a while: a
    `projections.engine.fill.ProgressCallback`. Of several at once, the one that is least far."""

    def __init__(self) -> None:
        self._meter = Meter()
        self._far: dict[str, ReplayProgress] = {}
        self._telling = Lock()

    def __call__(self, what: str, progress: ReplayProgress | None) -> None:
        with self._telling:
            if progress is None:
                self._far.pop(what, None)
                self._meter.clear()
            elif progress.seconds > _SHOWN_AFTER_S:
                self._far[what] = progress
                self._meter.replayed(*min(self._far.items(), key=lambda far: far[1].records))


def duration(seconds: float) -> str:
    """'8 s', '3 min', '2 h'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
