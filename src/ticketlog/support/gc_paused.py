"""Pauses Python's cyclic garbage collector during bulk reads, which create no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_pauses = 0
"""The number of blocks, of all threads, that are running."""
_was_on = False
"""Whether the collector was on before the first of them."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pauses the collector within the block. Reading and folding create no cycles, and in a process
    with many objects the search for them would take as long as the rest. Of several threads, the
    last one that leaves its block ends the pause."""
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
