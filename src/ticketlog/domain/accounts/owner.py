"""The owner of a token, a session or a passkey: as whom they act who have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import StringConstraints

from ticketlog.domain.base import (
    LONGEST_KEY,
    Actor,
    Context,
    Forbidden,
    Invalid,
    Key,
    NotFound,
    Value,
    kind_and_id,
)
from ticketlog.domain.rights import is_admin, listed, roles_of_agent

OwnerKind = Literal["agent", "person", "service"]
Named = Annotated[
    str,
    StringConstraints(
        pattern=r"^(agent|person|service)/[^\x00-\x1f\x7f]+$", max_length=LONGEST_KEY + 8
    ),
]
"""An actor as events name them, KIND/ID."""
EVERYBODY = frozenset({"staff", "requester", "end-user", "service"})
"""The roles of everybody who can own an account, for commands about one's own. That it is one's own
is decided by `check_owns`."""
THE_DESK = frozenset({"rule"})
"""The role of the desk itself, in which nobody else can act."""
SIGNING_IN = Actor("signing-in", "rule", authenticated="local")
"""The desk, where it records who signed in and who was refused."""


class Owner(Value):
    """An actor who can sign in. `role`: the only one in which they act then; None: all that they
    have."""

    actor: Named
    role: Key | None = None

    @property
    def kind(self) -> OwnerKind:
        return cast(OwnerKind, kind_and_id(self.actor)[0])

    @property
    def id(self) -> str:
        return kind_and_id(self.actor)[1]

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" + (f"/{self.role}" if self.role else "")

    def acting(self, authenticated: str) -> Actor:
        """The owner as an actor. `authenticated`: by what, 'token:ID'."""
        return Actor(self.id, self.kind, self.role, authenticated=authenticated)

    def is_of(self, actor: Actor) -> bool:
        """Whether it is this actor, in whatever role."""
        return (self.kind, self.id) == (actor.kind, actor.id)


def owner_of(actor: Actor) -> Owner:
    """The actor as an owner. Raises Forbidden for kinds of actors who can't sign in."""
    if actor.kind not in ("agent", "person", "service"):
        raise Forbidden(
            f"{actor.kind} {actor.id} can't sign in: agents, persons and services can",
            actor=actor.id,
        )
    return Owner(actor=f"{actor.kind}/{actor.id}", role=actor.role)


def person_streams(owner: Owner | None) -> tuple[str, ...]:
    """The streams that tell whether an owner is there."""
    return (owner.actor,) if owner is not None and owner.kind == "person" else ()


def acts_as_admin(context: Context) -> bool:
    """Whether the actor is an admin, in the role in which they act."""
    actor = context.actor
    agent = context.settings.agents.get(actor.id) if actor.kind == "agent" else None
    return agent is not None and is_admin(agent) and actor.role in (None, "admin")


def check_owns(owner: Owner | None, context: Context) -> None:
    """Raises Forbidden where the actor is neither the owner of the account of the command's stream
    nor an admin nor the desk itself, NotFound where it has no owner: there is none."""
    actor = context.actor
    kind, id = kind_and_id(context.stream)
    if owner is None:
        raise NotFound(f"there is no {kind} {id}: `ticketlog {kind} list` shows yours")
    if owner.is_of(actor) or actor.kind == "rule" or acts_as_admin(context):
        return
    raise Forbidden(
        f"{kind} {id} isn't that of {actor.kind} {actor.id}: its owner may, and an admin may",
        actor=actor.id,
    )


def check_can_own(owner: Owner, context: Context) -> None:
    """Raises Invalid for an owner whom the desk doesn't know, Forbidden for one who is retired or
    doesn't have the role."""
    settings = context.settings
    if owner.kind == "agent":
        if owner.id not in settings.agents:
            raise Invalid(f"agent {owner.id} is unknown; known are {listed(settings.agents)}")
        roles_of_agent(owner.acting("local"), settings)
    elif owner.kind == "service":
        _check_role(owner, ("service",))
        if owner.id not in settings.known_services:
            known = listed(settings.known_services)
            raise Invalid(f"service {owner.id} is unknown; known are {known}")
    else:
        _check_role(owner, ("requester", "end-user"))
        _check_person(owner, context.states)


def _check_role(owner: Owner, roles: tuple[str, ...]) -> None:
    if owner.role not in (None, *roles):
        raise Forbidden(f"{owner.id} is a {owner.kind} and can't act as {owner.role}")


def _check_person(owner: Owner, states: Mapping[str, Any]) -> None:
    person = states.get(owner.actor)
    if person is None or not person.exists:
        raise Invalid(
            f"person {owner.id} is unknown: `ticketlog person register NAME` registers them, and "
            "says their id"
        )
    if person.merged_into is not None:
        raise Invalid(
            f"person {owner.id} was merged into {person.merged_into}, who acts for both: name "
            f"person:{person.merged_into}"
        )
