"""What a policy is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from ticketlog.domain.base import Command, Event, Recorded
from ticketlog.domain.parties.agent import AgentAtWork
from ticketlog.domain.rights import survivor
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.workload import Workload


class Reaction(NamedTuple):
    """A command to send.

    `rule`: which rule of the settings says so, with its version: 'close-solved@3'; it is the
    command's actor. `slot` tells a policy's answers to one event from each other. `seen`: the
    version of the stream that it was made for; it is refused where what it touches has changed.
    """

    command: Command
    on: str | None
    rule: str
    slot: str = ""
    seen: int | None = None


@dataclass(frozen=True)
class Situation:
    """Everything that an answer may use besides the event.

    `load`: the state of any stream, as it is now. Where an answer depends on more than the cause
    and the settings, the command has to record what was chosen; a second answer is void.
    """

    settings: Settings
    now: int
    """In a log that is caught up with on a moved clock: when the event happened."""
    before: Callable[[], Any]
    """The state of the event's stream right before the commit of the event."""
    after: Callable[[], Any]
    """The state right after it."""
    load: Callable[[str], Any]
    floor: Workload
    """Who is there and who waits."""
    commit: Sequence[Recorded] = ()
    """All events of the event's commit."""

    def identity(self, who: str) -> str:
        """The one name of a human who may have several: of a merged person ('person/KIM') that of
        the survivor, of an agent who is also a person ('agent/ann') that of the person."""
        kind, _, id = who.partition("/")
        if kind == "agent":
            known = self.settings.agents.get(id)
            kind, id = ("person", known.person) if known and known.person else (kind, id)
        return f"person/{survivor(id, self.load)}" if kind == "person" else who


class Policy(Protocol):
    """A module with these names is one; so is an object."""

    @property
    def NAME(self) -> str:  # noqa: N802
        ...

    @property
    def ON(self) -> frozenset[type[Event]]:  # noqa: N802
        """The events that it is asked about."""
        ...

    def react(self, recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
        """What to send because of an event. Pure; raises nothing that it means to."""
        ...


@runtime_checkable
class ReevaluatingPolicy(Policy, Protocol):
    """A policy that also looks at tickets that wait, when something is new that is no event of a
    ticket or an agent: a shift begins, rules were applied."""

    def look(self, teams: Iterable[str], situation: Situation) -> Iterable[Reaction]:
        """What to send to the tickets that wait for these teams."""
        ...


AtWork: TypeAlias = Callable[[str], AgentAtWork]
"""An agent as they are now, by their id."""


class Timer(Protocol):
    """What falls due on tickets: a function of a ticket's state, the settings and its agent's
    presence, so that nothing has to be kept, moved or taken back. A module with these names is
    one."""

    @property
    def NAME(self) -> str:  # noqa: N802
        ...

    def due(self, ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
        """When the next thing is due, as an instant; it may be long ago. None: nothing is.

        What was done must make it another instant, or none.
        """
        ...

    def act(self, ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
        """What to send when that is due. It is stamped with the time at which it was due."""
        ...
