"""Secrets to sign in with, as the log knows them: by their hash alone.

A token, a session's cookie and a login link are 32 random bytes each. Their stream is named after
the hash, so that they are found without an index, and what is found is compared with the whole
hash in a time that doesn't depend on where the two differ.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from pydantic import StringConstraints

from ticketlog.domain.base import base32

SecretHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""The SHA-256 of a secret, in hexadecimal."""


def secret_hash(secret: str) -> str:
    """The hash that stands for a secret in the log."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def key_of_hash(sha256: str) -> str:
    """The id of the stream of a secret with this hash: 12 base32 characters."""
    return base32(bytes.fromhex(sha256))


def is_secret(kept: str | None, secret: str) -> bool:
    """Whether a secret is the one whose hash was kept; None: there is none. It takes as long
    whether it is or not."""
    given = secret_hash(secret)
    return hmac.compare_digest(kept or "0" * len(given), given) and kept is not None
