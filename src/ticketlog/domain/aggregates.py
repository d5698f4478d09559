"""The one list of aggregates that take commands: kind of stream -> its pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, NamedTuple

from ticketlog.domain import imports, policy_checkpoint, rights, ticket
from ticketlog.domain.base import ActorKind, Command, Context, Event, Recorded
from ticketlog.domain.parties import agent, organisation, person
from ticketlog.domain.rights import Right

_SELVES: Mapping[str, ActorKind] = {"person": "person", "agent": "agent", "policy": "service"}
"""Kind of stream -> the kind of actor that it is about."""


class Aggregate(NamedTuple):
    """What a desk needs to execute a command on a stream of the kind."""

    kind: str
    initial: Callable[[str], Any]
    decide: Callable[[Any, Any, Context], list[Event]]
    evolve: Callable[[Any, Recorded], Any]
    fold: Callable[[Any, Iterable[Recorded]], Any]
    """The same as to evolve by one event after the other."""
    commands: tuple[type[Command], ...]
    reads: Callable[..., tuple[str, ...]]
    """(command, state, context): the streams whose states `decide` wants in `context.others`."""

    def in_shell(self) -> dict[str, type[Command]]:
        """The commands that a command line asks for by their fields, by their names there."""
        asked = (each for each in self.commands if each.SPEC.help)
        return {each.SPEC.shell or each.NAME.removeprefix(f"{self.kind}."): each for each in asked}


def _folding(evolve: Callable[[Any, Recorded], Any]) -> Callable[[Any, Iterable[Recorded]], Any]:
    return lambda state, history: reduce(evolve, history, state)


def _deciding(module: Any) -> Callable[[Any, Any, Context], list[Event]]:
    """Rights come before all other rules, for every kind of stream alike."""

    def decide(command: Command, state: Any, context: Context) -> list[Event]:
        rights.check(RIGHTS[command.NAME], state, context)
        events: list[Event] = module.decide(command, state, context)
        return events

    return decide


def _reading(module: Any) -> Callable[..., tuple[str, ...]]:
    def reads(command: Command, state: Any, context: Context | None = None) -> tuple[str, ...]:
        streams: tuple[str, ...] = module.reads(command, state, context)
        if context is None:
            return streams
        return tuple(dict.fromkeys((*streams, *rights.reads(RIGHTS[command.NAME], state, context))))

    return reads


def _aggregate(module: Any) -> Aggregate:
    return Aggregate(
        module.KIND,
        module.initial,
        _deciding(module),
        module.evolve,
        getattr(module, "fold", None) or _folding(module.evolve),
        module.COMMANDS,
        _reading(module),
    )


AGGREGATES: dict[str, Aggregate] = {
    each.kind: each
    for each in map(_aggregate, (ticket, person, organisation, agent, policy_checkpoint, imports))
}
_BY_COMMAND = {command: each for each in AGGREGATES.values() for command in each.commands}


RIGHTS: Mapping[str, Right] = {
    command.NAME: Right(command.NAME, command.SPEC.who_may, _SELVES.get(each.kind))
    for command, each in _BY_COMMAND.items()
}
"""A command's name -> who may send it. What isn't here nobody may."""


def informed(
    aggregate: Aggregate,
    command: Command,
    state: Any,
    context: Context,
    load: Callable[[str], Any],
) -> Context:
    """The context with the states of all other streams that the decision reads.

    A state that was read may lead to others, as a merged person leads to the one who stays: the
    aggregate is asked again until it names nothing new.
    """
    others: dict[str, Any] = {}
    while new := set(aggregate.reads(command, state, context)) - others.keys():
        others |= {stream: load(stream) for stream in sorted(new)}
        context = replace(context, others=others)
    return context


def aggregate_of(command: type[Command]) -> Aggregate:
    """The aggregate that takes the command. Raises KeyError for one that none takes."""
    return _BY_COMMAND[command]
