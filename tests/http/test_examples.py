"""Each example of the OpenAPI document is sent to a real server, about a thing of which it is
valid: it is done, and the answer is as the document says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator

from tests.access.restricted_desk import HAL, SETTINGS, SUE, person, restricted_desk
from tests.http.serving import listening_server
from ticketlog.desk import Desk
from ticketlog.domain.parties.organisation import RegisterOrganisation
from ticketlog.domain.ticket.creation import CreateTicket
from ticketlog.http.examples import EXAMPLES
from ticketlog.http.options import ServeOptions

MORE = """
[webhooks.crm]
url = "https://crm.example.com/hook"
secrets = "env:CRM"
reads_as = "service:form"
[services.crm]
"""
TICKET, PERSON, ORGANISATION = "4F7K2M9QABCD", "7QK2M9ABCD4F", "ABCD4F7QK2M9"
"""The ids that examples name: for things that there are, in a desk that there is."""
ADDRESSES = ("kim@example.com", "kim.lee@example.com", "example.com")
"""Each belongs to one person or organisation."""
Step = tuple[str, Mapping[str, Any]]
"""The name of a command without its kind, and its body."""
SOLVED: tuple[Step, ...] = (("solve", {"resolution": "A new profile helped."}),)
BEFORE: Mapping[str, tuple[Step, ...]] = {
    "ticket.split": (("reply", {"body": "The scanner is slow, too"}),),
    "ticket.review": (*SOLVED, ("close", {})),
    "ticket.redact": (("note", {"body": "The password is 1234"}),),
    "ticket.unassign": (("assign", {"assignee": "ann"}),),
    "ticket.stop-work": (("start-work", {}),),
    "ticket.verify": SOLVED,
    "ticket.reopen": SOLVED,
    "ticket.close": SOLVED,
    "ticket.offer-survey": SOLVED,
    "ticket.rate": SOLVED,
    "ticket.restore": (("mark-spam", {"reason": "An advertisement."}),),
    "person.unmerge": (("merge", {"into": PERSON}),),
    "webhook.resume": (("pause", {}),),
}
"""A command -> those that are sent to the same thing first. Where one takes back what another one
does, that one's example is sent first (`OPPOSITE`)."""
OPPOSITE = {
    "ticket.unfollow": "follow",
    "ticket.remove-cc": "add-cc",
    "ticket.unlink": "link",
    "ticket.release-legal-hold": "place-legal-hold",
    "person.remove-address": "add-address",
    "person.verify-address": "add-address",
    "webhook.cancel-replay": "replay",
    "webhook.end-replay": "replay",
    "import.end": "begin",
}
SENDERS = {
    "ticket.rate": "person:KIM",
    "agent.mark-seen": "agent:ann",
    "agent.snooze": "agent:ann",
    "webhook.disable": "service:crm",
    "webhook.end-replay": "service:crm",
}
"""A command -> who sends it; all others: sue, supervisor and admin."""


class Sending:
    """A server of a desk, and a client of it."""

    def __init__(self, desk: Desk, http: httpx.Client) -> None:
        self.desk, self.http = desk, http
        self.document = http.get("/openapi.json").json()
        self.number = 0

    def thing(self, kind: str) -> tuple[str, dict[str, str]]:
        """The id of a new thing, and what stands for the ids and addresses of examples."""
        self.number += 1
        desk, n = self.desk, self.number
        kim, other = person(desk, f"Kim {n}").id, person(desk, f"Lee {n}").id
        organisation = desk.execute(RegisterOrganisation(name=f"ACME {n}"), actor=HAL).stream
        ids = {
            "ticket": self._ticket(kim),
            "person": kim,
            "organisation": organisation.partition("/")[2],
            "agent": "ann",
            "webhook": "crm",
            "import": f"old-{n}",
        }
        stand = {TICKET: self._ticket(kim), PERSON: other, ORGANISATION: ids["organisation"]}
        stand |= {each: f"{n}.{each}" for each in ADDRESSES}
        return ids[kind], stand | {"KIM": kim}

    def _ticket(self, kim: str) -> str:
        made = CreateTicket(subject="VPN drops", team="network", requester=kim)
        return self.desk.execute(made, actor=HAL).stream.partition("/")[2]

    def post(self, path: str, body: Any, actor: str) -> httpx.Response:
        headers = {"Authorization": f"Test {actor}"}
        return self.http.post(f"/api/v1{path}", json=body, headers=headers)

    def send(self, name: str, example: Any) -> httpx.Response:
        """The answer to a command's example, on a thing of which it is valid."""
        kind, _, command = name.partition(".")
        id, stand = self.thing(kind)
        collection = f"/{kind}s"
        if f"/api/v1{collection}/{{id}}/commands/{command}" not in self.document["paths"]:
            return self.post(collection, _put(example, stand), "agent:sue")
        before = [*BEFORE.get(name, ())]
        if name in OPPOSITE:
            opposite = OPPOSITE[name]
            before.append((opposite, EXAMPLES.get(f"{kind}.{opposite}", {})))
        for step, body in before:
            answer = self.post(f"{collection}/{id}/commands/{step}", _put(body, stand), "agent:sue")
            if answer.status_code >= 300:
                return answer
            stand |= self._made(kind, id, answer)
        sender = SENDERS.get(name, "agent:sue").replace("KIM", stand["KIM"])
        return self.post(f"{collection}/{id}/commands/{command}", _put(example, stand), sender)

    def _made(self, kind: str, id: str, answer: httpx.Response) -> dict[str, str]:
        """The ids of what a step made, for those that examples have in their place."""
        history = self.desk.history(f"{kind}/{id}")
        said = [each.id for each in history if getattr(each.event, "body", None)]
        event = said[-1] if said else history[-1].id
        batch = history[-1].id.partition(".")[0]
        return {
            "019a0000-0000-7000-8000-000000000000.0": event,
            "019a0000-0000-7000-8000-000000000000": batch,
        }


def _put(body: Any, stand: Mapping[str, str]) -> Any:
    text = orjson.dumps(body).decode()
    for name in sorted(stand, key=len, reverse=True):
        text = text.replace(f'"{name}"', f'"{stand[name]}"')
    return orjson.loads(text)


@pytest.fixture(scope="module")
def sending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sending]:
    folder: Path = tmp_path_factory.mktemp("examples") / "desk"
    options = ServeOptions(port=0, rate="1000000/minute", stranger_rate="1000000/minute")
    with restricted_desk(folder) as desk:
        desk.settings_apply(SETTINGS + MORE, actor=SUE)
        with listening_server(desk, options) as server, httpx.Client(base_url=server.url) as http:
            http.timeout = httpx.Timeout(60)
            yield Sending(desk, http)


def commands(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """The name, the operation and the example of each command."""
    for operations in document["paths"].values():
        operation = operations.get("post", {})
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        name = operation.get("operationId", "")
        if "example" in body and "." in name:
            yield name, operation, body["example"]


REFUSED: Mapping[str, str] = {
    "ticket.correct-time": "earlier releases alone recorded a time that lies ahead of its receipt",
}
"""A command -> why its example is refused on every desk that this release makes."""


def test_each_example_of_a_command_is_done(sending: Sending) -> None:
    refused, schemas = {}, sending.document["components"]
    for name, operation, example in commands(sending.document):
        answer = sending.send(name, example)
        if answer.status_code >= 300:
            refused[name] = (answer.status_code, answer.json().get("detail"))
            continue
        said = operation["responses"][str(answer.status_code)]["content"]["application/json"]
        Draft202012Validator({**said["schema"], "components": schemas}).validate(answer.json())
    assert {name: why for name, why in refused.items() if name not in REFUSED} == {}
    assert refused.keys() == REFUSED.keys()
