"""Many commands at once: decided one after the other, made durable together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from ticketlog.application.executor import (
    Executor,
    Outcome,
    Request,
    is_executed_alone,
    outcome_of,
)
from ticketlog.domain.settings.model import Settings
from ticketlog.errors import (
    Conflict,
    Damaged,
    NewerFormat,
    Unreachable,
    Unreadable,
)
from ticketlog.log.commit import Commit, recorded_of
from ticketlog.log.port import Placed

Done: TypeAlias = Outcome | Exception
"""What a command did; Refused or CommandReused; or what failed in deciding it."""


def execute_all(executor: Executor, requests: Sequence[Request]) -> list[Done]:
    """Executes requests in their order for each stream; commits that are new share one append.

    Requests that may interfere with another one of the same bulk (links that close a circle, an
    address that two get) are executed alone, and so are those after them on their stream. A command
    that can't be decided doesn't harm the rest: its exception stands in its place. Raises
    Unreachable, Damaged, Conflict, NewerFormat: all of them may be sent again then.
    """
    done: dict[int, Done] = {}
    states: dict[str, Any] = {}
    made: list[tuple[int, Commit, Any]] = []
    settings = executor.settings()
    for number, each in enumerate(requests):
        state = states[each.stream] if each.stream in states else _state(executor, each)
        if is_executed_alone(each.command):
            state = states[each.stream] = None
        commit = _decided(executor, each, state, settings)
        if commit is not None:
            states[each.stream] = each.aggregate.fold(state, recorded_of(commit))
            made.append((number, commit, state))
    placed = executor.log.append_all([commit for _, commit, _ in made])
    for (number, commit, state), place in zip(made, placed, strict=True):
        if isinstance(place, Placed):
            done[number] = outcome_of(commit, place)
            latest = states[commit.stream]
            if latest.version == place.version + place.events - 1:
                executor.repository.keep(commit.stream, latest)
            executor.snapshot(requests[number], state, place)
    return [
        done[number] if number in done else _alone(executor, each)
        for number, each in enumerate(requests)
    ]


def _state(executor: Executor, each: Request) -> Any:
    try:
        return executor.state(each)
    except Exception:
        return None


def _decided(executor: Executor, each: Request, state: Any, settings: Settings) -> Commit | None:
    """None for whatever is to be looked at alone."""
    try:
        if state is None or executor.is_answered(each, state):
            return None
        return executor.decided(each, state, settings)
    except Exception:
        return None


def _alone(executor: Executor, each: Request) -> Done:
    try:
        return executor.execute(each)
    except Unreadable as error:
        return error
    except (Unreachable, Damaged, Conflict, NewerFormat):
        raise
    except Exception as error:
        return error
