"""A bad connection: a TCP proxy that delays, cuts and half-sends in both directions, by dice."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK = 1 << 16
FATES = {"passed": 900, "delayed": 70, "split": 20, "half-sent": 4, "cut": 4, "stalled": 2}
"""The fates of a chunk of bytes, with their weights."""
_WAITS = {"passed": (0, 0), "delayed": (0, 0.2), "split": (0, 0.5), "stalled": (5, 15)}
"""Seconds; a client's patience with a request ends in the midst of those of a stalled one."""


class Proxy:
    """Listens on a port of its own and passes on to a port of this machine; as a context manager.

    What it does to each connection and direction comes from `seed` and their numbers. It begins
    `calm`: passes everything on.
    """

    def __init__(self, port: int, target: int, seed: int) -> None:
        self.port = port
        self.calm = True
        self.harm = dict.fromkeys(FATES, 0)
        """The number of chunks by fate."""
        self._target = target
        self._seed = seed
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def hold(self) -> None:
        """From now on no byte passes, and no end is told."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._flowing.set)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._number += 1
        try:
            with suppress(OSError):
                await self._connect(self._number, near, back)
        finally:
            back.close()  # also where the end cancels it: a writer that outlives its loop warns

    async def _connect(
        self, number: int, near: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", self._target)
        dice = [random.Random(f"{self._seed}-{number}-{way}") for way in ("forth", "back")]
        ways = [
            asyncio.create_task(self._pass(near, forth, dice[0])),
            asyncio.create_task(self._pass(far, back, dice[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            forth.close()

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, dice: random.Random
    ) -> None:
        """Until either side, or the dice, end it."""
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                await self._flowing.wait()
                rest = data if self.calm else await self._harmed(data, sink, dice)
                if rest is None:
                    return
                sink.write(rest)
                await sink.drain()

    async def _harmed(
        self, data: bytes, sink: asyncio.StreamWriter, dice: random.Random
    ) -> bytes | None:
        """The bytes that are still to be sent; None: the connection ends here."""
        fate = dice.choices(list(FATES), FATES.values())[0]
        self.harm[fate] += 1
        if fate in ("half-sent", "split"):
            at = dice.randrange(len(data))
            sink.write(data[:at])
            data = data[at:]
        if fate in ("half-sent", "cut"):
            return None
        await asyncio.sleep(dice.uniform(*_WAITS[fate]))
        return data
