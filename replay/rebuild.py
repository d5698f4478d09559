"""Makes views anew from the log, beside the live ones, and takes over."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ticketlog import Desk


def run(desk: Desk, arguments: Sequence[str]) -> int:
    """`arguments` are names of views; none means all."""
    started = time.monotonic()
    desk.views.rebuild(arguments)
    print(f"made anew in {time.monotonic() - started:.1f} s, as of {desk.cut()}")
    return 0
