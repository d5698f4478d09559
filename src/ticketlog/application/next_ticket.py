"""The next ticket: the most urgent one that nobody has, claimed by the command that chooses it.

Of agents who ask at once, the first whose claim is recorded has the ticket; the others are refused
it, and given the one behind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from ticketlog.application.executor import derived_id
from ticketlog.domain.base import Actor, Forbidden, NotFound, Refused
from ticketlog.domain.ticket import KIND as TICKET
from ticketlog.domain.ticket.assignment import Next
from ticketlog.projections.views.queue import NextTickets
from ticketlog.projections.views.tickets import Tickets

if TYPE_CHECKING:
    from ticketlog.desk import Desk, Outcome

_MOST_LOOKS = 10
"""Times that the queue is looked at where every ticket of it was taken meanwhile."""
_REMEMBERED = 1_000
"""Tickets of an agent, the newest, among which the answer to a command that comes again is."""


def take_next(
    desk: Desk,
    claim: Callable[[Next, str, str], Outcome],
    *,
    actor: Actor,
    team: str | None,
    id: str,
    again: bool,
    without: Collection[str],
) -> Outcome:
    """The claim of the most urgent ticket that waits for the actor.

    `claim`: executes the command on a ticket under an id. `again`: the command may have come
    before, and then has its first answer. `without`: ids of tickets that aren't given, since
    somebody looks at them. Raises NotFound where none waits, Forbidden.
    """
    if actor.kind != "agent":
        raise Forbidden(f"{actor.kind} {actor.id} has no next ticket: only agents work on tickets")
    command = Next(team=team)
    if again:
        for row in desk.query(Tickets(assignee=actor.id, limit=_REMEMBERED)).rows:
            stream = f"{TICKET}/{row['ticket']}"
            if desk.log.find(stream, derived_id(id, stream)) is not None:
                return claim(command, stream, derived_id(id, stream))
    refused: set[str] = set(without)
    for _ in range(_MOST_LOOKS):
        # The desk chooses: an agent whose roles don't let them list tickets is given one all the
        # same, of those that they see.
        found = desk.query(NextTickets(agent=actor.id, team=team, limit=50 + len(refused)))
        sees = desk.viewer(actor).sees
        offered = [t for t in found if t not in refused and sees(f"{TICKET}/{t}", Next.NAME)]
        for ticket in offered:
            stream = f"{TICKET}/{ticket}"
            try:
                return claim(command, stream, derived_id(id, stream))
            except Forbidden:
                raise
            except Refused:
                refused.add(ticket)
        if not offered:
            break
    where = "" if team is None else f" in team {team}"
    raise NotFound(f"no ticket waits for {actor.id}{where}: `ticketlog queue` shows what there is")
