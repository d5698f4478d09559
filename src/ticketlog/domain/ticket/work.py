"""The time that agents spend on a ticket: measured from start to stop, or as they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Key,
    Recorded,
    Refused,
    Seconds,
)
from ticketlog.domain.rights import STAFF
from ticketlog.domain.ticket.lookups import (
    require_agent,
)
from ticketlog.domain.ticket.state import Decisions, Evolutions, Ticket

_SECOND = 1_000_000


class WorkStarted(Event):
    """An agent began to work on it."""

    NAME: ClassVar[str] = "ticket.work-started.v1"
    ASPECT: ClassVar[str] = "work"
    agent: Key


class WorkStopped(Event):
    """`seconds` is the time spent: measured, or as the agent says."""

    NAME: ClassVar[str] = "ticket.work-stopped.v1"
    ASPECT: ClassVar[str] = "work"
    agent: Key
    seconds: Seconds


class StartWork(Command):
    NAME: ClassVar[str] = "ticket.start-work"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF}),
        help="Start the clock of your work.",
        examples=("ticketlog ticket start-work 4F7K2M9QABCD",),
    )


class StopWork(Command):
    """`seconds`: the time spent, where it isn't the time since the start."""

    NAME: ClassVar[str] = "ticket.stop-work"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF}),
        help="Stop the clock of your work, or say the seconds yourself.",
        examples=("ticketlog ticket stop-work 4F7K2M9QABCD --seconds 900",),
    )
    seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = None


def _work_started(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, WorkStarted)
    return {"working": {**ticket.working, recorded.event.agent: recorded.meta.occurred_at}}


def _work_stopped(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, WorkStopped)
    return {
        "working": {agent: at for agent, at in ticket.working.items() if agent != event.agent},
        "seconds_spent": ticket.seconds_spent + event.seconds,
    }


EVOLVE: Evolutions = {WorkStarted: _work_started, WorkStopped: _work_stopped}


def stopped(ticket: Ticket, now: int, agents: Iterable[str]) -> list[Event]:
    """The end of the agents' work, with the whole seconds since its start."""
    return [
        WorkStopped(agent=agent, seconds=max(0, now - ticket.working[agent]) // _SECOND)
        for agent in agents
    ]


def _start_work(command: StartWork, ticket: Ticket, context: Context) -> list[Event]:
    if context.actor.id in ticket.working:
        return []
    return [WorkStarted(agent=require_agent(ticket, context))]


def _stop_work(command: StopWork, ticket: Ticket, context: Context) -> list[Event]:
    agent = context.actor.id
    if agent in ticket.working:
        if command.seconds is None:
            return stopped(ticket, context.now, [agent])
        return [WorkStopped(agent=agent, seconds=command.seconds)]
    require_agent(ticket, context)
    if command.seconds is None:
        return []
    raise Refused(
        f"{agent} has not started to work on ticket {ticket.id}; start first, then say how long",
        ticket=ticket.id,
    )


DECIDE: Decisions = {StartWork: _start_work, StopWork: _stop_work}
