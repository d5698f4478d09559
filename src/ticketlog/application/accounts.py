"""Accounts: what actors sign in with, and as whom they act then.

    accounts = Accounts(desk)
    made = accounts.create_token(owner_of(ann), label="nightly export", actor=ann)
    accounts.by_token(made.secret)      # ann, as an actor that `Desk` takes

No secret is kept: the log has hashes, and `made.secret` is shown once. What is refused is recorded
in the log of access before the refusal is raised.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

from ticketlog.application.access_log import NOBODY, AccessLog, is_operator
from ticketlog.application.executor import Outcome, derived_id
from ticketlog.application.failed_sign_ins import FailedSignIns, RefusedAttempt
from ticketlog.domain.accounts import identity, login_link, passkey, session, token
from ticketlog.domain.accounts.identity import Identity, UnlinkIdentity
from ticketlog.domain.accounts.login_link import CreateLoginLink, LoginLink, UseLoginLink
from ticketlog.domain.accounts.owner import SIGNING_IN, Owner
from ticketlog.domain.accounts.passkey import Passkey, RegisterPasskey, RemovePasskey, passkey_key
from ticketlog.domain.accounts.secret import is_secret, key_of_hash, secret_hash
from ticketlog.domain.accounts.session import (
    BeginSession,
    EndReason,
    EndSession,
    Method,
    RecordSessionActivity,
    Session,
    session_key,
)
from ticketlog.domain.accounts.token import (
    CreateToken,
    RecordTokenUse,
    RevokeToken,
    Token,
    covers,
)
from ticketlog.domain.aggregates import RIGHTS
from ticketlog.domain.base import Actor, Command, Forbidden, Invalid, NotFound, Refused, iso
from ticketlog.domain.rights import ACTS, check_known, roles_of_agent
from ticketlog.domain.settings.model import Settings
from ticketlog.domain.settings.signing_in import LIMITS
from ticketlog.domain.text import flat
from ticketlog.errors import TicketlogError

if TYPE_CHECKING:
    from ticketlog.application.access import Access, Viewer

LOOKING = "query:accounts"
"""The right to see accounts: one's own, and all of them for those who look after them."""
SECRET_BYTES = 32
DEFAULT_DAYS = 90
"""Days for which a token is good where nothing is said."""
_COOKIE = re.compile(r"(\d{4}-\d\d-\d\d)\.[A-Za-z0-9_-]{43}")
_TOKEN = re.compile(rf"{token.PREFIX}[A-Za-z0-9_-]{{43}}")
_SEERS = frozenset({"admin", "auditor"})
"""The roles that see everybody's accounts."""
_LONGEST_DEVICE = 200
S = TypeVar("S")


class NotSignedIn(Refused):
    """Nobody is signed in, or not any more. The message says the reason and how to sign in."""

    code: ClassVar[str] = "unauthenticated"


class AccountsDesk(Protocol):
    """The parts of a desk that accounts need."""

    access_log: AccessLog

    @property
    def access(self) -> Access: ...

    @property
    def settings(self) -> Settings: ...

    def now(self) -> int: ...

    def load(self, stream: str) -> Any: ...

    def viewer(self, actor: Actor | None) -> Viewer: ...

    def load_account(self, stream: str) -> Any: ...

    def load_accounts(self, kind: str, since: str = "") -> Iterator[Any]: ...

    def execute_account(
        self,
        command: Command,
        *,
        on: str | None = None,
        actor: Actor,
        id: str | None = None,
        channel: str = "api",
        internal: bool = False,
    ) -> Outcome: ...


class CreatedToken(NamedTuple):
    """A new token, with the secret that nobody can show again."""

    token: Token
    secret: str


class CreatedLink(NamedTuple):
    """A new login link, with the secret that it carries."""

    link: LoginLink
    secret: str


class BegunSession(NamedTuple):
    """A new session, with the cookie that stands for it."""

    session: Session
    cookie: str


class Admission(NamedTuple):
    """The answer to a token or a cookie: the actor, or the attempt that is refused.

    `due`: what is to be recorded before it counts, if anything; `settle` does.
    """

    actor: Actor | None = None
    attempt: RefusedAttempt | None = None
    due: Callable[[], object] | None = None

    @property
    def settled(self) -> Actor | None:
        """The actor, where nothing is left to record."""
        return self.actor if self.due is None else None


class Accounts:
    """The accounts of a desk. Thread-safe. Every method raises Unreachable and Damaged, too."""

    def __init__(self, desk: AccountsDesk) -> None:
        self._desk = desk
        self._failed = FailedSignIns(desk.access_log, desk.now, NOBODY)
        self._seen: dict[str, int] = {}
        """Id of a session -> its last activity in this process."""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Records the refused attempts that are counted."""
        self._failed.close()

    # Tokens

    def create_token(
        self,
        owner: Owner,
        *,
        actor: Actor,
        label: str,
        scope: tuple[str, ...] = (),
        expires_at: int | None = None,
    ) -> CreatedToken:
        """A token that acts as its owner, within `scope`: rights of the owner by name, or patterns
        ('ticket.*'); none named: all of them. `expires_at`: microseconds since 1970; by default in
        90 days, or when the token ends by which the actor came. Raises Forbidden, Invalid."""
        self._check_scope(owner, scope)
        secret = token.PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        sha256 = secret_hash(secret)
        stream = f"{token.KIND}/{key_of_hash(sha256)}"
        expires = self._usual_end(actor) if expires_at is None else expires_at
        create = CreateToken(
            owner=owner, sha256=sha256, label=label, scope=scope, expires_at=expires
        )
        self._desk.execute_account(create, on=stream, actor=actor)
        return CreatedToken(self._desk.load_account(stream), secret)

    def _usual_end(self, actor: Actor) -> int:
        """The end of a token where nothing is said: never after that of the token by which the
        actor came."""
        usual = self._desk.now() + DEFAULT_DAYS * token.DAY
        came_with = token.token_of(actor)
        known: Token | None = None if came_with is None else self._desk.load_account(came_with)
        return min(usual, known.expires_at) if known and known.exists else usual

    def _check_scope(self, owner: Owner, scope: Iterable[str]) -> None:
        """Raises Invalid for what is no right, Forbidden for rights that the owner hasn't."""
        known = _rights() if scope else frozenset[str]()
        viewer = self._desk.viewer(owner.acting("local")) if scope else None
        for pattern in scope:
            named = [each for each in known if covers(pattern, each)]
            if not named:
                raise Invalid(
                    f"scope {pattern!r} is no right: write the name of a command, 'ticket.reply', "
                    "of a query, 'query:queue', of a report, 'report:flow', or the beginning of "
                    "several, 'ticket.*'"
                )
            if viewer is not None and not any(map(viewer.may, named)):
                raise Forbidden(
                    f"{owner} has not the right {pattern}, so no token of theirs has it"
                )

    def tokens(self, actor: Actor | None) -> list[Token]:
        """The tokens of an actor; of everybody for an admin, an auditor and the operator (None)."""
        return self._seen_by(actor, self._desk.load_accounts(token.KIND))

    def revoke_token(self, id: str, *, actor: Actor) -> Token:
        """The token, which is good no more. Raises NotFound for one that the actor doesn't see."""
        stream = f"{token.KIND}/{id}"
        self._check_sees(actor, self._desk.load_account(stream), token.KIND)
        self._desk.execute_account(RevokeToken(), on=stream, actor=actor)
        revoked: Token = self._desk.load_account(stream)
        return revoked

    def by_token(self, secret: str, *, address: str | None = None) -> Actor:
        """The actor whom a token names. Raises NotSignedIn."""
        return self.settle(self.admit_token(secret), address)

    def admit_token(self, secret: str) -> Admission:
        """The answer to a token. Records nothing."""
        fits = _TOKEN.fullmatch(secret) is not None
        id = key_of_hash(secret_hash(secret))
        stream = f"{token.KIND}/{id}"
        known: Token = self._desk.load_account(stream)
        if known.owner is None or not is_secret(known.sha256, secret) or not fits:
            return _refused("token", "unknown", "no such token: `ticketlog token create` makes one")
        now, how = self._desk.now(), f"{token.KIND}:{id}"
        actor = known.owner.acting(how)
        why = known.unfit(now)
        if why is not None:
            at = known.expires_at if why == "expired" else known.revoked_at
            text = f"token {id} is {why} since {iso(at or 0)}: create another"
            return _refused("token", why, text, stream, actor)
        gone = self.gone(known.owner)
        if gone is not None:
            return _refused("token", "owner-gone", f"token {id}: {gone}", stream, actor)
        used_today = known.used_at is not None and known.used_at // token.DAY == now // token.DAY
        return Admission(actor, due=None if used_today else lambda: self._use_token(id, now))

    def _use_token(self, id: str, now: int) -> None:
        """Records the first use of a day. Where that can't be, the token is good all the same."""
        with suppress(TicketlogError, Refused):
            self.send(RecordTokenUse(), f"{token.KIND}/{id}", "used", iso(now)[:10])

    def refuse_token_in_url(self, secret: str, *, address: str | None = None) -> None:
        """Raises NotSignedIn for a token that came in a URL, where logs and histories keep it."""
        id = key_of_hash(secret_hash(secret))
        known: Token = self._desk.load_account(f"{token.KIND}/{id}")
        there = is_secret(known.sha256, secret)
        raise self.refusal(
            RefusedAttempt(
                "token",
                "in-url",
                "a token doesn't belong in a URL, which logs and histories keep: send it as "
                "`Authorization: Bearer`"
                + (f", and revoke this one: `ticketlog token revoke {id}`" if there else ""),
                f"{token.KIND}/{id}" if there else None,
                known.owner.acting(f"{token.KIND}:{id}") if there and known.owner else None,
            ),
            address,
        )

    # Sessions

    def begin_session(
        self,
        owner: Owner,
        *,
        method: Method,
        used: str,
        device: str | None = None,
        replacing: str | None = None,
    ) -> BegunSession:
        """A new session for an owner who has just signed in. `used`: the stream of what they
        signed in with; `device`: what the browser calls itself; `replacing`: the cookie that it
        has, whose session ends. Raises Invalid, Forbidden for an owner who is gone."""
        now = self._desk.now()
        limits = self._desk.settings.sessions or LIMITS
        cookie = f"{iso(now)[:10]}.{secrets.token_urlsafe(SECRET_BYTES)}"
        sha256 = secret_hash(cookie)
        stream = f"{session.KIND}/{session_key(sha256, now)}"
        begin = BeginSession(
            owner=owner,
            sha256=sha256,
            method=method,
            used=used,
            expires_at=now + limits.longest * session.SECOND,
            idle=limits.idle,
            device=_device(device),
        )
        self.send(begin, stream)
        if replacing is not None:
            self.log_out(replacing, why="signed-in-anew")
        return BegunSession(self._desk.load_account(stream), cookie)

    def by_session(self, cookie: str, *, address: str | None = None) -> Actor:
        """The actor whose session a cookie stands for. Raises NotSignedIn."""
        return self.settle(self.admit_session(cookie), address)

    def admit_session(self, cookie: str) -> Admission:
        """The answer to a cookie. Records nothing."""
        known = self._session(cookie)
        if known is None or known.owner is None:
            return _refused("session", "unknown", "no such session: sign in")
        now, stream = self._desk.now(), f"{session.KIND}/{known.id}"
        actor = known.owner.acting(f"{session.KIND}:{known.id}")
        why = known.over(now, self._seen.get(known.id, 0))
        gone = self.gone(known.owner) if why is None else None
        if why is None and gone is not None:
            why = "owner-gone"
        if why is not None:
            text = f"this session is over ({gone or _OVER[why]}): sign in again"
            attempt = RefusedAttempt("session", why, text, stream, actor)
            ended = why
            due = None if known.why is not None else lambda: self._end(stream, ended)
            return Admission(None, attempt, due)
        with self._lock:
            self._seen[known.id] = now
        due = None if not known.is_to_be_seen(now) else lambda: self._note_activity(stream)
        return Admission(actor, due=due)

    def _session(self, cookie: str) -> Session | None:
        """The session of a cookie; None: there is none."""
        found = _COOKIE.fullmatch(cookie)
        if found is None:
            return None
        known: Session = self._desk.load_account(
            f"{session.KIND}/{found[1]}-{key_of_hash(secret_hash(cookie))}"
        )
        return known if is_secret(known.sha256, cookie) else None

    def _note_activity(self, stream: str) -> None:
        """Records that a session is active. Where that can't be, it is active all the same."""
        with suppress(TicketlogError, Refused):
            self.send(RecordSessionActivity(), stream)

    def _end(self, stream: str, why: EndReason) -> None:
        self.send(EndSession(why=why), stream)
        with self._lock:
            self._seen.pop(stream.partition("/")[2], None)

    def log_out(self, cookie: str, *, why: EndReason = "logout") -> None:
        """Ends the session of a cookie, where there is one."""
        known = self._session(cookie)
        if known is not None and known.why is None:
            self._end(f"{session.KIND}/{known.id}", why)

    def sessions(self, actor: Actor | None, *, all: bool = False) -> list[Session]:
        """The sessions of an actor that go on; of everybody for an admin, an auditor and the
        operator (None). `all`: those, too, that ended in the time that a session may last."""
        now = self._desk.now()
        longest = max(LIMITS.longest, (self._desk.settings.sessions or LIMITS).longest)
        since = iso(now - (longest + _DAY_S) * session.SECOND)[:10]
        found = self._seen_by(actor, self._desk.load_accounts(session.KIND, since))
        return [each for each in found if all or each.over(now, self._seen.get(each.id, 0)) is None]

    def end_session(self, id: str, *, actor: Actor) -> Session:
        """The session, which is over now. Raises NotFound for one that the actor doesn't see."""
        stream = f"{session.KIND}/{id}"
        self._check_sees(actor, self._desk.load_account(stream), session.KIND)
        self._desk.execute_account(EndSession(), on=stream, actor=actor)
        ended: Session = self._desk.load_account(stream)
        return ended

    def end_sessions(self, owner: Owner, *, actor: Actor) -> list[Session]:
        """All sessions of an owner, which are over now. Raises Forbidden for another's, where the
        actor is no admin."""
        found = [each for each in self.sessions(None) if each.owner and _same(each.owner, owner)]
        for each in found:
            self._desk.execute_account(EndSession(), on=f"{session.KIND}/{each.id}", actor=actor)
        return [self._desk.load_account(f"{session.KIND}/{each.id}") for each in found]

    # Login links

    def create_link(self, *, actor: Actor) -> CreatedLink:
        """A link that signs the actor in: once, for 15 minutes. Raises Forbidden for an actor who
        isn't on the desk's machine."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        sha256 = secret_hash(secret)
        stream = f"{login_link.KIND}/{key_of_hash(sha256)}"
        self._desk.execute_account(CreateLoginLink(sha256=sha256), on=stream, actor=actor)
        return CreatedLink(self._desk.load_account(stream), secret)

    def link(self, secret: str) -> LoginLink | None:
        """The link of a secret, where it is good still. Nothing is used up."""
        known = self._link(secret)
        fit = known is not None and known.unfit(self._desk.now()) is None
        return known if fit else None

    def _link(self, secret: str) -> LoginLink | None:
        key = key_of_hash(secret_hash(secret))
        known: LoginLink = self._desk.load_account(f"{login_link.KIND}/{key}")
        return known if is_secret(known.sha256, secret) else None

    def use_link(
        self,
        secret: str,
        *,
        device: str | None = None,
        replacing: str | None = None,
        address: str | None = None,
    ) -> BegunSession:
        """The session that a link begins; the link is used up. Raises NotSignedIn."""
        known = self._link(secret)
        if known is None or known.owner is None:
            why = f"there is no such login link: {_MAKE_A_LINK}"
            raise self.refusal(RefusedAttempt("link", "unknown", why), address)
        stream = f"{login_link.KIND}/{known.id}"
        actor = known.owner.acting(f"{login_link.KIND}:{known.id}")
        gone = self.gone(known.owner)
        if gone is not None:
            raise self.refusal(RefusedAttempt("link", "owner-gone", gone, stream, actor), address)
        try:
            self.send(UseLoginLink(), stream)
        except Refused as refusal:
            code = str(refusal.facts.get("why", refusal.code))
            raise self.refusal(
                RefusedAttempt("link", code, str(refusal), stream, actor), address
            ) from None
        return self.begin_session(
            known.owner, method="link", used=stream, device=device, replacing=replacing
        )

    # Passkeys and identities

    def passkeys(self, actor: Actor | None) -> list[Passkey]:
        """The passkeys of an actor that are good; of everybody for an admin, an auditor and the
        operator (None)."""
        found = self._seen_by(actor, self._desk.load_accounts(passkey.KIND))
        return [each for each in found if each.fit]

    def passkey(self, credential: str) -> Passkey | None:
        """The passkey of a credential, by its id in base64url; None: nobody registered it."""
        found: Passkey = self._desk.load_account(f"{passkey.KIND}/{passkey_key(credential)}")
        return found if found.exists and found.credential == credential else None

    def register_passkey(self, command: RegisterPasskey, *, actor: Actor) -> Passkey:
        """The passkey that is registered for the actor, who has signed in. Raises Forbidden,
        Invalid."""
        stream = f"{passkey.KIND}/{passkey_key(command.credential)}"
        self._desk.execute_account(command, on=stream, actor=actor)
        registered: Passkey = self._desk.load_account(stream)
        return registered

    def remove_passkey(self, id: str, *, actor: Actor) -> Passkey:
        """The passkey, with which nobody signs in any more. Raises NotFound for one that the actor
        doesn't see."""
        stream = f"{passkey.KIND}/{id}"
        self._check_sees(actor, self._desk.load_account(stream), passkey.KIND)
        self._desk.execute_account(RemovePasskey(), on=stream, actor=actor)
        removed: Passkey = self._desk.load_account(stream)
        return removed

    def identities(self, actor: Actor | None) -> list[Identity]:
        """The users of identity providers who are linked to an actor; all of them for an admin, an
        auditor and the operator (None)."""
        found = self._seen_by(actor, self._desk.load_accounts(identity.KIND))
        return [each for each in found if each.owner is not None]

    def unlink_identity(self, id: str, *, actor: Actor) -> Identity:
        """The identity, which acts as nobody until a rule says so again. Raises NotFound for one
        that the actor doesn't see."""
        stream = f"{identity.KIND}/{id}"
        self._check_sees(actor, self._desk.load_account(stream), identity.KIND)
        self._desk.execute_account(UnlinkIdentity(), on=stream, actor=actor)
        unlinked: Identity = self._desk.load_account(stream)
        return unlinked

    # For all ways in

    def settle(self, admission: Admission, address: str | None = None) -> Actor:
        """The actor of an admission, when what is due is recorded. `address`: the network address
        that it came from. Raises NotSignedIn."""
        if admission.due is not None:
            admission.due()
        if admission.actor is not None:
            return admission.actor
        assert admission.attempt is not None
        if admission.due is None:
            raise self.refusal(admission.attempt, address)
        raise NotSignedIn(admission.attempt.why)  # that the session ended is recorded instead

    def refusal(self, attempt: RefusedAttempt, address: str | None = None) -> NotSignedIn:
        """The refusal of an attempt, when that is recorded."""
        self._failed.count(attempt, address)
        return NotSignedIn(attempt.why)

    def send(self, command: Command, stream: str, *seed: str) -> Outcome:
        """The outcome of a command that the desk itself sends. `seed`: what can't be used again, as
        a challenge; a second time is `repeated`."""
        return self._desk.execute_account(
            command,
            on=stream,
            id=derived_id(stream, *seed) if seed else None,
            actor=SIGNING_IN,
            channel="web",
            internal=True,
        )

    def gone(self, owner: Owner) -> str | None:
        """The reason for which an owner can't act any more; None: they can."""
        try:
            check_known(owner.acting("local"), self._desk.settings, self._desk.load)
        except Forbidden as refusal:
            return str(refusal)
        if owner.kind == "person":
            into = self._desk.load(owner.actor).merged_into
            if into is not None:
                return f"person {owner.id} was merged into {into}"
        return None

    def _seen_by(self, actor: Actor | None, found: Iterable[S]) -> list[S]:
        """Those accounts that an actor sees. Raises Forbidden where they may not look."""
        if actor is not None:
            self._desk.access.check(actor, LOOKING)
        return [each for each in found if self._sees(actor, each)]

    def _sees(self, actor: Actor | None, account: Any) -> bool:
        """Whether an actor sees an account: their own; all, for those who look after them."""
        owner = account.was_of if isinstance(account, Identity) else account.owner
        if owner is None:
            return False
        if actor is None or is_operator(actor) or owner.is_of(actor):
            return True
        if actor.kind != "agent":
            return False
        return not roles_of_agent(actor, self._desk.settings).isdisjoint(_SEERS)

    def _check_sees(self, actor: Actor, account: Any, kind: str) -> None:
        if not self._sees(actor, account):
            raise NotFound(
                f"there is no {kind} {account.id}: `ticketlog {kind} list` shows those of yours"
            )


_DAY_S = 86_400
_MAKE_A_LINK = "`ticketlog login-link --as agent:ID` makes one, on the machine of the desk"
_OVER: dict[EndReason, str] = {
    "logout": "logged out",
    "revoked": "it was revoked",
    "idle": "idle for too long",
    "expired": "it has lasted its time",
    "owner-gone": "its owner is gone",
    "signed-in-anew": "signed in anew",
}


def _refused(
    way: str, code: str, why: str, on: str | None = None, actor: Actor | None = None
) -> Admission:
    return Admission(attempt=RefusedAttempt(way, code, why, on, actor))  # type: ignore[arg-type]


def _device(said: str | None) -> str | None:
    """A browser's name for itself, in a line of 200 characters."""
    fit = flat(said or "")[:_LONGEST_DEVICE].strip()
    return fit or None


def _same(one: Owner, other: Owner) -> bool:
    return one.actor == other.actor


def _rights() -> frozenset[str]:
    """The names of all rights that a scope can name."""
    from ticketlog.application.access_table import QUERIES, REPORTS

    asked = {*(f"query:{each}" for each in QUERIES), *(f"report:{each}" for each in REPORTS)}
    return frozenset({*RIGHTS, *ACTS, *asked})
