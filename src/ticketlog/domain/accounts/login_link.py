"""Login links: single-use, for fifteen minutes, made on the desk's machine. Streams
`login-link/ID`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ticketlog.domain.accounts.owner import (
    EVERYBODY,
    THE_DESK,
    Owner,
    check_can_own,
    owner_of,
)
from ticketlog.domain.accounts.secret import SecretHash, key_of_hash
from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    Instant,
    Invalid,
    Recorded,
    Refused,
    kind_and_id,
)
from ticketlog.domain.parties.party import Party, after

KIND = "login-link"
MINUTES = 15
"""For which a link is good."""
_MINUTE = 60 * 1_000_000
LOCAL = "local"
"""How actors are authenticated who may read the desk's files."""


class LoginLinkCreated(Event):
    """A link signs its owner in, once, until it expires."""

    NAME: ClassVar[str] = "login-link.created.v1"
    ASPECT: ClassVar[str] = "existence"
    owner: Owner
    sha256: SecretHash
    expires_at: Instant


class LoginLinkUsed(Event):
    """It was used, and is good no more."""

    NAME: ClassVar[str] = "login-link.used.v1"
    ASPECT: ClassVar[str] = "existence"


EVENTS: tuple[type[Event], ...] = (LoginLinkCreated, LoginLinkUsed)


@dataclass(frozen=True)
class LoginLink(Party):
    """A login link after event number `version` of its stream."""

    owner: Owner | None = None
    sha256: str | None = None
    expires_at: int = 0
    used_at: int | None = None

    def unfit(self, now: int) -> str | None:
        """The reason for which it is good no more, 'used' or 'expired'; None: it is good."""
        if self.used_at is not None:
            return "used"
        return "expired" if now >= self.expires_at else None


def initial(id: str) -> LoginLink:
    """A link that nobody has made; `id` is the part after 'login-link/'."""
    return LoginLink(id=id)


def evolve(link: LoginLink, recorded: Recorded) -> LoginLink:
    """The link after one more event. Never fails; events of other aggregates change nothing."""
    return link.but(after(link, recorded, _changes(recorded)))


def _changes(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    match event:
        case LoginLinkCreated():
            return {
                "owner": event.owner,
                "sha256": event.sha256,
                "expires_at": event.expires_at,
            }
        case LoginLinkUsed():
            return {"used_at": recorded.meta.occurred_at}
    return {}


class CreateLoginLink(Command):
    """Makes a link that signs the actor in."""

    NAME: ClassVar[str] = "login-link.create"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=EVERYBODY)
    sha256: SecretHash


class UseLoginLink(Command):
    """Uses it up."""

    NAME: ClassVar[str] = "login-link.use"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=THE_DESK)


COMMANDS: tuple[type[Command], ...] = (CreateLoginLink, UseLoginLink)


def reads(command: Command, link: LoginLink, context: Context | None = None) -> tuple[str, ...]:
    """The person whom a link is made for."""
    if context is None or not isinstance(command, CreateLoginLink):
        return ()
    return (f"person/{context.actor.id}",) if context.actor.kind == "person" else ()


def decide(command: Command, link: LoginLink, context: Context) -> list[Event]:
    """The events of what the command changes. Raises Forbidden, Invalid, Refused."""
    match command:
        case CreateLoginLink(sha256=sha256):
            return _create(sha256, link, context)
        case UseLoginLink():
            return _use(link, context)
    return []


def _create(sha256: str, link: LoginLink, context: Context) -> list[Event]:
    _, id = kind_and_id(context.stream)
    if id != key_of_hash(sha256) or link.exists:
        raise Invalid(f"login-link {id} is taken, or isn't named after its hash: make another")
    owner = owner_of(context.actor)
    if context.actor.authenticated != LOCAL or owner.kind == "service":
        raise Forbidden(
            "login links are made on the machine of the desk, for agents and persons: "
            "`ticketlog login-link --as agent:ID`",
            actor=context.actor.id,
        )
    check_can_own(owner, context)
    expires_at = context.now + MINUTES * _MINUTE
    return [LoginLinkCreated(owner=owner, sha256=sha256, expires_at=expires_at)]


def _use(link: LoginLink, context: Context) -> list[Event]:
    why = "unknown" if link.owner is None else link.unfit(context.now)
    if why is not None:
        raise Refused(
            f"this login link is {why}: `ticketlog login-link --as agent:ID` makes another, for "
            f"{MINUTES} minutes and one use",
            why=why,
        )
    return [LoginLinkUsed()]


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `login-link/ID` of the access log: links that sign in once.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    reads=reads,
    public=False,
    internal=True,
)
