"""Turns: a lock that threads and tasks of event loops wait for alike."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Turns:
    """One turn at a time, in the order in which it was asked for. It is given back from any
    thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[Callable[[], bool]] = deque()
        """Each gives the turn to one who waits; False: they don't wait any more."""

    def take(self) -> None:
        """Blocks until it is the caller's turn."""
        granted = threading.Lock()
        granted.acquire()

        def grant() -> bool:
            granted.release()
            return True

        if not self._at_once(grant):
            granted.acquire()

    async def take_async(self) -> None:
        """Returns when it is the caller's turn, which a task that is cancelled doesn't get."""
        from asyncio import CancelledError, get_running_loop

        loop = get_running_loop()
        granted: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            if granted.done():
                self.give_back()
            else:
                granted.set_result(None)

        def grant() -> bool:
            try:
                loop.call_soon_threadsafe(tell)
            except RuntimeError:  # the loop is closed
                return False
            return True

        if self._at_once(grant):
            return
        try:
            await granted
        except CancelledError:
            if granted.done() and not granted.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._taken = False
                    return
                grant = self._waiting.popleft()
            if grant():
                return

    def _at_once(self, grant: Callable[[], bool]) -> bool:
        """Whether the turn is free, and the caller's now; else they are told by `grant`."""
        with self._lock:
            if self._taken:
                self._waiting.append(grant)
                return False
            self._taken = True
            return True
