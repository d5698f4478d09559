"""The collector of cycles rests as long as anybody reads in bulk, and is left as it was found."""

from __future__ import annotations

import gc
from contextlib import ExitStack

from ticketlog.support.gc_paused import gc_paused


def test_the_last_one_that_is_done_ends_the_pause() -> None:
    first, second = ExitStack(), ExitStack()
    first.enter_context(gc_paused())
    second.enter_context(gc_paused())
    first.close()
    assert not gc.isenabled()
    second.close()
    assert gc.isenabled()


def test_where_it_was_off_it_stays_off() -> None:
    gc.disable()
    try:
        with gc_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
