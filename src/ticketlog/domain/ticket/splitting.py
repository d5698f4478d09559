"""Split: comments that are about something else go to a ticket of their own.

Nothing is moved or copied. The ticket that was split records which comments went, and into which
ticket; the new ticket follows from that record, and records where its comments are read. The id of
the new ticket is derived from the id of the command, so that a split that is sent twice, or that
was interrupted between the two commits, meets itself (`policies/splitting.py` finishes it).

    ticket                   new ticket
    split {into, comments}   ->   created, split-off {origin, comments}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Invalid,
    Key,
    Line,
    Personal,
    Recorded,
    Refused,
    stream_key,
)
from ticketlog.domain.rights import WORKERS, same_person
from ticketlog.domain.ticket.creation import CreateTicket, handed_on, taken_over
from ticketlog.domain.ticket.lookups import data_subject, person, settings_of
from ticketlog.domain.ticket.relations import ticket_read
from ticketlog.domain.ticket.state import (
    AuthorKind,
    CommentRef,
    Decisions,
    Evolutions,
    SplitComments,
    Ticket,
)

NAME = "splitting"
"""The policy that finishes a split; the id of what follows from a split is made of it."""
MOST_COMMENTS = 1_000
"""Comments that go in one split at most: what a record can name."""
Comments = Annotated[tuple[Key, ...], Field(min_length=1, max_length=MOST_COMMENTS)]


class Split(Event):
    """Comments went to a ticket of their own, where they are read from now on."""

    NAME: ClassVar[str] = "ticket.split.v1"
    ASPECT: ClassVar[str] = "conversation"
    data_subject: Key
    into: Key
    """The stream of the new ticket."""
    comments: tuple[Key, ...]
    subject: Annotated[Line, Personal()]
    """That of the new ticket."""
    requester: Key | None = None
    """That of the new ticket."""


class SplitOff(Event):
    """This ticket was opened for comments of another one. They stand there and are read here."""

    NAME: ClassVar[str] = "ticket.split-off.v1"
    ASPECT: ClassVar[str] = "conversation"
    origin: Key
    """The stream of the ticket that was split."""
    comments: tuple[Key, ...]
    waits: bool = False
    """Among them is an end user's word that none of them answers."""


class SplitTicket(Command):
    NAME: ClassVar[str] = "ticket.split"
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Take comments that are about something else into a new ticket.",
        more="The comments are read in the new ticket from then on, where its clocks start; here a "
        "line says where they went. Merging the new ticket back into this one restores both.",
        examples=(
            (
                "ticketlog ticket split 4F7K2M9QABCD --comments "
                '019a0000-0000-7000-8000-000000000000.0 --subject "The scanner, too"'
            ),
        ),
    )
    comments: Comments
    """The ids of comments of this ticket."""
    subject: Line
    requester: Key | None = None
    """A person; default: the requester of this ticket."""


class OpenSplitOff(Command):
    """Opens the ticket that a split names. The desk sends it after the split; a policy does where
    that was interrupted."""

    NAME: ClassVar[str] = "ticket.open-split-off"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=WORKERS, creates=True)
    origin: Key
    subject: Line
    requester: Key | None = None


def _split(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, Split)
    return {"splits": (*ticket.splits, SplitComments(event.into, event.comments))}


def _split_off(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event, at = recorded.event, recorded.meta.occurred_at
    assert isinstance(event, SplitOff)
    changes: dict[str, Any] = {"split_from": SplitComments(event.origin, event.comments)}
    if event.waits:
        changes |= {"waiting_since": at, "asked_at": at}
    return changes


EVOLVE: Evolutions = {Split: _split, SplitOff: _split_off}


def _decide_split(command: SplitTicket, ticket: Ticket, context: Context) -> list[Event]:
    comments = tuple(dict.fromkeys(command.comments))
    into = f"ticket/{stream_key(f'{context.command_id} split')}"
    gone = [into_of(ticket, id) for id in comments]
    if gone == [into] * len(comments):
        return []
    for id in comments:
        _check_may_go(id, ticket)
    requester = ticket.requester
    if command.requester is not None:
        requester = person(command.requester, context).id
    return [
        Split(
            data_subject=requester or data_subject(ticket),
            into=into,
            comments=comments,
            subject=command.subject,
            requester=requester,
        )
    ]


def into_of(ticket: Ticket, comment: str) -> str | None:
    """The stream of the ticket that a comment went to; None: it is here."""
    return next((each.ticket for each in ticket.splits if comment in each.comments), None)


def _check_may_go(id: str, ticket: Ticket) -> None:
    """Raises Invalid for what is no comment of the ticket, Refused for one that went already."""
    there = into_of(ticket, id)
    if there is not None:
        raise Refused(
            f"comment {id} of ticket {ticket.id} was split off into {_named(there)} already; "
            f"merge that one into this ticket to have it back, or name other comments",
            ticket=ticket.id,
            comment=id,
            into=there,
        )
    if ticket.description and ticket.description.id == id:
        raise Invalid(
            f"{id} is the description of ticket {ticket.id}, which stays with it; name comments",
            name=id,
        )
    if ticket.split_from and id in ticket.split_from.comments:
        origin = _named(ticket.split_from.ticket)
        raise Invalid(
            f"comment {id} stands on {origin}, from which ticket {ticket.id} was split off; "
            f"merge ticket {ticket.id} back into it, and split that one anew",
            name=id,
            origin=ticket.split_from.ticket,
        )
    if all(ref.id != id for ref in ticket.comments):
        raise Invalid(f"ticket {ticket.id} has no comment {id}; its history shows the ids", name=id)


def _named(stream: str) -> str:
    return stream.replace("/", " ")


def _decide_opening(command: OpenSplitOff, ticket: Ticket, context: Context) -> list[Event]:
    stream = f"ticket/{ticket.id}"
    if ticket.split_from is not None and ticket.split_from.ticket == command.origin:
        return []
    origin = ticket_read(command.origin, context)
    comments = next((each.comments for each in origin.splits if each.ticket == stream), None)
    if ticket.exists or comments is None:
        raise Refused(
            f"{command.origin} wasn't split into {stream}; split it, and the desk opens the ticket",
            ticket=ticket.id,
        )
    same = _same_requester(command.requester, origin, context)
    kept = handed_on(origin, settings_of(context), personal=same)
    create = CreateTicket.of_records(
        **kept, subject=command.subject, requester=command.requester, tags=origin.tags
    )
    said = [ref for ref in origin.comments if ref.id in comments]
    waiting = _waiting(said)
    created = taken_over(create, ticket, context, author_kind=waiting)
    return [
        created,
        SplitOff(origin=command.origin, comments=comments, waits=waiting is not None),
    ]


def _same_requester(requester: str | None, origin: Ticket, context: Context) -> bool:
    if requester is None or origin.requester is None:
        return requester == origin.requester
    return same_person(requester, origin.requester, context.states.get)


def _waiting(said: Iterable[CommentRef]) -> AuthorKind | None:
    """The kind of the author of the latest public word that no agent has answered."""
    waiting: AuthorKind | None = None
    for ref in said:
        if not ref.public or ref.automated:
            continue
        if ref.author_kind in ("requester", "end-user"):
            waiting = ref.author_kind
        elif ref.author_kind == "agent":
            waiting = None
    return waiting


DECIDE: Decisions = {SplitTicket: _decide_split, OpenSplitOff: _decide_opening}
