"""Accounts: tokens, sessions, passkeys, identities and login links. No document has a secret but
those that tell of a new token or link, once."""

from __future__ import annotations

from collections.abc import Iterable

from ticketlog.documents.base import At, Document, Id, Text, Word
from ticketlog.domain.accounts.identity import Identity
from ticketlog.domain.accounts.login_link import LoginLink
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.accounts.passkey import Passkey
from ticketlog.domain.accounts.session import Session
from ticketlog.domain.accounts.token import Token


class AccountOwner(Document):
    """The actor as whom one acts with it. `role`: the only one that it has then; null: all."""

    kind: Word
    id: Id
    role: Word | None


class TokenEntry(Document):
    """An API token. `state`: good, expired or revoked; `scope`: the only rights of its owner that
    it has; empty: all of them; `used_at`: the first use on the last day on which it was used."""

    token: Id
    owner: AccountOwner
    label: Text
    scope: list[Text]
    state: Word
    created_at: At
    created_by: Id
    expires_at: At
    used_at: At | None
    revoked_at: At | None


class TokenList(Document):
    """API tokens, the latest first."""

    tokens: list[TokenEntry]


class NewToken(Document):
    """A new API token; the secret is shown here, and never again."""

    secret: Text
    token: TokenEntry


class SessionEntry(Document):
    """A session of a browser. `method`: how it was signed in; `seen_at`: the last recorded
    activity; `current`: it is the one that asks; `ended`: the reason for which it is over."""

    session: Id
    owner: AccountOwner
    method: Word
    device: Text | None
    begun_at: At
    seen_at: At
    expires_at: At
    ended: Word | None
    current: bool


class SessionList(Document):
    """Sessions of browsers, the latest first."""

    sessions: list[SessionEntry]


class PasskeyEntry(Document):
    """A passkey. `backed_up`: its owner has it on several devices."""

    passkey: Id
    owner: AccountOwner
    label: Text
    backed_up: bool
    registered_at: At
    used_at: At | None
    removed_at: At | None


class PasskeyList(Document):
    """Passkeys, the latest first."""

    passkeys: list[PasskeyEntry]


class IdentityEntry(Document):
    """A user of an identity provider, and as whom they act here."""

    identity: Id
    provider: Id
    issuer: Text
    owner: AccountOwner
    linked_at: At
    signed_in_at: At | None


class IdentityList(Document):
    """Users of identity providers, the latest first."""

    identities: list[IdentityEntry]


class NewLink(Document):
    """A link that signs its owner in, once; it is shown here, and never again."""

    url: Text
    owner: AccountOwner
    expires_at: At


class SignedIn(Document):
    """The actor who is signed in, and where the browser goes on."""

    owner: AccountOwner
    expires_at: At
    go_to: Text


def owner_document(owner: Owner | None) -> AccountOwner:
    """The document of an owner."""
    assert owner is not None, "an account that exists has an owner"
    return AccountOwner(kind=owner.kind, id=owner.id, role=owner.role)


def token_entry(token: Token, now: int) -> TokenEntry:
    """The document of a token. `now`: microseconds since 1970."""
    by = token.created_by
    return TokenEntry.filled(
        token=token.id,
        owner=owner_document(token.owner),
        label=token.label,
        scope=list(token.scope),
        state=token.unfit(now) or "good",
        created_at=token.created_at,
        created_by=f"{by.kind}/{by.id}" if by else "",
        expires_at=token.expires_at,
        used_at=token.used_at,
        revoked_at=token.revoked_at,
    )


def token_list(tokens: Iterable[Token], now: int) -> TokenList:
    """The document of tokens."""
    latest = sorted(tokens, key=lambda each: (-each.created_at, each.id))
    return TokenList(tokens=[token_entry(each, now) for each in latest])


def session_entry(session: Session, now: int, current: str | None = None) -> SessionEntry:
    """The document of a session. `current`: the id of the one that asks."""
    return SessionEntry.filled(
        session=session.id,
        owner=owner_document(session.owner),
        method=session.method,
        device=session.device,
        begun_at=session.begun_at,
        seen_at=session.seen_at,
        expires_at=session.expires_at,
        ended=session.over(now),
        current=session.id == current,
    )


def session_list(sessions: Iterable[Session], now: int, current: str | None = None) -> SessionList:
    """The document of sessions."""
    latest = sorted(sessions, key=lambda each: (-each.begun_at, each.id))
    return SessionList(sessions=[session_entry(each, now, current) for each in latest])


def passkey_entry(passkey: Passkey) -> PasskeyEntry:
    """The document of a passkey."""
    return PasskeyEntry.filled(
        passkey=passkey.id,
        owner=owner_document(passkey.owner),
        label=passkey.label,
        backed_up=passkey.backed_up,
        registered_at=passkey.registered_at,
        used_at=passkey.used_at,
        removed_at=passkey.removed_at,
    )


def passkey_list(passkeys: Iterable[Passkey]) -> PasskeyList:
    """The document of passkeys."""
    latest = sorted(passkeys, key=lambda each: (-each.registered_at, each.id))
    return PasskeyList(passkeys=[passkey_entry(each) for each in latest])


def identity_entry(identity: Identity) -> IdentityEntry:
    """The document of an identity."""
    return IdentityEntry.filled(
        identity=identity.id,
        provider=identity.provider,
        issuer=identity.issuer,
        owner=owner_document(identity.was_of),
        linked_at=identity.linked_at,
        signed_in_at=identity.signed_in_at,
    )


def identity_list(identities: Iterable[Identity]) -> IdentityList:
    """The document of identities."""
    latest = sorted(identities, key=lambda each: (-each.linked_at, each.id))
    return IdentityList(identities=[identity_entry(each) for each in latest])


def new_link(url: str, link: LoginLink) -> NewLink:
    """The document of a new link."""
    return NewLink.filled(url=url, owner=owner_document(link.owner), expires_at=link.expires_at)


def signed_in(session: Session, go_to: str) -> SignedIn:
    """The document of a session that has just begun. `go_to`: a local path."""
    return SignedIn.filled(
        owner=owner_document(session.owner), expires_at=session.expires_at, go_to=go_to
    )
