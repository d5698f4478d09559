"""Serving beyond this machine: with TLS and a way to sign in, or not at all; the printed link."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from tests.http.serving import TICKETLOG, Serving
from ticketlog.application.accounts import Accounts
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.base import Actor
from ticketlog.errors import Usage
from ticketlog.http.exposure import check_options, check_ways_in, is_loopback
from ticketlog.http.options import ServeOptions

ANN = Actor("ann", "agent", authenticated="local")
PUBLIC = "https://desk.example.com"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with init_desk(tmp_path / "desk", admin=ANN) as made:
        yield made


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A certificate of this machine, its key, and the authority that signed it."""
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    made = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key, root = folder / "desk.pem", folder / "desk.key", folder / "root.pem"
    certificate.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    root.write_bytes(authority.cert_pem.bytes())
    return certificate, key, root


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_this_machine_needs_nothing(host: str, desk: Desk) -> None:
    assert is_loopback(host)
    check_options(ServeOptions(host=host))
    check_ways_in(ServeOptions(host=host), desk, Accounts(desk))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "desk.example.com", ""])
def test_other_machines_need_tls(host: str) -> None:
    with pytest.raises(Usage, match="--tls-certificate and --tls-key, or --behind-proxy"):
        check_options(ServeOptions(host=host))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ServeOptions(behind_proxy=True), "--public-url"),
        (ServeOptions(host="0.0.0.0", behind_proxy=True), "--public-url"),
        (ServeOptions(behind_proxy=True, public_url="http://desk.example.com"), "https"),
        (ServeOptions(behind_proxy=True, public_url="desk.example.com"), "https://desk"),
        (ServeOptions(behind_proxy=True, public_url=f"{PUBLIC}/desk"), "root of a host"),
        (ServeOptions(public_url="http://desk.example.com"), "must be https"),
        (ServeOptions(tls_certificate=Path("a.pem")), "belong together"),
        (ServeOptions(tls_key=Path("a.pem")), "belong together"),
        (ServeOptions(tls_certificate=Path("none"), tls_key=Path("none")), "no certificate"),
    ],
    ids=str,
)
def test_what_doesnt_fit_is_refused_with_the_reason(options: ServeOptions, words: str) -> None:
    with pytest.raises(Usage, match=words):
        check_options(options)


def test_a_certificate_needs_its_own_key(pair: tuple[Path, Path, Path]) -> None:
    certificate, key, root = pair
    check_options(ServeOptions(host="192.0.2.7", tls_certificate=certificate, tls_key=key))
    with pytest.raises(Usage, match="no certificate and its key"):
        check_options(ServeOptions(host="192.0.2.7", tls_certificate=root, tls_key=key))
    both = ServeOptions(tls_certificate=certificate, tls_key=key, behind_proxy=True)
    with pytest.raises(Usage, match="either"):
        check_options(both)


def test_a_proxy_that_does_tls_is_enough() -> None:
    check_options(ServeOptions(host="0.0.0.0", behind_proxy=True, public_url=PUBLIC))


@pytest.mark.parametrize(
    "options",
    [ServeOptions(host="0.0.0.0", behind_proxy=True), ServeOptions(behind_proxy=True)],
    ids=["everywhere", "behind a proxy of this machine"],
)
def test_somebody_must_be_able_to_sign_in(
    options: ServeOptions, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(desk)
    with pytest.raises(Usage, match="nobody there could sign in"):
        check_ways_in(options, desk, accounts)
    provider = (
        '[agents.ann]\nroles = ["agent", "admin"]\n[identity_providers.corp]\n'
        'issuer = "https://id.example.com"\nclient_id = "x"\nsecret = "env:NOT_SET"\n'
        'rules = [{ to = "person", registers = true }]\n'
    )
    desk.settings_apply(provider, actor=ANN)
    with pytest.raises(Usage, match="NOT_SET"):
        check_ways_in(options, desk, accounts)
    monkeypatch.setenv("NOT_SET", "secret")
    check_ways_in(options, desk, accounts)
    monkeypatch.delenv("NOT_SET")
    made = accounts.create_token(Owner(actor="agent/ann"), label="x", actor=ANN)
    check_ways_in(options, desk, accounts)
    accounts.revoke_token(made.token.id, actor=ANN)
    with pytest.raises(Usage):
        check_ways_in(options, desk, accounts)


def test_the_command_refuses_with_exit_code_2(desk: Desk) -> None:
    desk.close()
    command = [TICKETLOG, "--desk", str(desk.folder), "serve", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--tls-certificate" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_printed_link_signs_in_over_tls(desk: Desk, pair: tuple[Path, Path, Path]) -> None:
    certificate, key, root = pair
    desk.close()
    tls = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    with Serving(desk.folder, "--as", "agent:ann", *tls) as serving:
        assert serving.url.startswith("https://")
        assert serving.process.stdout is not None
        link = serving.process.stdout.readline().rpartition(" ")[2].strip()
        secret = re.fullmatch(re.escape(f"{serving.url}/login/link?key=") + "(.{43})", link)
        assert secret is not None, link
        trust = ssl.create_default_context(cafile=str(root))
        headers = {"Sec-Fetch-Site": "same-origin"}
        with httpx.Client(base_url=serving.url, verify=trust, headers=headers) as client:
            assert "agent:ann" in client.get(link).text
            answer = client.post("/login/link", data={"key": secret[1]})
            assert answer.status_code == 303
            assert answer.headers["set-cookie"].startswith("__Host-ticketlog=")
            assert client.get("/api/v1/sessions").status_code == 200
        code, _, err = serving.stop()
        assert (code, err) == (0, "")
