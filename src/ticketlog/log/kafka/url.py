"""The address of a log in Kafka: kafka://HOST:PORT,HOST:PORT/PREFIX?partitions=12

The query may say `security` (PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; Kafka's own names) and
`mechanism` (SCRAM-SHA-512, SCRAM-SHA-256, PLAIN or OAUTHBEARER). Secrets come from the environment
alone, since a URL ends up in files, in process lists and in shells' histories:

    TICKETLOG_KAFKA_USERNAME, TICKETLOG_KAFKA_PASSWORD    for SCRAM and PLAIN
    TICKETLOG_KAFKA_TOKEN_FILE                            for OAUTHBEARER: a file with the token,
                                                          read anew for each connection
    TICKETLOG_KAFKA_CA_FILE                               CAs to trust; default: the system's
    TICKETLOG_KAFKA_CERT_FILE, TICKETLOG_KAFKA_KEY_FILE,  a certificate, where brokers ask for it
    TICKETLOG_KAFKA_KEY_PASSWORD
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from ticketlog.errors import Usage
from ticketlog.log.port import DEFAULT_PARTITIONS

SCHEME = "kafka://"
DEFAULT_PREFIX = "ticketlog"
VARIABLE = "TICKETLOG_KAFKA_"
_SECURITY = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER")
_QUERY = {"partitions", "security", "mechanism"}
_MOST_PARTITIONS = 10_000
_URL = re.compile(
    SCHEME + r"(?P<brokers>[^/?#]*)(?P<path>[^?#]*)(\?(?P<query>[^#]*))?(#(?P<fragment>.*))?",
    re.DOTALL,
)
"""As RFC 3986 splits a URL. The standard library's `urlsplit` takes brackets for those of the only
host, in some releases of Python."""
_PREFIX = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,99}")
_BROKER = re.compile(r"(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9._-]+):([0-9]{1,5})")


class KafkaAddress(NamedTuple):
    """A log in Kafka. `partitions`: those that its topic of tickets is made with, or must have."""

    brokers: tuple[str, ...]
    prefix: str = DEFAULT_PREFIX
    partitions: int | None = None
    security: str = "PLAINTEXT"
    mechanism: str | None = None

    @classmethod
    def parse(cls, url: str) -> KafkaAddress:
        """The address that a URL names. Raises Usage, whose text repeats no secret."""
        if "@" in url:
            raise _wrong("it holds a user; name one in the environment (docs/KAFKA.md)")
        parts = _URL.fullmatch(url)
        if parts is None:
            raise _wrong(f"it doesn't begin with {SCHEME}")
        brokers = tuple(parts["brokers"].split(","))
        for number, broker in enumerate(brokers, 1):
            found = _BROKER.fullmatch(broker)
            if found is None or not 0 < int(found[2]) < 1 << 16:
                raise _wrong(f"broker {number} of {len(brokers)} is no HOST:PORT")
        prefix = parts["path"].strip("/") or DEFAULT_PREFIX
        if not _PREFIX.fullmatch(prefix):
            raise _wrong(
                f"{prefix!r} can't begin a topic's name: take letters, digits, '.' and '-'"
            )
        pairs = parse_qsl(parts["query"] or "", keep_blank_values=True)
        query = dict(pairs)
        if parts["fragment"] or len(query) < len(pairs) or not query.keys() <= _QUERY:
            raise _wrong(
                "after '?' it may say partitions, security and mechanism, each once; secrets "
                "belong in the environment (docs/KAFKA.md)"
            )
        security, mechanism = _access(query)
        return cls(brokers, prefix, _partitions(query), security, mechanism)

    @property
    def fresh_partitions(self) -> int:
        return self.partitions or DEFAULT_PARTITIONS

    def topic(self, name: str) -> str:
        """The topic of a log ('tickets', 'settings')."""
        return f"{self.prefix}.{name}.v1"

    def public_topic(self, name: str) -> str:
        """The topic that the accepted events of a log are published to."""
        return f"public.{self.topic(name)}"

    def client(self, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
        """Options of every client of kafka-python. Raises Usage for missing secrets."""
        options: dict[str, Any] = {
            "bootstrap_servers": list(self.brokers),
            "security_protocol": self.security,
        }
        if self.security.endswith("SSL"):
            options["ssl_context"] = _tls(environment)
        if self.mechanism == "OAUTHBEARER":
            options |= {"sasl_mechanism": self.mechanism, **_token(environment)}
        elif self.mechanism:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": _needed(environment, "USERNAME", self.mechanism),
                "sasl_plain_password": _needed(environment, "PASSWORD", self.mechanism),
            }
        return options


def _partitions(query: Mapping[str, str]) -> int | None:
    text = query.get("partitions")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= _MOST_PARTITIONS:
        raise _wrong(f"partitions is a number from 1 to {_MOST_PARTITIONS:,}")
    return int(text)


def _access(query: Mapping[str, str]) -> tuple[str, str | None]:
    security, mechanism = query.get("security", "PLAINTEXT"), query.get("mechanism")
    if security not in _SECURITY:
        raise _wrong(f"security is one of {', '.join(_SECURITY)}")
    if mechanism not in (*_MECHANISMS, None):
        raise _wrong(f"mechanism is one of {', '.join(_MECHANISMS)}")
    if security.startswith("SASL_") != (mechanism is not None):
        raise _wrong("SASL needs both security=SASL_... and mechanism=...")
    return security, mechanism


def _wrong(why: str) -> Usage:
    return Usage(
        f"[log] url: {why}. An example: {SCHEME}broker:9092/{DEFAULT_PREFIX}?partitions=12"
    )


def _needed(environment: Mapping[str, str], name: str, what_for: str) -> str:
    value = environment.get(VARIABLE + name)
    if not value:
        raise Usage(f"{what_for} needs {VARIABLE}{name} in the environment")
    return value


def _tls(environment: Mapping[str, str]) -> ssl.SSLContext:
    """Made here, since the client library would first say at its time-out what is wrong, and would
    ask at the terminal for a password that is missing."""
    ca, certificate, key = (
        _readable(environment, name) for name in ("CA_FILE", "CERT_FILE", "KEY_FILE")
    )
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise Usage(f"{VARIABLE}CA_FILE names {ca}, which holds no PEM certificate") from None
    if certificate is None:
        if key is not None:
            raise Usage(f"{VARIABLE}KEY_FILE needs {VARIABLE}CERT_FILE in the environment too")
        return context
    try:
        context.load_cert_chain(
            certificate, key, lambda: environment.get(f"{VARIABLE}KEY_PASSWORD", "")
        )
    except ssl.SSLError:
        raise Usage(
            f"{VARIABLE}CERT_FILE, {VARIABLE}KEY_FILE and {VARIABLE}KEY_PASSWORD don't make a "
            "certificate with its key in PEM"
        ) from None
    return context


def _readable(environment: Mapping[str, str], name: str) -> str | None:
    """The file that a variable names."""
    file = environment.get(VARIABLE + name)
    if file and not (os.path.isfile(file) and os.access(file, os.R_OK)):
        raise Usage(f"{VARIABLE}{name} names {file}, which can't be read")
    return file or None


def _token(environment: Mapping[str, str]) -> dict[str, Any]:
    from kafka.net.sasl.oauth import AbstractTokenProvider

    file = _needed(environment, "TOKEN_FILE", "OAUTHBEARER")
    _readable(environment, "TOKEN_FILE")

    class TokenFile(AbstractTokenProvider):
        def token(self) -> str:
            with open(file, encoding="ascii") as content:
                return content.read().strip()

    return {"sasl_oauth_token_provider": TokenFile()}
