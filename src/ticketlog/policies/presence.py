"""Who has left leaves their tickets: what is held by somebody who is retired, not in the team any
more, or removed from the settings, waits for an agent again.

It is looked at when settings were applied and when the runner starts. When a ticket comes back to
such an agent (it is reopened, its requester replies), that commit itself takes it from them.
"""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.domain.base import Event, Recorded
from ticketlog.domain.presence import why_gone
from ticketlog.domain.ticket.assignment import Unassign
from ticketlog.policies.base import Reaction, Situation

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
