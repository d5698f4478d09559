"""Signing in by an identity provider: against a real one, and against one that says wrong."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.http import provider as providers
from tests.http.provider import CLIENT, SECRET, Provider
from ticketlog import commands
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.contact import Address
from ticketlog.http.app import create_app
from ticketlog.http.authentication import accounts_of, authenticator
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served

pytestmark = pytest.mark.anyio
ADA = Actor("ada", "agent", authenticated="local")
ORIGIN = "http://127.0.0.1:8400"
COOKIE = "ticketlog-8400"
LONG = 30.0
"""Seconds after which something that must happen doesn't."""
RULES = """
rules = [
    { claim = "groups", values = "helpdesk", to = "agent", by = "preferred_username" },
    { claim = "groups", values = "outside", to = "nobody" },
    { claim = "sub", values = ["the-boss"], to = "agent", agent = "ada" },
    { domains = "agents.example.com", to = "agent", by = "email" },
    { domains = ["example.com"], to = "person", registers = true },
    { domains = ["example.org"], to = "person" },
]
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providers.running() as made:
        yield made


@pytest.fixture(autouse=True)
def _honest(provider: Provider) -> None:
    fresh = Provider(provider.url)
    provider.__dict__.update({**fresh.__dict__, "key": provider.key})


def settings(issuer: str, more: str = "") -> str:
    return f"""
[agents.ada]
roles = ["agent", "admin"]
[agents.ann]
roles = ["agent"]
{more}
[identity_providers.corp]
title = "Corporate account"
issuer = "{issuer}"
client_id = "{CLIENT}"
secret = "env:CORP_SECRET"
{RULES}
"""


@pytest.fixture
def desk(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("CORP_SECRET", SECRET)
    with init_desk(tmp_path / "desk", admin=ADA) as made:
        made.settings_apply(settings(provider.url), actor=ADA)
        yield made


def served_of(desk: Desk) -> Served:
    served = Served(desk, ServeOptions())
    served.authenticate = authenticator(served)
    return served


@pytest.fixture
def served(desk: Desk) -> Iterator[Served]:
    made = served_of(desk)
    yield made
    accounts_of(made).close()


def browser(served: Served) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(served))
    headers = {"Sec-Fetch-Site": "same-origin"}
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(served) as made:
        yield made


async def departed(client: httpx.AsyncClient, return_to: str = "/") -> str:
    """Where the browser is sent."""
    answer = await client.get("/login/oidc/corp", params={"return_to": return_to})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def arrived(client: httpx.AsyncClient, given: dict[str, str]) -> httpx.Response:
    return await client.get("/login/oidc/corp/callback", params=given)


async def signed_in(client: httpx.AsyncClient, provider: Provider) -> httpx.Response:
    """The whole way of a user who agrees."""
    return await arrived(client, provider.consent(await departed(client)))


async def who(client: httpx.AsyncClient) -> str | None:
    """As whom the browser is signed in."""
    answer = await client.get("/api/v1/sessions")
    if answer.status_code != 200:
        return None
    (session,) = [each for each in answer.json()["sessions"] if each["current"]]
    return f"{session['owner']['kind']}:{session['owner']['id']}"


def refusals(served: Served) -> list[str]:
    """The reasons of the refusals in the log of access, the oldest first."""
    accounts_of(served).close()
    found = served.desk.access_log.entries(types=("access.refused.v1",), limit=100).entries
    assert {each.event.what for each in found} <= {"sign-in:oidc"}  # type: ignore[attr-defined]
    return [each.event.code for each in reversed(found)]  # type: ignore[attr-defined]


async def test_an_unknown_person_is_registered_by_a_rule_and_is_the_same_afterwards(
    client: httpx.AsyncClient, provider: Provider, served: Served
) -> None:
    provider.claims["name"] = "Kim Doe"
    answer = await signed_in(client, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    first = await who(client)
    assert first is not None
    person = served.desk.load(first.replace(":", "/"))
    assert person.name == "Kim Doe"
    assert person.addresses == (Address(kind="email", value="kim@example.com", verified=True),)
    provider.claims["email"] = "kim.doe@example.com"  # they have another address by now
    await signed_in(client, provider)
    assert await who(client) == first


async def test_an_address_that_went_to_another_human_doesnt_lead_to_the_first(
    served: Served, provider: Provider
) -> None:
    async with browser(served) as one, browser(served) as other:
        await signed_in(one, provider)
        provider.wrong = {"sub": "user-2"}
        answer = await signed_in(other, provider)
        assert answer.status_code == 403
        assert refusals(served) == ["address-of-another"]
        (identity,) = accounts_of(served).identities(None)
        accounts_of(served).unlink_identity(identity.id, actor=ADA)
        assert (await signed_in(other, provider)).status_code == 303
        assert await who(one) == await who(other)


async def test_a_known_person_is_found_by_their_verified_address(
    client: httpx.AsyncClient, provider: Provider, desk: Desk
) -> None:
    kim = desk.execute(
        commands.RegisterPerson(addresses=(Address(kind="email", value="kim@example.org"),)),
        actor=ADA,
    ).stream
    provider.claims["email"] = "Kim@Example.org"
    await signed_in(client, provider)
    assert await who(client) == kim.replace("/", ":")


async def test_a_merged_person_signs_in_as_who_stays(
    client: httpx.AsyncClient, provider: Provider, desk: Desk
) -> None:
    await signed_in(client, provider)
    first = (await who(client) or "").partition(":")[2]
    stays = desk.execute(commands.RegisterPerson(name="Kim"), actor=ADA).stream.partition("/")[2]
    desk.execute(commands.MergePerson(into=stays), on=f"person/{first}", actor=ADA)
    assert await who(client) is None
    await signed_in(client, provider)
    assert await who(client) == f"person:{stays}"


async def test_a_claim_makes_an_agent(client: httpx.AsyncClient, provider: Provider) -> None:
    provider.claims |= {"groups": ["all", "helpdesk"], "preferred_username": "ann"}
    await signed_in(client, provider)
    assert await who(client) == "agent:ann"


async def test_a_rule_names_one_agent(client: httpx.AsyncClient, provider: Provider) -> None:
    provider.wrong = {"sub": "the-boss"}
    await signed_in(client, provider)
    assert await who(client) == "agent:ada"


async def test_an_agent_is_found_by_the_address_of_the_person_that_they_are(
    client: httpx.AsyncClient, provider: Provider, desk: Desk
) -> None:
    address = Address(kind="email", value="bo@agents.example.com")
    bo = desk.execute(commands.RegisterPerson(addresses=(address,)), actor=ADA).stream
    id = bo.partition("/")[2]
    more = f'[agents.bo]\nroles = ["agent"]\nperson = "{id}"\n'
    desk.settings_apply(settings(provider.url, more), actor=ADA)
    provider.claims["email"] = "bo@agents.example.com"
    await signed_in(client, provider)
    assert await who(client) == "agent:bo"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"groups": ["outside"]}, "no-rule"),
        ({"groups": "helpdesk", "preferred_username": "zoe"}, "no-agent"),
        ({"groups": "helpdesk"}, "no-agent"),
        ({"email": "kim@example.org"}, "no-person"),
        ({"email_verified": False}, "no-rule"),
        ({"email_verified": "true"}, "no-rule"),
        ({"email": "kim@example.com.evil.net"}, "no-rule"),
        ({"email": ["kim@example.com"]}, "no-rule"),
        ({"email": None}, "no-rule"),
    ],
    ids=str,
)
async def test_users_whom_no_rule_knows_are_refused(
    client: httpx.AsyncClient,
    provider: Provider,
    served: Served,
    claims: dict[str, Any],
    code: str,
) -> None:
    provider.claims |= claims
    answer = await signed_in(client, provider)
    assert answer.status_code == 403
    assert COOKIE not in client.cookies
    assert refusals(served) == [code]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"iss": "https://evil.example"}, "wrong-issuer"),
        ({"iss": None}, "wrong-issuer"),
        ({"aud": "another-client"}, "wrong-audience"),
        ({"aud": ["another-client"], "azp": CLIENT}, "wrong-audience"),
        ({"aud": [CLIENT, "more"], "azp": "another"}, "wrong-audience"),
        ({"aud": None}, "wrong-audience"),
        ({"nonce": "another"}, "wrong-nonce"),
        ({"nonce": None}, "wrong-nonce"),
        ({"exp": 1_000_000_000, "iat": 999_999_000}, "expired"),
        ({"exp": None}, "wrong-exp"),
        ({"iat": 4_000_000_000}, "wrong-iat"),
        ({"sub": None}, "wrong-sub"),
        ({"sub": ""}, "no-subject"),
    ],
    ids=str,
)
async def test_claims_that_are_for_another_sign_in_are_refused(
    client: httpx.AsyncClient,
    provider: Provider,
    served: Served,
    wrong: dict[str, Any],
    code: str,
) -> None:
    provider.wrong = wrong
    answer = await signed_in(client, provider)
    assert answer.status_code == 403, answer.text
    assert COOKIE not in client.cookies
    assert refusals(served) == [code]


async def test_a_clock_that_is_a_little_off_does_no_harm(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    now = int(time.time())
    provider.wrong = {"exp": now - 30, "iat": now + 30}
    assert (await signed_in(client, provider)).status_code == 303


async def test_signatures_of_others_are_refused(
    client: httpx.AsyncClient, provider: Provider, served: Served
) -> None:
    provider.sign_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert (await signed_in(client, provider)).status_code == 403
    provider.sign_with, provider.algorithm = providers.shared_secret(), "HS256"
    assert (await signed_in(client, provider)).status_code == 403
    assert set(refusals(served)) == {"bad-signature"}


@pytest.mark.parametrize("kid", ["two", None])
async def test_a_provider_may_change_its_keys(
    client: httpx.AsyncClient, provider: Provider, kid: str | None
) -> None:
    before = provider.key
    await signed_in(client, provider)
    provider.key = RSAKey.generate_key(2048, {"kid": kid} if kid else None)
    assert (await signed_in(client, provider)).status_code == 303
    provider.key = before
    discoveries = provider.asked.count("/.well-known/openid-configuration")
    assert (discoveries, provider.asked.count("/jwks")) == (1, 2)


async def test_the_state_belongs_to_the_browser(served: Served, provider: Provider) -> None:
    """Login CSRF: nobody is signed in by the answer to another browser's question."""
    async with browser(served) as attacker, browser(served) as victim:
        answer = provider.consent(await departed(attacker))
        without = await arrived(victim, answer)
        assert without.status_code == 403
        await departed(victim)
        other = await arrived(victim, answer)
        assert other.status_code == 403
        assert COOKIE not in victim.cookies
        assert refusals(served) == ["no-sign-in-under-way", "wrong-state"]


async def test_a_code_and_a_state_are_good_once(
    client: httpx.AsyncClient, provider: Provider, served: Served
) -> None:
    answer = provider.consent(await departed(client))
    under_way = client.cookies["ticketlog-signing-in-8400"]
    assert (await arrived(client, answer)).status_code == 303
    assert "ticketlog-signing-in-8400" not in client.cookies
    assert (await arrived(client, answer)).status_code == 403
    client.cookies.set("ticketlog-signing-in-8400", under_way, domain="127.0.0.1")
    assert (await arrived(client, answer)).status_code == 403
    assert refusals(served) == ["no-sign-in-under-way", "code-refused"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "another"}, "wrong-state"),
        ({"state": ""}, "wrong-state"),
        ({"code": ""}, "no-code"),
        ({"code": "another"}, "code-refused"),
        ({"error": "access_denied"}, "provider-refused"),
        ({"iss": "https://evil.example"}, "wrong-issuer"),
    ],
    ids=str,
)
async def test_what_the_browser_brings_back_must_fit(
    client: httpx.AsyncClient,
    provider: Provider,
    served: Served,
    change: dict[str, str],
    code: str,
) -> None:
    answer = provider.consent(await departed(client))
    assert (await arrived(client, {**answer, **change})).status_code == 403
    assert refusals(served) == [code]


async def test_the_cookie_of_a_sign_in_cant_be_made(
    client: httpx.AsyncClient, provider: Provider, served: Served
) -> None:
    answer = provider.consent(await departed(client))
    name = "ticketlog-signing-in-8400"
    kept = client.cookies[name]
    for forged in ("x", kept[:-4] + "AAAA", "ÿ", ""):
        headers = [(b"Cookie", f"{name}={forged}".encode("latin-1"))]
        client.cookies.clear()
        back = await client.get("/login/oidc/corp/callback", params=answer, headers=headers)
        assert back.status_code == 403
    assert set(refusals(served)) == {"no-sign-in-under-way"}


async def test_the_browser_goes_on_where_it_wanted_to_but_to_no_other_host(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    for wanted, got in (("/a?b=c", "/a?b=c"), ("https://evil.example", "/login")):
        answer = provider.consent(await departed(client, wanted))
        assert (await arrived(client, answer)).headers["location"] == got


async def test_claims_that_the_rules_need_are_asked_for(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    provider.claims = {}
    more = {"groups": ["helpdesk"], "preferred_username": "ann", "email": "a@b.example"}
    provider.userinfo = {"sub": "user-1", **more}
    await signed_in(client, provider)
    assert await who(client) == "agent:ann"


async def test_what_is_said_of_another_user_doesnt_count(
    client: httpx.AsyncClient, provider: Provider, served: Served
) -> None:
    provider.claims = {}
    provider.userinfo = {"sub": "user-2", "groups": ["helpdesk"], "preferred_username": "ann"}
    assert (await signed_in(client, provider)).status_code == 403
    assert refusals(served) == ["no-rule"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", (500, b"")),
        ("/.well-known/openid-configuration", (200, b"no JSON")),
        ("/.well-known/openid-configuration", (200, b"{}")),
        ("/.well-known/openid-configuration", (200, b'{"issuer": "https://evil.example"}')),
    ],
)
async def test_a_provider_that_cant_be_used_is_told(
    client: httpx.AsyncClient, provider: Provider, path: str, answer: tuple[int, bytes]
) -> None:
    provider.answers[path] = answer
    page = await client.get("/login/oidc/corp")
    assert page.status_code == 503
    assert "corp" in page.text.lower()


@pytest.mark.parametrize("path", ["/token", "/jwks"])
@pytest.mark.parametrize("answer", [(500, b""), (200, b"no JSON"), (200, b"{}"), (200, b"[]")])
async def test_a_provider_that_fails_later_signs_nobody_in(
    client: httpx.AsyncClient, provider: Provider, path: str, answer: tuple[int, bytes]
) -> None:
    given = provider.consent(await departed(client))
    provider.answers[path] = answer
    page = await arrived(client, given)
    assert page.status_code in (403, 503), page.text
    assert COOKIE not in client.cookies


async def test_a_secret_that_isnt_there_is_told(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CORP_SECRET")
    page = await client.get("/login/oidc/corp")
    assert page.status_code == 503
    assert "CORP_SECRET" in page.text


async def test_an_unknown_provider_isnt_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/login/oidc/nobody")).status_code == 404
    assert (await client.get("/login/oidc/nobody/callback")).status_code == 404


async def test_the_button_is_on_the_page(client: httpx.AsyncClient) -> None:
    page = (await client.get("/login")).text
    assert "Corporate account" in page
    assert SECRET not in page


@contextmanager
def provider_mock(*claims: dict[str, Any]) -> Iterator[str]:
    """oidc-provider-mock as a process; its issuer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users = [part for each in claims for part in ("--user-claims", json.dumps(each))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-n", "--port"]
    process = subprocess.Popen(
        [*command, str(port), *users], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + LONG
        while time.monotonic() < until:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{url}/.well-known/openid-configuration").status_code == 200:
                    break
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


async def test_a_real_provider_signs_a_user_in(desk: Desk) -> None:
    user = {"sub": "kim", "email": "kim@example.com", "email_verified": True, "name": "Kim"}
    with provider_mock(user) as issuer:
        desk.settings_apply(settings(issuer), actor=ADA)
        served = served_of(desk)
        async with browser(served) as client, httpx.AsyncClient() as elsewhere:
            location = await departed(client, "/tickets")
            consent = await elsewhere.post(location, data={"sub": "kim"})
            back = consent.headers["location"]
            assert re.match(re.escape(f"{ORIGIN}/login/oidc/corp/callback?"), back)
            given = dict(parse_qsl(urlsplit(back).query))
            answer = await arrived(client, given)
            assert (answer.status_code, answer.headers["location"]) == (303, "/tickets")
            person = await who(client)
            assert person is not None
            assert desk.load(person.replace(":", "/")).name == "Kim"
            # The same code again, for a sign-in that is under way: the provider refuses it.
            again = dict(parse_qsl(urlsplit(await departed(client)).query))
            replayed = await arrived(client, {**given, "state": again["state"]})
            assert replayed.status_code == 403
        assert refusals(served) == ["code-refused"]
