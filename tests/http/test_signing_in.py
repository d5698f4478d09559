"""Signing in over HTTP: links, tokens, sessions and passkeys, and what is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.authenticator import PRESENT, SoftwareAuthenticator
from ticketlog.application.access_table import QUERIES, ROUTES
from ticketlog.application.accounts import Accounts
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.aggregates import RIGHTS
from ticketlog.domain.base import Actor
from ticketlog.http import signing_in
from ticketlog.http.app import create_app
from ticketlog.http.authentication import accounts_of, authenticator
from ticketlog.http.options import ServeOptions
from ticketlog.http.origins import local_path
from ticketlog.http.served import Served

pytestmark = pytest.mark.anyio
ANN = Actor("ann", "agent", authenticated="local")
BOB = Actor("bob", "agent", authenticated="local")
ORIGIN = "http://127.0.0.1:8400"
SAME = {"Sec-Fetch-Site": "same-origin"}
SETTINGS = """
[agents.ann]
roles = ["agent", "admin"]
[agents.bob]
roles = ["agent"]
"""
COOKIE = "ticketlog-8400"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with init_desk(tmp_path / "desk", admin=ANN) as made:
        made.settings_apply(SETTINGS, actor=ANN)
        yield made


def served_of(desk: Desk, options: ServeOptions | None = None) -> Served:
    served = Served(desk, options or ServeOptions())
    served.authenticate = authenticator(served)
    return served


@pytest.fixture
def served(desk: Desk) -> Iterator[Served]:
    made = served_of(desk)
    yield made
    accounts_of(made).close()


@pytest.fixture
def accounts(served: Served) -> Accounts:
    return accounts_of(served)


def browser(served: Served, url: str = ORIGIN) -> httpx.AsyncClient:
    """A browser at the desk, which says that its requests come from the desk's own pages."""
    transport = httpx.ASGITransport(create_app(served))
    return httpx.AsyncClient(transport=transport, base_url=url, headers=SAME)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(served) as made:
        yield made


async def signed_in(client: httpx.AsyncClient, accounts: Accounts, actor: Actor = ANN) -> None:
    """Signs a browser in by a link."""
    secret = accounts.create_link(actor=actor).secret
    answer = await client.post("/login/link", data={"key": secret})
    assert answer.status_code == 303, answer.text


def refusals(desk: Desk, accounts: Accounts) -> list[tuple[str, str]]:
    """What was refused, the oldest first: the way in, and why."""
    accounts.close()
    found = desk.access_log.entries(types=("access.refused.v1",), limit=1000).entries
    return [(each.event.what, each.event.code) for each in reversed(found)]  # type: ignore[attr-defined]


async def test_nobody_is_let_in_without_a_token(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/tokens")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "/login" in answer.json()["detail"]


async def test_a_token_lets_its_owner_in(client: httpx.AsyncClient, accounts: Accounts) -> None:
    made = accounts.create_token(Owner(actor="agent/ann"), label="x", actor=ANN)
    answer = await client.get("/api/v1/tokens", headers={"Authorization": f"Bearer {made.secret}"})
    assert answer.status_code == 200
    assert [each["token"] for each in answer.json()["tokens"]] == [made.token.id]
    assert made.secret not in answer.text


@pytest.mark.parametrize(
    "header", ["Basic YW5uOnB3", "Bearer", "Bearer ", "tlk_x", "Bearer tlk_nothing", "Bearer ÿ"]
)
async def test_other_authorizations_are_refused(client: httpx.AsyncClient, header: str) -> None:
    raw = [(b"Authorization", header.encode("latin-1"))]
    answer = await client.get("/api/v1/tokens", headers=raw)
    assert answer.status_code == 401


async def test_two_authorizations_are_refused(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    secret = accounts.create_token(Owner(actor="agent/ann"), label="x", actor=ANN).secret
    both = [("Authorization", f"Bearer {secret}")] * 2
    assert (await client.get("/api/v1/tokens", headers=both)).status_code == 401


async def test_a_token_is_created_used_and_revoked_over_http(
    client: httpx.AsyncClient, accounts: Accounts, desk: Desk
) -> None:
    await signed_in(client, accounts)
    wanted = {"label": "export", "scope": ["query:accounts", "ticket.*"]}
    answer = await client.post("/api/v1/tokens", json=wanted)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    secret, id = answer.json()["secret"], answer.json()["token"]["token"]
    bearer = {"Authorization": f"Bearer {secret}"}
    assert (await client.get("/api/v1/tokens", headers=bearer)).status_code == 200
    revoked = await client.delete(f"/api/v1/tokens/{id}")
    assert revoked.json()["state"] == "revoked"
    assert (await client.get("/api/v1/tokens", headers=bearer)).status_code == 401
    assert refusals(desk, accounts) == [("sign-in:token", "revoked")]


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({}, 422),
        ({"label": ""}, 422),
        ({"label": "x", "scope": "ticket.*"}, 422),
        ({"label": "x", "scope": ["no-such.right"]}, 422),
        ({"label": "x", "owner": "rule:x"}, 422),
        ({"label": "x", "owner": "agent:zoe"}, 422),
        ({"label": "x", "expires_at": "yesterday"}, 422),
        ({"label": "x", "expires_at": "2001-01-01T00:00:00Z"}, 422),
        ({"label": "x", "more": 1}, 422),
    ],
)
async def test_what_is_wrong_with_a_wanted_token_is_said(
    client: httpx.AsyncClient, accounts: Accounts, wanted: dict[str, Any], status: int
) -> None:
    await signed_in(client, accounts)
    answer = await client.post("/api/v1/tokens", json=wanted)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


async def test_a_token_for_another_actor_takes_an_admin(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    await signed_in(client, accounts, BOB)
    anns = {"label": "x", "owner": "agent:ann"}
    assert (await client.post("/api/v1/tokens", json=anns)).status_code == 403


async def test_a_foreign_token_looks_absent(client: httpx.AsyncClient, accounts: Accounts) -> None:
    foreign = accounts.create_token(Owner(actor="agent/ann"), label="x", actor=ANN).token.id
    await signed_in(client, accounts, BOB)
    one = await client.delete(f"/api/v1/tokens/{foreign}")
    other = await client.delete("/api/v1/tokens/AAAAAAAAAAAA")
    assert (one.status_code, other.status_code) == (404, 404)
    assert one.text.replace(foreign, "AAAAAAAAAAAA") == other.text


async def test_a_token_in_a_url_is_refused_recorded_and_told_to_be_revoked(
    client: httpx.AsyncClient, accounts: Accounts, desk: Desk
) -> None:
    made = accounts.create_token(Owner(actor="agent/ann"), label="x", actor=ANN)
    for url in (f"/api/v1/tokens?token={made.secret}", f"/login?t={made.secret}"):
        answer = await client.get(url, headers={"Authorization": f"Bearer {made.secret}"})
        assert answer.status_code == 401
        assert f"revoke {made.token.id}" in answer.json()["detail"]
        assert made.secret not in answer.text
    assert set(refusals(desk, accounts)) == {("sign-in:token", "in-url")}


async def test_a_link_is_asked_about_before_it_is_used(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    secret = accounts.create_link(actor=ANN).secret
    for _ in range(3):  # a mail scanner
        page = await client.get("/login/link", params={"key": secret})
        assert page.status_code == 200
        assert "agent:ann" in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
        assert not page.headers.get("set-cookie")
    answer = await client.post("/login/link", data={"key": secret, "return_to": "/tickets?a=b"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/tickets?a=b")
    again = await client.post("/login/link", data={"key": secret})
    assert again.status_code == 403
    assert (await client.get("/login/link", params={"key": secret})).status_code == 403


async def test_the_cookie_is_kept_from_scripts_and_other_sites(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    secret = accounts.create_link(actor=ANN).secret
    cookie = (await client.post("/login/link", data={"key": secret})).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


async def test_over_tls_the_cookie_belongs_to_the_host(desk: Desk) -> None:
    served = served_of(desk, ServeOptions(public_url="https://desk.example.com"))
    accounts = accounts_of(served)
    async with browser(served, "https://desk.example.com") as client:
        secret = accounts.create_link(actor=ANN).secret
        answer = await client.post("/login/link", data={"key": secret})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-ticketlog=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert (await client.get("/api/v1/sessions")).status_code == 200


async def test_signing_in_begins_a_session_with_an_id_of_its_own(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    """Session fixation: a cookie that another planted is never the one that signs in."""
    planted = f"2026-11-29.{'A' * 43}"
    client.cookies.set(COOKIE, planted, domain="127.0.0.1")
    await signed_in(client, accounts)
    first = client.cookies[COOKIE]
    assert first != planted
    await signed_in(client, accounts)
    second = client.cookies[COOKIE]
    assert second != first
    async with browser(served_of(accounts._desk)) as other:  # type: ignore[arg-type]
        for cookie, status in ((planted, 401), (first, 401), (second, 200)):
            answer = await other.get("/api/v1/sessions", headers={"Cookie": f"{COOKIE}={cookie}"})
            assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, False),
        ({"Origin": ORIGIN}, True),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
    ids=str,
)
async def test_another_site_cant_act_with_the_browsers_cookie(
    served: Served, accounts: Accounts, headers: dict[str, str], let_in: bool
) -> None:
    async with browser(served) as client:
        await signed_in(client, accounts)
        cookie = f"{COOKIE}={client.cookies[COOKIE]}"
    transport = httpx.ASGITransport(create_app(served))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as bare:
        given = {**headers, "Cookie": cookie}
        answer = await bare.post("/api/v1/tokens", json={"label": "x"}, headers=given)
        assert answer.status_code == (201 if let_in else 403)
        assert (await bare.get("/api/v1/sessions", headers=given)).status_code == 200
        secret = accounts.create_link(actor=BOB).secret
        login = await bare.post("/login/link", data={"key": secret}, headers=headers)
        assert login.status_code == (303 if let_in else 403)
        out = await bare.post("/logout", headers=given)
        assert out.status_code == (303 if let_in else 403)


async def test_a_token_needs_no_origin(served: Served, accounts: Accounts) -> None:
    secret = accounts.create_token(Owner(actor="agent/ann"), label="x", actor=ANN).secret
    transport = httpx.ASGITransport(create_app(served))
    async with httpx.AsyncClient(transport=transport, base_url="http://any.host") as bare:
        headers = {"Authorization": f"Bearer {secret}", "Sec-Fetch-Site": "cross-site"}
        answer = await bare.post("/api/v1/tokens", json={"label": "y"}, headers=headers)
        assert answer.status_code == 201


async def test_a_name_that_leads_here_isnt_the_desks(served: Served, accounts: Accounts) -> None:
    """DNS rebinding: a page of another name that comes to this machine has no cookie to use."""
    async with browser(served) as client:
        await signed_in(client, accounts)
        cookie = client.cookies[COOKIE]
    async with browser(served, "http://evil.example:8400") as evil:
        answer = await evil.get("/api/v1/sessions", headers={"Cookie": f"{COOKIE}={cookie}"})
        assert answer.status_code == 421
        assert (await evil.get("/login")).status_code == 421


async def test_who_guesses_has_to_wait(desk: Desk) -> None:
    served = served_of(desk, ServeOptions(stranger_rate="5/minute"))
    async with browser(served) as client:
        for _ in range(5):
            answer = await client.post("/login/link", data={"key": "guess"})
            assert answer.status_code == 403
        again = await client.post("/login/link", data={"key": "guess"})
        assert (again.status_code, "retry-after" in again.headers) == (429, True)
        options = await client.post("/login/passkey/options")
        assert options.status_code == 429


async def test_logging_out_ends_the_session_on_the_server(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    await signed_in(client, accounts)
    cookie = client.cookies[COOKIE]
    assert "agent:ann" in (await client.get("/login")).text
    answer = await client.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert COOKIE not in client.cookies
    again = await client.get("/api/v1/sessions", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert again.status_code == 401


async def test_sessions_are_listed_and_revoked(served: Served, accounts: Accounts) -> None:
    async with browser(served) as one, browser(served) as other:
        await signed_in(one, accounts)
        await signed_in(other, accounts)
        listed = (await one.get("/api/v1/sessions")).json()["sessions"]
        assert sorted(each["current"] for each in listed) == [False, True]
        (second,) = [each["session"] for each in listed if not each["current"]]
        assert (await one.delete(f"/api/v1/sessions/{second}")).status_code == 200
        assert (await other.get("/api/v1/sessions")).status_code == 401
        assert (await one.delete("/api/v1/sessions")).status_code == 200
        assert (await one.get("/api/v1/sessions")).status_code == 401


@pytest.mark.parametrize(
    "given",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%0d%0aSet-Cookie: a=b\r\n",
        "javascript:alert(1)",
        "evil.example",
        "",
        None,
        "/" + "a" * 3000,
        "/\t/evil.example",
    ],
)
async def test_a_browser_is_sent_nowhere_else(
    client: httpx.AsyncClient, accounts: Accounts, given: str | None
) -> None:
    secret = accounts.create_link(actor=ANN).secret
    form = {"key": secret, **({} if given is None else {"return_to": given})}
    answer = await client.post("/login/link", data=form)
    assert answer.headers["location"] == "/login"


@given(st.text(max_size=30) | st.from_regex(r"[/\\:.@a-z\t]{0,12}", fullmatch=True))
def test_no_text_leads_to_another_host(text: str) -> None:
    found = local_path(text, "/otherwise")
    url = httpx.URL("https://desk.example.com").join(found)
    assert (url.scheme, url.host) == ("https", "desk.example.com")
    assert re.match(r"/(?![/\\])", found)


async def test_pages_run_no_foreign_script(client: httpx.AsyncClient) -> None:
    page = await client.get("/login", params={"return_to": '/"><script>alert(1)</script>'})
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    for path, kind in (("signing-in.js", "text/javascript"), ("signing-in.css", "text/css")):
        file = await client.get(f"/login/{path}")
        assert (file.status_code, file.headers["content-type"].split(";")[0]) == (200, kind)


async def registered(client: httpx.AsyncClient, label: str = "laptop") -> SoftwareAuthenticator:
    """A passkey of whom the browser is signed in as."""
    options = (await client.post("/api/v1/passkeys/options")).json()["options"]
    key = SoftwareAuthenticator(ORIGIN)
    made = await client.post(
        "/api/v1/passkeys", json={"label": label, "response": key.register(options)}
    )
    assert made.status_code == 201, made.text
    return key


async def challenge(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/login/passkey/options")
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["options"]
    return options


async def test_a_passkey_signs_in_without_a_name(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    await signed_in(client, accounts, BOB)
    key = await registered(client)
    await client.post("/logout")
    options = await challenge(client)
    assert options["allowCredentials"] == []
    body = {"response": key.sign_in(options), "return_to": "/inbox"}
    answer = await client.post("/login/passkey/verify", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["owner"]["id"], answer.json()["go_to"]) == ("bob", "/inbox")
    (listed,) = (await client.get("/api/v1/passkeys")).json()["passkeys"]
    assert (listed["label"], listed["used_at"] is not None) == ("laptop", True)


async def test_a_passkeys_answer_is_good_once(
    client: httpx.AsyncClient, accounts: Accounts, desk: Desk
) -> None:
    await signed_in(client, accounts)
    key = await registered(client)
    key.count = -1  # one that never counts, so that its count doesn't tell
    options = await challenge(client)
    under_way = client.cookies["ticketlog-signing-in-8400"]
    body = {"response": key.sign_in(options)}
    assert (await client.post("/login/passkey/verify", json=body)).status_code == 200
    client.cookies.set("ticketlog-signing-in-8400", under_way, domain="127.0.0.1")
    again = await client.post("/login/passkey/verify", json=body)
    assert again.status_code == 401
    assert ("sign-in:passkey", "replayed") in refusals(desk, accounts)


async def test_a_copied_passkey_is_noticed(
    client: httpx.AsyncClient, accounts: Accounts, desk: Desk
) -> None:
    await signed_in(client, accounts)
    key = await registered(client)
    body = {"response": key.sign_in(await challenge(client))}
    assert (await client.post("/login/passkey/verify", json=body)).status_code == 200
    copy = {"response": key.signed(await challenge(client))}
    assert (await client.post("/login/passkey/verify", json=copy)).status_code == 401
    assert refusals(desk, accounts) == [("sign-in:passkey", "counter")]


async def test_a_passkey_that_proves_nothing_is_refused(
    client: httpx.AsyncClient, accounts: Accounts, desk: Desk
) -> None:
    await signed_in(client, accounts)
    key = await registered(client)

    async def refused(change: dict[str, Any], response: dict[str, Any] | None = None) -> None:
        before = dict(key.__dict__)
        key.__dict__.update(change)
        options = await challenge(client)
        body = {"response": key.sign_in(options) if response is None else response}
        answer = await client.post("/login/passkey/verify", json=body)
        assert answer.status_code == 401, (change, answer.text)
        key.__dict__.update({**before, "count": key.count})

    await refused({"origin": "https://evil.example"})
    await refused({"rp_id": "evil.example"})
    await refused({"flags": PRESENT})
    await refused({"key": SoftwareAuthenticator(ORIGIN).key})
    await refused({"credential": b"another"})
    await refused({"handle": b"another"})
    stale = key.sign_in(await challenge(client))
    await refused({}, stale)
    for rubbish in ({}, {"id": 1}, {"id": stale["id"]}, {**stale, "response": {}}):
        await refused({}, rubbish)
    await refused({}, {**stale, "response": "x"})
    assert {way for way, _ in refusals(desk, accounts)} == {"sign-in:passkey"}


async def test_a_passkey_is_removed(client: httpx.AsyncClient, accounts: Accounts) -> None:
    await signed_in(client, accounts)
    key = await registered(client)
    (one,) = (await client.get("/api/v1/passkeys")).json()["passkeys"]
    assert (await client.delete(f"/api/v1/passkeys/{one['passkey']}")).status_code == 200
    body = {"response": key.sign_in(await challenge(client))}
    assert (await client.post("/login/passkey/verify", json=body)).status_code == 401


async def test_a_token_registers_no_passkey(client: httpx.AsyncClient, accounts: Accounts) -> None:
    secret = accounts.create_token(Owner(actor="agent/ann"), label="x", actor=ANN).secret
    bearer = {"Authorization": f"Bearer {secret}"}
    asked = await client.post("/api/v1/passkeys/options", headers=bearer)
    response = SoftwareAuthenticator(ORIGIN).register(asked.json()["options"])
    body = {"label": "x", "response": response}
    answer = await client.post("/api/v1/passkeys", json=body, headers=bearer)
    assert answer.status_code == 403


async def test_a_challenge_is_anothers(served: Served, accounts: Accounts) -> None:
    """The options of one actor's registration register nothing for another."""
    async with browser(served) as ann, browser(served) as bob:
        await signed_in(ann, accounts)
        await signed_in(bob, accounts, BOB)
        options = (await ann.post("/api/v1/passkeys/options")).json()["options"]
        response = SoftwareAuthenticator(ORIGIN).register(options)
        name = "ticketlog-signing-in-8400"
        bob.cookies.set(name, ann.cookies[name], domain="127.0.0.1")
        body = {"label": "x", "response": response}
        assert (await bob.post("/api/v1/passkeys", json=body)).status_code == 409


async def test_a_retired_agents_session_is_over_at_once(
    client: httpx.AsyncClient, accounts: Accounts, desk: Desk
) -> None:
    await signed_in(client, accounts, BOB)
    assert (await client.get("/api/v1/sessions")).status_code == 200
    desk.settings_apply(SETTINGS + "retired = true\n", actor=ANN)
    answer = await client.get("/api/v1/sessions")
    assert answer.status_code == 401
    assert "retired" in answer.json()["detail"]


def test_every_route_of_signing_in_takes_a_right_that_there_is(served: Served) -> None:
    routes = {
        f"{method} {route.path}"  # type: ignore[attr-defined]
        for route in signing_in.router(served).routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    assert not routes - ROUTES.keys()
    asked = {f"query:{each}" for each in QUERIES}
    assert {ROUTES[each] for each in routes} <= {*RIGHTS, *asked, "anybody"}


async def test_a_token_lists_no_accounts_beyond_its_scope(
    client: httpx.AsyncClient, accounts: Accounts
) -> None:
    owner = Owner(actor="agent/ann")
    accounts.use_link(accounts.create_link(actor=ANN).secret)
    secret = accounts.create_token(owner, label="x", actor=ANN, scope=("ticket.*",)).secret
    bearer = {"Authorization": f"Bearer {secret}"}
    for path in ("tokens", "sessions", "passkeys"):
        assert (await client.get(f"/api/v1/{path}", headers=bearer)).status_code == 403
    assert (await client.delete("/api/v1/sessions", headers=bearer)).status_code == 403
    wanted = {"label": "y", "scope": ["ticket.reply"]}
    made = await client.post("/api/v1/tokens", json=wanted, headers=bearer)
    assert made.status_code == 403
