"""Pauses Python's collector of cycles during bulk reads, which make none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_pauses = 0
"""Blocks, of all threads, in which it is paused."""
_was_on = False
"""Whether it was on before the first of them."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Reading and folding make no cycles. In a process that holds many objects, looking for them
    would take as long as the rest. Of several threads the last one that is done ends the pause."""
    global _pauses, _was_on
    with _lock:
        if not _pauses:
            _was_on = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if not _pauses and _was_on:
                gc.enable()
