"""given a ticket of a restricted team, when an actor outside asks any route of the OpenAPI
document for it, then the answer is, byte for byte, that for a ticket that isn't there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

import httpx
import orjson
import pytest

from tests.access.restricted_desk import SETTINGS, SUE, restricted_desk
from tests.access.test_canary import CANARY, OUTSIDERS, Cage
from tests.http.serving import by_header
from ticketlog.application import access_table
from ticketlog.domain.settings.role import FieldClass
from ticketlog.http.app import create_app
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served
from ticketlog.process_managers.webhooks.deliveries import DeliveryNote, DeliveryNotes
from ticketlog.projections.views.shared.stream_numbers import number_of

ABSENT = "0000000000AB"
OPTIONS = ServeOptions(rate="1000000/minute", stranger_rate="1000000/minute", wait_timeout_s=0.05)
MAKES_THE_TICKET = "record-activity"
"""A command of imports, which creates the ticket that it names."""
WEBHOOK = """
[webhooks.crm]
url = "https://crm.example.com/hook"
secrets = "env:CRM"
reads_as = "service:hr-bot"
"""
HIDING = """
[agents.hid]
roles = ["hiding"]
[roles.hiding]
like = "agent"
hides = ["personal", "priority"]
"""
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
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
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


def test_a_link_to_a_foreign_ticket_isnt_there_to_be_taken_away(outside: Outside) -> None:
    other = outside.cage.other
    path = f"/api/v1/tickets/{other.removeprefix('ticket/')}/commands/unlink"
    before = outside.cage.desk.load(other).links
    told = [
        outside.told("POST", path, "agent:ann", json={"kind": "blocks", "target": each})
        for each in (outside.cage.id, ABSENT)
    ]
    assert told[0].content == told[1].content
    assert outside.cage.desk.load(other).links == before


def _recorded(outside: Outside, name: str, actor: str) -> int:
    log = outside.cage.desk.access_log.entries(limit=10_000)
    return sum((each.event.NAME, each.meta.actor.id) == (name, actor) for each in log.entries)


@pytest.mark.parametrize(
    "request_of_an_admin",
    [
        ("POST", "/api/v1/settings/apply", "[teams.hr]\n"),
        ("POST", "/api/v1/settings/check", "[teams.hr]\n"),
        ("GET", "/api/v1/webhooks", None),
        ("POST", "/api/v1/webhooks/crm/test", None),
    ],
    ids=lambda each: each[1],
)
def test_an_act_that_is_refused_is_recorded(
    outside: Outside, request_of_an_admin: tuple[str, str, str | None]
) -> None:
    method, path, body = request_of_an_admin
    before = _recorded(outside, "access.refused.v1", "ann")
    toml = {"headers": {"Content-Type": "application/toml"}, "content": body} if body else {}
    assert outside.told(method, path, "agent:ann", **toml).status_code == 403
    assert _recorded(outside, "access.refused.v1", "ann") == before + 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/queries/tickets",
        "/api/v1/events?after=start",
        "/api/v2/tickets",
        "/api/v2/ticket_audits",
        "/api/v2/incremental/ticket_events?start_time=0",
        "/api/v2/incremental/tickets/cursor?start_time=0",
    ],
)
def test_a_list_with_a_restricted_ticket_is_recorded(outside: Outside, path: str) -> None:
    before = _recorded(outside, "access.read.v1", "hal")
    assert CANARY in outside.told("GET", path, "agent:hal").text
    assert _recorded(outside, "access.read.v1", "hal") > before


def test_an_admin_outside_isnt_shown_what_endpoints_got_of_it(outside: Outside) -> None:
    desk = outside.cage.desk
    desk.settings_apply(f"{SETTINGS}\n{WEBHOOK}", actor=SUE)
    notes = [
        DeliveryNote("crm", *(1, "evt_1", "e1", "ticket.noted.v1", each, 1, 500, 9, None, CANARY))
        for each in (outside.cage.stream, outside.cage.other)
    ]
    DeliveryNotes(desk.folder).add(notes)
    path = "/api/v1/webhooks/crm/deliveries"
    told = outside.told("GET", path, "agent:sue").json()["deliveries"]
    assert [each["stream"] for each in told] == [outside.cage.other]
    assert len(desk.webhooks().deliveries("crm").deliveries) == 2


def test_requesters_arent_told_of_clocks_and_it_is_recorded(outside: Outside) -> None:
    path, kim = f"/api/v1/tickets/{outside.cage.id}", outside.cage.kim.id
    assert outside.told("GET", path, f"person:{kim}").status_code == 200
    before = _recorded(outside, "access.refused.v1", kim)
    assert outside.told("GET", f"{path}/sla", f"person:{kim}").status_code == 403
    assert _recorded(outside, "access.refused.v1", kim) == before + 1


def test_who_reads_nothing_personal_reads_the_rest(outside: Outside) -> None:
    """Persons and promises, whose documents are made of events and rows that lack some fields."""
    outside.cage.desk.settings_apply(f"{SETTINGS}\n{HIDING}", actor=SUE)
    ticket, person = outside.cage.other.partition("/")[2], outside.cage.kim.id
    paths = (f"tickets/{ticket}", f"tickets/{ticket}/sla", f"persons/{person}")
    told = [outside.told("GET", f"/api/v1/{path}", "agent:hid") for path in paths]
    assert [each.status_code for each in told] == [200, 200, 200]
    assert "Kim" not in told[2].text


@pytest.mark.parametrize("hidden", [*get_args(FieldClass), "priority", "everything"])
def test_whatever_a_role_hides_every_read_has_an_answer(outside: Outside, hidden: str) -> None:
    """Of a ticket, a person, an organisation and an agent, and in all lists, those in the shapes of
    Zendesk among them."""
    hides = list(get_args(FieldClass)) if hidden == "everything" else [hidden]
    role = HIDING.replace('["personal", "priority"]', str(hides).replace("'", '"'))
    outside.cage.desk.settings_apply(f"{SETTINGS}\n{role}", actor=SUE)
    ticket, person = outside.cage.other.partition("/")[2], outside.cage.kim.id
    ids = {"tickets": ticket, "persons": person, "agents": "ann", "webhooks": "crm"}
    values = {"ticket": ticket, "person": person, "agent": "ann", "words": "Printer", "now": "0"}
    asked: dict[str, tuple[str, dict[str, str]]] = {}
    for method, path, operation in outside.operations():
        if method == "GET" and path.startswith("/api/v1/") and not path.endswith("/events"):
            names = [each.get("name") for each in operation.get("parameters", ())]
            given = {name: values[name] for name in names if name in values}
            asked[path] = (path.replace("{id}", ids.get(path.split("/")[3], "x")), given)
    for path in _of_zendesk():
        of = ("ticket", ticket) if "/tickets/{id}" in path else ("person", person)
        asked[path] = (path.replace("{id}", str(number_of(*of))), ZENDESK)
    told = {
        path: outside.told("GET", place, "agent:hid", params=given)
        for path, (place, given) in asked.items()
    }
    assert sum(each.status_code == 200 for each in told.values()) >= 30
    assert {path: each.text for path, each in told.items() if each.status_code >= 500} == {}


ZENDESK = {"start_time": "0", "query": "Printer", "include": "metric_sets"}


def _of_zendesk() -> list[str]:
    routes = (each.removeprefix("GET ") for each in access_table.ROUTES if each.startswith("GET "))
    return [each for each in routes if each.startswith("/api/v2/")]
