"""Users, organisations and groups as Zendesk's API has them, and their paths.

Users are persons, as end users, and agents of the settings, as agents or admins.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ticketlog.domain.base import NotFound
from ticketlog.domain.settings.model import Agent
from ticketlog.http.zendesk.answers import Answering, Given
from ticketlog.http.zendesk.pages import Listing, Part, kept, paged
from ticketlog.http.zendesk.reading import NOBODY, Facade, PartyReading
from ticketlog.http.zendesk.words import iso_s
from ticketlog.projections.views.changes import ChangedKind, Changes
from ticketlog.projections.views.shared.stream_numbers import chosen_number, number_of

_LOCALE = "en-US"
ORGANISATION_FIELDS: Mapping[str, str] = {
    "tier": "Tier",
    "contract": "Contract",
    "language": "Language",
    "country": "Country",
}
USER_FIELDS: Mapping[str, str] = {"country": "Country"}
"""What parties have and Zendesk's haven't: told as fields of these titles."""


def user_shape(facade: Facade, number: int, **about: Any) -> dict[str, Any]:
    """A user of a number: what all have, and `about`."""
    return {
        "url": facade.url(f"users/{number}.json"),
        "id": number,
        "name": None,
        "email": None,
        "phone": None,
        "time_zone": None,
        "iana_time_zone": None,
        "locale": _LOCALE,
        "organization_id": None,
        "role": "end-user",
        "verified": False,
        "active": True,
        "suspended": False,
        "shared": False,
        "shared_agent": False,
        "moderator": False,
        "restricted_agent": False,
        "only_private_comments": False,
        "ticket_restriction": None,
        "custom_role_id": None,
        "default_group_id": None,
        "external_id": None,
        "alias": None,
        "signature": None,
        "details": None,
        "notes": None,
        "photo": None,
        "last_login_at": None,
        "tags": [],
        "user_fields": {},
        **about,
    }


def person_shape(facade: Facade, reading: PartyReading) -> dict[str, Any]:
    """A person; one who was merged into another is no active user."""
    document = reading.document
    addresses = document.get("addresses") or ()
    mails = [each for each in addresses if each["kind"] == "email"]
    phones = [each["value"] for each in addresses if each["kind"] == "phone"]
    return user_shape(
        facade,
        number_of("person", document["id"]),
        name=document.get("name") or document["id"],
        email=mails[0]["value"] if mails else None,
        phone=phones[0] if phones else None,
        created_at=iso_s(reading.created_at),
        updated_at=iso_s(reading.changed_at),
        time_zone=document.get("zone"),
        iana_time_zone=document.get("zone"),
        locale=document.get("language") or _LOCALE,
        organization_id=facade.organisation(document.get("organisation")),
        verified=any(each["verified"] for each in mails),
        active=document.get("merged_into") is None,
        user_fields={name: document.get(name) for name in USER_FIELDS},
    )


def agent_shape(facade: Facade, id: str) -> dict[str, Any]:
    """An agent of the settings, or one who left them."""
    agent = facade.settings.agents.get(id)
    times = facade.times_of("agent", id)
    roles = agent.roles if agent else ()
    return user_shape(
        facade,
        chosen_number("agent", id),
        name=(agent.name if agent else None) or id,
        role="admin" if "admin" in roles else "agent",
        alias=id,
        external_id=id,
        created_at=iso_s(times.created_at),
        updated_at=iso_s(times.changed_at),
        locale=next(iter(agent.languages), _LOCALE) if agent else _LOCALE,
        default_group_id=facade.group(next(iter(agent.teams), None)) if agent else None,
        verified=True,
        active=agent is not None and agent.active,
        suspended=agent is None or not agent.active,
    )


def agents_of(facade: Facade) -> list[str]:
    """The agents of the settings and those who left them, by id."""
    return sorted({*facade.settings.agents, *facade.settings.left})


def party(facade: Facade, kind: ChangedKind, id: str) -> dict[str, Any] | None:
    """A person or an organisation in its shape; None where it isn't for the actor."""
    try:
        if kind == "person":
            return person_shape(facade, facade.person_of(id))
        return organisation_shape(facade, facade.organisation_of(id))
    except NotFound:
        return None


def user_of(facade: Facade, number: int) -> dict[str, Any]:
    """The user of a number. Raises NotFound."""
    if number == NOBODY:
        return user_shape(facade, NOBODY, name="The desk's rules", role="admin")
    for id in agents_of(facade):
        if facade.agent(id) == number:
            return agent_shape(facade, id)
    return person_shape(facade, facade.person_of(facade.stream_id("person", number)))


def _changed(facade: Facade, kind: ChangedKind) -> Listing:
    """The listing of persons or organisations in the order of their last changes."""

    def part(after: str | None, limit: int) -> Part:
        query = Changes(kind=kind, after=after, limit=limit)
        found = facade.desk.query(query, actor=facade.actor)
        ids = [(kind, row["id"]) for row in found["changes"]]
        return Part(ids, found["cut"] if found["more"] else None)

    return part


def _all_users(facade: Facade, roles: list[str]) -> Listing:
    """The listing of agents, then of persons; `roles`: only users of these."""
    agents = [
        ("agent", id)
        for id in agents_of(facade)
        if not roles or agent_shape(facade, id)["role"] in roles
    ]
    persons = _changed(facade, "person") if not roles or "end-user" in roles else kept([])

    def part(after: str | None, limit: int) -> Part:
        whose, _, place = (after or "agents:").partition(":")
        if whose != "agents":
            rest = persons(place or None, limit)
            return Part(rest.things, rest.next and f"persons:{rest.next}")
        start = int(place) if place.isdecimal() else 0
        first = agents[start : start + limit]
        if start + limit < len(agents):
            return Part(list(first), f"agents:{start + limit}")
        if len(first) == limit:
            return Part(list(first), "persons:" if persons(None, 1).things else None)
        rest = persons(None, limit - len(first))
        return Part([*first, *rest.things], rest.next and f"persons:{rest.next}")

    return part


def _user(facade: Facade, key: tuple[str, str]) -> dict[str, Any] | None:
    kind, id = key
    return agent_shape(facade, id) if kind == "agent" else party(facade, "person", id)


def users(facade: Facade, given: Given) -> Mapping[str, Any]:
    """Agents, then persons."""
    roles = [*given.query.getlist("role[]"), *given.query.getlist("role")]
    return paged(facade, given, "users", _all_users(facade, roles), partial(_user, facade))


def user(facade: Facade, given: Given) -> Mapping[str, Any]:
    """One user."""
    return {"user": user_of(facade, given.number)}


def myself(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The user who asks."""
    actor = facade.actor
    if actor.kind == "agent":
        return {"user": agent_shape(facade, actor.id)}
    if actor.kind == "person":
        return {"user": user_of(facade, number_of("person", actor.id))}
    number = chosen_number(actor.kind, actor.id)
    about = {"name": actor.id, "role": "admin", "created_at": None, "updated_at": None}
    return {"user": user_shape(facade, number, **about)}


def several_users(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The users of these numbers, without those that there aren't."""
    found = []
    for number in given.numbers("ids"):
        try:
            found.append(user_of(facade, number))
        except NotFound:
            continue
    return {"users": found, "next_page": None, "previous_page": None, "count": len(found)}


def organisation_shape(facade: Facade, reading: PartyReading) -> dict[str, Any]:
    """An organisation."""
    document = reading.document
    number = number_of("organisation", document["id"])
    return {
        "url": facade.url(f"organizations/{number}.json"),
        "id": number,
        "name": document.get("name"),
        "domain_names": list(document.get("domains") or ()),
        "created_at": iso_s(reading.created_at),
        "updated_at": iso_s(reading.changed_at),
        "external_id": None,
        "group_id": None,
        "details": None,
        "notes": None,
        "shared_tickets": False,
        "shared_comments": False,
        "tags": [],
        "organization_fields": {name: document.get(name) for name in ORGANISATION_FIELDS},
    }


def organisations(facade: Facade, given: Given) -> Mapping[str, Any]:
    """Organisations."""
    listing = _changed(facade, "organisation")
    return paged(facade, given, "organizations", listing, lambda key: party(facade, *key))


def organisation(facade: Facade, given: Given) -> Mapping[str, Any]:
    """One organisation."""
    id = facade.stream_id("organisation", given.number)
    return {"organization": organisation_shape(facade, facade.organisation_of(id))}


def several_organisations(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The organisations of these numbers, without those that there aren't."""
    found = []
    for number in given.numbers("ids"):
        try:
            id = facade.stream_id("organisation", number)
        except NotFound:
            continue
        if (shape := party(facade, "organisation", id)) is not None:
            found.append(shape)
    return {"organizations": found, "next_page": None, "previous_page": None, "count": len(found)}


def group_shape(facade: Facade, id: str) -> dict[str, Any]:
    """A team."""
    number, times = facade.group(id), facade.times_of("team", id)
    return {
        "url": facade.url(f"groups/{number}.json"),
        "id": number,
        "name": facade.settings.teams[id].name or id,
        "description": "",
        "default": False,
        "deleted": False,
        "is_public": True,
        "created_at": iso_s(times.created_at),
        "updated_at": iso_s(times.changed_at),
    }


def groups(facade: Facade, given: Given) -> Mapping[str, Any]:
    """Teams."""
    ids = sorted(facade.settings.teams)
    shape = partial(group_shape, facade)
    return paged(facade, given, "groups", kept(ids), shape, partial(len, ids))


def group(facade: Facade, given: Given) -> Mapping[str, Any]:
    """One team. Raises NotFound."""
    for id in facade.settings.teams:
        if facade.group(id) == given.number:
            return {"group": group_shape(facade, id)}
    raise NotFound(f"no group has the number {given.number}")


def membership_shape(facade: Facade, agent: Agent, team: str) -> dict[str, Any]:
    """An agent's membership in a team."""
    number, times = (
        chosen_number("membership", f"{agent.id}/{team}"),
        facade.times_of("agent", agent.id),
    )
    return {
        "url": facade.url(f"group_memberships/{number}.json"),
        "id": number,
        "user_id": facade.agent(agent.id),
        "group_id": facade.group(team),
        "default": team == agent.teams[0],
        "created_at": iso_s(times.created_at),
        "updated_at": iso_s(times.changed_at),
    }


def _memberships(
    facade: Facade, given: Given, *, user: int | None = None, group: int | None = None
) -> Mapping[str, Any]:
    found = [
        membership_shape(facade, agent, team)
        for agent in facade.settings.agents.values()
        for team in agent.teams
        if user in (None, facade.agent(agent.id)) and group in (None, facade.group(team))
    ]
    return paged(facade, given, "group_memberships", kept(found), dict, partial(len, found))


def memberships(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The memberships of agents in teams."""
    return _memberships(facade, given)


def memberships_of_user(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The teams of an agent."""
    return _memberships(facade, given, user=given.number)


def memberships_of_group(facade: Facade, given: Given) -> Mapping[str, Any]:
    """The agents of a team."""
    return _memberships(facade, given, group=given.number)


PATHS: Mapping[str, Answering] = {
    "users": users,
    "users/me": myself,
    "users/show_many": several_users,
    "users/{id}": user,
    "users/{id}/group_memberships": memberships_of_user,
    "organizations": organisations,
    "organizations/show_many": several_organisations,
    "organizations/{id}": organisation,
    "groups": groups,
    "groups/assignable": groups,
    "groups/{id}": group,
    "groups/{id}/memberships": memberships_of_group,
    "group_memberships": memberships,
}
