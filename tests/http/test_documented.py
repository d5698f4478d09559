"""The OpenAPI document: complete, with examples that are taken, and next steps that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.http.serving import asked, by_header
from ticketlog.desk import Desk
from ticketlog.http.app import create_app
from ticketlog.http.bodies import fitted, json_of
from ticketlog.http.commands import command_routes
from ticketlog.http.examples import EXAMPLES, example_of
from ticketlog.http.next_steps import next_steps
from ticketlog.http.problems import KINDS
from ticketlog.http.served import Served

PACKAGE = Path(__file__).parents[2] / "src" / "ticketlog"


def document(desk: Desk) -> dict[str, Any]:
    return create_app(Served(desk, authenticate=by_header)).openapi()


def operations(told: dict[str, Any], path: str = "/api/v1") -> list[tuple[str, str, Any]]:
    return [
        (place, method, operation)
        for place, methods in told["paths"].items()
        if place.startswith(path)
        for method, operation in methods.items()
    ]


def test_each_operation_says_what_it_answers(desk: Desk) -> None:
    told = document(desk)

    assert told["openapi"].startswith("3.1")
    ids = [operation["operationId"] for _, _, operation in operations(told)]
    assert len(ids) == len(set(ids))
    for place, method, operation in operations(told):
        statuses = set(operation["responses"])
        assert {"200", "201", "204", "302", "303"} & statuses, (place, method)


def test_each_reference_leads_somewhere(desk: Desk) -> None:
    told = document(desk)
    for reference in set(re.findall(rb'"\$ref":"#/([^"]+)"', orjson.dumps(told))):
        found: Any = told
        for part in reference.decode().split("/"):
            found = found[part]


def test_all_statuses_of_problems_are_documented(desk: Desk) -> None:
    told = document(desk)
    shared = told["components"]["responses"]
    for name in ("ticket.reply", "queries.queue"):
        [operation] = [each for _, _, each in operations(told) if each["operationId"] == name]
        for status in (400, 401, 403, 404, 408, 422, 429, 431, 500, 503):
            assert str(status) in operation["responses"], (name, status)
    for code, kind in KINDS.items():
        text = orjson.dumps(shared.get(f"Problem{kind.status}", {})).decode()
        assert f"`{code}`" in text or kind.status in (405, 421), code


@pytest.mark.parametrize("route", list(command_routes()), ids=lambda each: each.model.NAME)
def test_each_example_is_taken_by_its_command(route: Any) -> None:
    model = route.model
    assert model.NAME in EXAMPLES or not any(
        field.is_required() for field in model.model_fields.values()
    ), "EXAMPLES wants a body for it"

    fitted(model, json_of(orjson.dumps(example_of(model))))


LOCAL = {
    *("init", "run", "serve", "publish", "policies", "views", "replay", "log", "export", "demo"),
    *("import", "tour", "audit", "token", "login-link", "session", "webhook", "access", "hook"),
    *("settings reapply", "settings reroute", "inbox", "status", "identity"),
}
"""Beginnings of command lines that only the desk's own machine has."""


def test_each_command_line_in_a_refusal_has_its_request() -> None:
    """In the rooms whose refusals reach clients."""
    missing = set()
    for room in ("domain", "application", "projections"):
        for file in (PACKAGE / room).rglob("*.py"):
            for line in re.findall(r"`ticketlog ([a-z][^`{]*)`", file.read_text("utf-8")):
                known = any(line == each or line.startswith(f"{each} ") for each in LOCAL)
                if not known and not next_steps(f"`ticketlog {line}`"):
                    missing.add(line)
    assert not missing


def test_the_requests_of_next_steps_are_operations(desk: Desk) -> None:
    from ticketlog.http.next_steps import requests

    told = document(desk)
    there = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", place)) for place, method, _ in operations(told)
    }
    for line, http in requests().items():
        method, _, path = http.partition(" ")
        path = re.sub(r"\{\w+\}", "{}", path.partition("?")[0])
        generic = (method, path) in there or path.endswith(("/reports/{}",))
        rules = re.search(r"/commands/[\w-]+$", path)
        assert generic or rules or "/queries/" in path, (line, http)


def test_each_route_has_its_entry_in_the_table_of_access(desk: Desk) -> None:
    from ticketlog.http.route_rights import right_of

    told = document(desk)
    routes = [(method.upper(), place) for place, method, _ in operations(told)]
    assert [each for each in routes if right_of(*each) is None] == []


def test_a_route_without_an_entry_is_denied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from ticketlog.http import route_rights

    monkeypatch.setattr(route_rights, "right_of", lambda method, path: None)
    answer = asked(desk, lambda http: http.get("/api/v1/log"))

    assert (answer.status_code, "no entry" in answer.json()["detail"]) == (403, True)


def test_the_table_has_the_templates_of_paths(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from ticketlog.http import route_rights

    seen: list[str] = []
    monkeypatch.setattr(
        route_rights, "right_of", lambda method, path: seen.append(f"{method} {path}") or "known"
    )
    asked(desk, lambda http: http.get("/api/v1/tickets/4F7K2M9QABCD/history"))

    assert seen == ["GET /api/v1/tickets/{id}/history"]
