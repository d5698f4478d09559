"""A broker's listeners besides the open one: TLS with client certificates, and Kafka's four
mechanisms to log in, with TLS and without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

LISTENERS = ("SSL", "SASL_SSL", "SASL_PLAINTEXT")
"""Named as the security that they speak. SSL asks clients for a certificate."""

_MODULES = {
    "scram-sha-512": "scram.ScramLoginModule",
    "scram-sha-256": "scram.ScramLoginModule",
    "plain": "plain.PlainLoginModule",
    "oauthbearer": "oauthbearer.OAuthBearerLoginModule",
}


class SecureListeners(NamedTuple):
    """Keys and users of the secure listeners. OAUTHBEARER takes any token that is unsigned and
    hasn't expired, as Kafka does by default."""

    identity: Path
    """PEM: the broker's private key as PKCS#8, then its certificates."""
    trusted: Path
    """PEM: the authorities that sign the certificates of clients."""
    users: Mapping[str, str]
    """Passwords for PLAIN and SCRAM."""

    def settings(self) -> dict[str, str]:
        """Kafka's settings of the listeners."""
        stores = {"keystore": self.identity, "truststore": self.trusted}
        return (
            {f"ssl.{store}.location": str(file) for store, file in stores.items()}
            | {f"ssl.{store}.type": "PEM" for store in stores}
            | {"listener.name.ssl.ssl.client.auth": "required"}
            | {"sasl.enabled.mechanisms": ",".join(_MODULES).upper()}
            | {
                f"listener.name.{name.lower()}.{mechanism}.sasl.jaas.config": self._login(mechanism)
                for name in LISTENERS
                if name.startswith("SASL_")
                for mechanism in _MODULES
            }
        )

    def _login(self, mechanism: str) -> str:
        users = (
            [f'user_{name}="{password}"' for name, password in self.users.items()]
            if mechanism == "plain"
            else []
        )
        module = f"org.apache.kafka.common.security.{_MODULES[mechanism]}"
        return " ".join([module, "required", *users]) + ";"

    def scram(self) -> list[str]:
        """Arguments that make Kafka's tool know the users of SCRAM from the first moment."""
        return [
            argument
            for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256")
            for name, password in self.users.items()
            for argument in ("--add-scram", f"{mechanism}=[name={name},password={password}]")
        ]
