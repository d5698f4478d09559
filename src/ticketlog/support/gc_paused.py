"""Reading without the collector of cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Reading and folding make no cycles. In a process that holds many objects, looking for them
    would take as long as the rest."""
    if not gc.isenabled():
        # Whoever disabled it enables it again, perhaps before we are done: not ours to touch.
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
