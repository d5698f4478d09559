"""Who has left leaves their tickets: what is held by somebody who is retired, not in the team any
more, or removed from the settings, waits for an agent again; what is held by somebody who is absent
does where a rule of the settings says so, and when.

The former is looked at when settings were applied and when the runner starts; the latter is a
timer. When a ticket comes back to such an agent (it is reopened, its requester replies), that
commit itself takes it from them, where it is to be at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.settings.model import Settings, cited
from ticketlog.domain.ticket.absence import Leaving, leaving
from ticketlog.domain.ticket.assignment import Unassign
from ticketlog.domain.ticket.state import Ticket
from ticketlog.policies.protocol import AtWork, Reaction, Situation

NAME = "presence"
ON: frozenset[type[Event]] = frozenset()


def react(recorded: Recorded, situation: Situation) -> Iterable[Reaction]:
    """Nothing: no event of a ticket makes an agent leave."""
    return ()


def look(teams: Iterable[str], situation: Situation) -> Iterable[Reaction]:
    """Takes the first tickets of each who is gone from them."""
    floor, settings = situation.floor, situation.settings
    for agent, team in floor.holders():
        if why_gone(agent, team, settings) is None:
            continue
        for stream in floor.held_by(agent, team):
            version = situation.load(stream).version
            yield Reaction(Unassign(gone=True), stream, NAME, f"gone {stream}", seen=version)


def due(ticket: Ticket, settings: Settings, at_work: AtWork) -> int | None:
    """When the ticket leaves its agent because they are absent."""
    found = _leaving(ticket, settings, at_work)
    return found and found.at


def act(ticket: Ticket, settings: Settings, at_work: AtWork) -> Iterable[Reaction]:
    """Takes it from them, by the rule that says so."""
    found = _leaving(ticket, settings, at_work)
    if found is not None:
        rule = cited("absence-rule", found.rule.id, settings)
        yield Reaction(Unassign(gone=True), f"ticket/{ticket.id}", rule, seen=ticket.version)


def _leaving(ticket: Ticket, settings: Settings, at_work: AtWork) -> Leaving | None:
    if not settings.absence or ticket.assignee is None:
        return None
    return leaving(ticket, at_work(ticket.assignee).absent_since, settings)
