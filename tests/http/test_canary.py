"""given canaries in all that is confidential, when an actor who may not read it asks everything
that there is to ask over HTTP, then no byte that leaves the desk holds one: answers and errors,
Zendesk's shapes, many commands at once, streams, deliveries of webhooks, logs and metrics."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import orjson
import pytest

from tests.access.restricted_desk import (
    ANN,
    FORM,
    HAL,
    LIA,
    NED,
    QUE,
    SETTINGS,
    SUE,
    restricted_desk,
)
from tests.access.test_canary import CANARY, Cage
from tests.http.streaming import EVENTS, server
from tests.http.test_restricted import ABSENT, Outside
from tests.process_managers.webhooks.receiving import SECRET, Receiver
from ticketlog.domain.base import Actor
from ticketlog.domain.parties.organisation import RegisterOrganisation
from ticketlog.domain.ticket.classification import Tag
from ticketlog.domain.ticket.conversation import Note, Reply
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.domain.ticket.custom_fields import SetFields
from ticketlog.domain.ticket.relations import PlaceLegalHold
from ticketlog.http.zendesk.router import PATHS
from ticketlog.projections.views.shared.stream_numbers import number_of
from ticketlog.service.json_logs import log_as_json

INTERNAL = "nachtigall"
"""In what is internal of a ticket that its requester reads."""
SALARY = 55_913
"""In a field that supervisors read."""
TIMES: tuple[dict[str, str], ...] = (
    {},
    {"as_of": "2100-01-01T00:00:00Z"},
    {"occurred_as_of": "2100-01-01T00:00:00Z"},
)
PAST = frozenset({"/api/v1/tickets", "/api/v1/queries/queue", "/api/v1/tickets/{id}/history"})
"""Of these several moments are asked; the past of the rest is tried without HTTP."""
ZENDESK = {"start_time": "0", "query": "Printer", "include": "metric_sets,comment_events"}
HOOK = """
[webhooks.crm]
url = "https://crm.example.com/hook"
secrets = "file:crm.secret"
reads_as = "service:form"
body = "full"
"""


class Told(Outside):
    """The API of a desk with a restricted ticket, and an open one with words that are internal."""

    def __init__(self, cage: Cage) -> None:
        desk = cage.desk
        (desk.folder / "crm.secret").write_text(SECRET)
        desk.settings_apply(f"{SETTINGS}\n{HOOK}", actor=SUE)
        super().__init__(cage)
        acme = desk.execute(RegisterOrganisation(name="ACME"), actor=HAL).stream
        asked = CreateTicket(subject="Slow printer", requester=cage.kim.id, team="network")
        self.open = desk.execute(asked, actor=HAL).stream
        commands = (
            Note(body=f"She is a {INTERNAL}"),
            Reply(body="We look into it"),
            Tag(add=(INTERNAL,)),
            PlaceLegalHold(matter=INTERNAL, reason=INTERNAL),
        )
        for command in commands:
            desk.execute(command, on=self.open, actor=SUE, reason=f"a {INTERNAL}")
        desk.execute(SetFields(fields={"salary": SALARY}), on=self.open, actor=SUE)
        desk.attach_file(
            self.open, INTERNAL.encode(), actor=HAL, name=f"{INTERNAL}.txt", comment=_note_of(self)
        )
        self.hidden = (CANARY, cage.id, "77412", str(number_of("ticket", cage.id)))
        open_id = self.open.partition("/")[2]
        self.ids = {
            "tickets": [cage.other.partition("/")[2], open_id],
            "persons": [cage.kim.id, cage.lee.id],
            "organisations": [acme.partition("/")[2]],
            "agents": ["ann", "hal"],
            "webhooks": ["crm"],
        }
        self.values = {
            "ticket": open_id,
            "tickets": open_id,
            "person": cage.kim.id,
            "agent": "hal",
            "words": "Printer",
            "text": "Kim",
            "now": "2026-03-02T09:00:00Z",
            "since": "2026-03-02T09:00:00Z",
            "kind": "ticket",
            "number": str(number_of("ticket", open_id)),
            "addresses": "email:kim@example.com",
            "period": "month",
        }

    def reads(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every read that the OpenAPI document and the table of Zendesk's paths know, each about
        what the asker may well know of, and of several moments."""
        for method, path, operation in self.operations():
            if method != "GET":
                continue
            parts = [self._resolved(each) for each in operation.get("parameters", ())]
            needed = [each["name"] for each in parts if each.get("required")]
            given = {name: self.values[name] for name in needed if name in self.values}
            moments = TIMES if path in PAST else TIMES[:1]
            collection = path.split("/")[3] if path.count("/") > 2 else ""
            for id in self.ids.get(collection, ["x"]) if "{" in path else [""]:
                for moment in moments:
                    yield _filled(path, id), {**given, **moment}
        numbers = [number_of("ticket", self.open.partition("/")[2])]
        numbers += [number_of("person", self.cage.kim.id), number_of("agent", "hal")]
        every = {**ZENDESK, "ids": ",".join(map(str, numbers))}
        for path in PATHS:
            for number in numbers if "{" in path else numbers[:1]:
                yield f"/api/v2/{_filled(path, str(number))}", every

    def _resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        """A parameter that the document refers to, or has in place."""
        found: Mapping[str, Any] = part
        if "$ref" in part:
            found = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
        return found


def _filled(path: str, id: str) -> str:
    return "/".join(id if part.startswith("{") else part for part in path.split("/"))


def _note_of(told: Told) -> str:
    history = told.cage.desk.history(told.open)
    return next(each.id for each in history if each.event.NAME == "ticket.noted.v1")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with restricted_desk(tmp_path_factory.mktemp("canary") / "desk") as desk:
        yield Told(Cage(desk))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    stop = log_as_json(stream)
    yield stream
    stop()


def held(texts: tuple[str, ...], answer: httpx.Response) -> list[str]:
    said = answer.text + repr(dict(answer.headers))
    return [each for each in texts if each in said]


@pytest.mark.parametrize(
    "who",
    [
        *("ann", "que", "lee"),
        *(pytest.param(each, marks=pytest.mark.service) for each in ("sue", "lia", "ned", "form")),
    ],
)
def test_no_answer_holds_a_word_of_a_restricted_ticket(
    told: Told, who: str, lines: io.StringIO
) -> None:
    actors = {each.id: f"{each.kind}:{each.id}" for each in (ANN, SUE, LIA, NED, QUE, FORM)}
    actor = actors.get(who) or f"person:{told.cage.lee.id}"
    leaks, read = [], 0
    for path, given in told.reads():
        answer = told.told("GET", path, actor, params=given)
        read += answer.status_code == 200
        if found := held(told.hidden, answer):
            leaks.append((path, given, found))
    assert not leaks
    assert read > (8 if who == "lee" else 100)
    assert not any(each in lines.getvalue() for each in told.hidden)


def test_a_search_for_it_finds_what_one_for_nothing_finds(told: Told) -> None:
    for path, name in (("/api/v1/queries/search", "words"), ("/api/v2/search", "query")):
        for actor in ("agent:ann", "agent:sue", f"person:{told.cage.lee.id}"):
            words = (CANARY, "kein" + CANARY[4:])
            found = [told.told("GET", path, actor, params={name: each}) for each in words]
            assert len({a.text.replace(w, "") for a, w in zip(found, words, strict=True)}) == 1


def test_many_commands_at_once_tell_nothing_of_it(told: Told) -> None:
    """Each line on the hidden ticket has the outcome of one on a ticket that isn't there."""
    commands = []
    for method, path, operation in told.operations():
        if method == "POST" and path.startswith("/api/v1/tickets/{id}/commands/"):
            example = operation["requestBody"]["content"]["application/json"]["example"]
            name = f"ticket.{path.rpartition('/')[2]}"
            commands.append({"command": name, "on": "ticket/ID", "arguments": example})
            commands.append({"command": name, "on": "ticket/ID", "arguments": {}, "seen": 1})
    for actor in ("agent:ann", "agent:sue", "service:form", f"person:{told.cage.lee.id}"):
        outcomes = []
        for id in (told.cage.id, ABSENT):
            body = b"\n".join(map(orjson.dumps, commands)).replace(b"ID", id.encode())
            headers = {"Content-Type": "application/x-ndjson"}
            answer = told.told("POST", "/api/v1/bulk", actor, content=body, headers=headers)
            outcomes.append(answer.text.replace(id, "ID"))
        assert outcomes[0] == outcomes[1]
        assert CANARY not in outcomes[0]


def test_its_requester_and_others_read_nothing_internal(told: Told) -> None:
    """Of a ticket that they see: notes, tags, holds, reasons, files of notes, and a field of
    supervisors."""
    everybody = {f"person:{told.cage.kim.id}": (INTERNAL, str(SALARY))}
    everybody |= {each: (str(SALARY),) for each in ("agent:ann", "service:form")}
    for actor, texts in everybody.items():
        leaks, read = [], 0
        for path, given in told.reads():
            answer = told.told("GET", path, actor, params=given)
            read += answer.status_code == 200
            if found := held(texts, answer):
                leaks.append((actor, path, given, found))
        assert not leaks
        assert read > 15
    shown = told.told("GET", f"/api/v1/tickets/{told.ids['tickets'][1]}", "agent:sue").text
    assert str(SALARY) in shown
    assert INTERNAL in shown


def test_no_delivery_holds_a_word_of_it(told: Told) -> None:
    receiver, desk = Receiver(), told.cage.desk
    desk.webhooks()._replace(open_sender=receiver.opened).deliverer().catch_up()
    desk.execute(Note(body=CANARY), on=told.cage.stream, actor=HAL)
    desk.execute(Note(body="seen"), on=told.open, actor=HAL)
    desk.webhooks()._replace(open_sender=receiver.opened).deliverer().catch_up()
    sent = repr(receiver.got)
    assert "seen" in sent
    assert not any(each in sent for each in (*told.hidden, str(SALARY)))


@pytest.mark.parametrize("who", [ANN, SUE, None], ids=lambda each: each.id if each else "lee")
def test_no_frame_of_a_stream_holds_a_word_of_it(told: Told, who: Actor | None) -> None:
    actor = f"{who.kind}:{who.id}" if who else f"person:{told.cage.lee.id}"
    with server(told.cage.desk) as running:
        headers = {"Authorization": f"Test {actor}", "Accept": "text/event-stream"}
        url = f"{running.url}{EVENTS}"
        raw = bytearray()
        with httpx.stream("GET", url, headers=headers, timeout=60) as stream:
            chunks = stream.iter_raw()
            told.cage.desk.execute(Note(body=CANARY), on=told.cage.stream, actor=HAL)
            told.cage.desk.execute(Reply(body="the last of all"), on=told.cage.other, actor=HAL)
            while b"the last of all" not in raw:
                raw += next(chunks)
        metrics = httpx.get(f"{running.url}/metrics", headers=headers).text
    assert not any(each in raw.decode() + metrics for each in told.hidden)
