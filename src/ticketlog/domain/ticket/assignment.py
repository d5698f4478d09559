"""Assignment of a ticket: team, agent, tier."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import (
    Command,
    CommandSpec,
    Context,
    Event,
    Invalid,
    Key,
    Line,
    Recorded,
    Refused,
)
from ticketlog.domain.parties.presence import why_gone
from ticketlog.domain.rights import STAFF, WORKERS, listed
from ticketlog.domain.settings.model import cited
from ticketlog.domain.ticket.absence import leaving
from ticketlog.domain.ticket.lookups import (
    require_agent,
    require_known,
    settings_of,
)
from ticketlog.domain.ticket.state import Candidate, Decisions, Evolutions, Ticket
from ticketlog.domain.ticket.status_events import opened

ASSIGNMENT = frozenset({"assignee", "team"})


Method = Literal["manual", "claim", "reply", "solve", "rule", "team-left", "creation", "import"]


class TeamChanged(Event):
    """Another team owns it now."""

    NAME: ClassVar[str] = "ticket.team-changed.v1"
    ASPECT: ClassVar[str] = "team"
    old: Key | None = None
    new: Key | None = None
    method: Method
    rule: Key | None = None
    """The rule that chose, with its version: 'route-network@4'."""


class AssigneeChanged(Event):
    """Another agent works on it now; None: nobody."""

    NAME: ClassVar[str] = "ticket.assignee-changed.v1"
    ASPECT: ClassVar[str] = "assignee"
    old: Key | None = None
    new: Key | None = None
    method: Method
    rule: Key | None = None
    candidates: tuple[Candidate, ...] = ()
    choice: Key | None = None
    """The event that chose, where the agent was asked for room before."""


class Escalated(Event):
    """It went to a support tier (0 is the first) for a reason."""

    NAME: ClassVar[str] = "ticket.escalated.v1"
    ASPECT: ClassVar[str] = "tier"
    old: int
    new: int
    reason: Line
    rule: Key | None = None


class Assign(Command):
    """Gives it to a team, an agent, or both."""

    NAME: ClassVar[str] = "ticket.assign"
    TOUCHES: ClassVar[frozenset[str]] = ASSIGNMENT
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Give it to a team, an agent, or both.",
        examples=("ticketlog ticket assign 4F7K2M9QABCD --team network --assignee bob",),
        hidden=("method", "rule", "candidates"),
    )
    team: Key | None = None
    assignee: Key | None = None
    method: Literal["manual", "rule"] = "manual"
    rule: Key | None = None
    candidates: Annotated[tuple[Candidate, ...], Field(max_length=1000)] = ()


class Claim(Command):
    """The acting agent takes it."""

    NAME: ClassVar[str] = "ticket.claim"
    TOUCHES: ClassVar[frozenset[str]] = ASSIGNMENT
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=frozenset({STAFF}),
        help="Take it: the acting agent works on it now.",
        examples=("ticketlog ticket claim 4F7K2M9QABCD --as agent:bob",),
    )


class Unassign(Command):
    """Takes it from its agent. `gone`: only from one who isn't here any more."""

    NAME: ClassVar[str] = "ticket.unassign"
    TOUCHES: ClassVar[frozenset[str]] = ASSIGNMENT
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Take it away from its agent; the team keeps it.",
        examples=("ticketlog ticket unassign 4F7K2M9QABCD",),
        hidden=("gone",),
    )
    gone: bool = False


class Escalate(Command):
    """Raises it to a tier; with a team, hands it over to that team as well."""

    NAME: ClassVar[str] = "ticket.escalate"
    TOUCHES: ClassVar[frozenset[str]] = frozenset({"tier"})
    SPEC: ClassVar[CommandSpec] = CommandSpec(
        who_may=WORKERS,
        help="Raise it to a support tier, with a reason.",
        examples=(
            (
                'ticketlog ticket escalate 4F7K2M9QABCD 1 --reason "Needs a network engineer" '
                "--team network"
            ),
        ),
        positional=("tier",),
    )
    tier: Annotated[int, Field(ge=0, le=9)]
    reason: Line
    team: Key | None = None
    rule: Key | None = None


def _team_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, TeamChanged)
    return {"team": event.new, "team_stations": ticket.team_stations + (event.new is not None)}


def _assignee_changed(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, AssigneeChanged)
    stations = ticket.assignee_stations + (event.new is not None)
    changes: dict[str, Any] = {
        "assignee": event.new,
        "assigned_at": recorded.meta.occurred_at,
        "assignee_stations": stations,
    }
    if event.choice is not None:
        changes["choice"] = None
    return changes


def _escalated(ticket: Ticket, recorded: Recorded) -> dict[str, Any]:
    assert isinstance(recorded.event, Escalated)
    return {"tier_level": recorded.event.new}


EVOLVE: Evolutions = {
    TeamChanged: _team_changed,
    AssigneeChanged: _assignee_changed,
    Escalated: _escalated,
}


def hand_over(
    ticket: Ticket,
    context: Context,
    *,
    team: str | None,
    assignee: str | None,
    method: Method,
    rule: str | None = None,
    candidates: tuple[Candidate, ...] = (),
) -> list[Event]:
    """Gives the ticket to a team, an agent, or both; None leaves it.

    Who isn't a member of the new team is unassigned (Zendesk). Raises Invalid for an unknown team
    or agent, a retired agent, or one who isn't in the team.
    """
    moves = team not in (None, ticket.team)
    if moves or assignee != ticket.assignee:
        check_owner(team or ticket.team, assignee, context, ticket.assignee)
    if team is not None:
        require_known("team", team, settings_of(context).teams, ticket.team)
    events: list[Event] = []
    if moves:
        events.append(TeamChanged(old=ticket.team, new=team, method=method, rule=rule))
    if assignee not in (None, ticket.assignee):
        events.append(
            AssigneeChanged(
                old=ticket.assignee,
                new=assignee,
                method=method,
                rule=rule,
                candidates=candidates,
            )
        )
    elif events and ticket.assignee and not _is_member(ticket.assignee, team, context):
        events.append(AssigneeChanged(old=ticket.assignee, method="team-left"))
    return events


def check_owner(
    team: str | None, assignee: str | None, context: Context, held: str | None = None
) -> None:
    """Raises Invalid for an agent who is unknown, retired, or not in the team. Who has the ticket
    already (`held`) need only be in the team."""
    if assignee is None:
        return
    agents = settings_of(context).agents
    require_known("agent", assignee, agents, held)
    agent = agents.get(assignee)
    if assignee != held and agent is not None and not agent.active:
        raise Invalid(f"agent {assignee} is retired; choose another one", what="agent")
    teams = agent.teams if agent else ()
    if team is not None and team not in teams:
        raise Invalid(
            f"agent {assignee} is not in team {team} but in: {listed(teams)}; "
            "name one of these teams too, or another agent",
            what="agent",
            name=assignee,
            teams=teams,
        )


def _is_member(agent: str, team: str | None, context: Context) -> bool:
    known = settings_of(context).agents.get(agent)
    return known is not None and team in known.teams


def _and_opened(events: list[Event], ticket: Ticket, context: Context) -> list[Event]:
    if any(isinstance(event, AssigneeChanged) and event.new for event in events):
        return [*events, *opened(ticket, context, "assignment")]
    return events


def _assign(command: Assign, ticket: Ticket, context: Context) -> list[Event]:
    if command.method == "rule" and command.rule is None:
        raise Invalid("an assignment by a rule names the rule, with its version", what="rule")
    events = hand_over(
        ticket,
        context,
        team=command.team,
        assignee=command.assignee,
        method=command.method,
        rule=command.rule,
        candidates=command.candidates,
    )
    return _and_opened(events, ticket, context)


def _claim(command: Claim, ticket: Ticket, context: Context) -> list[Event]:
    if context.actor.kind == "agent" and ticket.assignee == context.actor.id:
        return []
    agent = require_agent(ticket, context)
    if ticket.assignee not in (None, agent):
        raise Refused(
            f"ticket {ticket.id} is assigned to {ticket.assignee} already; "
            "to take it over, assign it",
            ticket=ticket.id,
            assignee=ticket.assignee,
        )
    events = hand_over(ticket, context, team=None, assignee=agent, method="claim")
    return _and_opened(events, ticket, context)


def _unassign(command: Unassign, ticket: Ticket, context: Context) -> list[Event]:
    if ticket.assignee is None:
        return []
    if command.gone:
        return left_by_gone(ticket, context)
    return [AssigneeChanged(old=ticket.assignee, method="manual")]


def left_by_gone(ticket: Ticket, context: Context) -> list[Event]:
    """An active ticket waits for an agent again whose agent isn't here any more, or is absent and
    a rule says so."""
    agent, settings = ticket.assignee, settings_of(context)
    if agent is None or not ticket.active:
        return []
    if why_gone(agent, ticket.team, settings) is not None:
        return [AssigneeChanged(old=agent, method="team-left")]
    known = context.states.get(f"agent/{agent}")
    found = leaving(ticket, known.absent_since if known else None, settings)
    if found is None or found.at > context.now:
        return []
    return [
        AssigneeChanged(
            old=agent, method="rule", rule=cited("absence-rule", found.rule.id, settings)
        )
    ]


def _escalate(command: Escalate, ticket: Ticket, context: Context) -> list[Event]:
    if command.rule and (command.tier <= ticket.tier_level or not ticket.active):
        return []
    method: Method = "rule" if command.rule else "manual"
    handed = hand_over(
        ticket, context, team=command.team, assignee=None, method=method, rule=command.rule
    )
    if command.tier == ticket.tier_level:
        return handed
    escalated = Escalated(
        old=ticket.tier_level, new=command.tier, reason=command.reason, rule=command.rule
    )
    return [escalated, *handed]


DECIDE: Decisions = {
    Assign: _assign,
    Claim: _claim,
    Unassign: _unassign,
    Escalate: _escalate,
}
