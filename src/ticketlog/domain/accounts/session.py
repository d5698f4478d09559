"""Sessions of browsers, which act as their owner. Streams `session/DATE-ID`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ticketlog.domain.accounts.owner import (
    EVERYBODY,
    THE_DESK,
    Named,
    Owner,
    check_can_own,
    check_owns,
    person_streams,
)
from ticketlog.domain.accounts.secret import SecretHash, key_of_hash
from ticketlog.domain.base import (
    Aggregate,
    Command,
    CommandSpec,
    Context,
    Event,
    Instant,
    Invalid,
    Key,
    Line,
    Personal,
    Recorded,
    Seconds,
    iso,
    kind_and_id,
)
from ticketlog.domain.parties.party import Party, after

KIND = "session"
SECOND = 1_000_000
SEEN_PER_IDLE = 32
"""The number of times that activity is recorded in as long as a session may be idle: at the longest
8 hours every quarter of an hour. So a session ends at most so much too early after a restart."""
Method = Literal["link", "oidc", "passkey"]
EndReason = Literal["logout", "revoked", "idle", "expired", "owner-gone", "signed-in-anew"]
_IdleSeconds = Annotated[Seconds, Field(ge=60, le=366 * 86_400)]


class SessionBegun(Event):
    """A human signed in: with a link, by an identity provider or with a passkey.

    `used` names the stream of what they signed in with. It ends at `expires_at`, or when nothing
    came from it for `idle` seconds.
    """

    NAME: ClassVar[str] = "session.begun.v1"
    ASPECT: ClassVar[str] = "existence"
    data_subject: Named
    owner: Owner
    sha256: SecretHash
    method: Method
    used: Key
    expires_at: Instant
    idle: _IdleSeconds
    device: Annotated[Line | None, Personal()] = None
    """The browser and the system, as it names itself."""


class SessionSeen(Event):
    """It was active; said now and then."""

    NAME: ClassVar[str] = "session.seen.v1"
    ASPECT: ClassVar[str] = "use"


class SessionEnded(Event):
    """It ended. `why`: they logged out, it was revoked, it was idle for too long or had lasted its
    time, its owner was retired or merged, or the same browser signed in anew."""

    NAME: ClassVar[str] = "session.ended.v1"
    ASPECT: ClassVar[str] = "existence"
    why: EndReason


EVENTS: tuple[type[Event], ...] = (SessionBegun, SessionSeen, SessionEnded)


@dataclass(frozen=True)
class Session(Party):
    """A session after event number `version` of its stream."""

    owner: Owner | None = None
    sha256: str | None = None
    method: Method | None = None
    used: str | None = None
    device: str | None = None
    begun_at: int = 0
    expires_at: int = 0
    idle: int = 0
    """Seconds."""
    seen_at: int = 0
    """The last recorded activity, in microseconds since 1970."""
    ended_at: int | None = None
    why: EndReason | None = None

    def over(self, now: int, seen_at: int = 0) -> EndReason | None:
        """The reason for which it is over; None: it isn't. `seen_at`: a later activity that was
        seen and isn't recorded."""
        if self.why is not None:
            return self.why
        if now >= self.expires_at:
            return "expired"
        seen = max(self.seen_at, seen_at)
        return "idle" if now >= seen + self.idle * SECOND else None

    def is_to_be_seen(self, now: int) -> bool:
        """Whether its activity is to be recorded again."""
        return now >= self.seen_at + self.idle * SECOND // SEEN_PER_IDLE


def initial(id: str) -> Session:
    """A session that nobody has begun; `id` is the part after 'session/'."""
    return Session(id=id)


def session_key(sha256: str, at: int) -> str:
    """The id of a session with this hash that begins at an instant. The day comes first, so that
    those that may be alive are found without all that ever were."""
    return f"{iso(at)[:10]}-{key_of_hash(sha256)}"


def evolve(session: Session, recorded: Recorded) -> Session:
    """The session after one more event. Never fails; events of other aggregates change nothing."""
    return session.but(after(session, recorded, _changes(recorded)))


def _changes(recorded: Recorded) -> dict[str, Any]:
    event, meta = recorded.event, recorded.meta
    match event:
        case SessionBegun():
            return {
                "owner": event.owner,
                "sha256": event.sha256,
                "method": event.method,
                "used": event.used,
                "device": event.device,
                "begun_at": meta.occurred_at,
                "seen_at": meta.occurred_at,
                "expires_at": event.expires_at,
                "idle": event.idle,
            }
        case SessionSeen():
            return {"seen_at": meta.occurred_at}
        case SessionEnded(why=why):
            return {"ended_at": meta.occurred_at, "why": why}
    return {}


class BeginSession(Command):
    """Begins a session for a human who has shown who they are."""

    NAME: ClassVar[str] = "session.begin"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=THE_DESK)
    owner: Owner
    sha256: SecretHash
    method: Method
    used: Key
    expires_at: Instant
    idle: _IdleSeconds
    device: Line | None = None


class RecordSessionActivity(Command):
    """Says that it is active, now and then."""

    NAME: ClassVar[str] = "session.record-activity"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=THE_DESK)


class EndSession(Command):
    """Ends it, for its owner or an admin. The desk itself says why else it ended."""

    NAME: ClassVar[str] = "session.end"
    SPEC: ClassVar[CommandSpec] = CommandSpec(who_may=EVERYBODY | THE_DESK)
    why: EndReason = "revoked"


COMMANDS: tuple[type[Command], ...] = (BeginSession, RecordSessionActivity, EndSession)


def reads(command: Command, session: Session, context: Context | None = None) -> tuple[str, ...]:
    """The owner, where that is a person."""
    return person_streams(command.owner) if isinstance(command, BeginSession) else ()


def decide(command: Command, session: Session, context: Context) -> list[Event]:
    """The events of what the command changes. Raises NotFound, Forbidden, Invalid."""
    match command:
        case BeginSession():
            return _begin(command, session, context)
        case RecordSessionActivity():
            fit = session.exists and session.over(context.now) is None
            return [SessionSeen()] if fit and session.is_to_be_seen(context.now) else []
        case EndSession(why=why):
            return _end(why, session, context)
    return []


def _begin(command: BeginSession, session: Session, context: Context) -> list[Event]:
    _, id = kind_and_id(context.stream)
    if not id.endswith(key_of_hash(command.sha256)):
        raise Invalid(f"session {id} isn't named after its hash: {key_of_hash(command.sha256)} is")
    if session.exists:
        raise Invalid(f"session {id} has begun already: make another secret")
    if command.expires_at <= context.now:
        raise Invalid(f"session {id} would be over before it begins, at {iso(command.expires_at)}")
    check_can_own(command.owner, context)
    return [SessionBegun(data_subject=command.owner.actor, **dict(command))]


def _end(why: EndReason, session: Session, context: Context) -> list[Event]:
    check_owns(session.owner, context)
    return [] if session.why is not None else [SessionEnded(why=why)]


AGGREGATE = Aggregate(
    kind=KIND,
    streams="Streams `session/DATE-ID` of the access log: who signed in, until when.",
    initial=initial,
    decide=decide,
    evolve=evolve,
    commands=COMMANDS,
    events=EVENTS,
    reads=reads,
    public=False,
    internal=True,
)
