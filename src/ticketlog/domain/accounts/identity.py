"""Identities: as whom the users of an identity provider act. Streams `identity/ID`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import StringConstraints

from ticketlog.domain.accounts.owner import (
    EVERYBODY,
    THE_DESK,
    Named,
    Owner,
    check_can_own,
    check_owns,
    person_streams,
)
from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Invalid,
    Key,
    Line,
    Personal,
    Recorded,
    base32,
    kind_and_id,
)
from ticketlog.domain.parties.party import Party, after

KIND = "identity"
Subject = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class IdentityLinked(Event):
    """A provider's user acts as this owner."""

    NAME: ClassVar[str] = "identity.linked.v1"
    ASPECT: ClassVar[str] = "owner"
    data_subject: Named
    provider: Key
    issuer: Line
    subject: Annotated[Subject, Personal()]
    owner: Owner


class IdentitySignedIn(Event):
    """The provider said that the user is there."""

    NAME: ClassVar[str] = "identity.signed-in.v1"
    ASPECT: ClassVar[str] = "use"


class IdentityUnlinked(Event):
    """The user acts as nobody, until they sign in again and a rule says as whom."""

    NAME: ClassVar[str] = "identity.unlinked.v1"
    ASPECT: ClassVar[str] = "owner"


EVENTS: tuple[type[Event], ...] = (IdentityLinked, IdentitySignedIn, IdentityUnlinked)


@dataclass(frozen=True)
class Identity(Party):
    """An identity after event number `version` of its stream."""

    owner: Owner | None = None
    """None: it isn't linked."""
    was_of: Owner | None = None
    """The last owner, also when it isn't linked any more."""
    provider: str = ""
    issuer: str = ""
    subject: str = ""
    linked_at: int = 0
    signed_in_at: int | None = None


def initial(id: str) -> Identity:
    """A user whom no provider has named yet; `id` is the part after 'identity/'."""
    return Identity(id=id)


def identity_key(issuer: str, subject: str) -> str:
    """The id of the stream of a provider's user: the issuer and the user's name there stay the
    same when an e-mail address goes to another human."""
    return base32(hashlib.sha256(f"{issuer}\0{subject}".encode()).digest())


def evolve(identity: Identity, recorded: Recorded) -> Identity:
    """The identity after one more event. Never fails; events of other aggregates change nothing."""
    return identity.but(after(identity, recorded, _changes(recorded)))


def _changes(recorded: Recorded) -> dict[str, Any]:
    event, at = recorded.event, recorded.meta.occurred_at
    match event:
        case IdentityLinked():
            return {
                "owner": event.owner,
                "was_of": event.owner,
                "provider": event.provider,
                "issuer": event.issuer,
                "subject": event.subject,
                "linked_at": at,
            }
        case IdentitySignedIn():
            return {"signed_in_at": at}
        case IdentityUnlinked():
            return {"owner": None}
    return {}


class SignInIdentity(Command):
    """Says that the provider's user is there, and as whom they act."""

    NAME: ClassVar[str] = "identity.sign-in"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=THE_DESK)
    provider: Key
    issuer: Line
    subject: Subject
    owner: Owner


class UnlinkIdentity(Command):
    """Takes the link away, for its owner or an admin."""

    NAME: ClassVar[str] = "identity.unlink"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=EVERYBODY)


COMMANDS: tuple[type[Command], ...] = (SignInIdentity, UnlinkIdentity)


def reads(command: Command, identity: Identity, context: Context | None = None) -> tuple[str, ...]:
    """The owner, where that is a person."""
    return person_streams(command.owner) if isinstance(command, SignInIdentity) else ()


def decide(command: Command, identity: Identity, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Forbidden, Invalid."""
    match command:
        case SignInIdentity():
            return _sign_in(command, identity, context)
        case UnlinkIdentity():
            return _unlink(identity, context)
    return []


def _sign_in(command: SignInIdentity, identity: Identity, context: Context) -> list[Event]:
    _, id = kind_and_id(context.stream)
    if id != identity_key(command.issuer, command.subject):
        raise Invalid(f"identity {id} isn't named after its issuer and its subject")
    check_can_own(command.owner, context)
    linked = IdentityLinked(data_subject=command.owner.actor, **dict(command))
    known = (identity.owner, identity.provider) == (command.owner, command.provider)
    return [IdentitySignedIn()] if known else [linked, IdentitySignedIn()]


def _unlink(identity: Identity, context: Context) -> list[Event]:
    check_owns(identity.was_of, context)
    return [] if identity.owner is None else [IdentityUnlinked()]


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `identity/ID` of the access log: whom an identity provider's users act as.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    reads=reads,
    public=False,
    internal=True,
)
