"""schemathesis: requests made from the OpenAPI document, as each role: no failure, no 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests import helpdesk
from tests.http.serving import by_header
from ticketlog.desk import Desk, open_desk
from ticketlog.http.app import create_app
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served

OPTIONS = ServeOptions(rate="1000000/minute", stranger_rate="1000000/minute", wait_timeout_s=0.01)
ROLES = ("agent:ann", "agent:sue", "person", "service:mail")
KEPT = ("/api/v1/tokens", "/api/v1/sessions", "/api/v1/passkeys", "/api/v1/hooks", "/api/v1/events")
"""Paths of parts whose own tests try them: signing in, hooks, the feed's streams."""
LEFT_OUT = (positive_data_acceptance, negative_data_rejection)
"""Checks that hold for none of ours: what a schema allows a desk may refuse with 422 (a team that
isn't there), and what a schema forbids may be refused first for another reason."""


@schemathesis.serializer("application/x-ndjson")
def _line(context: Any, value: Any) -> bytes:
    return orjson.dumps(value)


@schemathesis.serializer("application/toml")
def _text(context: Any, value: Any) -> bytes:
    return str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("schema") / "desk"
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        helpdesk.create(desk, team="network")
        yield desk


def tried(desk: Desk, role: str, number: int, examples: int) -> int:
    """Tries each operation with some requests; the number of requests."""
    app = create_app(Served(desk, OPTIONS, authenticate=by_header))
    schema: Any = schemathesis.openapi.from_asgi("/openapi.json", app)
    actor = f"person:{helpdesk.register(desk)}" if role == "person" else role
    headers = {"Authorization": f"Test {actor}"}
    count = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith("/api/v1") or operation.path.startswith(KEPT):
            continue

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
            nonlocal count
            count += 1
            case.call_and_validate(headers=headers, excluded_checks=list(LEFT_OUT))

        answers()
    return count


@pytest.mark.service
def test_a_request_of_each_operation_has_a_documented_answer(desk: Desk) -> None:
    assert tried(desk, "agent:sue", 1, 1) > 100


@pytest.mark.soak
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("role", ROLES)
def test_requests_of_each_role_have_documented_answers(desk: Desk, role: str, number: int) -> None:
    assert tried(desk, role, number, 20) > 1_000
