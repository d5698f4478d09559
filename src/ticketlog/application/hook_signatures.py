"""Signatures of Standard Webhooks, `v1` (HMAC-SHA256) and `v1a` (Ed25519).

`v1a` needs the extra `serve`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ticketlog.errors import Usage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SYMMETRIC, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
"""The beginnings of secrets: of `v1`; of `v1a`, the private key that signs and the public one."""
LEAST, MOST = 24, 64
"""Bytes of a secret of `v1`."""
_SEED = 32


def _decoded(text: str, prefix: str, what: str) -> bytes:
    """The bytes of a secret. Raises Usage without repeating it."""
    if prefix and not text.startswith(prefix):
        raise Usage(f"{what} should begin with {prefix}")
    try:
        body = text.removeprefix(prefix)
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Usage(f"{what} should be {prefix} and base64") from None


def symmetric_key(secret: str) -> bytes:
    """The key of a `v1` secret, with or without its beginning. Raises Usage."""
    what = "a secret of v1"
    key = _decoded(secret, SYMMETRIC if secret.startswith(SYMMETRIC) else "", what)
    if not LEAST <= len(key) <= MOST:
        raise Usage(f"{what} should have {LEAST} to {MOST} bytes, not {len(key)}")
    return key


def private_key(secret: str) -> Ed25519PrivateKey:
    """The key of a `v1a` secret: its 32 bytes, or these and those of the public key. Raises
    Usage."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        raise Usage("v1a needs `pip install 'ticketlog[serve]'`") from None

    seed = _decoded(secret, PRIVATE, "a secret of v1a")
    if len(seed) not in (_SEED, 2 * _SEED):
        raise Usage(f"a secret of v1a should have {_SEED} bytes, not {len(seed)}")
    return Ed25519PrivateKey.from_private_bytes(seed[:_SEED])


def public_text(secret: str) -> str:
    """The public key of a `v1a` secret, as its receivers get it: 'whpk_…'. Raises Usage."""
    return PUBLIC + base64.b64encode(private_key(secret).public_key().public_bytes_raw()).decode()


def content(id: str, timestamp: int, body: bytes) -> bytes:
    """The bytes that are signed. `timestamp`: seconds since 1970."""
    return b".".join((id.encode(), str(timestamp).encode(), body))


class Signer:
    """Signs with each of several secrets, so that receivers can change from one to the next."""

    def __init__(self, scheme: str, secrets: Sequence[str]) -> None:
        """Raises Usage for a secret that isn't one of the scheme."""
        self.scheme = scheme
        self._symmetric = [symmetric_key(each) for each in secrets] if scheme == "v1" else []
        self._private = [private_key(each) for each in secrets] if scheme == "v1a" else []

    def signature(self, id: str, timestamp: int, body: bytes) -> str:
        """The value of the header `webhook-signature`."""
        signed = content(id, timestamp, body)
        made = [hmac.digest(key, signed, "sha256") for key in self._symmetric]
        made += [key.sign(signed) for key in self._private]
        return " ".join(f"{self.scheme},{base64.b64encode(each).decode()}" for each in made)


def is_genuine(id: str, timestamp: int, body: bytes, header: str, secrets: Iterable[str]) -> bool:
    """Whether one of the signatures in a header `webhook-signature` is of one of the secrets: of
    'whsec_…' or 'whpk_…'. Malformed signatures aren't genuine. Raises Usage for a bad secret."""
    signed = content(id, timestamp, body)
    given: dict[str, list[bytes]] = {}
    for each in header.split(" ")[:_MOST_SIGNATURES]:
        version, _, text = each.partition(",")
        try:
            given.setdefault(version, []).append(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            continue
    return any(
        _verified(signed, given.get("v1a", []), secret)
        if secret.startswith(PUBLIC)
        else _equal(hmac.digest(symmetric_key(secret), signed, "sha256"), given.get("v1", []))
        for secret in secrets
    )


_MOST_SIGNATURES = 20


def _equal(made: bytes, given: Iterable[bytes]) -> bool:
    return sum(hmac.compare_digest(made, each) for each in given) > 0


def _verified(signed: bytes, given: Iterable[bytes], secret: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = _decoded(secret, PUBLIC, "a public key of v1a")
    if len(raw) != _SEED:
        raise Usage(f"a public key of v1a should have {_SEED} bytes, not {len(raw)}")
    key = Ed25519PublicKey.from_public_bytes(raw)
    for each in given:
        try:
            key.verify(each, signed)
        except InvalidSignature:
            continue
        return True
    return False


def webhook_id(event: str) -> str:
    """The id under which an event is delivered: it follows from the event's, which a client may
    have chosen and which holds a '.', and is the same in every attempt and replay."""
    digest = hashlib.sha256(event.encode()).digest()[:20]
    return f"evt_{base64.b32encode(digest).decode().lower()}"
