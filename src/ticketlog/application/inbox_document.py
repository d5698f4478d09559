"""The inbox of an agent as one document, of what three queries tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ticketlog.documents.ticket_rows import Inbox
from ticketlog.projections.views import inbox

if TYPE_CHECKING:
    from ticketlog.application.ticket_documents import TicketSource
    from ticketlog.domain.base import Actor


def inbox_document(
    source: TicketSource,
    agent: str,
    *,
    now: int,
    selves: Sequence[str],
    limit: int,
    actor: Actor | None = None,
) -> Inbox:
    """The tickets that wait for an agent at an instant, those of the agent's teams that no agent
    has, and those that are snoozed. `selves`: under which other ids the agent acts
    (`Desk.selves`). `actor`: who asks."""
    known = source.settings.agents.get(agent)
    teams = known.teams if known else ()
    own = inbox.Inbox(agent=agent, now=now, selves=tuple(selves), limit=limit)
    free = inbox.UnassignedTickets(teams=teams, limit=limit)
    later = inbox.SnoozedTickets(agent=agent, now=now)
    return Inbox.filled(
        agent=agent,
        waiting=source.query(own, actor=actor),
        unassigned=source.query(free, actor=actor) if teams else [],
        snoozed=source.query(later, actor=actor),
    )
