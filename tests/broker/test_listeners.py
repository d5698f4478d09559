"""Each way into a broker lets in who may, and nobody else: TLS, SCRAM, PLAIN, OAUTHBEARER."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from kafka import KafkaAdminClient

from broker.cluster import Cluster
from broker.listeners import SecureListeners
from ticketlog.errors import Unreachable
from ticketlog.log.kafka.client import connect_client
from ticketlog.log.kafka.url import VARIABLE, KafkaAddress

pytestmark = pytest.mark.service

PASSWORDS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


class Guarded:
    """A broker with all listeners, and the environment of each kind of client."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self._folder = folder

    def connect_client(
        self, security: str, mechanism: str = "", seconds: float = 60, **environment: str
    ) -> str:
        """The cluster's id, as somebody with this environment gets to know it in time."""
        url = f"kafka://{self.cluster.bootstrap_of(security)}?security={security}"
        address = KafkaAddress.parse(url + (f"&mechanism={mechanism}" if mechanism else ""))
        variables = {VARIABLE + name: value for name, value in environment.items()}
        timeout = int(1000 * seconds)
        admin = connect_client(
            KafkaAdminClient, address, environment=variables, bootstrap_timeout_ms=timeout
        )
        found = str(admin.describe_cluster()["cluster_id"])
        admin.close()
        return found

    def refusal(self, security: str, mechanism: str = "", **environment: str) -> str:
        """What somebody with this environment is told after a while of trying."""
        with pytest.raises(Unreachable) as refused:
            self.connect_client(security, mechanism, seconds=2, **environment)
        return str(refused.value)

    def file(self, name: str) -> str:
        return str(self._folder / name)

    def token(self, expires_in: int) -> str:
        """A file with an unsigned token that expires in so many seconds."""
        now = int(time.time())
        claims = {"sub": "ann", "iat": now - 7200, "exp": now + expires_in}
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "none"}, claims)
        ]
        file = self._folder / f"token{expires_in}"
        file.write_text(".".join([*parts, ""]))
        return str(file)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("listeners")
    ours, other = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other-ca.pem")
    write_identity(ours.issue_cert("127.0.0.1"), folder / "broker.pem")
    write_identity(ours.issue_cert("ann@example.org"), folder / "ann.pem")
    write_identity(other.issue_cert("ann@example.org"), folder / "other-ann.pem")
    secure_listeners = SecureListeners(
        folder / "broker.pem", folder / "ca.pem", {"ann": "right word"}
    )
    with Cluster(folder / "kafka", secure_listeners=secure_listeners) as cluster:
        yield Guarded(cluster, folder)


def write_identity(certificate: trustme.LeafCert, file: Path) -> None:
    """As Java reads it: the key as PKCS#8, then the certificates."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    file.write_bytes(key.private_bytes(*form, serialization.NoEncryption()))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(file, append=True)


def test_tls_with_a_certificate_of_ones_own(guarded: Guarded) -> None:
    ann = {"CERT_FILE": guarded.file("ann.pem"), "KEY_FILE": guarded.file("ann.pem")}
    assert guarded.connect_client("SSL", CA_FILE=guarded.file("ca.pem"), **ann)
    assert UNTRUSTED in guarded.refusal("SSL", CA_FILE=guarded.file("other-ca.pem"), **ann)


@pytest.mark.parametrize("certificate", ["", "other-ann.pem"])
def test_tls_without_a_certificate_that_the_broker_trusts(
    guarded: Guarded, certificate: str
) -> None:
    file = certificate and guarded.file(certificate)
    said = guarded.refusal("SSL", CA_FILE=guarded.file("ca.pem"), CERT_FILE=file)
    assert said.startswith(f"no Kafka broker at {guarded.cluster.bootstrap_of('SSL')}: ")


@pytest.mark.parametrize("mechanism", PASSWORDS)
@pytest.mark.parametrize("security", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_a_user_and_a_password(guarded: Guarded, security: str, mechanism: str) -> None:
    known = {"CA_FILE": guarded.file("ca.pem"), "USERNAME": "ann"}
    assert guarded.connect_client(security, mechanism, PASSWORD="right word", **known)
    said = guarded.refusal(security, mechanism, PASSWORD="wrong word", **known)
    assert said.endswith(f"doesn't let us in; {VARIABLE}USERNAME and _PASSWORD say who we are")


@pytest.mark.parametrize("security", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_a_token(guarded: Guarded, security: str) -> None:
    known = {"CA_FILE": guarded.file("ca.pem")}
    token, expired = guarded.token(3600), guarded.token(-3600)
    assert guarded.connect_client(security, "OAUTHBEARER", TOKEN_FILE=token, **known)
    said = guarded.refusal(security, "OAUTHBEARER", TOKEN_FILE=expired, **known)
    assert said.endswith(f"doesn't let us in; {VARIABLE}TOKEN_FILE says who we are")


@pytest.mark.parametrize("file", ["", "other-ca.pem"])
def test_a_broker_whose_certificate_is_not_trusted_hears_no_password(
    guarded: Guarded, file: str
) -> None:
    user = {"USERNAME": "ann", "PASSWORD": "right word"}
    authority = file and guarded.file(file)
    assert UNTRUSTED in guarded.refusal("SASL_SSL", "PLAIN", CA_FILE=authority, **user)


def test_who_knocks_at_the_wrong_door_is_told(guarded: Guarded) -> None:
    closed = KafkaAddress(("127.0.0.1:1",))
    for address, why in (
        (
            KafkaAddress.parse(f"kafka://{guarded.cluster.bootstrap_of('SSL')}"),
            "does it speak PLAINTEXT?",
        ),
        (closed, "at 127.0.0.1:1: nothing listens there"),
    ):
        with pytest.raises(Unreachable, match=re.escape(why)):
            connect_client(KafkaAdminClient, address, environment={}, bootstrap_timeout_ms=2000)
