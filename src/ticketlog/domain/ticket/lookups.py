"""Look-ups of several decisions: the actor's roles, persons and organisations, names in the
settings."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ticketlog.domain.base import Context, Forbidden, Invalid
from ticketlog.domain.parties.organisation import Organisation
from ticketlog.domain.parties.person import Person
from ticketlog.domain.rights import listed, roles_on, same_person, survivor
from ticketlog.domain.settings.model import Priorities, Settings, Status, Workflow
from ticketlog.domain.ticket.state import AuthorKind, Ticket


def settings_of(context: Context) -> Settings:
    settings: Settings = context.settings
    return settings


def unknown(what: str, name: str, known: Collection[str]) -> Invalid:
    """The refusal of a name that isn't among those that are known."""
    instead = f"use one of {listed(known)}, or " if known else ""
    return Invalid(
        f"{what} {name!r} is not known: {instead}add it to the settings",
        what=what,
        name=name,
        known=tuple(known),
    )


def require_known(what: str, name: str, known: Collection[str], held: str | None = None) -> None:
    """Raises Invalid, with the names that are known, for one that isn't.

    `held`: what the ticket has. What stays as it is isn't judged again, whatever the settings have
    become since.
    """
    if name != held and name not in known:
        raise unknown(what, name, known)


def status_named(id: str, workflow: Workflow) -> Status:
    """The status of a workflow. Raises Invalid, with the ones there are."""
    status = workflow.status(id)
    if status is None:
        raise unknown("status", id, [each.id for each in workflow.statuses if not each.retired])
    return status


def workflow_for(type: str, context: Context) -> Workflow:
    """The workflow in force for tickets of a type. Raises Invalid where there is none."""
    try:
        return settings_of(context).workflow_of(type)
    except KeyError:
        raise Invalid(
            f"the settings have no workflow for tickets of type {type}; "
            "add one and apply the settings"
        ) from None


def priorities_in(context: Context) -> Priorities:
    """The priorities in force. Raises Invalid where the settings have none."""
    priorities = settings_of(context).priorities
    if priorities is None:
        raise Invalid("the settings have no priorities; add them and apply the settings")
    return priorities


def roles_of(ticket: Ticket, context: Context) -> frozenset[str]:
    """The roles that the actor has on this ticket. Raises Forbidden for one they don't hold."""
    return roles_on(ticket, context)


def require_agent(ticket: Ticket, context: Context) -> str:
    """The acting agent's id. Raises Forbidden for anybody else, Invalid for an unknown agent."""
    if context.actor.kind != "agent":
        raise Forbidden(
            f"only an agent can do this to ticket {ticket.id}; "
            f"{context.actor.id} acts as {context.actor.kind}",
            ticket=ticket.id,
        )
    require_known("agent", context.actor.id, settings_of(context).agents)
    return context.actor.id


def data_subject(ticket: Ticket) -> str:
    """The person whose data a text on the ticket is: the requester; the ticket itself where there
    is none."""
    return ticket.requester or f"ticket/{ticket.id}"


class Whereabouts(NamedTuple):
    """A country and a time zone, as far as they are known."""

    country: str | None = None
    zone: str | None = None

    def or_else(self, other: Whereabouts) -> Whereabouts:
        return Whereabouts(self.country or other.country, self.zone or other.zone)


def place_of(party: Person | Organisation | None) -> Whereabouts:
    """The country and the zone of a party at this instant."""
    return Whereabouts(party.country, party.zone) if party else Whereabouts()


class Known(NamedTuple):
    """A person by the id that stands after merges; `state` None where it wasn't read."""

    id: str
    state: Person | None


def person(id: str, context: Context, *, named: bool = True) -> Known:
    """The person, or who stands for them after a merge, who has what those who were merged had
    where they have nothing of their own.

    Raises Invalid where nobody registered the person that the command named.
    """
    way: dict[str, Person] = {}
    while id not in way:
        state = context.states.get(f"person/{id}")
        if not isinstance(state, Person) or not state.exists:
            break
        way[id] = state
        id = state.merged_into or id
    if not way and named:
        raise Invalid(f"person {id} is not known; register them first", what="person", name=id)
    known = _together(list(way.values())) if way else None
    return Known(survivor(id, context.states.get), known)


_HANDED_ON = ("organisation", "language", "country", "zone")


def _together(way: list[Person]) -> Person:
    """The last of persons who were merged one into the other, with what they lack of the earlier
    ones."""
    *earlier, last = way
    for each in reversed(earlier):
        gaps = {name: getattr(each, name) for name in _HANDED_ON if getattr(last, name) is None}
        last = last.but(gaps)
    return last


def organisation(id: str, context: Context, *, named: bool = True) -> Organisation | None:
    """The organisation's state. Raises Invalid where nobody registered the one that was named."""
    state = context.states.get(f"organisation/{id}")
    if isinstance(state, Organisation) and state.exists:
        return state
    if named:
        raise Invalid(
            f"organisation {id} is not known; register it first", what="organisation", name=id
        )
    return None


class Author(NamedTuple):
    id: str
    kind: AuthorKind

    @property
    def asks(self) -> bool:
        """Whether they are an end user: what they say publicly waits for an answer."""
        return self.kind in ("requester", "end-user")


def author_of(id: str | None, ticket: Ticket, context: Context) -> Author:
    """The author of a comment: the actor, or the person or agent for whom the actor sends it.

    Raises Forbidden where a person or an agent speaks for an id that isn't a person they may speak
    for, and Invalid for an unknown person.
    """
    actor = context.actor
    if id is None or id == actor.id:
        if actor.kind != "person":
            return Author(actor.id, "requester" if actor.id == ticket.requester else actor.kind)
        id = survivor(actor.id, context.states.get)
        return Author(id, "requester" if is_requester(id, ticket, context) else "end-user")
    if actor.kind == "person":
        raise Forbidden(f"{actor.id} is a person and can't speak for {id}", ticket=ticket.id)
    if id in settings_of(context).agents:
        if actor.kind == "agent":
            raise Forbidden(f"agent {actor.id} can't speak for agent {id}", ticket=ticket.id)
        return Author(id, "agent")
    known = person(id, context)
    asks = is_requester(known.id, ticket, context)
    return Author(known.id, "requester" if asks else "end-user")


def is_requester(id: str | None, ticket: Ticket, context: Context) -> bool:
    """Whether a person is the ticket's requester, under whatever id: merged persons are one."""
    if id is None or ticket.requester is None:
        return False
    return same_person(id, ticket.requester, context.states.get)
