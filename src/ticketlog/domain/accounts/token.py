"""API tokens: what a program names itself with, on behalf of its owner. Streams `token/ID`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import StringConstraints

from ticketlog.domain.accounts.owner import (
    EVERYBODY,
    THE_DESK,
    Owner,
    acts_as_admin,
    check_can_own,
    check_owns,
    person_streams,
)
from ticketlog.domain.accounts.secret import SecretHash, key_of_hash
from ticketlog.domain.base import (
    Actor,
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Forbidden,
    Instant,
    Invalid,
    Line,
    Recorded,
    iso,
    kind_and_id,
)
from ticketlog.domain.parties.party import Party, after

KIND = "token"
PREFIX = "tlk_"
"""The beginning of every token, so that programs that look for lost secrets find one."""
DAY = 86_400 * 1_000_000
"""Microseconds."""
LONGEST_DAYS = 366
"""Days for which a token is good at most."""
Pattern = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9 :_./{}*-]+$", min_length=1, max_length=100)
]
"""A right by its name, or the beginning of names and '*': 'ticket.reply', 'ticket.*', 'query:*'."""
RefusalReason = Literal["revoked", "expired"]


class TokenCreated(Event):
    """A token is good from now until it expires or is revoked. `scope`: the only rights of its
    owner that it has; none named: all of them."""

    NAME: ClassVar[str] = "token.created.v1"
    ASPECT: ClassVar[str] = "existence"
    owner: Owner
    sha256: SecretHash
    label: Line
    """Where it is used, in its owner's words."""
    scope: tuple[Pattern, ...] = ()
    expires_at: Instant


class TokenUsed(Event):
    """It was used, for the first time on a day (UTC)."""

    NAME: ClassVar[str] = "token.used.v1"
    ASPECT: ClassVar[str] = "use"


class TokenRevoked(Event):
    """It is good no more."""

    NAME: ClassVar[str] = "token.revoked.v1"
    ASPECT: ClassVar[str] = "existence"


EVENTS: tuple[type[Event], ...] = (TokenCreated, TokenUsed, TokenRevoked)


@dataclass(frozen=True)
class Token(Party):
    """A token after event number `version` of its stream."""

    owner: Owner | None = None
    sha256: str | None = None
    label: str = ""
    scope: tuple[str, ...] = ()
    created_by: Actor | None = None
    created_at: int = 0
    expires_at: int = 0
    used_at: int | None = None
    """The last day's first use, in microseconds since 1970."""
    revoked_at: int | None = None

    def unfit(self, now: int) -> RefusalReason | None:
        """The reason for which it is good no more; None: it is good."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now >= self.expires_at else None


def initial(id: str) -> Token:
    """A token that nobody has created; `id` is the part after 'token/'."""
    return Token(id=id)


def evolve(token: Token, recorded: Recorded) -> Token:
    """The token after one more event. Never fails; events of other aggregates change nothing."""
    return token.but(after(token, recorded, _changes(recorded)))


def _changes(recorded: Recorded) -> dict[str, Any]:
    event, meta = recorded.event, recorded.meta
    match event:
        case TokenCreated():
            return {
                "owner": event.owner,
                "sha256": event.sha256,
                "label": event.label,
                "scope": event.scope,
                "expires_at": event.expires_at,
                "created_by": meta.actor,
                "created_at": meta.occurred_at,
            }
        case TokenUsed():
            return {"used_at": meta.occurred_at}
        case TokenRevoked():
            return {"revoked_at": meta.occurred_at}
    return {}


class CreateToken(Command):
    """Creates a token of the hash, for oneself; an admin may for every owner."""

    NAME: ClassVar[str] = "token.create"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=EVERYBODY)
    owner: Owner
    sha256: SecretHash
    label: Line
    scope: tuple[Pattern, ...] = ()
    expires_at: Instant


class RecordTokenUse(Command):
    """Says that it was used, once a day."""

    NAME: ClassVar[str] = "token.record-use"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=THE_DESK)


class RevokeToken(Command):
    """Makes it good no more, for its owner or an admin."""

    NAME: ClassVar[str] = "token.revoke"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=EVERYBODY | THE_DESK)


COMMANDS: tuple[type[Command], ...] = (CreateToken, RecordTokenUse, RevokeToken)


def covers(pattern: str, name: str) -> bool:
    """Whether a pattern of a scope holds all that a right's name, or another pattern, does."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return pattern == name


def in_scope(name: str, scope: Collection[str]) -> bool:
    """Whether a right is in a scope; one that names none has all."""
    return not scope or any(covers(pattern, name) for pattern in scope)


def check_scope(right: str, token: Token) -> None:
    """Raises Forbidden for a right that isn't in the scope of the token that an actor came with."""
    if not in_scope(right, token.scope):
        raise Forbidden(
            f"token {token.id} has not the right {right}; its scope: {', '.join(token.scope)}",
            token=token.id,
            scope=token.scope,
        )


def token_of(actor: Actor) -> str | None:
    """The stream of the token that the actor came with; None: they came otherwise."""
    how, _, id = (actor.authenticated or "").partition(":")
    return f"{KIND}/{id}" if how == KIND and id else None


def reads(command: Command, token: Token, context: Context | None = None) -> tuple[str, ...]:
    """The owner, where that is a person, and the token that the actor came with."""
    if not isinstance(command, CreateToken):
        return ()
    came_with = None if context is None else token_of(context.actor)
    return (*person_streams(command.owner), *((came_with,) if came_with else ()))


def decide(command: Command, token: Token, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Forbidden, Invalid."""
    match command:
        case CreateToken():
            return _create(command, token, context)
        case RecordTokenUse():
            return _use(token, context)
        case RevokeToken():
            return _revoke(token, context)
    return []


def _create(command: CreateToken, token: Token, context: Context) -> list[Event]:
    _, id = kind_and_id(context.stream)
    if id != key_of_hash(command.sha256):
        raise Invalid(f"token {id} isn't named after its hash: {key_of_hash(command.sha256)} is")
    if token.exists:
        raise Invalid(f"there is a token {id} already: make another secret")
    _check_may_create_for(command.owner, context)
    check_can_own(command.owner, context)
    came_with = token_of(context.actor)
    if came_with is not None:
        _check_within(command, context.states[came_with])
    latest = context.now + LONGEST_DAYS * DAY
    if not context.now < command.expires_at <= latest:
        raise Invalid(
            f"a token expires after now and within {LONGEST_DAYS} days, by {iso(latest)}; not at "
            f"{iso(command.expires_at)}"
        )
    return [TokenCreated(**dict(command))]


def _check_may_create_for(owner: Owner, context: Context) -> None:
    actor = context.actor
    if acts_as_admin(context):
        return
    if owner.kind == "service" or not owner.is_of(actor):
        raise Forbidden(
            f"{actor.kind} {actor.id} may create tokens for themselves alone; an admin may create "
            f"one for {owner}",
            actor=actor.id,
        )
    if actor.role is not None and owner.role != actor.role:
        raise Forbidden(
            f"{actor.kind} {actor.id} acts as {actor.role} and can't create a token with more "
            f"rights: name {owner.kind}:{owner.id}/{actor.role}",
            actor=actor.id,
        )


def _check_within(command: CreateToken, came_with: Token) -> None:
    """A token makes none that may do more or lasts longer than itself."""
    wide = [each for each in command.scope or ("*",) if not in_scope(each, came_with.scope)]
    if wide:
        raise Forbidden(
            f"token {came_with.id} has not the scope {', '.join(wide)}, so it can't create a token "
            f"with it; it has: {', '.join(came_with.scope)}"
        )
    if command.expires_at > came_with.expires_at:
        raise Forbidden(
            f"token {came_with.id} expires at {iso(came_with.expires_at)}, and creates none that "
            "lasts longer"
        )


def _use(token: Token, context: Context) -> list[Event]:
    if not token.exists or token.unfit(context.now):
        return []
    known = token.used_at is not None and token.used_at // DAY == context.now // DAY
    return [] if known else [TokenUsed()]


def _revoke(token: Token, context: Context) -> list[Event]:
    check_owns(token.owner, context)
    return [] if token.revoked_at is not None else [TokenRevoked()]


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `token/ID` of the access log: API tokens, by the hash of their secret.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    reads=reads,
    public=False,
    internal=True,
)
