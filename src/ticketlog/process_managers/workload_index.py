"""The workload index: the agents at work and the tickets that wait, made from the log.

It is gone with the process. Tickets and requesters lie in a scratch database, since there may be
many; the agents are few and stay in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ticketlog.domain.parties.agent import AgentAtWork, Held, initial
from ticketlog.domain.parties.person import Person
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.ticket.state import Ticket
from ticketlog.support.scratch_sqlite import scratch_database

_AFTER_ALL_RECORDED = 2**60
"""Numbers of choices that aren't recorded yet begin here: after every recorded instant."""
TICKETS_AT_ONCE = 100
"""Tickets of a team that are considered when an agent has room; further ones wait for their
turn."""
_MADE = (
    """CREATE TABLE waiting (
        stream TEXT PRIMARY KEY, team TEXT, rank INTEGER, at INTEGER, channel TEXT
    )""",
    "CREATE INDEX waiting_order ON waiting (team, rank, at, stream)",
    "CREATE TABLE held (stream TEXT PRIMARY KEY, agent TEXT, team TEXT) WITHOUT ROWID",
    "CREATE INDEX held_by ON held (agent, team, stream)",
    "CREATE TABLE last (requester TEXT PRIMARY KEY, agent TEXT, at INTEGER) WITHOUT ROWID",
    "CREATE TABLE merged (person TEXT PRIMARY KEY, target TEXT) WITHOUT ROWID",
    "CREATE INDEX merged_into ON merged (target)",
)
_LAST = """
    WITH RECURSIVE one (id) AS (
        SELECT ?1
        UNION SELECT merged.target FROM one JOIN merged ON merged.person = one.id
        UNION SELECT merged.person FROM one JOIN merged ON merged.target = one.id
    )
    SELECT agent FROM one JOIN last ON last.requester = one.id ORDER BY at DESC, id LIMIT 1
"""
"""The agent who last worked for a requester. Merged persons are one, along any number of merges."""


class _Choice(NamedTuple):
    """An agent who is chosen for a ticket. `channel`: the ticket's; `order`: later is higher."""

    agent: str
    channel: str
    order: int


class WorkloadIndex:
    """A `Workload` (policies/workload.py). For one thread at a time."""

    def __init__(self) -> None:
        self._agents: dict[str, AgentAtWork] = {}
        self._agents_with_expected: dict[str, AgentAtWork] = {}
        """Agents with the tickets that they are chosen for; made when one is asked for."""
        self._chosen: dict[str, _Choice] = {}
        """By ticket."""
        self._expected: dict[str, set[str]] = defaultdict(set)
        """Agent -> the tickets that they are chosen for."""
        self._order = _AFTER_ALL_RECORDED
        self._connection = scratch_database()
        for statement in _MADE:
            self._connection.execute(statement)

    def agent(self, id: str) -> AgentAtWork:
        agent = self._agents_with_expected.get(id)
        if agent is None:
            agent = self._agents_with_expected[id] = self._with_expected(
                self._agents.get(id) or initial(id)
            )
        return agent

    def _with_expected(self, agent: AgentAtWork) -> AgentAtWork:
        chosen = {ticket: self._chosen[ticket] for ticket in self._expected.get(agent.id, ())}
        if not chosen:
            return agent
        more = {ticket: Held(each.channel, 0) for ticket, each in chosen.items()}
        latest = max(each.order for each in chosen.values())
        return agent.but({"held": {**more, **agent.held}, "reserved_at": latest})

    def last_agent(self, requester: str) -> str | None:
        found = self._connection.execute(_LAST, (requester,)).fetchone()
        return found and str(found[0])

    def waiting(self, teams: Iterable[str]) -> Iterator[str]:
        found: list[tuple[int, int, str]] = []
        for team in teams:
            found += self._connection.execute(
                "SELECT rank, at, stream FROM waiting WHERE team = ? ORDER BY rank, at, stream "
                "LIMIT ?",
                (team, TICKETS_AT_ONCE),
            ).fetchall()
        for _, _, stream in sorted(found):
            if stream not in self._chosen:
                yield stream

    def holders(self) -> list[tuple[str, str | None]]:
        sql = "SELECT DISTINCT agent, team FROM held ORDER BY agent, team"
        return [(agent, team or None) for agent, team in self._connection.execute(sql)]

    def held_by(self, agent: str, team: str | None) -> list[str]:
        sql = "SELECT stream FROM held WHERE agent = ? AND team = ? ORDER BY stream LIMIT ?"
        found = self._connection.execute(sql, (agent, team or "", TICKETS_AT_ONCE))
        return [stream for (stream,) in found]

    def all_held_by(self, agent: str) -> list[str]:
        """The active tickets that are assigned to an agent."""
        sql = "SELECT stream FROM held WHERE agent = ? ORDER BY stream"
        return [stream for (stream,) in self._connection.execute(sql, (agent,))]

    def any_waiting(self) -> bool:
        """Whether any ticket waits."""
        return self._connection.execute("SELECT 1 FROM waiting LIMIT 1").fetchone() is not None

    def agents(self) -> Iterable[AgentAtWork]:
        """The agents whose stream has events."""
        return self._agents.values()

    def is_chosen(self, ticket: str) -> bool:
        return ticket in self._chosen

    def expect(self, ticket: str, agent: str, channel: str | None = None) -> None:
        """Notes that an agent is chosen for a ticket; it need not be recorded yet. `channel`: the
        ticket's; None: of a waiting ticket, whose channel is known."""
        known = self._chosen.get(ticket)
        if known is not None and known.agent == agent:
            return
        self._unexpect(ticket)
        if channel is None:
            sql = "SELECT channel FROM waiting WHERE stream = ?"
            channel = (self._connection.execute(sql, (ticket,)).fetchone() or ("none",))[0]
        self._agents_with_expected.pop(agent, None)
        self._order += 1
        self._chosen[ticket] = _Choice(agent, channel, self._order)
        self._expected[agent].add(ticket)

    def put_ticket(self, stream: str, ticket: Ticket, settings: Settings) -> None:
        """Takes in a ticket's state."""
        choice = ticket.choice
        if choice is None:
            self._unexpect(stream)
        else:
            self.expect(stream, choice.agent, ticket.channel)
        if ticket.waits_for_agent:
            rank = settings.priorities.rank(ticket.priority) if settings.priorities else 0
            row = (stream, ticket.team, rank, ticket.created_at, ticket.channel)
            self._connection.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?, ?)", row)
        else:
            self._connection.execute("DELETE FROM waiting WHERE stream = ?", (stream,))
        if ticket.assignee is not None and ticket.active:
            held = (stream, ticket.assignee, ticket.team or "")
            self._connection.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", held)
        else:
            self._connection.execute("DELETE FROM held WHERE stream = ?", (stream,))
        if ticket.requester is not None and ticket.assignee is not None:
            self._connection.execute(
                "INSERT INTO last VALUES (?, ?, ?) ON CONFLICT (requester) DO UPDATE SET "
                "agent = excluded.agent, at = excluded.at WHERE excluded.at >= at",
                (ticket.requester, ticket.assignee, ticket.clock),
            )

    def put_person(self, person: Person) -> None:
        """Takes in the person that a person was merged into."""
        if person.merged_into is None:
            self._connection.execute("DELETE FROM merged WHERE person = ?", (person.id,))
        else:
            row = (person.id, person.merged_into)
            self._connection.execute("INSERT OR REPLACE INTO merged VALUES (?, ?)", row)

    def put_agent(self, agent: AgentAtWork) -> None:
        """Takes in an agent's state."""
        self._agents[agent.id] = agent
        self._agents_with_expected.pop(agent.id, None)

    def _unexpect(self, ticket: str) -> None:
        known = self._chosen.pop(ticket, None)
        if known is not None:
            self._expected[known.agent].discard(ticket)
            self._agents_with_expected.pop(known.agent, None)

    def close(self) -> None:
        self._connection.close()
