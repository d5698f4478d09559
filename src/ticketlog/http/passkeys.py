"""Passkeys over HTTP: options for the browser, and the check of what the authenticator signed, by
the library `webauthn`."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import orjson
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ticketlog.application.accounts import Accounts, BegunSession, NotSignedIn
from ticketlog.application.failed_sign_ins import RefusedAttempt
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.accounts.passkey import (
    KIND,
    Passkey,
    RecordPasskeyUse,
    RegisterPasskey,
)
from ticketlog.domain.base import Invalid, Refused
from ticketlog.errors import CommandReused

TIMEOUT_MS = 300_000
"""Milliseconds in which the authenticator has to sign."""
_NAME = "ticketlog"


class RelyingParty(NamedTuple):
    """The desk as authenticators know it: its host name, and the origin of its pages."""

    id: str
    origin: str


class Ceremony(NamedTuple):
    """The options for the browser, and the challenge, which has to come back signed."""

    options: dict[str, Any]
    challenge: str
    """In base64url."""


def registration(owner: Owner, known: list[Passkey], party: RelyingParty) -> Ceremony:
    """The options for a new passkey of an owner. `known`: those that they have, of which none is
    made again."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=_NAME,
        user_id=user_handle(owner, party),
        user_name=str(owner),
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential)) for each in known
        ],
    )
    return Ceremony(orjson.loads(options_to_json(options)), bytes_to_base64url(options.challenge))


def user_handle(owner: Owner, party: RelyingParty) -> bytes:
    """The name of an owner for authenticators, which says nothing to anybody else."""
    return hashlib.sha256(f"{party.id}\0{owner.actor}".encode()).digest()


def new_passkey(
    response: dict[str, Any], challenge: str, label: str, party: RelyingParty
) -> RegisterPasskey:
    """The command that registers what an authenticator made. Raises Invalid."""
    try:
        made = verify_registration_response(
            credential=response,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception as error:  # the library meets what anybody sends with many kinds of errors
        raise Invalid(f"the authenticator's answer can't be used: {_said(error)}") from error
    return RegisterPasskey(
        credential=bytes_to_base64url(made.credential_id),
        public_key=bytes_to_base64url(made.credential_public_key),
        sign_count=made.sign_count,
        label=label,
        backed_up=made.credential_backed_up,
    )


def signing_in(party: RelyingParty) -> Ceremony:
    """The options to sign in with any passkey that the authenticator has for this desk."""
    options = generate_authentication_options(
        rp_id=party.id,
        timeout=TIMEOUT_MS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return Ceremony(orjson.loads(options_to_json(options)), bytes_to_base64url(options.challenge))


def signed_in_with(
    response: dict[str, Any],
    challenge: str,
    party: RelyingParty,
    accounts: Accounts,
    *,
    device: str | None,
    replacing: str | None,
    address: str | None,
) -> BegunSession:
    """The session that an authenticator's answer begins. A challenge is good once. Raises
    NotSignedIn."""
    credential = response.get("id")
    known = accounts.passkey(credential) if isinstance(credential, str) else None
    if known is None or known.owner is None or not known.fit:
        why = "this passkey isn't known here: sign in otherwise, and register it"
        raise accounts.refusal(RefusedAttempt("passkey", "unknown", why), address)
    stream = f"{KIND}/{known.id}"
    actor = known.owner.acting(f"{KIND}:{known.id}")

    def refused(code: str, why: str) -> NotSignedIn:
        return accounts.refusal(RefusedAttempt("passkey", code, why, stream, actor), address)

    gone = accounts.gone(known.owner)
    if gone is not None:
        raise refused("owner-gone", gone)
    try:
        count = _verified(response, challenge, known, party)
    except Exception as error:  # as above
        raise refused("bad-signature", f"the passkey proves nothing: {_said(error)}") from error
    try:
        outcome = accounts.send(RecordPasskeyUse(sign_count=count), stream, "signed", challenge)
    except CommandReused:
        raise refused("replayed", "this sign-in was used already: begin again") from None
    except Refused as refusal:
        code = str(refusal.facts.get("why", refusal.code))
        raise refused(code, str(refusal)) from refusal
    if outcome.repeated:
        raise refused("replayed", "this sign-in was used already: begin again")
    return accounts.begin_session(
        known.owner, method="passkey", used=stream, device=device, replacing=replacing
    )


def _verified(response: dict[str, Any], challenge: str, known: Passkey, party: RelyingParty) -> int:
    """The authenticator's count. Its growth is judged where it is recorded, so here any does."""
    assert known.owner is not None
    handle = (response.get("response") or {}).get("userHandle")
    if handle and base64url_to_bytes(handle) != user_handle(known.owner, party):
        raise ValueError("it names another user")
    verified = verify_authentication_response(
        credential=response,
        expected_challenge=base64url_to_bytes(challenge),
        expected_rp_id=party.id,
        expected_origin=party.origin,
        credential_public_key=base64url_to_bytes(known.public_key),
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    return verified.new_sign_count


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
