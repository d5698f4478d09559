"""Who is there and who waits, as assignment looks at it: read models that its policy is given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ticketlog.domain.parties.agent import AgentAtWork


class Workload(Protocol):
    """It may lag behind the log by what is on its way: what is chosen by it is reserved on the
    agent's own stream before it is made."""

    def agent(self, id: str) -> AgentAtWork:
        """An agent at work, with those tickets already for which they are chosen."""
        ...

    def is_chosen(self, ticket: str) -> bool:
        """Whether somebody is chosen for a ticket, and isn't its assignee yet."""
        ...

    def last_agent(self, requester: str) -> str | None:
        """Who last worked on a ticket of this requester, under any of their ids."""
        ...

    def holders(self) -> Iterable[tuple[str, str | None]]:
        """Agents with the teams of the active tickets that they have."""
        ...

    def held_by(self, agent: str, team: str | None) -> Iterable[str]:
        """The first active tickets that an agent has of a team."""
        ...

    def waiting(self, teams: Iterable[str]) -> Iterable[str]:
        """The first tickets that wait for somebody of these teams: the most urgent first, then
        those that came first (Zendesk: by priority, then by time)."""
        ...
