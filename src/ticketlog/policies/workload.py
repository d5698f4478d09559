"""The workload: agents at work and tickets that wait, as the assignment policy reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ticketlog.domain.parties.agent import AgentAtWork


class Workload(Protocol):
    """The read model of assignment. It may lag behind the log by commits that are on their way: a
    choice that is made by it is reserved on the agent's own stream first."""

    def agent(self, id: str) -> AgentAtWork:
        """An agent at work. Tickets that they are chosen for count as held."""
        ...

    def is_chosen(self, ticket: str) -> bool:
        """Whether an agent is chosen for a ticket, and isn't its assignee yet."""
        ...

    def last_agent(self, requester: str) -> str | None:
        """The agent who last worked on a ticket of this requester, under any of the requester's
        ids."""
        ...

    def holders(self) -> Iterable[tuple[str, str | None]]:
        """Agents with the teams of the active tickets that they hold."""
        ...

    def held_by(self, agent: str, team: str | None) -> Iterable[str]:
        """The first active tickets that an agent holds of a team."""
        ...

    def waiting(self, teams: Iterable[str]) -> Iterable[str]:
        """The first tickets that wait for an agent of these teams: the most urgent first, then
        those that came first (Zendesk: by priority, then by time)."""
        ...
