"""The protocols of policies and timers: the situation that they are given, the reactions that they
return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from ticketlog.domain.base import Command, Event, Recorded, kind_and_id
from ticketlog.domain.parties import agent, person
from ticketlog.domain.parties.agent import AgentAtWork
from ticketlog.domain.rights import survivor
from ticketlog.domain.settings.automation_rules import RULE_KINDS
from ticketlog.domain.settings.conditions import judge
from ticketlog.domain.settings.kind import RuleKind
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.rule import Rule, TriedRule, in_order
from ticketlog.domain.ticket.condition_fields import facts_of
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.workload import Workload


class Reaction(NamedTuple):
    """A command to send. `on`: its stream, None: a new one.

    `rule`: the rule of the settings that says so, with its version: 'close-solved@3'; it is the
    command's actor. `slot` tells a policy's reactions to one event from each other. `seen`: the
    version of the stream that it was made for; it is refused where what it touches has changed.
    """

    command: Command
    on: str | None
    rule: str
    slot: str = ""
    seen: int | None = None


@dataclass(frozen=True)
class Situation:
    """Everything that a reaction may use besides the event.

    `load`: the state of any stream, as it is now. Where a reaction depends on more than the cause
    and the settings, the command has to record what was chosen; a second reaction is void.
    """

    settings: Settings
    now: int
    """Microseconds; in catch-up runs the time of the event."""
    before: Callable[[], Any]
    """The state of the event's stream right before the commit of the event."""
    after: Callable[[], Any]
    """The state right after it."""
    load: Callable[[str], Any]
    workload: Workload
    """The agents at work and the tickets that wait."""
    commit: Sequence[Recorded] = ()
    """All events of the event's commit."""

    def identity(self, name: str) -> str:
        """The one name of a human who may have several: of a merged person ('person/KIM') that of
        the survivor, of an agent who is also a person ('agent/ann') that of the person."""
        kind, id = kind_and_id(name)
        if kind == agent.KIND:
            known = self.settings.agents.get(id)
            kind, id = (person.KIND, known.person) if known and known.person else (kind, id)
        return f"{person.KIND}/{survivor(id, self.load)}" if kind == person.KIND else name


class RuleAct(NamedTuple):
    """An act of a rule on a ticket. `rule`: with its version, as events name it; `refused`: it
    matched and could not act."""

    rule: str
    refused: bool = False


ActReader: TypeAlias = Callable[[Recorded, Ticket], RuleAct | None]
"""(event, the ticket before it) -> what a rule did; None: the event isn't a rule's doing, or
follows from one that is."""


@dataclass(frozen=True)
class RulePolicy:
    """The policies of one kind of rule: the other half of the kind's entry in `RULE_KINDS`. Another
    way to count acts changes the rows of the view `reports`, and raises its VERSION."""

    rule: type[Rule]
    acts: Mapping[type[Event], ActReader]
    """Events that name the rule which did them."""
    acts_as_actor: Mapping[type[Event], ActReader] = field(default_factory=dict)
    """Events that don't, asked of commits whose actor is a rule."""
    commands: frozenset[str] = frozenset()
    """Commands that are sent for such rules: one that is refused counts as theirs."""
    explained: bool = True
    """Whether a ticket's explanation has them: not where they are about an event."""
    tried: Callable[[Ticket, Settings], Iterable[TriedRule[Any]]] | None = None
    """The rules that are asked about a ticket, with their verdicts; None: all of them, in order."""

    @property
    def kind(self) -> RuleKind:
        """The kind's entry."""
        return next(kind for kind in RULE_KINDS if kind.value is self.rule)

    def explain(self, ticket: Ticket, settings: Settings) -> list[TriedRule[Any]]:
        """The rules that are asked about the ticket as it is, in order, with their verdicts."""
        if self.tried is not None:
            return list(self.tried(ticket, settings))
        facts = facts_of(ticket, settings)
        rules = in_order(settings.rules_of(self.rule).values())
        return [TriedRule(each, judge(each.when, facts)) for each in rules]


def named(recorded: Recorded, before: Ticket) -> RuleAct | None:
    """The act of an event that holds its rule."""
    rule: str | None = getattr(recorded.event, "rule", None)
    return None if rule is None else RuleAct(rule)


def by_actor(recorded: Recorded, before: Ticket) -> RuleAct | None:
    """The act of an event whose actor is the rule."""
    return RuleAct(recorded.meta.actor.id)


class Policy(Protocol):
    """A policy: a module or an object with these names."""

    @property
    def NAME(self) -> str:  # noqa: N802
        ...

    @property
    def ON(self) -> frozenset[type[Event]]:  # noqa: N802
        """The types of the events that it reacts to."""
        ...

    def react(self, recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
        """The commands to send because of an event. Pure; every exception is a defect."""
        ...


@runtime_checkable
class ReevaluatingPolicy(Policy, Protocol):
    """A policy that also looks at waiting tickets when no event has changed them: when a shift
    begins, and when rules were applied."""

    def reevaluate(self, teams: Iterable[str], situation: Situation) -> Iterable[Reaction]:
        """The commands to send to the tickets that wait for these teams."""
        ...


AtWork: TypeAlias = Callable[[str], AgentAtWork]
"""An agent as they are now, by their id."""


class Timer(Protocol):
    """A timer: a module with these names. Its due time is a function of a ticket's state, the
    settings and its agent's presence, so that nothing has to be kept, moved or taken back."""

    @property
    def NAME(self) -> str:  # noqa: N802
        ...

    def due(self, ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
        """The instant at which the timer fires; it may be long ago. None: it doesn't.

        The commands of `act` must make it another instant, or None.
        """
        ...

    def act(self, ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
        """The commands to send when that is due. They are stamped with the due time."""
        ...
