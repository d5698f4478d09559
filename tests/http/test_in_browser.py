"""given the pages of signing in, when a real browser uses them, then links, passkeys and sessions
do what they should, and another site in the same browser changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.http.browser import Browser, chromium
from tests.http.streaming import server
from ticketlog.application.accounts import Accounts
from ticketlog.desk import Desk, init_desk
from ticketlog.domain.base import Actor
from ticketlog.http.authentication import authenticator

pytestmark = pytest.mark.service
ANN = Actor("ann", "agent", authenticated="local")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with init_desk(tmp_path / "desk", admin=ANN) as made:
        yield made


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    """Of a server, by a name: browsers make passkeys for names alone."""
    with server(desk, authenticator) as running:
        yield running.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def accounts(desk: Desk) -> Iterator[Accounts]:
    made = Accounts(desk)
    yield made
    made.close()


def sign_in_by_link(browser: Browser, url: str, accounts: Accounts) -> str:
    """Signs in by a new link; the link."""
    link = f"{url}/login/link?key={accounts.create_link(actor=ANN).secret}"
    browser.goto(link)
    browser.wait_for_text("This link signs you in as agent:ann")
    browser.click("button")
    browser.wait_for_text("You are signed in as agent:ann")
    return link


def test_a_link_signs_in_once(browser: Browser, url: str, accounts: Accounts) -> None:
    link = sign_in_by_link(browser, url, accounts)
    assert "key=" not in browser.evaluate("location.href")
    assert browser.evaluate("document.cookie") == ""
    browser.click("form[action='/logout'] button")
    browser.wait_for("document.querySelector('#passkey-sign-in') !== null")
    browser.goto(link)
    browser.wait_for_text("Not signed in")
    assert [each.method for each in accounts.sessions(None, all=True)] == ["link"]
    assert accounts.sessions(None) == []


def test_a_passkey_is_registered_and_signs_in(
    browser: Browser, url: str, accounts: Accounts
) -> None:
    browser.add_authenticator()
    sign_in_by_link(browser, url, accounts)
    browser.evaluate("document.querySelector('#passkey-label').value = 'laptop'")
    browser.click("#passkey-register")
    browser.wait_for_text("The passkey is registered.")
    (passkey,) = accounts.passkeys(ANN)
    assert passkey.label == "laptop"
    browser.click("form[action='/logout'] button")
    browser.wait_for("document.querySelector('#passkey-sign-in') !== null")

    browser.click("#passkey-sign-in")

    browser.wait_for_text("You are signed in as agent:ann")
    (session,) = accounts.sessions(None)
    assert session.method == "passkey"


def test_a_browser_without_the_passkey_is_not_let_in(browser: Browser, url: str) -> None:
    browser.add_authenticator()
    browser.goto(f"{url}/login")
    browser.click("#passkey-sign-in")
    browser.wait_for("document.querySelector('#says').textContent !== ''")
    assert "signed in" not in browser.text()


def test_a_number_in_the_place_of_a_name_is_told(browser: Browser, url: str) -> None:
    """Browsers make no passkeys for addresses such as 127.0.0.1."""
    browser.goto(f"{url.replace('localhost', '127.0.0.1')}/login")
    browser.click("#passkey-sign-in")
    browser.wait_for_text(f"{url}/login")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_site_changes_nothing(
    desk: Desk, browser: Browser, url: str, accounts: Accounts, host: str
) -> None:
    """Its page has the browser send what would log out, and what would make a token: of another
    host, and of another port of the same host, to which the cookie is sent."""
    sign_in_by_link(browser, url, accounts)
    before = desk.log.ends()
    with another_site(url) as port:
        browser.goto(f"http://{host}:{port}/")
        browser.wait_for("document.title === 'sent'")
        browser.click("#form button")
        browser.wait_for("location.pathname === '/logout'")
        assert "cross-site" in browser.text()
    browser.goto(f"{url}/login")
    browser.wait_for_text("You are signed in as agent:ann")
    assert len(accounts.sessions(None)) == 1
    assert accounts.tokens(None) == []
    assert desk.log.ends() == before


_PAGE = """<!doctype html>
<form id="form" method="post" action="{desk}/logout"><button>You won!</button></form><script>
const send = (path, type, body) => fetch("{desk}" + path, {{method: "POST", mode: "no-cors",
  credentials: "include", headers: {{"Content-Type": type}}, body}}).catch(() => null);
const all = [send("/logout", "text/plain", ""),
  send("/api/v1/tokens", "text/plain", '{{"label":"x"}}'),
  send("/api/v1/tickets", "application/json", '{{"subject":"x"}}')];
Promise.all(all).then(() => {{ document.title = "sent"; }});
</script>"""


@contextmanager
def another_site(desk: str) -> Iterator[int]:
    """Serves a page that means ill, at the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = _PAGE.format(desk=desk).encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site.server_address[1]
        finally:
            site.shutdown()
            thread.join()
