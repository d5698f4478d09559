"""Spans: the time that each part of a request takes, to be followed over several programs.

Nobody traces unless `trace_by` was called: a span is then one look at a name. What a span says is
names of routes, commands, views and kinds of streams, never an id of a person and no text, since
spans leave the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Said = str | int


class ActiveSpan(Protocol):
    """A span that is under way."""

    def say(self, name: str, value: Said) -> None:
        """Adds what became known meanwhile."""

    def rename(self, name: str) -> None:
        """Gives it another name."""


class Tracer(Protocol):
    """A maker of spans."""

    def span(
        self, name: str, said: Mapping[str, Said], parent: str | None
    ) -> AbstractContextManager[ActiveSpan]:
        """A span around a block, within the one around that. `parent`: the span of another program
        that it belongs to, as the header `traceparent` names it."""


_NOTHING: AbstractContextManager[None] = nullcontext()
_tracer: Tracer | None = None


def trace_by(tracer: Tracer | None) -> None:
    """Has all spans of the process made by this tracer from now on; None: no spans are made."""
    global _tracer
    _tracer = tracer


def span(
    name: str, *, parent: str | None = None, **said: Said
) -> AbstractContextManager[ActiveSpan | None]:
    """A span around a block: `with span("view", view="queue"):`. None, where nobody traces."""
    return _NOTHING if _tracer is None else _tracer.span(name, said, parent)
