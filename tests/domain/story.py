"""given events, when a command, then events: for the aggregates that `AGGREGATES` lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeVar

from ticketlog.domain.aggregates import Aggregate
from ticketlog.domain.base import Actor, Command, Context, Event, Meta, Recorded, Refused, instant
from ticketlog.domain.settings import Settings

NOON = instant("2026-03-02T12:00:00Z")
MINUTE = 60_000_000
ANN = Actor("ann", "agent", "agent")
S = TypeVar("S")


def recorded(
    stream: str, version: int, event: Event, at: int = NOON, *, offset: int = 0
) -> Recorded:
    """An event as the only one of its commit."""
    return Recorded(
        stream, version, event, Meta(f"{stream}-{version}", at, at, ANN, "api", offset=offset)
    )


def folded(evolve: Callable[[S, Recorded], S], state: S, stream: str, events: Iterable[Event]) -> S:
    """The state after events that come a minute apart."""
    for version, event in enumerate(events):
        state = evolve(state, recorded(stream, version, event, NOON + version * MINUTE))
    return state


class Story:
    """One stream of an aggregate: `given` what happened, `when` a command comes, `then`."""

    def __init__(
        self,
        aggregate: Aggregate,
        id: str = "THIS",
        *,
        settings: Settings | None = None,
        others: Mapping[str, Any] | None = None,
    ) -> None:
        self.aggregate = aggregate
        self.stream = f"{aggregate.kind}/{id}"
        self.id = id
        self.settings = settings or Settings()
        self.others = others or {}
        self.events: list[Event] = []
        self.outcome: list[Event] | Refused = []

    @property
    def state(self) -> Any:
        initial = self.aggregate.initial(self.id)
        return folded(self.aggregate.evolve, initial, self.stream, self.events)

    def given(self, *events: Event) -> Self:
        self.events += events
        return self

    def when(self, command: Command, *, seen: int | None = None) -> Self:
        state = self.state
        context = Context(
            settings=self.settings,
            now=NOON,
            actor=ANN,
            stream=self.stream,
            seen=seen,
            others={s: self.others[s] for s in self.aggregate.reads(command, state)},
        )
        try:
            self.outcome = self.aggregate.decide(command, state, context)
            self.events += self.outcome
        except Refused as refusal:
            self.outcome = refusal
        return self

    def then(self, *events: Event) -> Self:
        assert self.outcome == [*events]
        return self

    def then_refused(self, kind: type[Refused], *words: str) -> Self:
        assert type(self.outcome) is kind
        assert not [word for word in words if word not in str(self.outcome)], str(self.outcome)
        return self
