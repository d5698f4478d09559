"""schemathesis on the routes of accounts and of signing in: documented answers alone, no 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests import helpdesk
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
LEFT_OUT = (positive_data_acceptance, negative_data_rejection)
"""As in `test_schema.py`."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "desk"
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        yield desk


def tried(desk: Desk, owner: str, number: int, examples: int) -> int:
    """Tries each operation with some requests by a token; the number of operations."""
    served = Served(desk, OPTIONS)
    served.authenticate = authenticator(served)
    accounts = accounts_of(served)
    secret = accounts.create_token(Owner(actor=owner), label="x", actor=SUE).secret
    schema: Any = schemathesis.openapi.from_asgi("/openapi.json", create_app(served))
    same = {"Sec-Fetch-Site": "same-origin", "Host": "127.0.0.1:8400"}
    headers = {"Authorization": f"Bearer {secret}", **same}
    count = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith(OURS):
            continue
        count += 1

        @seed(number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answers(case: Any) -> None:
            case.call_and_validate(headers=headers, excluded_checks=list(LEFT_OUT))

        answers()
    accounts.close()
    return count


@pytest.mark.parametrize("owner", ["agent/ann", "agent/sue", "service/mail"])
def test_requests_have_documented_answers(desk: Desk, owner: str) -> None:
    assert tried(desk, owner, 1, 4) == 12
