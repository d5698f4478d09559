"""The other streams that a decision about a ticket reads."""

from __future__ import annotations

from collections.abc import Iterator

from ticketlog.domain.base import Command, Context
from ticketlog.domain.parties.person import Person
from ticketlog.domain.settings.automation_rules import AbsenceRule
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.assignment import Unassign
from ticketlog.domain.ticket.classification import SetOrganisation, SetRequester
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.imported import RecordActivity
from ticketlog.domain.ticket.lifecycle import Hold, Reopen, Restore, SetStatus
from ticketlog.domain.ticket.relations import (
    ACYCLIC,
    AddCc,
    LinkTo,
    RemoveCc,
    targets,
    ticket_stream,
)
from ticketlog.domain.ticket.state import LinkKind, Ticket

_BRINGS_BACK = (Reply, Note, Reopen, SetStatus, Hold, Restore, Unassign)
"""What may bring a ticket back to its agent, or takes it from one who isn't here."""


def reads(command: Command, ticket: Ticket, context: Context | None = None) -> tuple[str, ...]:
    """The streams whose states `decide` wants in the context.

    With a context also those that only it leads to: the acting person, the survivor of a merged
    person, a person's organisation, the tickets that a chain of links leads to, the assignee where
    rules of absence ask whether they are there. To be asked again until it names no new streams.
    """
    streams = list(_named(command, ticket))
    if context is not None:
        if _creates_for_actor(command, context):
            streams.append(f"person/{context.actor.id}")
        if isinstance(command, _BRINGS_BACK) and ticket.assignee and _asks_presence(context):
            streams.append(f"agent/{ticket.assignee}")
        for stream in streams:
            behind = dict.fromkeys(_behind(stream, command, context))
            streams.extend(new for new in behind if new not in streams)
    return tuple(streams)


def _named(command: Command, ticket: Ticket) -> Iterator[str]:
    match command:
        case CreateTicket():
            persons = (command.requester, *command.ccs)
            yield from (f"person/{id}" for id in dict.fromkeys(persons) if id)
            if command.organisation:
                yield f"organisation/{command.organisation}"
            yield from _ticket(command.follow_up_of)
        case Reply(author=str(id)) if ticket.requester not in (None, id):
            yield from (f"person/{id}", f"person/{ticket.requester}")
        case AddCc(person=id) | RemoveCc(person=id) if id not in ticket.ccs or len(ticket.ccs) > 1:
            yield from (f"person/{each}" for each in dict.fromkeys((id, *ticket.ccs)))
        case SetRequester(requester=id) | Reply(author=str(id)):
            yield f"person/{id}"
        case SetOrganisation(organisation=str(id)):
            yield f"organisation/{id}"
        case LinkTo(target=target):
            yield from _ticket(target)
        case RecordActivity(linked=links):
            yield from (stream for _, stream in links)


def _ticket(id: str | None) -> Iterator[str]:
    """Nothing for what is no ticket: the decision says so."""
    if id is not None and ticket_stream(id).startswith("ticket/"):
        yield ticket_stream(id)


def _creates_for_actor(command: Command, context: Context) -> bool:
    return (
        isinstance(command, CreateTicket)
        and command.requester is None
        and context.actor.kind == "person"
    )


def _asks_presence(context: Context) -> bool:
    settings = context.settings
    return isinstance(settings, Settings) and bool(settings.rules_of(AbsenceRule))


def _linked(command: Command) -> frozenset[LinkKind]:
    """The kinds of links that the command makes."""
    match command:
        case LinkTo(kind=kind):
            return frozenset({kind})
        case RecordActivity(linked=links):
            return frozenset(kind for kind, _ in links)
    return frozenset()


def _behind(stream: str, command: Command, context: Context) -> Iterator[str]:
    state = context.states.get(stream)
    if isinstance(state, Ticket):
        for kind in _linked(command) & ACYCLIC:
            yield from targets(state, kind)
    if isinstance(state, Person):
        if state.merged_into:
            yield f"person/{state.merged_into}"
        if state.organisation:
            yield f"organisation/{state.organisation}"
