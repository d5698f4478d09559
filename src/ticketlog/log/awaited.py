"""Appends that tasks of an event loop await: no thread is held while they are under way."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from ticketlog.log.port import Placed

if TYPE_CHECKING:
    import asyncio

Awaited: TypeAlias = "asyncio.Future[Placed]"
"""The future of an append, of the loop whose task awaits it. Cancelled, it isn't awaited any more;
the append goes on all the same."""


def future() -> Awaited:
    """A future of the running event loop."""
    from asyncio import get_running_loop

    return get_running_loop().create_future()


def resolve(settled: Iterable[tuple[Awaited, Placed | Exception]]) -> None:
    """Gives appends their outcomes, from any thread: each loop is woken once for all of its own,
    since waking it costs more than all that it is told. A loop that is closed awaits nothing."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Awaited, Placed | Exception]]] = {}
    for awaited, outcome in settled:
        by_loop.setdefault(awaited.get_loop(), []).append((awaited, outcome))
    for loop, outcomes in by_loop.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, outcomes)


def _resolve(outcomes: list[tuple[Awaited, Placed | Exception]]) -> None:
    for awaited, outcome in outcomes:
        if awaited.done():
            continue
        if isinstance(outcome, Exception):
            awaited.set_exception(outcome)
        else:
            awaited.set_result(outcome)
