"""Who works on a ticket: team, agent, tier."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.base import Command, CommandSpec, Event, Key, Line, Recorded
from ticketlog.domain.rights import STAFF, WORKERS
from ticketlog.domain.ticket.state import Candidate, Evolutions, Ticket

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
