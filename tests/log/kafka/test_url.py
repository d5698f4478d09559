"""URLs of logs in Kafka, and what comes from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from ticketlog.errors import Usage
from ticketlog.log.kafka.url import VARIABLE, KafkaAddress

SECRET = "hunter2"


def test_the_shortest_url() -> None:
    address = KafkaAddress.parse("kafka://127.0.0.1:9092")
    assert address == KafkaAddress(("127.0.0.1:9092",))
    assert address.fresh_partitions == 12
    assert address.topic("tickets") == "ticketlog.tickets.v1"
    assert address.public_topic("tickets") == "public.ticketlog.tickets.v1"
    assert address.client({}) == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "PLAINTEXT",
    }


def test_the_longest_url() -> None:
    address = KafkaAddress.parse(
        "kafka://a.example:9092,[::1]:65535/acme.desk-1"
        "?partitions=48&security=SASL_SSL&mechanism=SCRAM-SHA-512"
    )
    brokers = ("a.example:9092", "[::1]:65535")
    assert address == KafkaAddress(brokers, "acme.desk-1", 48, "SASL_SSL", "SCRAM-SHA-512")
    assert address.fresh_partitions == 48
    assert address.topic("settings") == "acme.desk-1.settings.v1"


HOSTS = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)
PORTS = st.integers(1, 65535)


@given(
    st.lists(st.tuples(HOSTS, PORTS), min_size=1, max_size=5),
    st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,99}", fullmatch=True),
    st.none() | st.integers(1, 10_000),
)
def test_a_url_says_what_it_is_made_of(
    brokers: list[tuple[str, int]], prefix: str, partitions: int | None
) -> None:
    places = [f"{host}:{port}" for host, port in brokers]
    query = "" if partitions is None else f"?partitions={partitions}"
    address = KafkaAddress.parse(f"kafka://{','.join(places)}/{prefix}{query}")
    assert address == KafkaAddress(tuple(places), prefix, partitions)


@given(st.text() | st.text(alphabet=":/?#[]@,=&.a1%").map("kafka://h:1{}".format))
def test_any_other_text_is_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        assert all(broker in text for broker in KafkaAddress.parse(text).brokers)
    except Usage as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///log.db", "kafka://"),
        ("kafka://", "broker 1 of 1 is no HOST:PORT"),
        ("kafka://broker", "broker 1 of 1 is no HOST:PORT"),
        ("kafka://a:1,b:0", "broker 2 of 2 is no HOST:PORT"),
        ("kafka://a:1,b:65536", "broker 2 of 2 is no HOST:PORT"),
        ("kafka://a:1,", "broker 2 of 2 is no HOST:PORT"),
        ("kafka://a:٩", "broker 1 of 1 is no HOST:PORT"),
        ("kafka://[::1:9092", "broker 1 of 1 is no HOST:PORT"),
        ("kafka://a:1/under_score", "'under_score' can't begin a topic's name"),
        ("kafka://a:1/two/parts", "'two/parts' can't begin a topic's name"),
        ("kafka://a:1?partitions=0", "partitions is a number from 1 to 10,000"),
        ("kafka://a:1?partitions=10001", "partitions is a number from 1 to 10,000"),
        ("kafka://a:1?partitions=twelve", "partitions is a number from 1 to 10,000"),
        ("kafka://a:1?partitions=3&partitions=4", "each once"),
        ("kafka://a:1?replicas=3", "it may say partitions, security and mechanism"),
        ("kafka://a:1#part", "it may say partitions, security and mechanism"),
        ("kafka://a:1?security=TLS", "security is one of PLAINTEXT, SSL"),
        ("kafka://a:1?security=SASL_SSL&mechanism=GSSAPI", "mechanism is one of SCRAM-SHA-512"),
        ("kafka://a:1?security=SASL_SSL", "SASL needs both"),
        ("kafka://a:1?security=SSL&mechanism=PLAIN", "SASL needs both"),
    ],
)
def test_bad_urls(url: str, why: str) -> None:
    with pytest.raises(Usage) as refused:
        KafkaAddress.parse(url)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        f"kafka://ann:{SECRET}@broker:9092",
        f"kafka://ann:{SECRET}/1@broker:9092",
        f"kafka://ann:{SECRET}#1@broker:9092",
        f"kafka://ann:{SECRET},broker:9092",
        f"kafka://broker:9092?password={SECRET}",
        f"kafka://broker:9092?{SECRET}",
        f"kafka://broker:9092?security={SECRET}",
        f"kafka://broker:9092#{SECRET}",
    ],
)
def test_what_may_be_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Usage) as refused:
        KafkaAddress.parse(url)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_user_and_password_come_from_the_environment(mechanism: str) -> None:
    address = KafkaAddress.parse(f"kafka://a:1?security=SASL_PLAINTEXT&mechanism={mechanism}")
    environment = {f"{VARIABLE}USERNAME": "ann", f"{VARIABLE}PASSWORD": SECRET}
    assert address.client(environment) == {
        "bootstrap_servers": ["a:1"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "ann",
        "sasl_plain_password": SECRET,
    }
    for missing in environment:
        with pytest.raises(Usage, match=f"{mechanism} needs {missing} in the environment"):
            address.client(environment | {missing: ""})


def test_a_token_is_read_anew_each_time(tmp_path: Path) -> None:
    address = KafkaAddress.parse("kafka://a:1?security=SASL_PLAINTEXT&mechanism=OAUTHBEARER")
    with pytest.raises(Usage, match=f"OAUTHBEARER needs {VARIABLE}TOKEN_FILE"):
        address.client({})
    file = tmp_path / "token"
    environment = {f"{VARIABLE}TOKEN_FILE": str(file)}
    with pytest.raises(Usage, match=f"{VARIABLE}TOKEN_FILE names {file}, which can't be read"):
        address.client(environment)
    file.write_text("first\n")
    provider = address.client(environment)["sasl_oauth_token_provider"]
    assert provider.token() == "first"
    file.write_text("second\n")
    assert provider.token() == "second"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with a certificate of our own, its key under a password."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    ours = authority.issue_cert("ann@example.org")
    ours.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    key = serialization.load_pem_private_key(ours.private_key_pem.bytes(), None)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(SECRET.encode()),
        )
    )
    return {
        f"{VARIABLE}CA_FILE": str(folder / "ca.pem"),
        f"{VARIABLE}CERT_FILE": str(folder / "cert.pem"),
        f"{VARIABLE}KEY_FILE": str(folder / "key.pem"),
        f"{VARIABLE}KEY_PASSWORD": SECRET,
    }


def test_tls_needs_nothing_and_takes_what_there_is(tls: dict[str, str]) -> None:
    address = KafkaAddress.parse("kafka://a:1?security=SSL")
    assert address.client({})["ssl_context"].check_hostname
    (trusted,) = address.client(tls)["ssl_context"].get_ca_certs()
    assert trusted["subject"] == trusted["issuer"]


@pytest.mark.parametrize("name", ["CA_FILE", "CERT_FILE", "KEY_FILE"])
@pytest.mark.parametrize("content", ["missing", "a folder", "no PEM"])
def test_unfit_files_are_named(
    tls: dict[str, str], tmp_path: Path, name: str, content: str
) -> None:
    file = tmp_path / "file"
    if content == "a folder":
        file.mkdir()
    elif content == "no PEM":
        file.write_text(content)
    with pytest.raises(Usage, match=VARIABLE + name):
        KafkaAddress.parse("kafka://a:1?security=SSL").client(tls | {VARIABLE + name: str(file)})


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_key_needs_its_password(tls: dict[str, str], password: str) -> None:
    with pytest.raises(Usage, match=f"{VARIABLE}KEY_PASSWORD"):
        KafkaAddress.parse("kafka://a:1?security=SSL").client(
            tls | {f"{VARIABLE}KEY_PASSWORD": password}
        )


def test_a_key_needs_its_certificate(tls: dict[str, str]) -> None:
    with pytest.raises(Usage, match=f"{VARIABLE}KEY_FILE needs {VARIABLE}CERT_FILE"):
        KafkaAddress.parse("kafka://a:1?security=SSL").client(tls | {f"{VARIABLE}CERT_FILE": ""})
