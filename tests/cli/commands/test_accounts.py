"""`ticketlog token`, `session`, `passkey`, `identity` and `login-link`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.said import Run
from ticketlog.application.accounts import Accounts
from ticketlog.desk import open_desk


def test_a_token_is_printed_once_and_names_its_owner(done: Run, ask: Run, folder: Path) -> None:
    made = ask("token", "create", "export", "--scope", "query:*", "--days", "7")
    assert made.code == 0
    secret = made.out.strip()
    assert secret.startswith("tlk_")
    assert "isn't shown again" in made.err
    with open_desk(folder) as desk:
        assert Accounts(desk).by_token(secret).id == "ann"
    listed = done("token", "list")
    assert secret not in listed.out
    assert "agent:ann" in listed.out
    (one,) = done("token", "list", "--owner", "agent:ann", "--json").document["tokens"]
    assert (one["label"], one["scope"], one["state"]) == ("export", ["query:*"], "good")
    assert done("token", "list", "--owner", "agent:bob", "--json").document["tokens"] == []


def test_a_token_is_revoked(done: Run) -> None:
    made = done("token", "create", "export", "--json").document
    id = made["token"]["token"]
    assert done("token", "revoke", id.lower(), "--json").document["state"] == "revoked"
    assert f"token {id} is revoked" in done("token", "revoke", id).out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("token", "create", "x", "--owner", "agent:bob"), 1, "an admin may"),
        (("token", "create", "x", "--owner", "service:mail"), 1, "an admin may"),
        (("token", "create", "x", "--scope", "ticket.explode"), 1, "is no right"),
        (("token", "create", "x", "--days", "0"), 2, "--days"),
        (("token", "create", "x", "--days", "367"), 2, "--days"),
        (("token", "revoke", "AAAAAAAAAAAA"), 1, "token list"),
        (("session", "revoke", "2026-01-01-AAAAAAAAAAAA"), 1, "session list"),
        (("session", "revoke"), 2, "--all"),
        (("passkey", "remove", "AAAAAAAAAAAA"), 1, "passkey list"),
        (("identity", "unlink", "AAAAAAAAAAAA"), 1, "identity list"),
        (("login-link", "--as", "agent:zoe"), 1, "zoe is not known"),
        (("login-link", "--as", "service:mail"), 1, "agents and persons"),
    ],
    ids=str,
)
def test_what_cant_be_is_told(
    ask: Run, folder: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    said = ask(*arguments)
    assert (said.code, words in said.err) == (code, True), said


def test_an_admin_makes_a_services_token(done: Run) -> None:
    arguments = ("token", "create", "crm", "--owner", "service:mail", "--as", "agent:sue")
    assert done(*arguments, "--json").document["token"]["owner"]["kind"] == "service"


def test_a_link_signs_in_once_and_its_session_is_listed_and_revoked(
    done: Run, ask: Run, folder: Path
) -> None:
    link = done("login-link", "--url", "https://desk.example.com/", "--json").document["url"]
    assert link.startswith("https://desk.example.com/login/link?key=")
    (secret,) = parse_qs(urlsplit(link).query)["key"]
    with open_desk(folder) as desk:
        cookie = Accounts(desk).use_link(secret, device="Firefox").cookie
    (session,) = done("session", "list", "--json").document["sessions"]
    assert (session["owner"]["id"], session["device"]) == ("ann", "Firefox")
    assert cookie.partition(".")[2] not in done("session", "list").out
    assert done("session", "revoke", session["session"]).out == "1 sessions are over\n"
    assert done("session", "list", "--json").document["sessions"] == []
    (ended,) = done("session", "list", "--all", "--json").document["sessions"]
    assert ended["ended"] == "revoked"
    assert done("session", "revoke", "--all", "--owner", "agent:ann").out.startswith("0 ")
    assert ask("login-link").out.startswith("http://127.0.0.1:8400/login/link?key=")


def test_the_audit_shows_who_signed_in(done: Run, folder: Path) -> None:
    done("token", "create", "export", "--json")
    with open_desk(folder) as desk:
        secret = parse_qs(urlsplit(done("login-link", "--json").document["url"]).query)["key"][0]
        Accounts(desk).use_link(secret)
    found = done("audit", "access", "agent:ann", "--json").document["entries"]
    types = {each["type"] for each in found}
    assert types >= {"token.created.v1", "login-link.created.v1", "session.begun.v1"}


@pytest.mark.parametrize("group", ["passkey", "identity"])
def test_there_are_none_at_first(done: Run, group: str) -> None:
    assert not next(iter(done(group, "list", "--json").document.values()))
