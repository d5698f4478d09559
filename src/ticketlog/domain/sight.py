"""The sight of an actor: the tickets that they see by one right, by the settings and states of now.

The same facts are asked twice: of one ticket's state here, and of the rows of views in SQL
(`projections/engine/scoping.py`). A property test holds both to the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ticketlog.domain import roles
from ticketlog.domain.base import Actor, Forbidden
from ticketlog.domain.rights import Load, roles_of_agent, same_person
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.role import Role


@dataclass(frozen=True)
class Sight:
    """The tickets that an actor sees: those to which one of these applies."""

    everything: bool = False
    """Restricted teams hide nothing."""
    every: bool = False
    """All tickets, but those in `closed` teams."""
    person: str | None = None
    """The requester, or in copy."""
    agent: str | None = None
    """The assignee."""
    teams: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    """The restricted teams in which the actor isn't: of their tickets they see those that they
    asked for as a person, and no other ones."""

    @property
    def limited(self) -> bool:
        """Whether there may be tickets that the actor doesn't see."""
        return not (self.everything or (self.every and not self.closed))

    def covers(self, ticket: Any, load: Load) -> bool:
        """Whether a ticket of this state is among them. `load`: the states of other streams, which
        say who was merged with whom."""
        if not self.limited:
            return True
        asked = self._is(ticket.requester, load)
        if ticket.team in self.closed:
            return asked
        return (
            self.every
            or asked
            or any(self._is(each, load) for each in ticket.ccs)
            or (self.agent is not None and ticket.assignee == self.agent)
            or ticket.team in self.teams
            or ticket.organisation in self.organisations
        )

    def _is(self, person: str | None, load: Load) -> bool:
        if self.person is None or person is None:
            return False
        return same_person(self.person, person, load)

    def __str__(self) -> str:
        """The sight in words, as documents name it."""
        if self.everything:
            return "everything"
        if self.every:
            return f"all but {', '.join(sorted(self.closed))}" if self.closed else "all"
        parts = [f"own of {self.person or self.agent}"] if self.person or self.agent else []
        parts += [f"team {each}" for each in sorted(self.teams)]
        parts += [f"organisation {each}" for each in sorted(self.organisations)]
        hidden = f", but {', '.join(sorted(self.closed))}" if self.closed else ""
        return ("; ".join(parts) or "nothing") + hidden


EVERYTHING = Sight(everything=True)
INSIDE = frozenset({"rule", "import"})
"""Kinds of actors that act from inside the desk."""


def acting_roles(actor: Actor, settings: Settings) -> frozenset[str]:
    """The roles that an actor may act in. Raises Forbidden for a role that they don't hold."""
    match actor.kind:
        case "agent":
            return roles_of_agent(actor, settings)
        case "person":
            return roles.END_USERS
        case "service" if actor.role == roles.OPERATOR_ROLE:
            return frozenset({roles.OPERATOR_ROLE})
        case "service":
            service = settings.known_services.get(actor.id)
            own = frozenset(service.roles) if service else frozenset[str]()
            return own or frozenset({"service"})
    return frozenset({actor.kind})


def granting(actor: Actor, right: str, settings: Settings) -> frozenset[str]:
    """The roles of an actor that have a right: 'query:NAME', 'report:NAME', or the name of a
    command or an act, which `domain.rights` judges by the stream, too. Raises Forbidden."""
    held = acting_roles(actor, settings)
    if right.startswith(("query:", "report:")):
        return frozenset(each for each in held if roles.asks(each, right, settings))
    named = (roles.role_of(each, settings) for each in held)
    return frozenset(each.id for each in named if roles.named_in(each.commands, right))


def sight_of(actor: Actor, by: Iterable[str], settings: Settings, load: Load) -> Sight:
    """The tickets that an actor sees in these of their roles."""
    if actor.kind in INSIDE:
        return EVERYTHING
    scopes = [roles.role_of(each, settings) for each in by]
    if not scopes:
        return Sight(closed=settings.restricted_teams)
    if any(
        each.scope == "all" and roles.standing(each.id, settings) in roles.READS_EVERYTHING
        for each in scopes
    ):
        return EVERYTHING
    member = _teams(actor, settings)
    teams: set[str] = set()
    for each in scopes:
        teams.update(member if each.scope == "team" else ())
        teams.update(each.queues if each.scope == "queue" else ())
    return Sight(
        every=any(each.scope == "all" for each in scopes),
        person=actor.id if actor.kind == "person" else None,
        agent=actor.id if actor.kind == "agent" else None,
        teams=frozenset(teams),
        organisations=_organisations(actor, scopes, settings, load),
        closed=settings.restricted_teams - member,
    )


def _teams(actor: Actor, settings: Settings) -> frozenset[str]:
    if actor.kind == "agent":
        agent = settings.agents.get(actor.id)
        return frozenset(agent.teams if agent and agent.active else ())
    if actor.kind == "service":
        service = settings.known_services.get(actor.id)
        return frozenset(service.teams if service else ())
    return frozenset()


def _organisations(
    actor: Actor, scopes: Sequence[Role], settings: Settings, load: Load
) -> frozenset[str]:
    """The organisations whose tickets they see: an agent those of whose account team they are, a
    person their own."""
    by_scope = any(each.scope == "organisation" for each in scopes)
    if actor.kind == "agent":
        agent = settings.agents.get(actor.id)
        return frozenset(agent.accounts if by_scope and agent else ())
    if actor.kind != "person":
        return frozenset()
    named = {each for role in scopes for each in role.organisations}
    if not by_scope and not named:
        return frozenset()
    own = getattr(load(f"person/{actor.id}"), "organisation", None)
    return frozenset({own} if own is not None and (by_scope or own in named) else ())


def members(team: str, settings: Settings) -> frozenset[str]:
    """The agents who are in a team and work there."""
    return frozenset(
        each.id for each in settings.agents.values() if each.active and team in each.teams
    )


def check_writes(names: Iterable[str], actor: Actor, settings: Settings, stream: str) -> None:
    """Raises Forbidden where an actor writes a field that none of their roles may write."""
    if actor.kind in INSIDE:
        return
    held = acting_roles(actor, settings)
    for name in names:
        if not roles.writes_field(held, name, settings):
            custom = settings.fields.get(name)
            who = ", ".join(custom.writers) if custom and custom.writers else "another role"
            raise Forbidden(
                f"{actor.kind} {actor.id} may not fill in {name} of {stream.replace('/', ' ')}: "
                f"{who} may",
                stream=stream,
                field=name,
            )
