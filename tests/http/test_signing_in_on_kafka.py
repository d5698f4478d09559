"""Signing in to desks whose log is in Kafka: two servers, each with a folder of its own."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.authenticator import SoftwareAuthenticator
from tests.http.test_signing_in import SAME, browser, served_of, signed_in
from ticketlog.application.accounts import Accounts
from ticketlog.desk import init_desk
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.base import Actor
from ticketlog.http.authentication import accounts_of
from ticketlog.http.served import Served

pytestmark = [pytest.mark.service, pytest.mark.anyio]
ANN = Actor("ann", "agent", authenticated="local")
SETTINGS = """
[agents.ann]
roles = ["agent", "admin"]
"""
KEY = "TICKETLOG_SIGNING_KEY"
ORIGIN = "http://localhost:8400"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def servers(
    tmp_path: Path, kafka_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Served, Served]]:
    monkeypatch.setenv(KEY, urlsafe_b64encode(bytes(32)).decode())
    with init_desk(tmp_path / "one", log_url=kafka_url, admin=ANN) as one:
        one.settings_apply(SETTINGS, actor=ANN)
        with init_desk(tmp_path / "other", log_url=kafka_url) as other:
            other.refresh()
            both = served_of(one), served_of(other)
            yield both
            for each in both:
                accounts_of(each).close()


async def test_links_tokens_and_sessions_count_at_each_server(
    servers: tuple[Served, Served],
) -> None:
    one, other = servers
    made = accounts_of(one).create_token(Owner(actor="agent/ann"), label="x", actor=ANN)
    async with browser(one, ORIGIN) as at_one, browser(other, ORIGIN) as at_other:
        await signed_in(at_one, accounts_of(one))
        other.desk._logs.access.sync()
        bearer = {"Authorization": f"Bearer {made.secret}"}
        assert (await at_other.get("/api/v1/tokens", headers=bearer)).status_code == 200
        at_other.cookies = at_one.cookies
        assert (await at_other.get("/api/v1/sessions")).status_code == 200

        assert (await at_other.post("/logout")).status_code == 303
        accounts_of(other).revoke_token(made.token.id, actor=ANN)
        one.desk._logs.access.sync()

        for headers in (bearer, {}):
            answer = await at_one.get("/api/v1/tokens", headers=headers)
            assert answer.status_code == 401, answer.text


async def test_a_link_is_used_up_at_whichever_server(servers: tuple[Served, Served]) -> None:
    one, other = servers
    secret = accounts_of(one).create_link(actor=ANN).secret
    other.desk._logs.access.sync()
    async with browser(one, ORIGIN) as at_one, browser(other, ORIGIN) as at_other:
        first = await at_other.post("/login/link", data={"key": secret})
        again = await at_one.post("/login/link", data={"key": secret})
    assert (first.status_code, again.status_code) == (303, 403)


async def test_a_passkey_that_one_server_registers_signs_in_at_the_other(
    servers: tuple[Served, Served],
) -> None:
    one, other = servers
    key = SoftwareAuthenticator(ORIGIN, "localhost")
    async with browser(one, ORIGIN) as at_one, browser(other, ORIGIN) as at_other:
        await signed_in(at_one, accounts_of(one))
        answer = await at_one.post("/api/v1/passkeys/options")
        assert answer.status_code == 200, answer.text
        options = answer.json()["options"]
        body = {"label": "laptop", "response": key.register(options)}
        assert (await at_one.post("/api/v1/passkeys", json=body)).status_code == 201
        other.desk._logs.access.sync()
        asked = (await at_other.post("/login/passkey/options", json={})).json()["options"]
        answer = await at_other.post(
            "/login/passkey/verify", json={"response": key.sign_in(asked)}, headers=SAME
        )
        assert answer.status_code == 200, answer.text
    [session] = [e for e in Accounts(other.desk).sessions(None) if e.method == "passkey"]
    assert session.owner == Owner(actor="agent/ann")
