"""No delivery reaches an address that isn't public, however it is spelt, resolved or redirected,
unless the operator allows it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import pytest

from tests.process_managers.webhooks.receiving import serving
from ticketlog.errors import Unfit, Usage
from ticketlog.process_managers.webhooks.http_sender import HookAnswer, HttpSender
from ticketlog.process_managers.webhooks.targets import TargetRules, allowed_target, is_public


def sent(url: str, *allowed: str) -> HookAnswer:
    async def send() -> HookAnswer:
        async with HttpSender(TargetRules(allowed)) as sender:
            return await sender.send(url, {"content-type": "application/json"}, b"{}")

    return asyncio.run(send())


SPELLINGS = (
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::1]"),
    *("[::ffff:127.0.0.1]", "localhost", "localhost.", "public.example@127.0.0.1"),
    *("[::127.0.0.1]", "127.0.0.1.", "[64:ff9b::7f00:1]"),
)


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_loopback_is_reached(host: str, scheme: str) -> None:
    with serving() as server:
        port = server.server_address[1]
        answer = sent(f"{scheme}://{host}:{port}/hook")
        assert server.got == []
    assert answer.status is None
    assert answer.error


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
        *("::", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "64:ff9b:1::1", "fec0::1", "2001:db8::1"),
        *("::10.0.0.1", "::ffff:169.254.169.254"),
    ],
)
def test_these_addresses_are_no_public_ones(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert not TargetRules().admits("name.example", ipaddress.ip_address(address), 443)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_reached(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Lets every name resolve to these addresses in turn, as a rebinding server does."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **given: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != "rebinding.example":
            return real(host, port, *args, **given)
        asked.append(answers[min(len(asked), len(answers) - 1)])
        return real(asked[-1], port, *args, **given)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_a_name_that_resolves_to_loopback_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        asked = resolving(monkeypatch, "127.0.0.1")
        port = server.server_address[1]
        answer = sent(f"http://rebinding.example:{port}/", "http://other.example")
        assert asked == []  # http isn't allowed there: nothing is even looked up
        answer = sent(f"https://rebinding.example:{port}/")
        assert asked
        assert server.got == []
    assert answer.error is not None
    assert "public" in answer.error


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """given a name that resolves to an allowed address first and to another one then, when it is
    sent to, then only the one that was checked is connected to."""
    with serving() as server:
        asked = resolving(monkeypatch, "127.0.0.1", "127.0.0.2")
        port = server.server_address[1]
        url = f"http://rebinding.example:{port}/"
        assert sent(url, f"http://rebinding.example:{port}").is_success
        assert asked == ["127.0.0.1"]


def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    with serving() as inner, serving(302, {"Location": inner.url}) as outer:
        answer = sent(outer.url, f"http://127.0.0.1:{outer.server_address[1]}")
        assert inner.got == []
    assert answer.status == 302
    assert not answer.is_success


def test_what_the_operator_allows_is_reached() -> None:
    with serving() as server:
        port = server.server_address[1]
        for allowed in (
            f"http://127.0.0.1:{port}",
            "http://127.0.0.0/8",
            f"http://localhost:{port}",
        ):
            host = "localhost" if "localhost" in allowed else "127.0.0.1"
            assert sent(f"http://{host}:{port}/hook", allowed).status == 204, allowed
        for other in (f"127.0.0.1:{port}", "http://127.0.0.1:1", "http://10.0.0.0/8"):
            assert sent(server.url, other).status is None, other
        assert len(server.got) == 3


@pytest.mark.parametrize("text", ["", "http://", "a b", "x:0", "x:99999", "user@host", "x:y"])
def test_an_entry_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        allowed_target(text)


@pytest.mark.parametrize("url", ["ftp://x/", "https:///x", "https://a@b/", "x", "https://h:99999/"])
def test_an_address_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(Unfit):
        TargetRules().check_url(url)


def test_an_answer_is_read_to_a_bound_and_shown_to_a_smaller_one() -> None:
    with serving(500) as server:
        server.body = b"x\x00\n" * 500_000
        answer = sent(server.url, "http://127.0.0.1")
    assert answer.status == 500
    assert answer.start is not None
    assert len(answer.start) <= 200
    assert answer.start.isprintable()
