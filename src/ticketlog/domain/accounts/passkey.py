"""Passkeys: public keys of authenticators, with which people sign in without a secret that the desk
would keep. Streams `passkey/ID`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from ticketlog.domain.accounts.login_link import LOCAL
from ticketlog.domain.accounts.owner import (
    EVERYBODY,
    THE_DESK,
    Owner,
    check_can_own,
    check_owns,
    owner_of,
)
from ticketlog.domain.accounts.session import KIND as SESSION
from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    Invalid,
    Line,
    NotFound,
    Recorded,
    Refused,
    base32,
    kind_and_id,
)
from ticketlog.domain.parties.party import Party, after

KIND = "passkey"
Encoded = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=4_000)]
"""Bytes in base64url without padding."""
_SignCount = Annotated[int, Field(ge=0, le=2**32 - 1)]


class PasskeyRegistered(Event):
    """Its owner can sign in with it from now on."""

    NAME: ClassVar[str] = "passkey.registered.v1"
    ASPECT: ClassVar[str] = "existence"
    owner: Owner
    credential: Encoded
    public_key: Encoded
    """In COSE, as the authenticator gave it."""
    sign_count: _SignCount
    label: Line
    """Where it is kept, in its owner's words."""
    backed_up: bool = False
    """It is on several devices of its owner's."""


class PasskeyUsed(Event):
    """Its owner signed in with it; `sign_count`: how often it has signed, by its own count."""

    NAME: ClassVar[str] = "passkey.used.v1"
    ASPECT: ClassVar[str] = "use"
    sign_count: _SignCount


class PasskeyRemoved(Event):
    """Nobody can sign in with it any more."""

    NAME: ClassVar[str] = "passkey.removed.v1"
    ASPECT: ClassVar[str] = "existence"


EVENTS: tuple[type[Event], ...] = (PasskeyRegistered, PasskeyUsed, PasskeyRemoved)


@dataclass(frozen=True)
class Passkey(Party):
    """A passkey after event number `version` of its stream."""

    owner: Owner | None = None
    credential: str = ""
    public_key: str = ""
    sign_count: int = 0
    label: str = ""
    backed_up: bool = False
    registered_at: int = 0
    used_at: int | None = None
    removed_at: int | None = None

    @property
    def fit(self) -> bool:
        """Whether one can sign in with it."""
        return self.owner is not None and self.removed_at is None


def initial(id: str) -> Passkey:
    """A passkey that nobody has registered; `id` is the part after 'passkey/'."""
    return Passkey(id=id)


def passkey_key(credential: str) -> str:
    """The id of the stream of a credential, whose id is given in base64url."""
    return base32(hashlib.sha256(credential.encode()).digest())


def evolve(passkey: Passkey, recorded: Recorded) -> Passkey:
    """The passkey after one more event. Never fails; events of other aggregates change nothing."""
    return passkey.but(after(passkey, recorded, _changes(recorded)))


def _changes(recorded: Recorded) -> dict[str, Any]:
    event, at = recorded.event, recorded.meta.occurred_at
    match event:
        case PasskeyRegistered():
            return {**dict(event), "registered_at": at}
        case PasskeyUsed(sign_count=sign_count):
            return {"sign_count": sign_count, "used_at": at}
        case PasskeyRemoved():
            return {"removed_at": at}
    return {}


class RegisterPasskey(Command):
    """Registers a passkey for the actor, who is signed in or may read the desk's files."""

    NAME: ClassVar[str] = "passkey.register"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=EVERYBODY)
    credential: Encoded
    public_key: Encoded
    sign_count: _SignCount
    label: Line
    backed_up: bool = False


class RecordPasskeyUse(Command):
    """Says that its owner signed with it. A count that hasn't grown is refused."""

    NAME: ClassVar[str] = "passkey.record-use"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=THE_DESK)
    sign_count: _SignCount


class RemovePasskey(Command):
    """Takes it away, for its owner or an admin."""

    NAME: ClassVar[str] = "passkey.remove"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=EVERYBODY)


COMMANDS: tuple[type[Command], ...] = (RegisterPasskey, RecordPasskeyUse, RemovePasskey)


def reads(command: Command, passkey: Passkey, context: Context | None = None) -> tuple[str, ...]:
    """The person who registers it."""
    if context is None or not isinstance(command, RegisterPasskey):
        return ()
    return (f"person/{context.actor.id}",) if context.actor.kind == "person" else ()


def decide(command: Command, passkey: Passkey, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Forbidden, Invalid, Refused."""
    match command:
        case RegisterPasskey():
            return _register(command, passkey, context)
        case RecordPasskeyUse(sign_count=sign_count):
            return _use(sign_count, passkey)
        case RemovePasskey():
            return _remove(passkey, context)
    return []


def _register(command: RegisterPasskey, passkey: Passkey, context: Context) -> list[Event]:
    _, id = kind_and_id(context.stream)
    if id != passkey_key(command.credential):
        raise Invalid(f"passkey {id} isn't named after its credential")
    if passkey.exists:
        raise Invalid(f"passkey {id} is registered already, or was: make a new one")
    how = context.actor.authenticated or ""
    if how != LOCAL and not how.startswith(f"{SESSION}:"):
        raise Forbidden(
            "a passkey is registered by somebody who has signed in; a token can't",
            actor=context.actor.id,
        )
    owner = owner_of(context.actor)
    if owner.kind == "service":
        raise Forbidden(f"{owner} is a program, which signs in with a token: `ticketlog token`")
    check_can_own(owner, context)
    return [PasskeyRegistered(owner=owner, **dict(command))]


def _use(sign_count: int, passkey: Passkey) -> list[Event]:
    """Authenticators that don't count say 0 for ever."""
    if not passkey.fit:
        raise NotFound("this passkey isn't registered: sign in otherwise, and register it")
    if sign_count <= passkey.sign_count and (sign_count, passkey.sign_count) != (0, 0):
        raise Refused(
            f"passkey {passkey.id} has signed before with this count or a higher one: it may have "
            "been copied. Remove it, and register a new one",
            why="counter",
        )
    return [PasskeyUsed(sign_count=sign_count)]


def _remove(passkey: Passkey, context: Context) -> list[Event]:
    check_owns(passkey.owner, context)
    return [] if passkey.removed_at is not None else [PasskeyRemoved()]


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `passkey/ID` of the access log: public keys that people sign in with.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    reads=reads,
    public=False,
    internal=True,
)
