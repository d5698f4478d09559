"""An authenticator of passkeys in software, and a browser that carries what it signs.

key = SoftwareAuthenticator("http://127.0.0.1:8400")
response = key.register(options)      # as `navigator.credentials.create` gives it
response = key.sign_in(options)       # as `navigator.credentials.get` does
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url, encode_cbor

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class SoftwareAuthenticator:
    """One passkey, for the origin of one desk. Its flaws are those that a test gives it."""

    def __init__(self, origin: str, rp_id: str = "127.0.0.1") -> None:
        self.origin = origin
        self.rp_id = rp_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential = secrets.token_bytes(32)
        self.handle = b""
        self.count = 0
        self.flags = PRESENT | VERIFIED

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to the options of a registration."""
        from webauthn import base64url_to_bytes

        self.handle = base64url_to_bytes(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        cose = {
            1: 2,
            3: -7,
            -1: 1,
            -2: numbers.x.to_bytes(32, "big"),
            -3: numbers.y.to_bytes(32, "big"),
        }
        attested = bytes(16) + struct.pack(">H", len(self.credential)) + self.credential
        data = self._data(self.flags | ATTESTED) + attested + encode_cbor(cose)
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            clientDataJSON=self._client_data("webauthn.create", options),
            attestationObject=bytes_to_base64url(attestation),
        )

    def sign_in(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to the options of a sign-in; its count grows."""
        self.count += 1
        return self.signed(options)

    def signed(self, options: dict[str, Any]) -> dict[str, Any]:
        """The same without growing: what a copy of the passkey would answer."""
        data, client = self._data(self.flags), self._client_data("webauthn.get", options)
        from webauthn import base64url_to_bytes

        digest = hashlib.sha256(base64url_to_bytes(client)).digest()
        signature = self.key.sign(data + digest, ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=client,
            authenticatorData=bytes_to_base64url(data),
            signature=bytes_to_base64url(signature),
            userHandle=bytes_to_base64url(self.handle),
        )

    def _data(self, flags: int) -> bytes:
        return (
            hashlib.sha256(self.rp_id.encode()).digest()
            + bytes([flags])
            + struct.pack(">I", self.count)
        )

    def _client_data(self, kind: str, options: dict[str, Any]) -> str:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return bytes_to_base64url(json.dumps(said).encode())

    def _answer(self, **response: str) -> dict[str, Any]:
        id = bytes_to_base64url(self.credential)
        return {"id": id, "rawId": id, "type": "public-key", "response": response}
