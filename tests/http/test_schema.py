"""schemathesis: requests made from the OpenAPI document, as each role: no failure, no 5xx."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import helpdesk
from tests.http.schema_checks import tried
from tests.http.serving import by_header
from ticketlog.desk import Desk, open_desk
from ticketlog.http.app import create_app
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served

OPTIONS = ServeOptions(rate="1000000/minute", stranger_rate="1000000/minute", wait_timeout_s=0.01)
ROLES = ("agent:ann", "agent:sue", "agent:aud", "person", "service:mail")
KEPT = ("/api/v1/tokens", "/api/v1/sessions", "/api/v1/passkeys", "/api/v1/hooks", "/api/v1/events")
"""Paths of parts whose own tests try them: signing in, hooks, the feed's streams."""
AUDITOR = '\n[agents.aud]\nroles = ["auditor"]\n'


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("schema") / "desk"
    helpdesk.make(folder)
    with open_desk(folder) as desk:
        desk.settings_apply(helpdesk.SETTINGS + AUDITOR, actor=helpdesk.SUE)
        helpdesk.create(desk, team="network")
        yield desk


def tried_as(desk: Desk, role: str, number: int, examples: int) -> int:
    """Tries each operation as an actor; the number of requests."""
    app = create_app(Served(desk, OPTIONS, authenticate=by_header))
    actor = f"person:{helpdesk.register(desk)}" if role == "person" else role

    def is_wanted(path: str) -> bool:
        return path.startswith("/api/v1") and not path.startswith(KEPT)

    return tried(app, {"Authorization": f"Test {actor}"}, is_wanted, number, examples)


@pytest.mark.service
def test_a_request_of_each_operation_has_a_documented_answer(desk: Desk) -> None:
    assert tried_as(desk, "agent:sue", 1, 1) > 200


@pytest.mark.soak
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("role", ROLES)
def test_requests_of_each_role_have_documented_answers(desk: Desk, role: str, number: int) -> None:
    assert tried_as(desk, role, number, 15) > 2_000
