"""The aggregates that take commands, by the kind of stream: those of the log of tickets, and those
of the log of access, which tell of accounts: who signed in, who was refused, who read what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ticketlog.domain import hook_message, imports, policy_checkpoint, rights, ticket, webhook
from ticketlog.domain.accounts import (
    access_record,
    identity,
    login_link,
    passkey,
    review_sign_off,
    session,
    token,
)
from ticketlog.domain.base import Aggregate, Command, Context, Event
from ticketlog.domain.parties import agent, organisation, person
from ticketlog.domain.rights import Right

_KINDS = (
    ticket.AGGREGATE,
    person.AGGREGATE,
    organisation.AGGREGATE,
    agent.AGGREGATE,
    policy_checkpoint.AGGREGATE,
    imports.AGGREGATE,
    webhook.AGGREGATE,
    hook_message.AGGREGATE,
)


_ACCOUNT_KINDS = (
    access_record.AGGREGATE,
    token.AGGREGATE,
    session.AGGREGATE,
    login_link.AGGREGATE,
    passkey.AGGREGATE,
    identity.AGGREGATE,
    review_sign_off.AGGREGATE,
)


def _listed(kind: Aggregate) -> Aggregate:
    """The kind, with rights before all its own rules. Raises AssertionError for a kind whose
    initial state has another version than -1: each of its commands would end as a conflict."""
    version = kind.initial("").version
    if version != -1:
        raise AssertionError(f"{kind.kind}: `initial` must be at version -1, not {version}")

    def decide(command: Command, state: Any, context: Context) -> list[Event]:
        rights.check(RIGHTS[command.NAME], state, context)
        return kind.decide(command, state, context)

    def reads(command: Command, state: Any, context: Context | None = None) -> tuple[str, ...]:
        streams = kind.reads(command, state, context)
        if context is None:
            return streams
        return tuple(dict.fromkeys((*streams, *rights.reads(RIGHTS[command.NAME], state, context))))

    return kind._replace(decide=decide, reads=reads)


AGGREGATES: dict[str, Aggregate] = {each.kind: _listed(each) for each in _KINDS}
"""The kinds of streams in the log of tickets."""
ACCOUNT_AGGREGATES: dict[str, Aggregate] = {each.kind: _listed(each) for each in _ACCOUNT_KINDS}
"""The kinds of streams in the log of access. Other services never see their events, no view shows
them, and `Desk.execute_account` sends their commands."""
_BY_COMMAND = {
    command: each
    for each in (*AGGREGATES.values(), *ACCOUNT_AGGREGATES.values())
    for command in each.commands
}
RIGHTS: Mapping[str, Right] = {
    command.NAME: Right(command.NAME, command.SPEC.who_may, each.of_actor)
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
    """The context with the states of every stream that the decision reads besides its own.

    A state that was read may lead to further streams, as a merged person leads to the one who
    stays: the aggregate is asked again until it names no new streams.
    """
    states: dict[str, Any] = {}
    while new := set(aggregate.reads(command, state, context)) - states.keys():
        states |= {stream: load(stream) for stream in sorted(new)}
        context = replace(context, states=states)
    return context


def aggregate_of(command: type[Command]) -> Aggregate:
    """The aggregate that takes the command. Raises KeyError for one that none takes."""
    return _BY_COMMAND[command]
