"""given a ticket of a restricted team, when an actor outside asks any route of the OpenAPI
document for it, then the answer is, byte for byte, that for a ticket that isn't there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from tests.access.restricted_desk import restricted_desk
from tests.access.test_canary import OUTSIDERS, Cage
from tests.http.serving import by_header
from ticketlog.http.app import create_app
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served

ABSENT = "0000000000AB"
OPTIONS = ServeOptions(rate="1000000/minute", stranger_rate="1000000/minute", wait_timeout_s=0.05)
MAKES_THE_TICKET = "record-activity"
"""A command of imports, which creates the ticket that it names."""
_PASSING = ("date", "ticketlog-position", "x-request-id")
_READ_IN_ANOTHER_WAY: tuple[dict[str, str], ...] = (
    {},
    {"as_of": "2100-01-01T00:00:00Z"},
    {"occurred_as_of": "2026-03-02T09:00:30Z"},
    {"basis": "now"},
    {"fields": "subject"},
    {"since": "0"},
)
_SENT_IN_ANOTHER_WAY: tuple[dict[str, str], ...] = (
    {},
    {"If-Match": '"1"'},
    {"If-Match": '"99"'},
    {"Idempotency-Key": "tried-before"},
)


class Told(NamedTuple):
    """All that an answer says."""

    status: int
    headers: Mapping[str, str]
    body: str


class Outside:
    """The API of a desk with a caged ticket, and its OpenAPI document."""

    def __init__(self, cage: Cage) -> None:
        self.cage = cage
        self.app = create_app(Served(cage.desk, OPTIONS, authenticate=by_header))
        self.document = orjson.loads(self.told("GET", "/openapi.json", "agent:ann").content)
        history = cage.desk.history(cage.stream)
        self.attachment = next(each.id for each in history if "attachment" in each.event.NAME)

    def told(self, method: str, path: str, actor: str, **given: Any) -> httpx.Response:
        """The answer to a request of an actor."""

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as http:
                headers = {"Authorization": f"Test {actor}", **given.pop("headers", {})}
                return await http.request(method, path, headers=headers, **given)

        return asyncio.run(call())

    def operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(method, path, operation)."""
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                yield method.upper(), path, operation

    def asked(self, method: str, path: str, actor: str, id: str, **given: Any) -> Told:
        """What is said to a request about a ticket, without the ticket's id."""
        place = path.replace("{id}", id).replace("{attachment}", self.attachment)
        answer = self.told(method, place, actor, **given)
        headers = {name: text for name, text in answer.headers.items() if name not in _PASSING}
        return Told(answer.status_code, headers, answer.text.replace(id, "ID"))


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with restricted_desk(tmp_path_factory.mktemp("restricted") / "desk") as desk:
        yield Outside(Cage(desk))


def _named(outside: Outside, who: str) -> str:
    if who == "lee":
        return f"person:{outside.cage.lee.id}"
    return next(f"{each.kind}:{each.id}" for each in OUTSIDERS if each.id == who)


WHO = pytest.mark.parametrize("who", [*(each.id for each in OUTSIDERS), "lee"])


def _sent(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Requests with the body of the document's example, and with ones that don't fit."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        for headers in _SENT_IN_ANOTHER_WAY:
            yield {"content": "abc", "headers": {"Content-Type": "text/plain", **headers}}
        return
    for headers in _SENT_IN_ANOTHER_WAY:
        yield {"json": content["application/json"]["example"], "headers": headers}
    yield {"json": {}}
    yield {"json": {"?": 1}}


@WHO
def test_a_foreign_ticket_answers_as_an_absent_one(outside: Outside, who: str) -> None:
    actor, differ, tried = _named(outside, who), [], 0
    for method, path, operation in outside.operations():
        if "/tickets/{id}" not in path or path.endswith(MAKES_THE_TICKET):
            continue
        reads = [{"params": each} for each in _READ_IN_ANOTHER_WAY]
        for given in reads if method == "GET" else _sent(operation):
            tried += 1
            foreign = outside.asked(method, path, actor, outside.cage.id, **dict(given))
            absent = outside.asked(method, path, actor, ABSENT, **dict(given))
            if foreign != absent:
                differ.append((method, path, given, foreign, absent))
    assert tried > 100
    assert not differ


@WHO
def test_the_key_of_another_ones_ticket_tells_nothing_of_it(outside: Outside, who: str) -> None:
    """Also where the body is the same, and the answer would say that it is. Who may create no
    ticket is told that, as with any key."""
    made = {"subject": "Pay", "requester": outside.cage.kim.id, "team": "hr"}
    key = {"Idempotency-Key": f"pay for {who}"}
    first = outside.told("POST", "/api/v1/tickets", "agent:hal", json=made, headers=key)
    id = first.json()["stream"].removeprefix("ticket/")
    actor = _named(outside, who)
    guesses = [
        outside.told("POST", "/api/v1/tickets", actor, json=body, headers=key)
        for body in (made, {**made, "subject": "Other"})
    ]
    assert guesses[0].content == guesses[1].content
    assert guesses[0].status_code == 403 or id not in guesses[0].text
