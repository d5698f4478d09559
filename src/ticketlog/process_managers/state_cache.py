"""The states before and after each commit that the runner reads: cached, so that only streams that
haven't been read for long are loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Recorded, kind_and_id
from ticketlog.log.eventsourcing.repository import Repository

KEPT = 10_000
"""States that are cached at most."""


class StateCache:
    """States by stream, each after its last commit. For one thread at a time."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._known: OrderedDict[str, Any] = OrderedDict()

    def around(self, commit: Sequence[Recorded]) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """Two functions that give the states of a commit's stream right before and right after
        it."""
        stream, version = commit[0].originator_id, commit[0].originator_version
        kind, id = kind_and_id(stream)
        aggregate = AGGREGATES[kind]
        known = self._known.pop(stream, None)
        if known is None or known.version != version - 1:
            known = aggregate.initial(id) if version == 0 else None
        found = [known]

        def before() -> Any:
            if found[0] is None:
                found[0] = self._repository.load(stream, version - 1)
            return found[0]

        def after() -> Any:
            if len(found) == 1:
                found.append(aggregate.fold(before(), commit))
                self._keep(stream, found[1])
            return found[1]

        return before, after

    def _keep(self, stream: str, state: Any) -> None:
        self._known[stream] = state
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
