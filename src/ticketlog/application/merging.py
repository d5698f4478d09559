"""The requests by which a merge goes on from one step to the next, and by which a command for a
merged ticket reaches the ticket that it is a part of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from ticketlog.domain.base import Actor, Command, Recorded, kind_and_id
from ticketlog.domain.rights import Load
from ticketlog.domain.ticket.conversation import Attach, Note, Reply
from ticketlog.domain.ticket.merging import ReleaseSource
from ticketlog.domain.ticket.state import Ticket
from ticketlog.log.commit import digest_of
from ticketlog.policies.merging import NAME, next_step

if TYPE_CHECKING:
    from ticketlog.application.executor import Request

_DESK = Actor(NAME, "rule", "rule")


def step_after(request: Request, events: Iterable[Recorded]) -> Request | None:
    """The request of the step that follows from the events of a commit; None: there is none. Its
    id is that under which the policy sends it."""
    from ticketlog.application.executor import derived_id

    for each in events:
        step = next_step(each)
        if step is not None and step.on is not None:
            return replace(
                request,
                command=step.command,
                stream=step.on,
                id=derived_id(each.id, NAME, step.slot),
                digest=digest_of(step.command),
                actor=_DESK,
                reason=None,
                seen=None,
                anyway=False,
                cause=each.id,
                fresh=False,
                internal=True,
                received_on=None,
            )
    return None


def release_of(request: Request, target: str) -> Request:
    """The request by which the ticket that it is a part of gives a ticket free."""
    from ticketlog.application.executor import derived_id

    command = ReleaseSource(source=kind_and_id(request.stream)[1])
    return replace(
        request,
        command=command,
        stream=f"ticket/{target}",
        id=derived_id(request.id, "release"),
        digest=digest_of(command),
        seen=None,
    )


def goes_on(command: Command) -> TypeGuard[Reply | Note | Attach]:
    """Whether a command that is sent to a merged ticket goes on to the one that it is a part of."""
    return isinstance(command, Reply | Note | Attach)


def gone_on(request: Request, survivor: str) -> Request:
    """A request that was sent to a merged ticket, on the ticket that it is a part of."""
    origin = request.received_on or kind_and_id(request.stream)[1]
    return replace(request, stream=f"ticket/{survivor}", received_on=origin, seen=None)


def end_of(ticket: Ticket, load: Load) -> str:
    """The ticket that a merged ticket is a part of in the end."""
    way = {ticket.id}
    into = ticket.merged_into
    while into is not None and into not in way:
        way.add(into)
        ticket = load(f"ticket/{into}")
        into = ticket.merged_into
    return ticket.id


def ever_into(ticket: Ticket, load: Load) -> Iterator[str]:
    """All tickets that a ticket has been a part of at any time, also by way of another one."""
    todo, seen = list(ticket.survivors), set[str]()
    while todo:
        each = todo.pop()
        if each not in seen:
            seen.add(each)
            yield each
            todo.extend(load(f"ticket/{each}").survivors)
