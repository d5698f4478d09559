"""schemathesis on the routes of accounts and of signing in: documented answers alone, no 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helpdesk
from tests.http.schema_checks import tried
from ticketlog.desk import Desk, open_desk
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.base import Actor
from ticketlog.http.app import create_app
from ticketlog.http.authentication import accounts_of, authenticator
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served

OURS = ("/api/v1/tokens", "/api/v1/sessions", "/api/v1/passkeys", "/login")
OPTIONS = ServeOptions(rate="1000000/minute", stranger_rate="1000000/minute")
SUE = Actor("sue", "agent", authenticated="local")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "desk"
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        yield desk


def tried_as(desk: Desk, owner: str, number: int, examples: int) -> int:
    """Tries each operation with some requests by a token; their number."""
    served = Served(desk, OPTIONS)
    served.authenticate = authenticator(served)
    accounts = accounts_of(served)
    secret = accounts.create_token(Owner(actor=owner), label="x", actor=SUE).secret
    same = {"Sec-Fetch-Site": "same-origin", "Host": "127.0.0.1:8400"}
    headers = {"Authorization": f"Bearer {secret}", **same}
    app = create_app(served)
    try:
        return tried(app, headers, lambda path: path.startswith(OURS), number, examples)
    finally:
        accounts.close()


@pytest.mark.parametrize("owner", ["agent/ann", "agent/sue", "service/mail"])
def test_requests_have_documented_answers(desk: Desk, owner: str) -> None:
    assert tried_as(desk, owner, 1, 3) > 24
